"""What ``from headwater import genai`` gives: the names of google-genai, in the ``generate_content`` family."""

from headwater import __version__, errors, types
from headwater.client import chats, files, pagers
from headwater.client.aio import AsyncStream
from headwater.client.client import AsyncClient, Client
from headwater.client.sync import Stream

__all__ = [
    "AsyncClient",
    "AsyncStream",
    "Client",
    "Stream",
    "__version__",
    "chats",
    "errors",
    "files",
    "pagers",
    "types",
]
