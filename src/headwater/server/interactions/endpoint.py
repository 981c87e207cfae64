"""The routes of ``/interactions``: create (whole, streamed or in the background), read, resume, cancel, delete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from headwater.contract.headers import IDEMPOTENCY_KEY
from headwater.contract.limits import MAX_KEY_LENGTH
from headwater.engines.base import Engine, EngineRequest, UpstreamCall
from headwater.errors import UsageError
from headwater.protocols.interactions.conversation import already_ended, unknown_interaction
from headwater.protocols.interactions.create_request import CreateRequest, read_create
from headwater.protocols.interactions.encoder import Cursor, InteractionEncoder
from headwater.protocols.interactions.error_codes import failure_of, refusal
from headwater.protocols.interactions.outcomes import IN_PROGRESS
from headwater.server.config import InteractionsStore
from headwater.server.http.auth import Auth
from headwater.server.http.body import read_request_body
from headwater.server.http.error_handlers import set_error_shape
from headwater.server.http.middleware import add_log_fields
from headwater.server.http.numbers import parse_timeout
from headwater.server.http.offload import run_sized
from headwater.server.http.responses import json_response
from headwater.server.interactions.encoding import InteractionEncoding
from headwater.server.interactions.native import CreateGlance, NativeStreams, is_native, raw_query
from headwater.server.interactions.stored import (
    KIND,
    StoredInteraction,
    StoredInteractions,
    info_of,
)
from headwater.server.interactions.whole_response import NewStream, WholeInteraction
from headwater.server.streams.log_keys import is_name, new_name, owner_of
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.recorder import Recorder
from headwater.server.streams.registry import StreamRegistry
from headwater.server.streams.responses import RelayResponse, StreamResponse
from headwater.server.streams.retention import RetentionPolicy
from headwater.server.streams.routing import EngineRouter, model_name

#: The versions in paths. SDKs may be configured to use none.
_VERSIONS = ("/v1", "/v1beta", "/v1alpha", "/v1beta1", "")
#: The second is Vertex AI's.
_SCOPES = ("/interactions", "/projects/{project}/locations/{location}/interactions")
#: Resources of the API that this server does not have.
ABSENT = ("agents", "environments", "webhooks")
#: How long a cancellation waits for the end before it returns the interaction (seconds).
_CANCEL_SECONDS = 1.0

_Handler = Callable[[HttpRequest], Awaitable[Response]]


class InteractionsEndpoint:
    """The handlers of the Interactions API. They raise errors that the application turns into responses.

    ``store`` says which interactions are stored: those that do not decline it (``"default"``, as the API has it), those
    that ask for it (``"allowed"``), or none (``"never"``).
    """

    def __init__(
        self,
        engines: EngineRouter,
        recorder: Recorder,
        registry: StreamRegistry,
        auth: Auth,
        stored: StoredInteractions,
        store: InteractionsStore,
    ) -> None:
        self._native = NativeStreams(recorder, registry, auth)
        self._upstream = next((engine for engine in engines.all() if is_native(engine)), None)
        self._engines = engines
        self._recorder = recorder
        self._registry = registry
        self._auth = auth
        self._stored = stored
        self._store = store

    def routes(self) -> list[BaseRoute]:
        """Return the routes for all versions and scopes."""
        found: list[BaseRoute] = []
        for base in (version + scope for version in _VERSIONS for scope in _SCOPES):
            one = base + "/{id}"
            # The form with a colon is that of Vertex AI's documentation.
            found += [
                Route(base, _shaped(self._create, is_create=True), methods=["POST"]),
                Route(base + "/live", _shaped(self._refuse_live), methods=["GET"]),
                Route(one + "/cancel", _shaped(self._cancel), methods=["POST"]),
                Route(one + ":cancel", _shaped(self._cancel), methods=["POST"]),
                Route(one + ":stream", _shaped(self._stream), methods=["GET"]),
                Route(one, _shaped(self._get), methods=["GET"]),
                Route(one, _shaped(self._delete), methods=["DELETE"]),
            ]
        # What clients of this API ask for besides: they are told why there is nothing.
        absent = _shaped(self._refuse_absent)
        return found + [
            Route(f"{version}/{name}{rest}", absent, methods=["GET", "POST", "DELETE"])
            for version in _VERSIONS
            for name in ABSENT
            for rest in ("", "/{rest:path}")
        ]

    # Create

    async def _create(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        body = await read_request_body(http, self._auth.limits)
        if self._upstream is not None:
            glance = await run_sized(len(body), CreateGlance.read, body)
            engine = self._upstream
            if glance.model:
                engine = self._engines.for_model(glance.model)
            if is_native(engine):
                return await self._pass_on(http, principal, engine, body, glance)
        request = await run_sized(len(body), read_create, body)
        model = model_name(request.model)
        add_log_fields(http.scope, model=model, engine=self._engines.for_model(model).name)
        is_stored = self._is_stored(request.store, is_background=request.background)
        if request.previous and self._store == "never":
            raise unknown_interaction(request.previous)
        history = await self._stored.prior_turns(owner_of(principal), request)
        gemini = await run_sized(len(body) + history.size, request.gemini_body, history)
        asked = EngineRequest(model, gemini, timeout=parse_timeout(http.headers.get("x-server-timeout")))
        if is_stored:
            return await self._start(http, principal, request, asked, body)
        return await self._relay(principal, request, asked)

    async def _pass_on(
        self, http: HttpRequest, principal: bytes, engine: Engine, body: bytes, glance: CreateGlance
    ) -> Response:
        """Let the engine's upstream answer."""
        add_log_fields(http.scope, model=glance.model or glance.agent or "", engine=engine.name)
        is_stored = self._is_stored(glance.store, is_background=bool(glance.background))
        key = _idempotency_key(http)
        return await self._native.create(principal, engine, body, glance, is_stored=is_stored, idempotency_key=key)

    def _is_stored(self, store: bool | None, *, is_background: bool) -> bool:
        if self._store == "never" and is_background:
            raise refusal(
                400, "invalid_request", "this server stores no interactions, so none can run in the background"
            )
        wants = is_background or (self._store == "default" if store is None else store)
        return wants and self._store != "never"

    async def _start(
        self, http: HttpRequest, principal: bytes, request: CreateRequest, asked: EngineRequest, body: bytes
    ) -> Response:
        """Answer a request with an interaction that is stored, and goes on when its reader disconnects."""
        started = await self._registry.start(
            principal,
            asked,
            StreamHeader("", asked.model, on_break="continue", kind=KIND),
            RetentionPolicy(),
            idempotency_key=_idempotency_key(http),
            stored_body=body,
        )
        info = info_of(started.name, started.header, request)
        encoding = InteractionEncoding(InteractionEncoder(info), headers_first=request.background)
        if request.background and not request.stream:
            return json_response(info.document(IN_PROGRESS) | info.times(info.created))
        if request.stream:
            name, header = started.name, started.header
            return NewStream(self._registry, name, header, encoding, auth=self._auth, principal=principal)
        return WholeInteraction(
            self._registry, started, info, encoding, auth=self._auth, principal=principal, is_stored=True
        )

    async def _relay(self, principal: bytes, request: CreateRequest, asked: EngineRequest) -> Response:
        """Answer a request with an interaction that is stored nowhere, and ends with its reader."""
        name = new_name()
        header = StreamHeader(owner_of(principal), asked.model, created=time.time())
        info = info_of(name, header, request)
        encoding = InteractionEncoding(InteractionEncoder(info), headers_first=False)
        if request.stream:
            engine = self._engines.for_model(asked.model)
            return RelayResponse(self._recorder, engine, asked, encoding, auth=self._auth, principal=principal)
        started = await self._registry.relay(principal, asked, header)
        return WholeInteraction(
            self._registry, started, info, encoding, auth=self._auth, principal=principal, is_stored=False
        )

    # Read

    async def _get(self, http: HttpRequest) -> Response:
        if _flag(http, "stream"):
            return await self._stream(http)
        if _last_event_id(http) is not None:
            raise UsageError("last_event_id requires stream=true")
        principal, interaction = self._caller(http)
        if await self._is_passed_on(principal, interaction):
            return await self._call_upstream(principal, interaction, "GET", query=raw_query(http))
        return json_response(await self._stored.document(await self._find(principal, interaction)))

    async def _stream(self, http: HttpRequest) -> Response:
        principal, interaction = self._caller(http)
        text = _last_event_id(http)
        if self._upstream is not None and await self._is_passed_on(principal, interaction):
            return await self._native.stream(principal, self._upstream, interaction, text, raw_query(http))
        found = await self._find(principal, interaction)
        encoding = await self._stored.encoding(found, None if text is None else Cursor.parse(text))
        name, header = found.stream.name, found.stream.header
        after = 0 if text is None else Cursor.parse(text).record
        return StreamResponse(self._registry, name, header, encoding, auth=self._auth, principal=principal, after=after)

    # Change

    async def _cancel(self, http: HttpRequest) -> Response:
        principal, interaction = self._caller(http)
        if await self._is_passed_on(principal, interaction):
            return await self._call_upstream(principal, interaction, "POST", "/cancel")
        found = await self._find(principal, interaction)
        if found.stream.state.is_sealed:
            raise already_ended()
        # Shielded: the stop continues when this request stops waiting for it.
        stopping = self._registry.stop(found.stream.name)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CANCEL_SECONDS):
                await asyncio.shield(stopping)
        return json_response(await self._stored.document(found))

    async def _delete(self, http: HttpRequest) -> Response:
        principal, interaction = self._caller(http)
        if await self._is_passed_on(principal, interaction):
            return await self._call_upstream(principal, interaction, "DELETE")
        found = await self._find(principal, interaction)
        await self._stored.delete(found)
        return json_response({})

    def _caller(self, http: HttpRequest) -> tuple[bytes, str]:
        """The caller, and the id in the path."""
        return self._auth.identify(http), http.path_params["id"]

    async def _refuse_live(self, http: HttpRequest) -> Response:
        self._auth.identify(http)
        raise refusal(501, "unimplemented", "live interactions are not supported by this server")

    async def _refuse_absent(self, http: HttpRequest) -> Response:
        self._auth.identify(http)
        name = next(name for name in ABSENT if f"/{name}" in http.scope["path"])
        raise refusal(501, "unimplemented", f"this server runs models: it has no {name}")

    async def _find(self, principal: bytes, interaction: str) -> StoredInteraction:
        # An upstream has ids of other forms. One that is not noted is unknown here, not malformed.
        if self._upstream is not None and not is_name(interaction.removeprefix("v1_")):
            raise unknown_interaction(interaction)
        return await self._stored.find(owner_of(principal), interaction)

    async def _is_passed_on(self, principal: bytes, interaction: str) -> bool:
        return self._upstream is not None and await self._native.is_noted(principal, interaction)

    async def _call_upstream(
        self, principal: bytes, interaction: str, method: str, verb: str = "", *, query: str = ""
    ) -> Response:
        assert self._upstream is not None
        call = UpstreamCall(method, f"interactions/{interaction}{verb}{'?' if query else ''}{query}")
        return await self._native.call(principal, self._upstream, call, interaction)


def _shaped(handler: _Handler, *, is_create: bool = False) -> _Handler:
    """Return a handler whose errors have the shape of this API."""

    async def handle(http: HttpRequest) -> Response:
        set_error_shape(http.scope, partial(_error_body, is_create=is_create))
        return await handler(http)

    return handle


def _error_body(body: bytes, *, is_create: bool) -> bytes:
    return failure_of(body, is_about_model=is_create).body


def _idempotency_key(http: HttpRequest) -> str | None:
    key = http.headers.get(IDEMPOTENCY_KEY)
    if key is not None and not 0 < len(key) <= MAX_KEY_LENGTH:
        raise UsageError(f"{IDEMPOTENCY_KEY} must have 1 to {MAX_KEY_LENGTH} characters")
    return key


def _flag(http: HttpRequest, name: str) -> bool:
    text = http.query_params.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise UsageError(f"{name} must be true or false")
    return text in ("true", "1")


def _last_event_id(http: HttpRequest) -> str | None:
    # Proto JSON has both spellings. An empty one is an absent one.
    query = http.query_params
    return query.get("last_event_id") or query.get("lastEventId") or None
