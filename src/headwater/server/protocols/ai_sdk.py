"""The endpoint of ``useChat`` (AI SDK 5 to 7): saved chats, answered by stored streams.

A page posts its messages, which are saved, and reads the answer's stream from the beginning. When it comes back it asks
for the stream of the answer that is still running (``resumeStream``), also from the beginning, since the page
starts the message over. Each major of the AI SDK has a path of its own, because its page ends the stream with an error
at any event that it does not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response

from headwater.errors import HeadwaterError
from headwater.protocols.ai_sdk.encoder import AiSdk, Version
from headwater.protocols.base import StreamOutcome
from headwater.server.chats.model import ChatDraft, Message, checked_id
from headwater.server.chats.service import AnswerRequest, PrincipalChats
from headwater.server.chats.ui_messages import UiRequest, missed_answer, read_conversation, read_request
from headwater.server.http.body import read_request_body
from headwater.server.http.error_handlers import error_response
from headwater.server.http.middleware import add_log_fields
from headwater.server.http.offload import run_sized
from headwater.server.protocols.base import Backend, FrontEndProtocol, Handler, ProtocolRoute, StoredAnswer
from headwater.server.streams.protocol_encoding import ProtocolEncoding
from headwater.server.streams.responses import StreamResponse
from headwater.types import Content, GenerateContentResponse
from headwater.types.base import salvage


class UseChatEndpoint:
    """The handlers for one major of the AI SDK."""

    def __init__(self, backend: Backend, version: Version) -> None:
        self._backend = backend
        self._auth = backend.auth
        self._version: Version = version

    async def chat(self, http: HttpRequest) -> Response:
        """Save what is new in the messages, start the answer and stream it."""
        principal = self._auth.identify(http)
        body = await read_request_body(http, self._auth.limits)
        ui_request, fields = await run_sized(len(body), read_request, body)
        add_log_fields(http.scope, model=ui_request.model)
        answer = await _start_answer(self._backend.chats.of(principal), ui_request, fields)
        return await self._stream(principal, answer)

    async def resume(self, http: HttpRequest) -> Response:
        """Stream the answer that is running; 204 if none is, which ``useChat`` takes for "nothing to resume".

        With ``after``, the id of the page's last message, an answer that ended while the page was loading is returned.
        """
        principal = self._auth.identify(http)
        chats, chat_id = self._backend.chats.of(principal), checked_id(http.path_params["id"], "chat")
        answer = await chats.running(chat_id)
        if answer is not None:
            before = [salvage(content, Content) for content in answer.contents]  # the page starts the message over
            return await self._stream(principal, answer, before)
        after = http.query_params.get("after")
        chat = None if after is None else await chats.find(chat_id)
        ended = None if chat is None or after is None else missed_answer(chat, after)
        return Response(None, 204) if ended is None else _whole_answer(ended, self._version)

    async def stop(self, http: HttpRequest) -> Response:
        """Stop what is running: ``useChat`` itself only stops reading."""
        principal = self._auth.identify(http)
        await self._backend.chats.of(principal).stop(checked_id(http.path_params["id"], "chat"))
        return Response(None, 204)

    async def _stream(self, principal: bytes, answer: Message, before: Sequence[Content] = ()) -> Response:
        """Stream an answer from its beginning. It keeps running when the reader disconnects."""
        name = answer.stream or ""
        encoding = ProtocolEncoding(AiSdk(version=self._version, message_id=answer.id, before=before))
        registry = self._backend.registry
        header = await registry.find(principal, name)
        return StreamResponse(registry, name, header, encoding, auth=self._auth, principal=principal)


async def _start_answer(chats: PrincipalChats, ui_request: UiRequest, fields: dict[str, Any]) -> Message:
    chat = await chats.find(ui_request.id)
    # The page sends all of its messages, and the chat may have as many: neither is known to be small.
    conversation = await asyncio.to_thread(read_conversation, ui_request, chat, fields)
    request = AnswerRequest(
        parent=conversation.parent,
        model=ui_request.model,
        request=fields,
        new=conversation.new,
        contents=conversation.contents,
        engine=ui_request.engine,
    )
    # An answer continues when the page has run the functions that it calls; otherwise there is something new to answer.
    if conversation.continued is None:
        return (await chats.answer(ui_request.id, request)).answer
    await chats.write(ChatDraft(id=ui_request.id, model=ui_request.model, messages=conversation.new))
    return (await chats.continue_answer(ui_request.id, conversation.continued, request)).answer


def _whole_answer(answer: Message, version: Version) -> Response:
    """An answer that has ended, as one response."""
    contents = [salvage(content, Content) for content in answer.contents]
    encoder = AiSdk(version=version, message_id=answer.id, model=answer.model or "", before=contents)
    pieces = [encoder.begin()]
    if answer.error is not None:
        pieces.append(encoder.fail(msgspec.json.encode({"error": answer.error})))
    else:
        # The encoder needs a chunk for the finish reason, which the saved message has by itself.
        last_chunk = {"candidates": [{"finishReason": answer.finish_reason}], "usageMetadata": answer.usage}
        pieces.append(encoder.chunk(salvage(last_chunk, GenerateContentResponse)))
        reason: Literal["finished", "cancelled"] = "cancelled" if answer.state == "stopped" else "finished"
        pieces.append(encoder.end(StreamOutcome(reason=reason)))
    return Response(b"".join(pieces), 200, dict(encoder.headers))


def _plain_errors(handler: Handler) -> Handler:
    """Refuse in plain text: ``useChat`` shows its user the body of an error response."""

    async def handle(http: HttpRequest) -> Response:
        try:
            return await handler(http)
        except HeadwaterError as error:
            refusal = error_response(error)
            headers = {name: value for name, value in refusal.headers.items() if not name.startswith("content-")}
            message = getattr(error, "message", None) or str(error)
            return PlainTextResponse(message, refusal.status_code, headers)

    return handle


def _routes(path: str, version: Version, suffix: str) -> list[ProtocolRoute]:
    def chat(backend: Backend) -> Handler:
        return _plain_errors(UseChatEndpoint(backend, version).chat)

    def resume(backend: Backend) -> Handler:
        return _plain_errors(UseChatEndpoint(backend, version).resume)

    def stop(backend: Backend) -> Handler:
        return _plain_errors(UseChatEndpoint(backend, version).stop)

    sdk = f"AI SDK {version}"
    return [
        ProtocolRoute("POST", path, f"useChat{suffix}", f"Answer useChat of the {sdk} in a saved chat.", chat),
        ProtocolRoute(
            "GET", path + "/{id}/stream", f"resumeUseChat{suffix}", f"Resume the answer of a chat ({sdk}).", resume
        ),
        ProtocolRoute(
            "POST", path + "/{id}/stop", f"stopUseChat{suffix}", "Stop the answer of a chat.", stop, is_stream=False
        ),
    ]


def _protocol(version: Version, *routes: ProtocolRoute) -> FrontEndProtocol:
    def encoder(answer: StoredAnswer) -> AiSdk:
        message_id = answer.derived_id("message", prefix="msg")
        return AiSdk(version=version, message_id=message_id, model=answer.model)

    return FrontEndProtocol(
        name=f"ai-sdk-{version}",
        encoder=encoder,
        routes=(*routes, *_routes(f"/api/v{version}/chat", version, f"V{version}")),
    )


#: ``/api/chat``, where the AI SDK posts unless it is told otherwise, is that of major 5.
AI_SDK = (_protocol(5, *_routes("/api/chat", 5, "")), _protocol(6), _protocol(7))
