"""google-genai's names for the ``generate_content`` family of methods: ``from headwater import genai``."""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from headwater import __version__, errors, types
from headwater.client import client
from headwater.client.client import AsyncClient, Client
from headwater.client.groups import chats, files, models, pagers
from headwater.client.stream.aio import AsyncStream
from headwater.client.stream.sync import Stream

if TYPE_CHECKING:
    from headwater.types import interactions

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

if not TYPE_CHECKING:

    def __getattr__(name: str) -> ModuleType:
        """Import ``interactions`` when it is first used: most programs have no use for its types."""
        if name == "interactions":
            return import_module("headwater.types.interactions")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
