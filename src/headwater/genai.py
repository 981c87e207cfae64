"""What ``from headwater import genai`` gives: the names of google-genai, in the ``generate_content`` family."""

from collections.abc import Callable
from typing import Any

from headwater import __version__, errors, types
from headwater.client import chats, files, pagers
from headwater.client.aio import AsyncStream
from headwater.client.client import AsyncClient, Client
from headwater.client.sync import Stream
from headwater.types.tools import _Declarer, FunctionDeclaration

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


def _declare(function: Callable[..., Any], **options: Any) -> FunctionDeclaration:
    from headwater.client.declarations import from_callable  # here, since most programs never get here

    return from_callable(function, **options)


_Declarer.of = staticmethod(_declare)  # type: ignore[method-assign]
