"""The server: the Gemini API itself, WebSocket and streams, over engine -> log -> reader."""

from typing import TYPE_CHECKING

from headwater.lazy import lazy_names

if TYPE_CHECKING:
    from headwater.server.application import app
    from headwater.server.chats.store import ChatStore, open_store
    from headwater.server.config import Limits, ServerConfig
    from headwater.server.http.uvicorn_protocol import protocol_for
    from headwater.server.run import Runner, listen
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "ChatStore": "chats.store",
            "Limits": "config",
            "Runner": "run",
            "ServerConfig": "config",
            "app": "application",
            "listen": "run",
            "open_store": "chats.store",
            "protocol_for": "http.uvicorn_protocol",
        },
    )

__all__ = [
    "ChatStore",
    "Limits",
    "Runner",
    "ServerConfig",
    "app",
    "listen",
    "open_store",
    "protocol_for",
]
