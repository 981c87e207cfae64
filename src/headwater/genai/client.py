"""``headwater.genai.client``, where google-genai has its clients: the module ``headwater.client.client`` itself."""

import sys

import headwater.client.client
from headwater.client.client import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.client.client
