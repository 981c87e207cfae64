"""The routes of ``/v1/chats``: saved chats, and answers in them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from headwater.contract.chats import EXPORT_FORMATS
from headwater.contract.limits import MAX_CHATS_PAGE, MAX_QUERY_LENGTH
from headwater.contract.paths import ANSWERS, CHATS, EXPORT, STOP
from headwater.contract.streams import parse_on_break
from headwater.errors import UsageError
from headwater.protocols.parsing import convert_json, parse_json
from headwater.server.chats import exports
from headwater.server.chats.model import ChatDraft, ChatTree, Message, checked_id, new_id, now
from headwater.server.chats.service import AnswerRequest, ChatService, PrincipalChats
from headwater.server.chats.store import ListPosition
from headwater.server.chats.ui_messages import ui_chat
from headwater.server.http.auth import Auth
from headwater.server.http.body import read_request_body
from headwater.server.http.middleware import add_log_fields
from headwater.server.http.offload import run_sized
from headwater.server.http.paging import next_page, parse_page_size, parse_position, position_token
from headwater.server.http.responses import created_response, json_response


class NewMessage(msgspec.Struct):
    """The user's message in an answer request."""

    parts: list[dict[str, Any]]
    id: str = ""
    parent: str | None = None


class AnswerId(msgspec.Struct, frozen=True):
    """The id that the client chooses for an answer, so that a retry finds it."""

    id: str = ""


class AnswerOptions(msgspec.Struct):
    """What the body of an answer request contains besides the request of the Gemini API."""

    model: str
    message: NewMessage | None = None
    parent: str | None = None
    answer: AnswerId = AnswerId()
    engine: str = ""
    on_break: str = "continue"


class ChatChanges(msgspec.Struct, forbid_unknown_fields=True):
    """What can be changed in a chat."""

    title: str | None = None
    leaf: str | None = None


class ChatsEndpoint:
    """The handlers of ``/v1/chats``. They raise errors that the application turns into responses."""

    def __init__(self, chats: ChatService, auth: Auth) -> None:
        self._service = chats
        self._auth = auth

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        one = CHATS + "/{id}"
        return [
            Route(CHATS, self._list, methods=["GET"]),
            Route(CHATS, self._write, methods=["POST"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._change, methods=["PATCH"]),
            Route(one, self._delete, methods=["DELETE"]),
            Route(one + EXPORT, self._export, methods=["GET"]),
            Route(one + ANSWERS, self._answer, methods=["POST"]),
            Route(one + STOP, self._stop, methods=["POST"]),
        ]

    def _chats(self, http: HttpRequest) -> PrincipalChats:
        return self._service.of(self._auth.identify(http))

    async def _list(self, http: HttpRequest) -> Response:
        chats, query = self._chats(http), http.query_params.get("q", "")
        if len(query) > MAX_QUERY_LENGTH:
            raise UsageError(f"q has at most {MAX_QUERY_LENGTH} characters")
        after, size = parse_position(http, ListPosition), parse_page_size(http, default=50, limit=MAX_CHATS_PAGE)
        page = await chats.list_page(query, after, size)
        token = None if page.next is None else position_token(page.next)
        return json_response({"chats": page.chats} | next_page(token))

    async def _write(self, http: HttpRequest) -> Response:
        chats, body = self._chats(http), await self._body(http)
        draft = await run_sized(len(body), _read_draft, body)
        written = await chats.write(draft)
        return created_response(http, written.chat, f"{CHATS}/{written.chat.id}", is_new=written.is_new)

    async def _get(self, http: HttpRequest) -> Response:
        return json_response(await self._chats(http).get(_id(http)))

    async def _change(self, http: HttpRequest) -> Response:
        chats, what = self._chats(http), '{"title": …} or {"leaf": …}'
        changes = convert_json(parse_json(await self._body(http), what), ChatChanges, what)
        return json_response(await chats.change(_id(http), title=changes.title, leaf=changes.leaf))

    async def _delete(self, http: HttpRequest) -> Response:
        await self._chats(http).delete(_id(http))
        return Response(None, 204)

    async def _export(self, http: HttpRequest) -> Response:
        chats, export_format = self._chats(http), http.query_params.get("format", "json")
        if export_format not in EXPORT_FORMATS:
            raise UsageError(f"format is one of {', '.join(EXPORT_FORMATS)}")
        # In a thread: a chat of thousands of messages takes seconds.
        return await asyncio.to_thread(_exported, await chats.get(_id(http)), export_format)

    async def _answer(self, http: HttpRequest) -> Response:
        chats, chat_id = self._chats(http), _id(http)
        body = await self._body(http)
        request = await run_sized(len(body), _read_answer_request, body)
        add_log_fields(http.scope, model=request.model)
        started = await chats.answer(chat_id, request)
        document = {"chat": started.chat, "message": started.message, "answer": started.answer}
        return created_response(http, document, f"{CHATS}/{chat_id}", is_new=started.is_new)

    async def _stop(self, http: HttpRequest) -> Response:
        return json_response(await self._chats(http).stop(_id(http)))

    async def _body(self, http: HttpRequest) -> bytes:
        return await read_request_body(http, self._auth.limits)


def _read_draft(body: bytes) -> ChatDraft:
    what = "a chat"
    return convert_json(parse_json(body, what), ChatDraft, what)


def _exported(chat: ChatTree, export_format: str) -> Response:
    if export_format == "ai-sdk":
        return json_response({"id": chat.id, "messages": ui_chat(chat)})
    if export_format == "json":
        data = msgspec.json.format(msgspec.json.encode(chat), indent=2)
        return _download(data, "application/json", exports.file_name(chat, "json"))
    text = exports.markdown(chat).encode("utf-8", "replace")
    return _download(text, "text/markdown; charset=utf-8", exports.file_name(chat, "md"))


def _read_answer_request(body: bytes) -> AnswerRequest:
    what = 'an ask: {"message": {"parts": […]}, "model": …}'
    request = parse_json(body, what)
    options = convert_json(request, AnswerOptions, what)
    # The rest is for the API, and passed on unparsed.
    for name in AnswerOptions.__struct_fields__:
        request.pop(name, None)
    if "contents" in request:
        raise UsageError("contents are the messages of the chat: send the new one as message")
    new = [] if options.message is None else [_message(options.message)]
    return AnswerRequest(
        parent=new[0].id if new else options.parent,
        model=options.model,
        request=request,
        new=new,
        answer=options.answer.id,
        engine=options.engine,
        on_break=parse_on_break(options.on_break),
    )


def _message(new: NewMessage) -> Message:
    contents = [{"role": "user", "parts": new.parts}]
    message_id = new.id or new_id()
    return Message(id=message_id, role="user", parent=new.parent, created=now(), contents=contents)


def _id(http: HttpRequest) -> str:
    return checked_id(http.path_params["id"], "chat")


def _download(data: bytes, content_type: str, name: str) -> Response:
    headers: Mapping[str, str] = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(data, 200, headers, content_type)
