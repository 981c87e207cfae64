"""google-genai's ``genai.client``: an alias of headwater's own module."""

import sys

import headwater.client.client
from headwater.client.client import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.client.client
