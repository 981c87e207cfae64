"""All front-end protocols of the server, and what follows from their records: stream formats and routes."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from headwater.server.protocols.ag_ui import AG_UI
from headwater.server.protocols.ai_sdk import AI_SDK
from headwater.server.protocols.base import Backend, FrontEndProtocol, StoredAnswer
from headwater.server.protocols.interactions import INTERACTIONS
from headwater.server.protocols.openai import OPENAI
from headwater.server.protocols.plain import PLAIN_TEXT
from headwater.server.streams.encodings import ResponseEncoding
from headwater.server.streams.formats import NATIVE_FORMATS, StreamFormat, StreamFormats
from headwater.server.streams.protocol_encoding import ProtocolEncoding

PROTOCOLS: tuple[FrontEndProtocol, ...] = (PLAIN_TEXT, *AI_SDK, AG_UI, OPENAI, INTERACTIONS)


def stream_formats(protocols: Sequence[FrontEndProtocol] = PROTOCOLS) -> StreamFormats:
    """Return the formats in which a stored stream can be read: the server's own and those of ``protocols``."""
    return StreamFormats([*NATIVE_FORMATS, *(_stream_format(protocol) for protocol in protocols)])


def protocol_routes(backend: Backend, protocols: Sequence[FrontEndProtocol] = PROTOCOLS) -> list[BaseRoute]:
    """Return the routes of ``protocols``."""
    routes = [route for protocol in protocols for route in protocol.routes]
    return [Route(route.path, route.handler(backend), methods=[route.method]) for route in routes]


def _stream_format(protocol: FrontEndProtocol) -> StreamFormat:
    def encoding(stream: str, after: int, model: str) -> ResponseEncoding:
        encoder = protocol.encoder(StoredAnswer(stream, model, after))
        return ProtocolEncoding(encoder, is_resumable=protocol.is_resumable)

    return StreamFormat(protocol.name, encoding, is_resumable=protocol.is_resumable)
