"""What ``from headwater import genai`` gives: the names of google-genai, in the ``generate_content`` family."""

from headwater import __version__, errors, types
from headwater.client import chats, client, files, models, pagers
from headwater.client import declaring as _declaring  # noqa: F401 - it lets types read functions
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
    "client",
    "errors",
    "files",
    "models",
    "pagers",
    "types",
]
