"""google-genai's ``genai.models``: an alias of headwater's own module."""

import sys

import headwater.client.groups.models
from headwater.client.groups.models import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.client.groups.models
