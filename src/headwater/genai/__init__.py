"""google-genai's names for the ``generate_content`` family of methods: ``from headwater import genai``."""

from typing import TYPE_CHECKING

from headwater import __version__, errors, types
from headwater.client import client
from headwater.client.client import AsyncClient, Client
from headwater.client.groups import chats, files, models, pagers
from headwater.client.stream.aio import AsyncStream
from headwater.client.stream.sync import Stream
from headwater.lazy import lazy_names

if TYPE_CHECKING:
    from headwater.types import interactions
else:
    __getattr__, __dir__ = lazy_names(__name__, {"interactions": ""})

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
    "interactions",
    "models",
    "pagers",
    "types",
]
