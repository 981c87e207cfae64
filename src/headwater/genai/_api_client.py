"""google-genai's ``genai._api_client``, which frameworks import: an alias of headwater's own module."""

import sys
from typing import TYPE_CHECKING

import headwater.client.groups.api_client

if TYPE_CHECKING:  # for type checkers, which do not follow the alias below
    from headwater.client.groups.api_client import *  # noqa: F403

sys.modules[__name__] = headwater.client.groups.api_client
