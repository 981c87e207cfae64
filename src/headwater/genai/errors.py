"""google-genai's ``genai.errors``: an alias of headwater's own module."""

import sys
from typing import TYPE_CHECKING

import headwater.errors

if TYPE_CHECKING:  # for type checkers, which do not follow the alias below
    from headwater.errors import *  # noqa: F403

sys.modules[__name__] = headwater.errors
