"""The Gemini endpoint: ``generateContent`` and its family, for every client of the Gemini API and Vertex AI."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from headwater.engines.base import Engine, EngineRequest, NativeMethods, UpstreamCall
from headwater.errors import UnknownStreamError, api_error
from headwater.json_text import decode_json
from headwater.offline import METHODS
from headwater.protocols.openai.models import chat_model, chat_model_list
from headwater.server.http.auth import Auth
from headwater.server.http.body import read_request_body
from headwater.server.http.middleware import add_log_fields
from headwater.server.http.numbers import parse_timeout
from headwater.server.http.offload import run_sized
from headwater.server.http.paging import page_document, parse_page
from headwater.server.http.responses import JSON, json_response
from headwater.server.http.resume_headers import parse_keep, parse_resume
from headwater.server.streams.encodings import ArrayEncoding, EventEncoding, ResponseEncoding, WholeEncoding
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.recorder import Recorder
from headwater.server.streams.registry import StreamRegistry
from headwater.server.streams.responses import RelayResponse, StreamResponse
from headwater.server.streams.retention import RetentionPolicy
from headwater.server.streams.routing import EngineRouter

#: The versions in paths. SDKs may be configured to use none.
VERSIONS = ("/v1", "/v1beta", "/v1alpha", "/v1beta1", "")
# The first two are the Developer API's, the others Vertex AI's.
_SCOPES = (
    "/models",
    "/tunedModels",
    "/publishers/{publisher}/models",
    "/projects/{project}/locations/{location}/publishers/{publisher}/models",
    "/projects/{project}/locations/{location}/models",
)
#: Where both APIs have their models. They share no field of a list or of a model.
_SHARED = ("/v1/models", "/models")


class GeminiEndpoint:
    """The handlers of the Gemini API. They raise errors that the application turns into responses."""

    def __init__(self, engines: EngineRouter, recorder: Recorder, auth: Auth, registry: StreamRegistry) -> None:
        self._engines = engines
        self._recorder = recorder
        self._auth = auth
        self._registry = registry

    def routes(self) -> list[Route]:
        """Return the routes for all versions and scopes."""
        routes = []
        for scope in (version + scope for version in VERSIONS for scope in _SCOPES):
            routes += [
                Route(scope, self._list_models, methods=["GET"]),
                # A model's name may contain slashes; the method follows the last colon.
                Route(scope + "/{model:path}:{method}", self._call, methods=["POST"]),
                Route(scope + "/{model:path}", self._get_model, methods=["GET"]),
            ]
        return routes

    async def _call(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        body = await read_request_body(http, self._auth.limits)
        model, method = _model(http), http.path_params["method"]
        engine = self._engines.for_model(model)
        add_log_fields(http.scope, model=model, engine=engine.name)
        timeout = parse_timeout(http.headers.get("x-server-timeout"))
        match method:
            case "generateContent" | "streamGenerateContent":
                request = EngineRequest(model, body, is_stream=method == "streamGenerateContent", timeout=timeout)
                return await self._generate(http, principal, engine, request)
            case "countTokens":
                body = await run_sized(len(body), _count_tokens_body, body)
                request = EngineRequest(model, body, is_stream=False, timeout=timeout)
                return await _count_tokens(engine, await self._recorder.prepare(principal, engine, request))
            case _ if method in METHODS:
                with self._auth.quotas.stream(principal):
                    return await _call_method(engine, f"models/{model}:{method}", body, timeout)
        raise api_error(404, f"unknown method {method!r}", status="NOT_FOUND")

    async def _generate(self, http: HttpRequest, principal: bytes, engine: Engine, request: EngineRequest) -> Response:
        encoding = _encoding(request, http.query_params.get("alt"))
        # A resumed stream ignores the request's body: it was answered when the stream started.
        resume = parse_resume(http.headers)
        if resume is not None:
            return await self._resume(*resume, principal, encoding)
        keep = parse_keep(http.headers) if request.is_stream else None
        if keep is not None:
            return await self._start_stored(request, principal, encoding, keep)
        return RelayResponse(self._recorder, engine, request, encoding, auth=self._auth, principal=principal)

    async def _start_stored(
        self, request: EngineRequest, principal: bytes, encoding: ResponseEncoding, keep: float
    ) -> Response:
        """Stream an answer that is kept for ``keep`` seconds without a reader."""
        header, policy = StreamHeader("", request.model), RetentionPolicy(idle_ttl=keep)
        started = await self._registry.start(principal, request, header, policy)
        name, header = started.name, started.header
        return StreamResponse(self._registry, name, header, encoding, auth=self._auth, principal=principal)

    async def _resume(self, name: str, after: int, principal: bytes, encoding: ResponseEncoding) -> Response:
        """Stream the rest of a stored stream."""
        try:
            header = await self._registry.find(principal, name)
        except UnknownStreamError:
            raise api_error(404, "the stream is no longer stored: start over", status="NOT_FOUND") from None
        return StreamResponse(self._registry, name, header, encoding, auth=self._auth, principal=principal, after=after)

    async def _list_models(self, http: HttpRequest) -> Response:
        self._auth.identify(http)
        start, size = parse_page(http, default=50, limit=1000)
        models = await self._engines.models()
        name = "publisherModels" if "publisher" in http.path_params else "models"
        page = page_document(name, models, start, size)
        return json_response(page | (chat_model_list(models) if _is_shared(http) else {}))

    async def _get_model(self, http: HttpRequest) -> Response:
        self._auth.identify(http)
        model = await self._engines.model(http.path_params["model"])
        return json_response(msgspec.to_builtins(model) | chat_model(model) if _is_shared(http) else model)


def _is_shared(http: HttpRequest) -> bool:
    """Whether clients of OpenAI ask for models at the same path: the document then has the fields of both APIs."""
    return str(http.scope["path"]).removeprefix(http.scope.get("root_path", "")).startswith(_SHARED)


def _model(http: HttpRequest) -> str:
    model: str = http.path_params["model"]
    return f"tunedModels/{model}" if "/tunedModels/" in http.scope["path"] else model


async def _call_method(engine: Engine, path: str, body: bytes, timeout: float | None) -> Response:
    methods: NativeMethods | None = getattr(engine, "methods", None)
    if methods is None:
        method = path.rpartition(":")[2]
        raise api_error(501, f"the engine {engine.name} has no method {method!r}", status="UNIMPLEMENTED")
    try:
        async with asyncio.timeout(timeout):
            answer = await methods.call(UpstreamCall("POST", path, body))
    except TimeoutError as error:
        raise api_error(504, "the call timed out", status="DEADLINE_EXCEEDED") from error
    return Response(answer, 200, None, JSON.decode())


async def _count_tokens(engine: Engine, request: EngineRequest) -> Response:
    try:
        async with asyncio.timeout(request.timeout):
            return json_response(await engine.count_tokens(request))
    except TimeoutError as error:
        raise api_error(504, "counting tokens timed out", status="DEADLINE_EXCEEDED") from error


def _encoding(request: EngineRequest, alt: str | None) -> ResponseEncoding:
    if not request.is_stream:
        return WholeEncoding()
    return EventEncoding() if alt == "sse" else ArrayEncoding()  # without alt=sse the API sends one JSON array


def _count_tokens_body(body: bytes) -> bytes:
    """The request whose tokens are counted: the body or, inside it, ``generateContentRequest`` with all its fields."""
    document = decode_json(body, "Invalid JSON payload received.")
    # The SDKs write either spelling (camelCase for REST, snake_case for Python dicts).
    inner = None
    if isinstance(document, dict):
        inner = document.get("generateContentRequest") or document.get("generate_content_request")
    if isinstance(inner, dict):
        inner.pop("model", None)
        return msgspec.json.encode(inner)
    return body
