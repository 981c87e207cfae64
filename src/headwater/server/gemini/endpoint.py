"""The Gemini endpoint: ``generateContent`` and its family, for every client that speaks to Google."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from headwater.engines.base import EngineRequest
from headwater.errors import UnknownStreamError, UsageError, api_error
from headwater.json_text import decode_json
from headwater.server.gemini.resume_headers import parse_keep, parse_resume
from headwater.server.http.auth import Auth
from headwater.server.http.body import read_request_body
from headwater.server.http.middleware import add_log_fields
from headwater.server.http.paging import page_document, parse_page
from headwater.server.http.responses import json_response
from headwater.server.streams.encodings import ArrayEncoding, EventEncoding, ResponseEncoding, WholeEncoding
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.recorder import Recorder
from headwater.server.streams.registry import StreamRegistry
from headwater.server.streams.responses import RelayResponse, StreamResponse
from headwater.server.streams.retention import RetentionPolicy
from headwater.server.streams.routing import EngineRouter
from headwater.types import Model

#: The versions of the API; clients can be told to leave it out.
VERSIONS = ("/v1", "/v1beta", "/v1alpha", "/v1beta1", "")
_SCOPES = (
    "/models",
    "/tunedModels",
    "/publishers/{publisher}/models",
    "/projects/{project}/locations/{location}/publishers/{publisher}/models",
    "/projects/{project}/locations/{location}/models",
)


class GeminiEndpoint:
    """The routes of the Gemini API over engines and a log. Its handlers raise what the app turns into refusals."""

    def __init__(self, engines: EngineRouter, recorder: Recorder, access: Auth, registry: StreamRegistry) -> None:
        self._engines = engines
        self._recorder = recorder
        self._access = access
        self._registry = registry

    def routes(self) -> list[Route]:
        """Return the routes, with and without a version, as the Developer API and as Vertex AI have them."""
        found = []
        for scope in (version + scope for version in VERSIONS for scope in _SCOPES):
            found += [
                Route(scope, self._list_models, methods=["GET"]),
                Route(scope + "/{model:path}:{method}", self._call, methods=["POST"]),
                Route(scope + "/{model:path}", self._get_model, methods=["GET"]),
            ]
        return found

    async def _call(self, http: HttpRequest) -> Response:
        who = self._access.identify(http)
        body = await read_request_body(http, self._access.limits)
        model, method = _model(http), http.path_params["method"]
        engine = self._engines.for_model(model)
        add_log_fields(http.scope, model=model, engine=engine.name)
        timeout = _timeout(http.headers.get("x-server-timeout"))
        match method:
            case "generateContent" | "streamGenerateContent":
                request = EngineRequest(model, body, is_stream=method == "streamGenerateContent", timeout=timeout)
                form = _form(request, http.query_params.get("alt"))
                rest = parse_resume(http.headers)
                if rest is not None:
                    return await self._rest(*rest, who, form)
                keep = parse_keep(http.headers) if request.is_stream else None
                if keep is not None:
                    return await self._keep(request, who, form, keep)
                return RelayResponse(self._recorder, engine, request, form, auth=self._access, principal=who)
            case "countTokens":
                request = EngineRequest(model, _unwrapped(body), is_stream=False, timeout=timeout)
                try:
                    async with asyncio.timeout(timeout):
                        return json_response(await engine.count_tokens(request))
                except TimeoutError as error:
                    raise api_error(504, "counting took too long", status="DEADLINE_EXCEEDED") from error
        raise api_error(404, f"there is no method {method!r} here", status="NOT_FOUND")

    async def _keep(self, request: EngineRequest, who: bytes, form: ResponseEncoding, seconds: float) -> Response:
        """An answer that outlives its connection for a while."""
        head, terms = StreamHeader("", request.model), RetentionPolicy(idle_ttl=seconds)
        started = await self._registry.start(who, request, head, terms)
        return StreamResponse(self._registry, started.name, started.header, form, auth=self._access, principal=who)

    async def _rest(self, name: str, after: int, who: bytes, form: ResponseEncoding) -> Response:
        """The rest of an answer that has a name."""
        try:
            head = await self._registry.find(who, name)
        except UnknownStreamError:
            raise api_error(404, "the stream is not kept any more: ask anew", status="NOT_FOUND") from None
        return StreamResponse(self._registry, name, head, form, auth=self._access, principal=who, after=after)

    async def _list_models(self, http: HttpRequest) -> Response:
        self._access.identify(http)
        start, size = parse_page(http, default=50, limit=1000)
        models = await self._models()
        name = "publisherModels" if "publisher" in http.path_params else "models"
        return json_response(page_document(name, models, start, size))

    async def _get_model(self, http: HttpRequest) -> Response:
        self._access.identify(http)
        name = http.path_params["model"]
        for model in await self._models():
            known = model.name or ""
            if name in (known, known.removeprefix("models/"), known.rpartition("/")[2]):
                return json_response(model)
        raise api_error(404, f"there is no model {name!r} here", status="NOT_FOUND")

    async def _models(self) -> list[Model]:
        found = [model for engine in self._engines.all() for model in await engine.models()]
        return list({model.name: model for model in found}.values())


def _model(http: HttpRequest) -> str:
    model: str = http.path_params["model"]
    return f"tunedModels/{model}" if "/tunedModels/" in http.scope["path"] else model


def _form(request: EngineRequest, alt: str | None) -> ResponseEncoding:
    if not request.is_stream:
        return WholeEncoding()
    return EventEncoding() if alt == "sse" else ArrayEncoding()


def _timeout(text: str | None) -> float | None:
    try:
        seconds = float(text) if text else None
    except ValueError:
        raise UsageError("X-Server-Timeout is a number of seconds") from None
    return seconds if seconds and 0 < seconds < float("inf") else None


def _unwrapped(body: bytes) -> bytes:
    """The request whose tokens are counted: the body, or its ``generateContentRequest``."""
    document = decode_json(body, "Invalid JSON payload received.")
    inner = None
    if isinstance(document, dict):
        inner = document.get("generateContentRequest") or document.get("generate_content_request")
    if isinstance(inner, dict):
        inner.pop("model", None)
        return msgspec.json.encode(inner)
    return body
