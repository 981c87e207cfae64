"""google-genai's ``genai.types``: an alias of headwater's own module."""

import sys
from typing import TYPE_CHECKING

import headwater.types

if TYPE_CHECKING:  # for type checkers, which do not follow the alias below
    from headwater.types import *  # noqa: F403

sys.modules[__name__] = headwater.types
