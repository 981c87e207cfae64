"""The endpoints of front ends' libraries: ``useChat`` of the AI SDK, whose chats are saved, and AG-UI agents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from headwater.contract.defaults import DEFAULT_MODEL
from headwater.engines.base import EngineRequest
from headwater.errors import HeadwaterError
from headwater.protocols.ag_ui.encoder import AgUi
from headwater.protocols.ag_ui.input import read_run
from headwater.protocols.ai_sdk.encoder import AiSdk, Version
from headwater.protocols.base import StreamOutcome
from headwater.server.chats.model import Draft, Message, checked_id
from headwater.server.chats.service import AnswerRequest, ChatService
from headwater.server.chats.ui_messages import UiRequest, read, read_request, replayed
from headwater.server.http.auth import Auth
from headwater.server.http.body import read_request_body
from headwater.server.http.error_handlers import error_response
from headwater.server.http.middleware import add_log_fields
from headwater.server.streams.protocol_encodings import ProtocolEncoding
from headwater.server.streams.recorder import Recorder
from headwater.server.streams.registry import StreamRegistry
from headwater.server.streams.responses import RelayResponse, StreamResponse
from headwater.server.streams.routing import EngineRouter, model_name
from headwater.types import Content, GenerateContentResponse
from headwater.types.base import salvage

#: Where each major of the AI SDK finds its chats.
PATHS: dict[str, Version] = {"/api/chat": 5, "/api/v5/chat": 5, "/api/v6/chat": 6, "/api/v7/chat": 7}
AGENT = "/api/ag-ui"
_FORWARDED = ("generationConfig", "toolConfig", "safetySettings")

Handler = Callable[[HttpRequest], Awaitable[Response]]


class UiEndpoint:
    """The routes over the chats, and over the engines for agents, whose threads are kept by their clients."""

    def __init__(
        self, chats: ChatService, registry: StreamRegistry, engines: EngineRouter, recorder: Recorder, access: Auth
    ) -> None:
        self._chats = chats
        self._registry = registry
        self._engines = engines
        self._recorder = recorder
        self._access = access

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        found: list[BaseRoute] = [Route(AGENT, self._agent, methods=["POST"])]
        for path, version in PATHS.items():
            found += [
                Route(path, _in_words(self._chat(version)), methods=["POST"]),
                Route(path + "/{id}/stream", _in_words(self._resume(version)), methods=["GET"]),
                Route(path + "/{id}/stop", _in_words(self._stop), methods=["POST"]),
            ]
        return found

    def _chat(self, version: Version) -> Handler:
        async def chat(http: HttpRequest) -> Response:
            who = self._access.identify(http)
            ask, request = read_request(await self._body(http))
            add_log_fields(http.scope, model=ask.model)
            answer = await self._answer(who, ask, request)
            return await self._read(who, answer, version)

        return chat

    def _resume(self, version: Version) -> Handler:
        async def resume(http: HttpRequest) -> Response:
            who = self._access.identify(http)
            chat = checked_id(http.path_params["id"], "chat")
            answer = await self._chats.running(who, chat)
            if answer is not None:
                before = [salvage(content, Content) for content in answer.contents]  # the page begins the message anew
                return await self._read(who, answer, version, before)
            after = http.query_params.get("after")
            found = None if after is None else await self._chats.find(who, chat)
            ended = None if found is None or after is None else replayed(found, after)
            return Response(None, 204) if ended is None else _whole(ended, version)

        return resume

    async def _stop(self, http: HttpRequest) -> Response:
        who = self._access.identify(http)
        await self._chats.stop(who, checked_id(http.path_params["id"], "chat"))
        return Response(None, 204)

    async def _agent(self, http: HttpRequest) -> Response:
        who = self._access.identify(http)
        run = read_run(await self._body(http))
        forwarded = run.forwarded if isinstance(run.forwarded, dict) else {}
        model = model_name(str(forwarded.get("model") or DEFAULT_MODEL))
        add_log_fields(http.scope, model=model)
        more = {name: forwarded[name] for name in _FORWARDED if name in forwarded}
        request = EngineRequest(model, msgspec.json.encode({**more, **run.request}))
        form = ProtocolEncoding(AgUi(thread_id=run.thread_id, run_id=run.run_id))
        engine = self._engines.for_model(model)
        return RelayResponse(self._recorder, engine, request, form, auth=self._access, principal=who)

    async def _answer(self, who: bytes, ask: UiRequest, request: dict[str, Any]) -> Message:
        """Save what is new, and begin the answer."""
        chat = await self._chats.find(who, ask.id)
        asked = read(ask, chat, request)
        question = AnswerRequest(
            parent=asked.parent,
            model=ask.model,
            request=request,
            new=asked.new,
            contents=asked.contents,
            engine=ask.engine,
        )
        if asked.going_on is None:
            return (await self._chats.answer(who, ask.id, question)).answer
        await self._chats.write(who, Draft(id=ask.id, model=ask.model, messages=asked.new))
        return (await self._chats.go_on(who, ask.id, asked.going_on, question)).answer

    async def _read(self, who: bytes, answer: Message, version: Version, before: Sequence[Content] = ()) -> Response:
        """An answer from its beginning on; it goes on when its reader leaves."""
        name = answer.stream or ""
        encoder = AiSdk(version=version, message_id=answer.id, before=before)
        head = await self._registry.find(who, name)
        return StreamResponse(self._registry, name, head, ProtocolEncoding(encoder), auth=self._access, principal=who)

    async def _body(self, http: HttpRequest) -> bytes:
        return await read_request_body(http, self._access.limits)


def _whole(answer: Message, version: Version) -> Response:
    """An answer that has ended while its page was loading, all at once."""
    contents = [salvage(content, Content) for content in answer.contents]
    encoder = AiSdk(version=version, message_id=answer.id, model=answer.model or "", before=contents)
    pieces = [encoder.begin()]
    if answer.error is not None:
        pieces.append(encoder.fail(msgspec.json.encode({"error": answer.error})))
    else:
        told = {"candidates": [{"finishReason": answer.finish_reason}], "usageMetadata": answer.usage}
        pieces.append(encoder.chunk(salvage(told, GenerateContentResponse)))
        reason: Literal["finished", "cancelled"] = "cancelled" if answer.state == "stopped" else "finished"
        pieces.append(encoder.end(StreamOutcome(reason=reason)))
    return Response(b"".join(pieces), 200, dict(encoder.headers))


def _in_words(handler: Handler) -> Handler:
    """Refuse in plain words: ``useChat`` shows its user the body of a refusal."""

    async def handle(http: HttpRequest) -> Response:
        try:
            return await handler(http)
        except HeadwaterError as error:
            refusal = error_response(error)
            kept = {name: value for name, value in refusal.headers.items() if not name.startswith("content-")}
            words = getattr(error, "message", None) or str(error)
            return PlainTextResponse(words, refusal.status_code, kept)

    return handle
