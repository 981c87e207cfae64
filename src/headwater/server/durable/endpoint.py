"""The routes of ``/v1/durable/``: from HTTP to streams and back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from headwater.errors import APIError
from headwater.server.durable import fields, protocol
from headwater.server.durable.fields import refusal
from headwater.server.durable.reader import DurableReader, etag, view_headers
from headwater.server.durable.streams import DurableStreams
from headwater.server.http.auth import Auth
from headwater.server.http.body import read_body
from headwater.server.http.error_handlers import error_response
from headwater.server.http.metrics import ServerMetrics

_METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"]
#: On every answer: a page of another site can not embed a stream, whatever is in it.
_HEADERS = {"cross-origin-resource-policy": "same-origin"}
#: Names that the protocol keeps for itself.
_RESERVED = "__ds"


class DurableEndpoint:
    """Answers for ``/v1/durable/{path}``. Without ``is_writable``, only what others write can be read there."""

    def __init__(
        self,
        streams: DurableStreams,
        access: Auth,
        metrics: ServerMetrics,
        draining: asyncio.Event,
        *,
        is_writable: bool,
    ) -> None:
        self._streams = streams
        self._access = access
        self._metrics = metrics
        self._reader = DurableReader(streams, access, draining)
        self._is_writable = is_writable

    def routes(self) -> list[BaseRoute]:
        """Return the one route."""
        return [Route("/v1/durable/{path:path}", self._answer, methods=_METHODS)]

    async def _answer(self, http: HttpRequest) -> Response:
        try:
            who = self._access.identify(http)
            response = await self._act(http, who, _path(http))
        except APIError as error:
            self._metrics.refused(str(error.code))
            response = error_response(error, error.headers)
        response.headers.update(_HEADERS)
        return response

    async def _act(self, http: HttpRequest, who: bytes, path: str) -> Response:
        if http.method == "GET":
            return await self._reader.read(http, who, path)
        if http.method == "HEAD":
            return await self._describe(who, path)
        if not self._is_writable:
            raise refusal(405, "streams can not be made or changed here (headwater serve --streams)", _READ_ONLY)
        if http.method == "PUT":
            return await self._create(http, who, path)
        if http.method == "POST":
            return await self._append(http, who, path)
        await self._streams.delete(who, path)
        return Response(status_code=204)

    async def _create(self, http: HttpRequest, who: bytes, path: str) -> Response:
        asked = protocol.parse_creation(http.headers)
        if asked.forked_from is not None:
            asked = asked._replace(forked_from=_named(asked.forked_from, http, path))
        found, is_new = await self._streams.create(who, path, asked, await self._body(http))
        headers = view_headers(found, found.tail, is_closed=found.note.is_closed)
        if is_new:
            headers["location"] = f"{http.url.scheme}://{http.headers['host']}{quote(http.scope['path'])}"
        return Response(None, 201 if is_new else 200, headers)

    async def _append(self, http: HttpRequest, who: bytes, path: str) -> Response:
        asked = protocol.parse_append(http.headers)
        body = await self._body(http)
        found, done = await self._streams.append(who, path, asked, body)
        headers = {fields.NEXT_OFFSET: fields.show_offset(found.tail)}
        if found.note.is_closed:
            headers[fields.CLOSED] = "true"
        if asked.producer is not None:
            headers |= {fields.PRODUCER_EPOCH: str(asked.producer.epoch), fields.PRODUCER_SEQ: str(done.seq)}
        is_told = asked.producer is not None and done.note is not None and bool(body)
        return Response(None, 200 if is_told else 204, headers)

    async def _describe(self, who: bytes, path: str) -> Response:
        found = await self._streams.find(who, path)
        note = found.note
        headers = view_headers(found, found.tail, is_closed=note.is_closed) | {"cache-control": "no-store"}
        headers["etag"] = etag(found, fields.BEGINNING, found.tail, is_closed=note.is_closed)
        if note.ttl is not None:
            headers[fields.TTL] = str(note.ttl)
        if note.expires_at is not None:
            headers[fields.EXPIRES_AT] = note.expires_at
        return Response(None, 200, headers)

    async def _body(self, http: HttpRequest) -> bytes:
        limits = self._access.limits
        return await read_body(http, http.receive, limits.max_body, stall=limits.stall_timeout)


_READ_ONLY: Mapping[str, str] = {"allow": "GET, HEAD"}


def _path(http: HttpRequest) -> str:
    """The name of a stream.

    Raises:
        APIError: 400, 404: it can be none.
    """
    path: str = http.path_params["path"]
    if not path or len(path) > 1024 or any(char < " " or char == "\x7f" for char in path):
        raise refusal(400, "the path of a stream has 1 to 1024 characters, none of them a control character")
    if path.partition("/")[0] == _RESERVED:
        raise refusal(404, f"there are no subscriptions here, and {_RESERVED} is no stream")
    return path


def _named(source: str, http: HttpRequest, path: str) -> str:
    """The name of the stream that a header names by its URL, or by the path of it.

    Raises:
        APIError: 404, it is no URL of a stream.
    """
    before = http.scope["path"].removesuffix(path)
    target = unquote(urlsplit(source).path)
    if not target.startswith(before):
        raise refusal(404, "there is no stream to fork from")
    return target.removeprefix(before)
