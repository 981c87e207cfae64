"""google-genai's ``genai.types``: an alias of headwater's own module."""

import sys

import headwater.types
from headwater.types import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.types
