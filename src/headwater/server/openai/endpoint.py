"""Chat completions, responses and models of the OpenAI API, over every engine. Nothing is fetched."""

from __future__ import annotations

import secrets
import time
from functools import partial
from typing import NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from headwater.contract.headers import STREAM
from headwater.engines.base import EngineRequest
from headwater.errors import UnknownStreamError, UsageError
from headwater.protocols.openai.completion import chat_completion
from headwater.protocols.openai.encoder import ChatCompletions
from headwater.protocols.openai.failures import chat_error_body, field_error
from headwater.protocols.openai.fields import ChatFieldError
from headwater.protocols.openai.models import chat_model, chat_model_list
from headwater.protocols.openai.request import ChatRequest, read_chat
from headwater.protocols.openai.signatures import SignatureCache
from headwater.protocols.responses.encoder import ResponseEvents
from headwater.protocols.responses.request import read_response
from headwater.server.http.auth import Auth, Handler
from headwater.server.http.body import read_request_body
from headwater.server.http.error_handlers import set_error_shape
from headwater.server.http.errors import server_error
from headwater.server.http.middleware import add_log_fields
from headwater.server.http.offload import run_sized
from headwater.server.http.responses import json_response
from headwater.server.http.resume_headers import parse_keep, parse_resume
from headwater.server.openai.encodings import ChatEventsEncoding, CompletionEncoding
from headwater.server.streams.idempotency import parse_idempotency_key
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.recorder import Recorder
from headwater.server.streams.registry import StreamRegistry
from headwater.server.streams.responses import RelayResponse, StreamResponse
from headwater.server.streams.retention import RetentionPolicy
from headwater.server.streams.routing import EngineRouter, model_name

#: Where base URLs of clients end: OpenAI's, without a version, and that of Google's own OpenAI endpoint.
PREFIXES = ("/v1", "", "/v1beta/openai")


