"""The Gemini endpoint: ``generateContent`` and its family, for every client that speaks to Google."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from headwater.engines.base import Request
from headwater.errors import HeadwaterError, UsageError, api_error
from headwater.log.base import Page, tail
from headwater.server import frames, records
from headwater.server.access import Access, read_body
from headwater.server.choice import Engines
from headwater.server.metrics import Metrics
from headwater.server.recorder import Generation, Recorder
from headwater.types import Model

_VERSIONS = ("/v1", "/v1beta", "/v1alpha", "/v1beta1", "")
_SCOPES = (
    "/models",
    "/tunedModels",
    "/publishers/{publisher}/models",
    "/projects/{project}/locations/{location}/publishers/{publisher}/models",
    "/projects/{project}/locations/{location}/models",
)
_STREAM_HEADERS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx: send on what comes, at once
    (b"x-content-type-options", b"nosniff"),
)


class GeminiEndpoint:
    """The routes of the Gemini API over engines and a log."""

    def __init__(self, engines: Engines, recorder: Recorder, access: Access, metrics: Metrics) -> None:
        self._engines = engines
        self._recorder = recorder
        self._access = access
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """Return the routes, with and without a version, as the Developer API and as Vertex AI have them."""
        found = []
        for scope in (version + scope for version in _VERSIONS for scope in _SCOPES):
            found += [
                Route(scope, self._list_models, methods=["GET"]),
                Route(scope + "/{model}", self._get_model, methods=["GET"]),
                Route(scope + "/{model}:{method}", self._call, methods=["POST"]),
            ]
        return found

    async def _call(self, http: HttpRequest) -> Response:
        try:
            who = self._access.identify(http)
            body = await read_body(http, http.receive, self._access.limits.body)
            return await self._dispatch(http, who, body)
        except HeadwaterError as error:
            return self.refuse(error)

    async def _dispatch(self, http: HttpRequest, who: bytes, body: bytes) -> Response:
        model, method = http.path_params["model"], http.path_params["method"]
        timeout = _timeout(http.headers.get("x-server-timeout"))
        match method:
            case "generateContent" | "streamGenerateContent":
                is_stream = method == "streamGenerateContent"
                request = Request(model, body, is_stream=is_stream, timeout=timeout)
                kind = "unary" if not is_stream else "sse" if http.query_params.get("alt") == "sse" else "array"
                return AnswerResponse(self, who, request, kind)
            case "countTokens":
                request = Request(model, _unwrapped(body), is_stream=False, timeout=timeout)
                return _json(await self._engines.for_model(model).count_tokens(request))
        raise api_error(404, f"there is no method {method!r} here", status="NOT_FOUND")

    async def _list_models(self, http: HttpRequest) -> Response:
        try:
            self._access.identify(http)
            models = await self._models()
            size = min(max(int(http.query_params.get("pageSize") or 50), 1), 1000)
            start = int(http.query_params.get("pageToken") or 0)
        except ValueError as error:
            problem = error if isinstance(error, HeadwaterError) else UsageError("pageSize and pageToken are numbers")
            return self.refuse(problem)
        except HeadwaterError as error:
            return self.refuse(error)
        name = "publisherModels" if "publisher" in http.path_params else "models"
        page: dict[str, Any] = {name: models[start : start + size]}
        if start + size < len(models):
            page["nextPageToken"] = str(start + size)
        return _json(page)

    async def _get_model(self, http: HttpRequest) -> Response:
        try:
            self._access.identify(http)
            name = http.path_params["model"]
            for model in await self._models():
                if (model.name or "").rpartition("/")[2] == name:
                    return _json(model)
            raise api_error(404, f"there is no model {name!r} here", status="NOT_FOUND")
        except HeadwaterError as error:
            return self.refuse(error)

    async def _models(self) -> list[Model]:
        found = [model for engine in self._engines.all() for model in await engine.models()]
        return list({model.name: model for model in found}.values())

    async def start(self, request: Request) -> Generation:
        """Begin to produce an answer."""
        return await self._recorder.start(self._engines.for_model(request.model), request)

    @property
    def recorder(self) -> Recorder:
        """What runs the productions."""
        return self._recorder

    @property
    def access(self) -> Access:
        """Who may do what."""
        return self._access

    def refuse(self, error: Exception) -> Response:
        """Return the answer that refuses a request, as Google words it."""
        code = records.error_code(error)
        self._metrics.refused(str(code))
        headers = {"retry-after": "1"} if code == 429 else None
        return Response(records.error_body(error), _http_status(code), headers, "application/json; charset=UTF-8")


class AnswerResponse(Response):
    """An answer, read from the log as it is written. When the client goes away, its production stops."""

    def __init__(self, endpoint: GeminiEndpoint, who: bytes, request: Request, kind: str) -> None:
        self.background = None
        self._endpoint = endpoint
        self._who = who
        self._request = request
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Produce the answer and send it."""
        endpoint = self._endpoint
        try:
            with endpoint.access.stream(self._who):
                generation = await endpoint.start(self._request)
                watcher = asyncio.create_task(_watch(receive, generation))
                try:
                    await self._answer(generation, scope, receive, send)
                finally:
                    watcher.cancel()
                    generation.cancel()
                    await endpoint.recorder.log.drop(generation.key)
        except HeadwaterError as error:
            await endpoint.refuse(error)(scope, receive, send)

    async def _answer(self, generation: Generation, scope: Scope, receive: Receive, send: Send) -> None:
        pages = tail(endpoint_log(self._endpoint), generation.key, pause=self._endpoint.access.limits.keep_alive)
        first = await anext(pages)
        if first.records and not frames.is_chunk(first.records[0]) and first.records[0][0] == records.ERROR:
            await _send_refusal(self._endpoint, first.records[0], self._kind, scope, receive, send)
        elif self._kind == "unary":
            await self._send_whole(first, pages, scope, receive, send)
        elif self._kind == "sse":
            await _send_stream(_STREAM_HEADERS, frames.sse_frames, b"", first, pages, send)
        else:
            array = frames.ArrayFrames()
            head = ((b"content-type", b"application/json; charset=UTF-8"), *_STREAM_HEADERS[1:])
            await _send_stream(head, array.frames, array, first, pages, send)

    async def _send_whole(
        self, first: Page, pages: AsyncIterator[Page], scope: Scope, receive: Receive, send: Send
    ) -> None:
        page = first
        while not page.records:
            page = await anext(pages)
        record = page.records[0]
        if frames.is_chunk(record):
            await Response(record[1:], 200, None, "application/json; charset=UTF-8")(scope, receive, send)
        else:
            await _send_refusal(self._endpoint, record, "unary", scope, receive, send)


