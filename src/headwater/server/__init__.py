"""The server: the Gemini API itself, WebSocket and streams, over engine -> log -> reader."""

from typing import TYPE_CHECKING

from headwater.lazy import lazy_names

if TYPE_CHECKING:
    from headwater.server.application import app
    from headwater.server.chats.store import ChatStore, open_store
    from headwater.server.config import Limits, ServerConfig
    from headwater.server.http.uvicorn_protocol import protocol_for
    from headwater.server.protocols.base import (
        FrontEndProtocol,
        ProtocolRequest,
        ProtocolRoute,
        StoredAnswer,
        relay_route,
    )
    from headwater.server.run import Runner, listen
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "ChatStore": "chats.store",
            "FrontEndProtocol": "protocols.base",
            "Limits": "config",
            "ProtocolRequest": "protocols.base",
            "ProtocolRoute": "protocols.base",
            "Runner": "run",
            "ServerConfig": "config",
            "StoredAnswer": "protocols.base",
            "app": "application",
            "listen": "run",
            "open_store": "chats.store",
            "protocol_for": "http.uvicorn_protocol",
            "relay_route": "protocols.base",
        },
    )

__all__ = [
    "ChatStore",
    "FrontEndProtocol",
    "Limits",
    "ProtocolRequest",
    "ProtocolRoute",
    "Runner",
    "ServerConfig",
    "StoredAnswer",
    "app",
    "listen",
    "open_store",
    "protocol_for",
    "relay_route",
]