class ChatCompletionsEndpoint:
    """The handlers of the OpenAI API. Whatever they raise becomes an error as OpenAI's clients read it."""

    def __init__(self, engines: EngineRouter, recorder: Recorder, auth: Auth, registry: StreamRegistry) -> None:
        self._engines = engines
        self._recorder = recorder
        self._auth = auth
        self._registry = registry
        self._signatures = SignatureCache()

    def routes(self) -> list[Route]:
        """Return the routes. ``/v1/models`` is the Gemini endpoint's, which answers both kinds of clients there."""
        chats = [Route(prefix + "/chat/completions", _chat_errors(self._chat), methods=["POST"]) for prefix in PREFIXES]
        responses = [Route(prefix + "/responses", _chat_errors(self._respond), methods=["POST"]) for prefix in PREFIXES]
        models = PREFIXES[-1] + "/models"
        return [
            *chats,
            *responses,
            Route(models, _chat_errors(self._list_models), methods=["GET"]),
            Route(models + "/{model:path}", _chat_errors(self._get_model), methods=["GET"]),
        ]

    async def _chat(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        body = await read_request_body(http, self._auth.limits)
        chat = await run_sized(len(body), read_chat, body, partial(self._signatures.find, principal))
        model = _model(chat.model)
        engine = self._engines.for_model(model)
        add_log_fields(http.scope, model=model, engine=engine.name)
        request = EngineRequest(model, chat.body, is_stream=chat.is_stream)
        request.ignored = chat.ignored
        exchange = _Exchange(principal, chat, request)
        # A resumed stream ignores the request's messages: they were answered when the stream started.
        resume = parse_resume(http.headers)
        if resume is not None:
            return await self._resume(exchange, *resume)
        keep = parse_keep(http.headers) if chat.is_stream else None
        if keep is not None:
            return await self._start_stored(exchange, keep, parse_idempotency_key(http.headers))
        encoding = self._stream_encoding(exchange) if chat.is_stream else self._unary_encoding(exchange)
        return RelayResponse(self._recorder, engine, exchange.request, encoding, auth=self._auth, principal=principal)

    async def _respond(self, http: HttpRequest) -> Response:
        """Answer a request of the Responses API, without its state: nothing is stored."""
        principal = self._auth.identify(http)
        body = await read_request_body(http, self._auth.limits)
        asked = await run_sized(len(body), read_response, body, partial(self._signatures.find, principal))
        model, chat = _model(asked.chat.model), asked.chat
        engine = self._engines.for_model(model)
        add_log_fields(http.scope, model=model, engine=engine.name)
        encoder = ResponseEvents(
            asked.echo,
            model=model,
            seed=secrets.token_hex(12),
            created=int(time.time()),
            one_call=chat.one_call,
            keep=partial(self._signatures.keep, principal),
        )
        events = ChatEventsEncoding(encoder, headers_first=False)
        encoding = events if chat.is_stream else CompletionEncoding(encoder.whole)
        request = EngineRequest(model, chat.body, is_stream=chat.is_stream)
        return RelayResponse(self._recorder, engine, request, encoding, auth=self._auth, principal=principal)

    async def _start_stored(self, exchange: _Exchange, keep: float, idempotency_key: str | None) -> Response:
        """Stream an answer that is kept for ``keep`` seconds without a reader."""
        header, policy = StreamHeader("", exchange.request.model), RetentionPolicy(idle_ttl=keep)
        started = await self._registry.start(
            exchange.principal, exchange.request, header, policy, idempotency_key=idempotency_key
        )
        return self._stored(exchange, started.name, started.header)

    async def _resume(self, exchange: _Exchange, name: str, after: int) -> Response:
        """Stream a stored answer without its first ``after`` events."""
        if not exchange.chat.is_stream:
            raise ChatFieldError(f"{STREAM} resumes a stream: send stream: true", "stream")
        try:
            header = await self._registry.find(exchange.principal, name)
        except UnknownStreamError:
            text = "the stream is no longer stored: start over"
            raise server_error(404, "NOT_FOUND", "STREAM_NOT_FOUND", text) from None
        return self._stored(exchange, name, header, after)

    def _stored(self, exchange: _Exchange, name: str, header: StreamHeader, after: int = 0) -> Response:
        # Read from the beginning and not from ``after``: one chunk of the log can be several events or none, and the
        # indices of later calls depend on what came before.
        encoding = self._stream_encoding(exchange, name, header.created, after)
        registry, auth = self._registry, self._auth
        return StreamResponse(registry, name, header, encoding, auth=auth, principal=exchange.principal)

    def _stream_encoding(
        self, exchange: _Exchange, seed: str = "", created: float | None = None, after: int = 0
    ) -> ChatEventsEncoding:
        encoder = ChatCompletions(
            model=exchange.request.model,
            seed=seed or secrets.token_hex(12),
            created=int(time.time() if created is None else created),
            include_usage=exchange.chat.include_usage,
            one_call=exchange.chat.one_call,
            after=after,
            keep=partial(self._signatures.keep, exchange.principal),
        )
        return ChatEventsEncoding(encoder, headers_first=False)

    def _unary_encoding(self, exchange: _Exchange) -> CompletionEncoding:
        write = partial(
            chat_completion,
            model=exchange.request.model,
            seed=secrets.token_hex(12),
            created=int(time.time()),
            one_call=exchange.chat.one_call,
            keep=partial(self._signatures.keep, exchange.principal),
        )
        return CompletionEncoding(write)

    async def _list_models(self, http: HttpRequest) -> Response:
        self._auth.identify(http)
        return json_response(chat_model_list(await self._engines.models()))

    async def _get_model(self, http: HttpRequest) -> Response:
        self._auth.identify(http)
        return json_response(chat_model(await self._engines.model(http.path_params["model"])))


class _Exchange(NamedTuple):
    """A request, whose it is, and what its client has asked."""

    principal: bytes
    chat: ChatRequest
    request: EngineRequest


def _model(name: str) -> str:
    try:
        return model_name(name)
    except UsageError as error:
        raise ChatFieldError(str(error), "model") from None


def _chat_errors(handler: Handler) -> Handler:
    """Have every error of a request, also one of its response, written for clients of OpenAI."""

    async def handle(http: HttpRequest) -> Response:
        set_error_shape(http.scope, chat_error_body)
        try:
            return await handler(http)
        except ChatFieldError as error:
            raise field_error(error) from error

    return handle
