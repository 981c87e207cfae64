"""The routes of ``/v1/durable/``: HTTP requests to durable streams."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from headwater.contract.paths import DURABLE
from headwater.errors import APIError
from headwater.server.durable import fields, protocol
from headwater.server.durable.fields import refusal
from headwater.server.durable.reader import DurableReader, etag, stream_headers
from headwater.server.durable.streams import DurableStreams
from headwater.server.http.auth import Auth
from headwater.server.http.body import read_body
from headwater.server.http.error_handlers import error_response
from headwater.server.http.metrics import ServerMetrics

_METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"]
#: On every response ("Browser Security Headers"): no page of another site can embed a stream, whatever its content.
_HEADERS = {"cross-origin-resource-policy": "same-origin"}
#: The path prefix that "Reserved Subscription APIs" reserves; subscriptions are optional, and not served here.
_RESERVED = "__ds"


class DurableEndpoint:
    """Handles ``/v1/durable/{path}``. Unless ``is_writable``, clients can only read stored answers there."""

    def __init__(
        self,
        streams: DurableStreams,
        auth: Auth,
        metrics: ServerMetrics,
        draining: asyncio.Event,
        *,
        is_writable: bool,
    ) -> None:
        self._streams = streams
        self._auth = auth
        self._metrics = metrics
        self._reader = DurableReader(streams, auth, draining)
        self._is_writable = is_writable

    def routes(self) -> list[BaseRoute]:
        """Return the one route."""
        return [Route(DURABLE + "/{path:path}", self._handle, methods=_METHODS)]

    async def _handle(self, http: HttpRequest) -> Response:
        try:
            principal = self._auth.identify(http)
            response = await self._dispatch(http, principal, _path(http))
        except APIError as error:
            # Not left to the app's handlers, since an error carries headers of the protocol.
            self._metrics.refused(str(error.code))
            response = error_response(error, error.headers)
        response.headers.update(_HEADERS)
        return response

    async def _dispatch(self, http: HttpRequest, principal: bytes, path: str) -> Response:
        if http.method == "GET":
            return await self._reader.read(http, principal, path)
        if http.method == "HEAD":
            return await self._describe(principal, path)
        if not self._is_writable:
            raise refusal(405, _SWITCHED_OFF, _READ_ONLY)
        if http.method == "PUT":
            return await self._create(http, principal, path)
        if http.method == "POST":
            return await self._append(http, principal, path)
        await self._streams.delete(principal, path)
        return Response(status_code=204)

    async def _create(self, http: HttpRequest, principal: bytes, path: str) -> Response:
        creation = protocol.parse_creation(http.headers)
        if creation.forked_from is not None:
            creation = creation._replace(forked_from=_source_path(creation.forked_from, http, path))
        stream, is_new = await self._streams.create(principal, path, creation, await self._body(http))
        headers = stream_headers(stream, stream.tail, is_closed=stream.note.is_closed)
        if is_new:
            headers["location"] = f"{http.url.scheme}://{http.headers['host']}{quote(http.scope['path'])}"
        return Response(None, 201 if is_new else 200, headers)

    async def _append(self, http: HttpRequest, principal: bytes, path: str) -> Response:
        request = protocol.parse_append(http.headers)
        body = await self._body(http)
        stream, result = await self._streams.append(principal, path, request, body)
        headers = {fields.NEXT_OFFSET: fields.format_offset(stream.tail)}
        if stream.note.is_closed:
            headers[fields.CLOSED] = "true"
        if request.producer is not None:
            headers |= {fields.PRODUCER_EPOCH: str(request.producer.epoch), fields.PRODUCER_SEQ: str(result.seq)}
        # "Response Codes (with Producer Headers)": 200 for new data, 204 for a duplicate; 204 without a producer.
        is_new_data = request.producer is not None and result.note is not None and bool(body)
        return Response(None, 200 if is_new_data else 204, headers)

    async def _describe(self, principal: bytes, path: str) -> Response:
        """HEAD ("Stream Metadata"): it must not be cached, and does not renew the TTL."""
        stream = await self._streams.find(principal, path)
        note = stream.note
        headers = stream_headers(stream, stream.tail, is_closed=note.is_closed) | {"cache-control": "no-store"}
        headers["etag"] = etag(stream, fields.BEGINNING, stream.tail, is_closed=note.is_closed)
        if note.ttl is not None:
            headers[fields.TTL] = str(note.ttl)
        if note.expires_at is not None:
            headers[fields.EXPIRES_AT] = note.expires_at
        return Response(None, 200, headers)

    async def _body(self, http: HttpRequest) -> bytes:
        limits = self._auth.limits
        return await read_body(http, http.receive, limits.max_body, stall=limits.stall_timeout)


_READ_ONLY: Mapping[str, str] = {"allow": "GET, HEAD"}
_SWITCHED_OFF = "clients cannot create or change streams here (headwater serve --durable-streams allows it)"


def _path(http: HttpRequest) -> str:
    """The path of a stream.

    Raises:
        APIError: 400, if it is not a valid path; 404, if it is reserved.
    """
    path: str = http.path_params["path"]
    if not path or len(path) > 1024 or any(char < " " or char == "\x7f" for char in path):
        raise refusal(400, "the path of a stream has 1 to 1024 characters, none of them a control character")
    if path.partition("/")[0] == _RESERVED:
        raise refusal(404, f"subscriptions are not supported, and {_RESERVED} is reserved for them")
    return path


def _source_path(source: str, http: HttpRequest, path: str) -> str:
    """The path of the stream that ``Stream-Forked-From`` names, by the path of its URL (or by its whole URL).

    Raises:
        APIError: 404, if it is not the URL of a stream.
    """
    prefix = http.scope["path"].removesuffix(path)
    target = unquote(urlsplit(source).path)
    if not target.startswith(prefix):
        raise refusal(404, "the stream to fork from does not exist")
    return target.removeprefix(prefix)
