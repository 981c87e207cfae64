"""``headwater.genai.chats``, where google-genai has its chats: the module ``headwater.client.chats`` itself."""

import sys

import headwater.client.chats
from headwater.client.chats import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.client.chats