def endpoint_log(endpoint: GeminiEndpoint) -> Any:
    """Return the log that an endpoint's answers are read from."""
    return endpoint.recorder.log


async def _send_stream(
    headers: tuple[tuple[bytes, bytes], ...],
    make: Callable[[list[bytes]], bytes],
    closing: frames.ArrayFrames | bytes,
    first: Page,
    pages: AsyncIterator[Page],
    send: Send,
) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    page = first
    while True:
        body = make(page.records) if page.records else frames.KEEP_ALIVE
        if body:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        if page.is_end:
            break
        page = await anext(pages)
    end = closing if isinstance(closing, bytes) else closing.end()
    await send({"type": "http.response.body", "body": end, "more_body": False})


async def _send_refusal(
    endpoint: GeminiEndpoint, record: bytes, kind: str, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer with the error that an answer began with, in the form and with the label that Google gives it."""
    body = record[1:]
    code = msgspec.json.decode(body)["error"].get("code", 500)
    body = b"[" + body + b"]" if kind == "array" else body
    label = "text/event-stream" if kind == "sse" else "application/json; charset=UTF-8"
    await Response(body, _http_status(code), None, label)(scope, receive, send)


async def _watch(receive: Receive, generation: Generation) -> None:
    """Stop the production when the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    generation.cancel()


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), 200, None, "application/json; charset=UTF-8")


def _http_status(code: Any) -> int:
    return code if isinstance(code, int) and 400 <= code <= 599 else 500


def _timeout(text: str | None) -> float | None:
    try:
        seconds = float(text) if text else None
    except ValueError:
        raise UsageError("X-Server-Timeout is a number of seconds") from None
    return seconds if seconds and seconds > 0 else None


def _unwrapped(body: bytes) -> bytes:
    """The request whose tokens are counted: the body, or its ``generateContentRequest``."""
    try:
        document = msgspec.json.decode(body)
    except msgspec.MsgspecError as error:
        raise UsageError(f"Invalid JSON payload received. {error}") from error
    inner = document.get("generateContentRequest") if isinstance(document, dict) else None
    if isinstance(inner, dict):
        inner.pop("model", None)
        return msgspec.json.encode(inner)
    return body
