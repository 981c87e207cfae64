"""``headwater.genai.types``, where google-genai has its types: the module ``headwater.types`` itself."""

import sys

import headwater.types
from headwater.types import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.types
