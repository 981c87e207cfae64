"""The routes of ``/v1/streams``: streams that run with or without readers, and can be read from any server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from headwater.contract.headers import LAST_EVENT_ID
from headwater.contract.limits import MAX_STREAMS_PAGE
from headwater.contract.paths import EVENTS, LINKS, STOP, STREAMS
from headwater.contract.streams import LOST, RUNNING, StreamDocument, StreamMetrics, parse_on_break
from headwater.engines.base import EngineRequest
from headwater.errors import APIError, NotFoundError, UnknownStreamError, UsageError, api_error
from headwater.json_text import JSON_ERRORS
from headwater.server.http.auth import Auth
from headwater.server.http.body import read_request_body
from headwater.server.http.middleware import add_log_fields
from headwater.server.http.numbers import parse_count, parse_seconds
from headwater.server.http.offload import run_sized
from headwater.server.http.paging import next_page, parse_page
from headwater.server.http.responses import created_response, external_path, json_response
from headwater.server.streams.formats import DEFAULT_FORMAT, StreamFormats
from headwater.server.streams.idempotency import parse_idempotency_key
from headwater.server.streams.links import SIGNATURE, check_link, link_query, refused_link
from headwater.server.streams.log_keys import owner_of
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.recorder import log_unwritable
from headwater.server.streams.registry import StoredStream, StreamRegistry
from headwater.server.streams.responses import StreamResponse
from headwater.server.streams.retention import RetentionPolicy
from headwater.server.streams.routing import model_name

#: How long a stop waits for the end before it returns the state of the stream (seconds).
_STOP_SECONDS = 1.0
#: The longest interval between two writes that a reader may ask for (seconds).
_MAX_INTERVAL = 1.0


class _StartOptions(msgspec.Struct):
    """The fields of the body that are not of the Gemini API's request."""

    model: str
    engine: str = ""
    on_break: str = "fail"


