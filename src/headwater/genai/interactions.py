"""google-genai's ``genai.interactions``: an alias of headwater's own module."""

import sys
from typing import TYPE_CHECKING

import headwater.types.interactions

if TYPE_CHECKING:  # for type checkers, which do not follow the alias below
    from headwater.types.interactions import *  # noqa: F403

sys.modules[__name__] = headwater.types.interactions
