"""google-genai's ``genai.files``: an alias of headwater's own module."""

import sys

import headwater.client.groups.files
from headwater.client.groups.files import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.client.groups.files
