"""Responses to who creates an interaction: its events, or the whole of it when it has ended."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from headwater.log.base import tail
from headwater.protocols.interactions.answer_events import InteractionInfo
from headwater.server.http.auth import Auth
from headwater.server.http.offload import run_sized
from headwater.server.http.responses import json_response
from headwater.server.interactions.encoding import DocumentReader, InteractionEncoding
from headwater.server.streams.registry import StartedStream, StreamRegistry
from headwater.server.streams.responses import StreamResponse


class NewStream(StreamResponse):
    """The events of an interaction that was just created. One that is refused before its first chunk is not kept."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events.

        Raises:
            HeadwaterError: if the server shuts down; nothing was sent.
        """
        await super().__call__(scope, receive, send)
        if getattr(self._encoding, "is_refused", False):
            self._registry.discard(self._name)


class WholeInteraction(StreamResponse):
    """Waits for the end of an interaction and sends it. A stored one continues when the client disconnects.

    One that failed is sent as an error, not as a document, and is dropped: no client knows its id.
    """

    def __init__(
        self,
        registry: StreamRegistry,
        started: StartedStream,
        info: InteractionInfo,
        encoding: InteractionEncoding,
        *,
        auth: Auth,
        principal: bytes,
        is_stored: bool,
    ) -> None:
        super().__init__(registry, started.name, started.header, encoding, auth=auth, principal=principal)
        self._info = info
        self._is_stored = is_stored

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the interaction when it has ended.

        Raises:
            HeadwaterError: if it failed; nothing was sent.
        """
        try:
            await super().__call__(scope, receive, send)
        finally:
            if not self._is_stored:
                self._registry.discard(self._name)

    async def _read(self, scope: Scope, send: Send) -> None:
        reader = DocumentReader(self._info)
        after = self._header.start if self._is_stored else 0
        async for page in tail(self._registry.log_of(self._name), self._name, after):
            await run_sized(sum(map(len, page.records)), reader.take, page.records)
        if reader.error is not None:
            self._registry.discard(self._name)
            raise reader.error
        response = json_response(reader.document())
        await send({"type": "http.response.start", "status": 200, "headers": response.raw_headers})
        await send({"type": "http.response.body", "body": response.body, "more_body": False})
