"""google-genai's names for the ``generate_content`` family of methods: ``from headwater import genai``."""

from headwater import __version__, errors, types
from headwater.client import client
from headwater.client.client import AsyncClient, Client
from headwater.client.groups import chats, files, models, pagers
from headwater.client.stream.aio import AsyncStream
from headwater.client.stream.sync import Stream

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
