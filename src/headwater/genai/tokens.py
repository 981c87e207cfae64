"""google-genai's ``genai.tokens``: an alias of headwater's own module."""

import sys
from typing import TYPE_CHECKING

import headwater.client.groups.tokens

if TYPE_CHECKING:  # for type checkers, which do not follow the alias below
    from headwater.client.groups.tokens import *  # noqa: F403

sys.modules[__name__] = headwater.client.groups.tokens
