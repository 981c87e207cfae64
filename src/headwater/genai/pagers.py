"""``headwater.genai.pagers``, where google-genai has its pagers: the module ``headwater.client.pagers`` itself."""

import sys

import headwater.client.pagers
from headwater.client.pagers import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.client.pagers
