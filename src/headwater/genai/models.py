"""``headwater.genai.models``, where google-genai has its models: the module ``headwater.client.models`` itself."""

import sys

import headwater.client.models
from headwater.client.models import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.client.models
