"""``headwater.genai.errors``, where google-genai has its errors: the module ``headwater.errors`` itself."""

import sys

import headwater.errors
from headwater.errors import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.errors
