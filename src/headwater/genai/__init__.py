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
    from headwater.client.groups import caches, tokens
    from headwater.types import interactions
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {"caches": "", "interactions": "", "tokens": ""},
        others="headwater.placeholders:placeholder_module",  # for google-genai's modules that are not here
    )

__all__ = [
    "AsyncClient",
    "AsyncStream",
    "Client",
    "Stream",
    "__version__",
    "caches",
    "chats",
    "client",
    "errors",
    "files",
    "interactions",
    "models",
    "pagers",
    "tokens",
    "types",
]
