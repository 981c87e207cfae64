"""google-genai's ``genai.chats``: an alias of headwater's own module."""

import sys

import headwater.client.groups.chats
from headwater.client.groups.chats import *  # noqa: F403 - for type checkers, which do not see the next line

sys.modules[__name__] = headwater.client.groups.chats
