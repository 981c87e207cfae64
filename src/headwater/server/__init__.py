"""The server: the Gemini API itself, WebSocket and streams, over engine -> log -> reader."""

from typing import TYPE_CHECKING

from headwater.lazy import lazy_names
from headwater.server.app import app  # not lazy: it has its module's name, and importing that would hide it

if TYPE_CHECKING:
    from headwater.server.chats.store import ChatStore, open_store
    from headwater.server.config import Limits
    from headwater.server.http.uvicorn_protocol import protocol_for
    from headwater.server.run import Runner, listen
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "ChatStore": "chats.store",
            "Limits": "config",
            "Runner": "run",
            "listen": "run",
            "open_store": "chats.store",
            "protocol_for": "http.uvicorn_protocol",
        },
    )

__all__ = [
    "ChatStore",
    "Limits",
    "Runner",
    "app",
    "listen",
    "open_store",
    "protocol_for",
]
