"""``FrontEndProtocol``: all that the server knows about one protocol of front ends, in one record.

To add a protocol, write its encoder (``headwater.protocols``) and one such record, and put it into ``PROTOCOLS`` of
``registry.py`` or pass it to ``app(protocols=...)``. From the record follow the value of ``?format=`` for stored
streams, the routes, and the OpenAPI description.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from headwater.engines.base import EngineRequest
from headwater.protocols.base import Encoder
from headwater.server.chats.service import ChatService
from headwater.server.http.auth import Auth
from headwater.server.http.body import read_request_body
from headwater.server.http.middleware import add_log_fields
from headwater.server.http.offload import run_sized
from headwater.server.streams.protocol_encoding import ProtocolEncoding
from headwater.server.streams.recorder import Recorder
from headwater.server.streams.registry import StreamRegistry
from headwater.server.streams.responses import RelayResponse
from headwater.server.streams.routing import EngineRouter

Handler = Callable[[HttpRequest], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Backend:
    """The parts of a server that the routes of a protocol use."""

    auth: Auth
    engines: EngineRouter
    recorder: Recorder
    registry: StreamRegistry
    chats: ChatService


class StoredAnswer(NamedTuple):
    """The stored stream that an encoder is made for. ``after`` is how many of its chunks the reader has already."""

    stream: str
    model: str = ""
    after: int = 0

    def derived_id(self, kind: str, *, prefix: str = "") -> str:
        """Return an id for a message, run or thread: the same on every server, and no clue to the stream's name."""
        digest = hashlib.sha256(f"{kind} {self.stream}".encode()).hexdigest()[:24]
        return f"{prefix or kind}-{digest}"


class ProtocolRequest(NamedTuple):
    """What a request of a front end's library asks for, and the encoder of the response."""

    request: EngineRequest
    encoder: Encoder


class ProtocolRoute(NamedTuple):
    """A route of a protocol, for the router and for the OpenAPI description.

    ``operation`` is its id there, in camel case; ``is_stream`` says that it returns the protocol's events.
    """

    method: str
    path: str
    operation: str
    summary: str
    handler: Callable[[Backend], Handler]
    is_stream: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontEndProtocol:
    """One protocol. ``encoder`` makes the encoder of a stored stream."""

    #: The value of ``?format=``.
    name: str
    encoder: Callable[[StoredAnswer], Encoder]
    #: Whether a reader can continue after some of the chunks; otherwise it reads from the beginning each time.
    is_resumable: bool = False
    #: The endpoints of the protocol's library, if it has a request of its own.
    routes: Sequence[ProtocolRoute] = ()


def relay_route(path: str, operation: str, summary: str, read: Callable[[bytes], ProtocolRequest]) -> ProtocolRoute:
    """Return a POST route that answers a request and stores nothing. ``read`` parses the request's body.

    ``read`` raises ``UsageError`` if the body is invalid. It may be called in a thread.
    """

    def handler(backend: Backend) -> Handler:
        async def relay(http: HttpRequest) -> Response:
            principal = backend.auth.identify(http)
            body = await read_request_body(http, backend.auth.limits)
            request, encoder = await run_sized(len(body), read, body)
            add_log_fields(http.scope, model=request.model)
            # Relayed, not stored: when the reader leaves, the generation is cancelled.
            engine, encoding = backend.engines.for_model(request.model), ProtocolEncoding(encoder)
            return RelayResponse(backend.recorder, engine, request, encoding, auth=backend.auth, principal=principal)

        return relay

    return ProtocolRoute("POST", path, operation, summary, handler)