class StreamsEndpoint:
    """The routes over the stream registry. Its handlers raise errors that the application turns into responses."""

    def __init__(self, registry: StreamRegistry, auth: Auth, formats: StreamFormats) -> None:
        self._registry = registry
        self._auth = auth
        self._formats = formats

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        one = STREAMS + "/{name}"
        return [
            Route(STREAMS, self._start, methods=["POST"]),
            Route(STREAMS, self._list, methods=["GET"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._delete, methods=["DELETE"]),
            Route(one + EVENTS, self._read, methods=["GET"]),
            Route(one + STOP, self._stop, methods=["POST"]),
            Route(one + LINKS, self._link, methods=["POST"]),
        ]

    async def _start(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        body = await read_request_body(http, self._auth.limits)
        request, header = await run_sized(len(body), _parse_start, body)
        add_log_fields(http.scope, model=request.model)
        key = parse_idempotency_key(http.headers)
        started = await self._registry.start(principal, request, header, RetentionPolicy(), idempotency_key=key)
        # A repeated request must not list the stream twice.
        if started.is_new:
            await self._registry.add_to_list(started.name, started.header)
        stream = await self._registry.load(started.name, started.header)
        return created_response(http, _document(stream), f"{STREAMS}/{started.name}", is_new=started.is_new)

    async def _list(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        start, size = parse_page(http, default=20, limit=MAX_STREAMS_PAGE)
        # Lists hold names only. Each stream is read, in parallel, for what it is now.
        names, is_more = await self._registry.list_names(principal, start, size)
        found = await asyncio.gather(*(self._list_entry(principal, name) for name in names))
        token = str(start + size) if is_more else None
        return json_response({"streams": [one for one in found if one is not None]} | next_page(token))

    async def _get(self, http: HttpRequest) -> Response:
        return json_response(_document(await self._own_stream(http)))

    async def _read(self, http: HttpRequest) -> Response:
        after = _parse_after(http)
        if SIGNATURE in http.query_params:
            principal, stream = await self._linked_stream(http)
        else:
            principal = self._auth.identify(http)
            stream = await self._load(principal, http.path_params["name"])
        if stream.state.is_sealed and after >= stream.event_count:
            # An EventSource reconnects after every end of a response, unless its status is 204 (HTML, "Server-sent
            # events").
            return Response(None, 204)
        if self._registry.is_lost(stream.name) and after >= stream.event_count:
            raise log_unwritable()
        name = http.query_params.get("format") or DEFAULT_FORMAT
        encoding = self._formats.encoding(name, stream.name, after, model=stream.header.model)
        return StreamResponse(
            self._registry,
            stream.name,
            stream.header,
            encoding,
            auth=self._auth,
            principal=principal,
            after=after,
            min_interval=_parse_interval(http),
        )

    async def _stop(self, http: HttpRequest) -> Response:
        stream = await self._own_stream(http)
        # Shielded: the stop continues when this request stops waiting for it.
        stopping = self._registry.stop(stream.name)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.shield(stopping)
        return json_response(_document(await self._registry.load(stream.name, stream.header)))

    async def _delete(self, http: HttpRequest) -> Response:
        stream = await self._own_stream(http)
        await self._registry.drop(stream.name)
        return Response(None, 204)

    async def _link(self, http: HttpRequest) -> Response:
        stream = await self._own_stream(http)
        body = await read_request_body(http, self._auth.limits)
        try:
            seconds = msgspec.json.decode(body, type=dict[str, float])["seconds"]
        except (*JSON_ERRORS, KeyError) as error:
            raise UsageError('the body must be {"seconds": <how long the link is valid>}') from error
        query = link_query(await self._registry.secret(), stream.name, seconds)
        return json_response({"url": external_path(http, f"{STREAMS}/{stream.name}{EVENTS}?{query}")})

    async def _own_stream(self, http: HttpRequest) -> StoredStream:
        """The stream that the path names, if it belongs to the caller."""
        return await self._load(self._auth.identify(http), http.path_params["name"])

    async def _linked_stream(self, http: HttpRequest) -> tuple[bytes, StoredStream]:
        """The stream that the path names and its owner, for the holder of a link, who needs no key.

        A link is worth as much as the key that made it, which is its stream's: it ends with that key.

        All readers of one link share a quota: its holder may be anybody.
        """
        self._auth.check_host(http)
        self._auth.check_origin(http)
        name = http.path_params["name"]
        check_link(await self._registry.secret(), name, http.query_params)
        self._auth.quotas.count_request(b"link:" + name.encode())
        try:
            header = await self._registry.header(name)
            owner = self._auth.find_principal(lambda principal: owner_of(principal) == header.owner)
            if owner is None:
                raise refused_link()
            return owner, await self._registry.load(name, header)
        except UnknownStreamError:
            raise _not_found() from None

    async def _load(self, principal: bytes, name: str) -> StoredStream:
        try:
            return await self._registry.load(name, await self._registry.find(principal, name))
        except UnknownStreamError:
            raise _not_found() from None

    async def _list_entry(self, principal: bytes, name: str) -> StreamDocument | None:
        try:
            return _document(await self._load(principal, name))
        except NotFoundError:  # dropped; lists are not updated
            return None


def _parse_start(body: bytes) -> tuple[EngineRequest, StreamHeader]:
    """The request for the engine, and the header of its stream."""
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
        own = {name: document.pop(name) for name in ("model", "engine", "on_break") if name in document}
        options = msgspec.convert(own, _StartOptions)
    except JSON_ERRORS as error:
        raise UsageError(f"the body must be a request of the Gemini API with a model: {error}") from error
    model = model_name(options.model)
    header = StreamHeader("", model, engine=options.engine, on_break=parse_on_break(options.on_break))
    return EngineRequest(model, msgspec.json.encode(document)), header


def _document(stream: StoredStream) -> StreamDocument:
    """The stream as JSON."""
    header, status = stream.header, stream.status
    return StreamDocument(
        name=stream.name,
        model=header.model,
        state=_state(stream),
        next=stream.event_count,
        created=datetime.fromtimestamp(header.created, UTC).isoformat(timespec="milliseconds"),
        on_break=header.on_break,
        metrics=StreamMetrics(status.first_chunk, status.seconds, stream.chunk_count),
        engine=header.engine,
        usage=status.usage or None,
        takeovers=status.takeovers,
        code=status.code or None,
    )


def _state(stream: StoredStream) -> str:
    if stream.state.is_sealed:
        return stream.status.reason
    return LOST if stream.state.is_stale else RUNNING


def _parse_after(http: HttpRequest) -> int:
    """The number of events that the reader has. ``Last-Event-ID``, which a browser sends, wins over the URL."""
    text = http.headers.get(LAST_EVENT_ID) or http.query_params.get("after") or "0"
    return parse_count(text, f"after (or {LAST_EVENT_ID}) must be the number of events received")


def _parse_interval(http: HttpRequest) -> float:
    """The least time between two writes to the reader (seconds)."""
    text = http.query_params.get("every") or "0"
    return parse_seconds(text, f"every must be a number of seconds, at most {_MAX_INTERVAL:g}", limit=_MAX_INTERVAL)


def _not_found() -> APIError:
    return api_error(404, "there is no such stream", status="NOT_FOUND")
