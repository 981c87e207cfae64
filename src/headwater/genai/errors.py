"""google-genai's ``genai.errors``: an alias of headwater's own module."""

import sys

import headwater.errors
from headwater.errors import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.errors
