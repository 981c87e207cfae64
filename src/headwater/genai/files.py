"""``headwater.genai.files``, where google-genai has its files: the module ``headwater.client.files`` itself."""

import sys

import headwater.client.files
from headwater.client.files import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.client.files
