"""google-genai's ``genai.pagers``: an alias of headwater's own module."""

import sys

import headwater.client.groups.pagers
from headwater.client.groups.pagers import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.client.groups.pagers
