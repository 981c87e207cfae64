"""google-genai's ``genai.client``: an alias of headwater's own module."""

import sys
from typing import TYPE_CHECKING

import headwater.client.client

if TYPE_CHECKING:  # for type checkers, which do not follow the alias below
    from headwater.client.client import *  # noqa: F403

sys.modules[__name__] = headwater.client.client
