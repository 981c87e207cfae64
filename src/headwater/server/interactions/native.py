"""Interactions that an upstream answers itself: passed through byte for byte, with their events kept in the log.

The upstream knows one key, the server's, for all clients. So which interaction belongs to which of them is noted here,
in a log for each id, and an id that is not noted does not exist for a client. A stream is recorded while it is passed
on: a reader that comes back gets the rest from the log, exactly, whatever the upstream does when it is asked to resume.

Events keep their bytes. Only one that came without an ``event_id`` gets one, since it is what readers resume by: the
number of its record.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from headwater.contract.streams import CANCELLED
from headwater.engines.base import Chunk, Engine, EngineRequest, NativeInteractions, UpstreamCall
from headwater.errors import ConflictError, NotFoundError, UnknownStreamError
from headwater.json_text import JSON_ERRORS, decode_json
from headwater.log.base import PAGE_RECORDS
from headwater.protocols.base import one_line
from headwater.protocols.interactions.conversation import unknown_interaction
from headwater.protocols.interactions.encoder import DONE, KEEP_ALIVE, bad_cursor
from headwater.protocols.interactions.error_codes import Failure, failure_of
from headwater.server.http.auth import Auth
from headwater.server.http.offload import run_sized
from headwater.server.http.responses import JSON
from headwater.server.interactions.whole_response import NewStream
from headwater.server.streams.log_keys import owner_of
from headwater.server.streams.protocol_encoding import read_outcome
from headwater.server.streams.record_format import CHUNK, END, ERROR, StreamHeader
from headwater.server.streams.recorder import Recorder
from headwater.server.streams.registry import StreamRegistry
from headwater.server.streams.responses import RelayResponse, StreamResponse
from headwater.server.streams.retention import RetentionPolicy
from headwater.server.streams.routing import model_name
from headwater.types import CountTokensResponse, Model

#: The kind of streams whose records are events of an upstream.
KIND = "native-interaction"
#: The note of an interaction without a log of its events.
_UNRECORDED = b"-"


class CreateGlance(msgspec.Struct):
    """What the server has to know of a request that it passes on."""

    model: str | None = None
    agent: str | None = None
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    previous_interaction_id: str | None = None

    @classmethod
    def read(cls, body: bytes) -> CreateGlance:
        """Return it from the body.

        Raises:
            UsageError: if it is not a request.
        """
        glance = decode_json(body, "Invalid JSON payload received.", cls)
        # Names become parts of log lines and of stored headers.
        glance.model = model_name(glance.model) if glance.model else None
        glance.agent = model_name(glance.agent) if glance.agent else None
        return glance


class NativeStreams:
    """The interactions of upstreams, on behalf of their owners."""

    def __init__(self, recorder: Recorder, registry: StreamRegistry, auth: Auth) -> None:
        self._recorder = recorder
        self._registry = registry
        self._auth = auth

    async def create(
        self,
        principal: bytes,
        engine: Engine,
        body: bytes,
        glance: CreateGlance,
        *,
        is_stored: bool,
        idempotency_key: str | None,
    ) -> Response:
        """Pass a request on; record its events if the interaction ``is_stored``.

        Raises:
            HeadwaterError: if the upstream refuses.
        """
        owner, upstream = owner_of(principal), native_of(engine)
        if glance.previous_interaction_id:
            await self.stream_of(owner, glance.previous_interaction_id)
        call = UpstreamCall("POST", "interactions", body)
        if not glance.stream:
            with self._auth.quotas.stream(principal):
                document = await upstream.call(call)
            if is_stored:
                await self._note(owner, _id_in(document), _UNRECORDED)
            return Response(document, 200, None, JSON.decode())
        model = glance.model or ""
        request = EngineRequest(model, body)
        encoding = NativeEncoding(headers_first=bool(glance.background))
        if not is_stored:
            return self._relay(principal, engine, call, request, encoding)
        name: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        recorded = _PassThrough(engine, call, partial(self._note_first, owner, name))
        started = await self._registry.start(
            principal,
            request,
            StreamHeader("", model, kind=KIND),
            RetentionPolicy(),
            idempotency_key=idempotency_key,
            engine=recorded,
        )
        name.set_result(started.name)
        return NewStream(self._registry, started.name, started.header, encoding, auth=self._auth, principal=principal)

    async def stream(
        self, principal: bytes, engine: Engine, interaction_id: str, after: str | None, query: str
    ) -> Response:
        """Return the events of an interaction after a cursor: from the log, or from the upstream if it has none.

        Raises:
            APIError: 404, if the interaction is not the principal's; 400, if no event has the id ``after``.
        """
        name = await self.stream_of(owner_of(principal), interaction_id)
        if name is None:
            path = f"interactions/{interaction_id}?{query or 'stream=true'}"
            call = UpstreamCall("GET", path)
            return self._relay(principal, engine, call, EngineRequest("", b""), NativeEncoding(headers_first=False))
        try:
            header = await self._registry.header(name)
            encoding = NativeEncoding(after=after)
            count = 0 if after is None else await self._skip(name, header, encoding)
        except UnknownStreamError:
            raise unknown_interaction(interaction_id) from None
        return StreamResponse(self._registry, name, header, encoding, auth=self._auth, principal=principal, after=count)

    async def call(self, principal: bytes, engine: Engine, call: UpstreamCall, interaction_id: str) -> Response:
        """Pass on what is to be done with an interaction. A deleted one is deleted here, too.

        Raises:
            HeadwaterError: if the interaction is not the principal's, or the upstream refuses.
        """
        owner = owner_of(principal)
        name = await self.stream_of(owner, interaction_id)
        document = await native_of(engine).call(call)
        if call.method == "DELETE":
            await self._registry.log.drop(_key(owner, interaction_id))
            if name is not None:
                await self._registry.drop(name)
        return Response(document, 200, None, JSON.decode())

    async def is_noted(self, principal: bytes, interaction_id: str) -> bool:
        """Return whether an interaction is a principal's, and the upstream's."""
        try:
            await self.stream_of(owner_of(principal), interaction_id)
        except NotFoundError:
            return False
        return True

    async def stream_of(self, owner: str, interaction_id: str) -> str | None:
        """Return the name of the stream with the events of an interaction; None if they were not recorded.

        Raises:
            APIError: 404, if the interaction is not this owner's.
        """
        try:
            note = (await self._registry.log.state(_key(owner, interaction_id))).note
        except UnknownStreamError:
            raise unknown_interaction(interaction_id) from None
        return None if note == _UNRECORDED else note.decode()

    def _relay(
        self,
        principal: bytes,
        engine: Engine,
        call: UpstreamCall,
        request: EngineRequest,
        encoding: NativeEncoding,
    ) -> Response:
        through = _PassThrough(engine, call)
        return RelayResponse(self._recorder, through, request, encoding, auth=self._auth, principal=principal)

    async def _note_first(self, owner: str, name: asyncio.Future[str], event: bytes) -> None:
        await self._note(owner, _id_in(event), (await name).encode())

    async def _note(self, owner: str, interaction_id: str, note: bytes) -> None:
        if interaction_id:
            with suppress(ConflictError):  # a hop of the upstream with an id that it used before
                await self._registry.log.create(_key(owner, interaction_id), note=note)

    async def _skip(self, name: str, header: StreamHeader, encoding: NativeEncoding) -> int:
        """Let an encoding read up to its cursor; return how many records that are."""
        after = header.start
        while not encoding.has_reached_cursor:
            page = await self._registry.log.read(name, after)
            after += await run_sized(sum(map(len, page.records)), encoding.skip, page.records)
            if not encoding.has_reached_cursor and (page.is_end or len(page.records) < PAGE_RECORDS):
                raise bad_cursor(encoding.after or "")
        return after - header.start


class NativeEncoding:
    """The recorded events of an upstream, those after the event ``after`` only."""

    content_type = b"text/event-stream"
    headers: Sequence[tuple[bytes, bytes]] = ()
    is_unary = False
    keep_alive = KEEP_ALIVE

    def __init__(self, *, headers_first: bool = True, after: str | None = None) -> None:
        self.headers_first = headers_first
        self.after = after
        self.has_reached_cursor = after is None
        self._count = 0
        #: Whether the upstream refused the request before its first event.
        self.is_refused = False

    def error_in(self, record: bytes) -> bytes | None:
        """Return the error with which the upstream refused."""
        return record[1:] if record[0] == ERROR else None

    def encode(self, records: Sequence[bytes]) -> bytes:
        """Return the next events."""
        return b"".join([self._frame(record) for record in records])

    def skip(self, records: Sequence[bytes]) -> int:
        """Read records up to that of the cursor; return how many they are."""
        for number, record in enumerate(records, 1):
            self._count += 1
            _, event_id, _ = self._event(record)
            if event_id == self.after:
                self.has_reached_cursor = True
                return number
        return len(records)

    def end(self) -> bytes:
        """Return nothing: the end is a record."""
        return b""

    def interrupt(self) -> bytes:
        """Return nothing: the reader resumes after the last event that it has."""
        return b""

    def refusal(self, body: bytes) -> bytes:
        """Return the error in the shape of this API."""
        self.is_refused = True
        return failure_of(body).body

    def _frame(self, record: bytes) -> bytes:
        self._count += 1
        kind, _, data = self._event(record)
        frame = b"event: %b\ndata: %b\n\n" % (kind.encode(), one_line(data))
        return DONE if kind == "done" else frame

    def _event(self, record: bytes) -> tuple[str, str, bytes]:
        """The type, the id and the data of the event that a record is. A complete stream ends with the type "done"."""
        own_id = f"{self._count}.0"
        if record[0] == CHUNK:
            head = _head(record[1:])
            if head.event_id:
                return head.event_type, head.event_id, record[1:]
            return head.event_type, own_id, record[1:].rstrip()[:-1] + b',"event_id":"%b"}' % own_id.encode()
        failure = None
        if record[0] == ERROR:
            failure = failure_of(record[1:])
        elif record[0] == END and read_outcome(record[1:]).reason == CANCELLED:
            failure = Failure("cancelled", "the stream was stopped on this server", 499)
        if failure is None:
            return "done", own_id, b""
        error = {"message": failure.message, "code": failure.code}
        return "error", own_id, msgspec.json.encode({"error": error, "event_id": own_id, "event_type": "error"})


class _PassThrough:
    """An engine that passes one call on. ``on_first`` is told the first event before any reader gets it."""

    def __init__(
        self, engine: Engine, call: UpstreamCall, on_first: Callable[[bytes], Awaitable[None]] | None = None
    ) -> None:
        self.name = engine.name
        self._engine = engine
        self._call = call
        self._on_first = on_first

    async def stream(self, request: EngineRequest) -> AsyncGenerator[Chunk, None]:
        """Yield the events of the upstream."""
        events = native_of(self._engine).stream(self._call)
        try:
            async for event in events:
                if self._on_first is not None:
                    await self._on_first(event.raw)
                    self._on_first = None
                yield event
        finally:
            await events.aclose()

    async def count_tokens(self, request: EngineRequest) -> CountTokensResponse:
        """Count nothing: the upstream counts."""
        return CountTokensResponse(total_tokens=0)

    async def models(self) -> list[Model]:
        """Return nothing: the engine itself lists its models."""
        return []

    async def aclose(self) -> None:
        """Do nothing: the engine belongs to the server."""


class _Head(msgspec.Struct):
    event_type: str = ""
    event_id: str | None = None


class _Named(msgspec.Struct):
    id: str = ""
    interaction: _Named | None = None


def native_of(engine: Engine) -> NativeInteractions:
    """Return the Interactions API of an engine that has one."""
    native: NativeInteractions = engine.interactions  # type: ignore[attr-defined]
    return native


def is_native(engine: Engine) -> bool:
    """Return whether an engine passes interactions on."""
    return getattr(engine, "interactions", None) is not None


def raw_query(http: HttpRequest) -> str:
    """Return the query of a request as it came, without a key."""
    pieces = str(http.scope.get("query_string", b""), "latin-1").split("&")
    return "&".join(piece for piece in pieces if piece and not piece.startswith("key="))


def _head(event: bytes) -> _Head:
    try:
        return msgspec.json.decode(event, type=_Head)
    except JSON_ERRORS:
        return _Head()


def _id_in(document: bytes) -> str:
    """The id of an interaction, in the interaction or in its first event."""
    try:
        named = msgspec.json.decode(document, type=_Named)
    except JSON_ERRORS:
        return ""
    return named.interaction.id if named.interaction is not None else named.id


def _key(owner: str, interaction_id: str) -> str:
    text = owner.encode() + b"\0" + interaction_id.encode("utf-8", "surrogatepass")
    return "interaction:" + hashlib.sha256(text).hexdigest()
