"""The limits that a client must respect, and a server enforces."""

from __future__ import annotations

#: A stream of the Gemini endpoint is kept at most this long without a reader (seconds).
MAX_KEEP = 60.0
#: Characters of an idempotency key.
MAX_KEY_LENGTH = 256
#: Characters of the id of a chat or a message.
MAX_ID_LENGTH = 128
#: Entries of a page: of the list of stored streams, and of that of saved chats.
MAX_STREAMS_PAGE = 100
MAX_CHATS_PAGE = 1000
#: Characters of a search in saved chats.
MAX_QUERY_LENGTH = 1000
#: Digits of a number of events: every such number fits into an integer of JavaScript.
MAX_COUNT_DIGITS = 15
