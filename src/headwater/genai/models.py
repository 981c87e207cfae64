"""google-genai's ``genai.models``: an alias of headwater's own module."""

import sys
from typing import TYPE_CHECKING

import headwater.client.groups.models

if TYPE_CHECKING:  # for type checkers, which do not follow the alias below
    from headwater.client.groups.models import *  # noqa: F403

sys.modules[__name__] = headwater.client.groups.models
