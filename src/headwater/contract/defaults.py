"""What applies where a caller says nothing."""

from __future__ import annotations

#: Environment variables with a key of the Gemini API; the first that is set is used.
API_KEY_VARIABLES = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
#: The model of requests that name none, and of every example. Not a preview, since those are retired at short notice;
#: the README of the newest google-genai has it too.
DEFAULT_MODEL = "gemini-3.8-flash"
#: How long a client asks a server to keep a stream without a reader (seconds).
KEEP_SECONDS = 30
