"""The routes of ``/v1/streams``: answers that run whether or not anybody listens, and can be read from any server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from headwater.engines.base import EngineRequest
from headwater.errors import APIError, NotFoundError, UnknownStreamError, UsageError, api_error
from headwater.server.http.auth import Auth
from headwater.server.http.body import read_request_body
from headwater.server.http.middleware import add_log_fields
from headwater.server.http.responses import created_response, json_response
from headwater.server.streams.links import SIGNATURE, check_link, link_query
from headwater.server.streams.protocol_encodings import encoding_for
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.registry import StoredStream, StreamRegistry
from headwater.server.streams.responses import StreamResponse
from headwater.server.streams.retention import RetentionPolicy
from headwater.server.streams.routing import model_name

PATH = "/v1/streams"
#: How long a stop waits for the end, and then says how it stands (seconds).
_STOP_SECONDS = 1.0
_MOST_LISTED = 100
_LONGEST_KEY = 256
#: A reader that wants few, large pieces gets one at least so often (seconds).
_LONGEST_GATHERED = 1.0


class _Ask(msgspec.Struct):
    """What the body has besides the request of the Gemini API."""

    model: str
    engine: str = ""
    on_break: str = "fail"


class StreamsEndpoint:
    """The routes over the generations. Its handlers raise what the app turns into refusals."""

    def __init__(self, generations: StreamRegistry, access: Auth) -> None:
        self._generations = generations
        self._access = access

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        one = PATH + "/{name}"
        return [
            Route(PATH, self._start, methods=["POST"]),
            Route(PATH, self._list, methods=["GET"]),
            Route(one, self._look, methods=["GET"]),
            Route(one, self._forget, methods=["DELETE"]),
            Route(one + "/events", self._read, methods=["GET"]),
            Route(one + "/stop", self._stop, methods=["POST"]),
            Route(one + "/links", self._link, methods=["POST"]),
        ]

    async def _start(self, http: HttpRequest) -> Response:
        who = self._access.identify(http)
        body = await read_request_body(http, self._access.limits)
        request, head = _read_ask(body)
        add_log_fields(http.scope, model=request.model)
        repeat_key = http.headers.get("idempotency-key")
        if repeat_key is not None and not 0 < len(repeat_key) <= _LONGEST_KEY:
            raise UsageError(f"an Idempotency-Key has 1 to {_LONGEST_KEY} characters")
        started = await self._generations.start(who, request, head, RetentionPolicy(), repeat_key=repeat_key)
        if started.is_new:
            await self._generations.enlist(started.name, started.head)
        known = await self._generations.look(started.name, started.head)
        return created_response(_described(known), f"{PATH}/{started.name}", is_new=started.is_new)

    async def _list(self, http: HttpRequest) -> Response:
        who = self._access.identify(http)
        start, size = _page_asked(http)
        names, is_more = await self._generations.names(who, start, size)
        found = await asyncio.gather(*(self._listed(who, name) for name in names))
        more = {"nextPageToken": str(start + size)} if is_more else {}
        return json_response({"streams": [one for one in found if one is not None], **more})

    async def _look(self, http: HttpRequest) -> Response:
        return json_response(_described(await self._asked(http)))

    async def _read(self, http: HttpRequest) -> Response:
        after, who = _after(http), None
        if SIGNATURE in http.query_params:
            known = await self._linked(http)
        else:
            who = self._access.identify(http)
            known = await self._known(who, http.path_params["name"])
        if known.state.is_sealed and after >= known.last:
            return Response(None, 204)  # an EventSource that has seen the end asks no more
        form = encoding_for(http.query_params.get("format") or "numbered", known.name, after, model=known.head.model)
        return StreamResponse(
            self._generations,
            known.name,
            known.head,
            form,
            access=self._access,
            who=who,
            after=after,
            every=_every(http),
        )

    async def _stop(self, http: HttpRequest) -> Response:
        known = await self._asked(http)
        stopping = self._generations.stop(known.name)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.shield(stopping)
        return json_response(_described(await self._generations.look(known.name, known.head)))

    async def _forget(self, http: HttpRequest) -> Response:
        known = await self._asked(http)
        await self._generations.drop(known.name)
        return Response(None, 204)

    async def _link(self, http: HttpRequest) -> Response:
        known = await self._asked(http)
        body = await read_request_body(http, self._access.limits)
        try:
            seconds = msgspec.json.decode(body, type=dict[str, float])["seconds"]
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError) as error:
            raise UsageError('the body is {"seconds": <how long the link lasts>}') from error
        query = link_query(await self._generations.secret(), known.name, seconds)
        return json_response({"url": f"{PATH}/{known.name}/events?{query}"})

    async def _asked(self, http: HttpRequest) -> StoredStream:
        """What is known of the answer that the path names, if it belongs to who asks."""
        return await self._known(self._access.identify(http), http.path_params["name"])

    async def _linked(self, http: HttpRequest) -> StoredStream:
        """The same for the holder of a link, who needs no key."""
        self._access.check_host(http)
        self._access.check_origin(http)
        name = http.path_params["name"]
        check_link(await self._generations.secret(), name, http.query_params)
        self._access.quotas.count(b"link:" + name.encode())
        try:
            return await self._generations.look(name, await self._generations.head(name))
        except UnknownStreamError:
            raise _unknown() from None

    async def _known(self, who: bytes, name: str) -> StoredStream:
        try:
            return await self._generations.look(name, await self._generations.find(who, name))
        except UnknownStreamError:
            raise _unknown() from None

    async def _listed(self, who: bytes, name: str) -> dict[str, Any] | None:
        try:
            return _described(await self._known(who, name))
        except NotFoundError:  # forgotten, and the list does not know
            return None


def _read_ask(body: bytes) -> tuple[EngineRequest, StreamHeader]:
    """The request that an engine gets, and what else was asked for."""
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
        asked = {name: document.pop(name) for name in ("model", "engine", "on_break") if name in document}
        ask = msgspec.convert(asked, _Ask)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the body is a request of the Gemini API with its model: {error}") from error
    model = model_name(ask.model)
    match ask.on_break:
        case "fail" | "continue" as on_break:
            head = StreamHeader("", model, engine=ask.engine, on_break=on_break)
            return EngineRequest(model, msgspec.json.encode(document)), head
    raise UsageError(f'on_break is "fail" or "continue", not {ask.on_break[:100]!r}')


def _described(known: StoredStream) -> dict[str, Any]:
    """What a client is told of an answer."""
    head, account = known.head, known.account
    metrics = {"first_chunk": account.first, "seconds": account.seconds, "chunks": known.chunks}
    found: dict[str, Any] = {
        "name": known.name,
        "model": head.model,
        "state": _state(known),
        "next": known.last,
        "created": datetime.fromtimestamp(head.created, UTC).isoformat(timespec="milliseconds"),
        "on_break": head.on_break,
        "metrics": {name: value for name, value in metrics.items() if value is not None},
    }
    more = {"engine": head.engine, "usage": account.usage, "takeovers": account.takeovers, "code": account.code}
    return found | {name: value for name, value in more.items() if value}


def _state(known: StoredStream) -> str:
    if known.state.is_sealed:
        return known.account.reason
    return "lost" if known.state.is_stale else "running"


def _after(http: HttpRequest) -> int:
    """After how many events the client wants to read: where it was, or where it says."""
    text = http.headers.get("last-event-id") or http.query_params.get("after") or "0"
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise UsageError("after, or Last-Event-ID, is the number of events that have come")
    return int(text)


def _every(http: HttpRequest) -> float:
    """How long to gather what comes before it is sent on (seconds)."""
    text = http.query_params.get("every") or "0"
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_GATHERED:
        raise UsageError(f"every is a number of seconds, at most {_LONGEST_GATHERED:g}")
    return seconds


def _page_asked(http: HttpRequest) -> tuple[int, int]:
    """Where the page of a list begins, and its size."""
    start, size = http.query_params.get("pageToken") or "0", http.query_params.get("pageSize") or "20"
    if not (start.isdecimal() and size.isdecimal()) or len(start) > 9 or len(size) > 9:
        raise UsageError("pageSize and pageToken are numbers")
    return int(start), min(max(int(size), 1), _MOST_LISTED)


def _unknown() -> APIError:
    return api_error(404, "there is no such stream", status="NOT_FOUND")
