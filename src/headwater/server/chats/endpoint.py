"""The routes of ``/v1/chats``: saved chats, and answers in them."""

from __future__ import annotations

import base64
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
from headwater.server.chats.model import Draft, Message, checked_id, new_id, now
from headwater.server.chats.service import AnswerRequest, ChatService, StartedAnswer
from headwater.server.chats.store import ListPosition
from headwater.server.chats.ui_messages import ui_chat
from headwater.server.http.auth import Auth
from headwater.server.http.body import read_request_body
from headwater.server.http.middleware import add_log_fields
from headwater.server.http.responses import created_response, json_response


class _Question(msgspec.Struct):
    """The message of an ask."""

    parts: list[dict[str, Any]]
    id: str = ""
    parent: str | None = None


class _AnswerId(msgspec.Struct, frozen=True):
    id: str = ""


class _Asked(msgspec.Struct):
    """What the body of an ask has besides the request of the Gemini API."""

    model: str
    message: _Question | None = None
    parent: str | None = None
    answer: _AnswerId = _AnswerId()
    engine: str = ""
    on_break: str = "continue"


class _Changes(msgspec.Struct, forbid_unknown_fields=True):
    title: str | None = None
    leaf: str | None = None


class ChatsEndpoint:
    """The routes over the chats. Its handlers raise what the app turns into refusals."""

    def __init__(self, chats: ChatService, access: Auth) -> None:
        self._chats = chats
        self._access = access

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

    async def _list(self, http: HttpRequest) -> Response:
        who, query = self._access.identify(http), http.query_params.get("q", "")
        if len(query) > MAX_QUERY_LENGTH:
            raise UsageError(f"q has at most {MAX_QUERY_LENGTH} characters")
        found = await self._chats.listed(who, query, _place(http), _size(http))
        more = {} if found.next is None else {"nextPageToken": _token(found.next)}
        return json_response({"chats": found.chats, **more})

    async def _write(self, http: HttpRequest) -> Response:
        who = self._access.identify(http)
        what = "a chat"
        draft = convert_json(parse_json(await self._body(http), what), Draft, what)
        written = await self._chats.write(who, draft)
        return created_response(written.chat, f"{CHATS}/{written.chat.id}", is_new=written.is_new)

    async def _get(self, http: HttpRequest) -> Response:
        return json_response(await self._chats.get(self._access.identify(http), _id(http)))

    async def _change(self, http: HttpRequest) -> Response:
        who = self._access.identify(http)
        what = '{"title": …} or {"leaf": …}'
        changes = convert_json(parse_json(await self._body(http), what), _Changes, what)
        return json_response(await self._chats.change(who, _id(http), title=changes.title, leaf=changes.leaf))

    async def _delete(self, http: HttpRequest) -> Response:
        await self._chats.delete(self._access.identify(http), _id(http))
        return Response(None, 204)

    async def _export(self, http: HttpRequest) -> Response:
        who, form = self._access.identify(http), http.query_params.get("format", "json")
        if form not in EXPORT_FORMATS:
            raise UsageError(f"format is one of {', '.join(EXPORT_FORMATS)}")
        chat = await self._chats.get(who, _id(http))
        if form == "ai-sdk":
            return json_response({"id": chat.id, "messages": ui_chat(chat)})
        if form == "json":
            data = msgspec.json.format(msgspec.json.encode(chat), indent=2)
            return _download(data, "application/json", exports.file_name(chat, "json"))
        text = exports.markdown(chat).encode("utf-8", "replace")
        return _download(text, "text/markdown; charset=utf-8", exports.file_name(chat, "md"))

    async def _answer(self, http: HttpRequest) -> Response:
        who, chat = self._access.identify(http), _id(http)
        ask = _read_ask(await self._body(http))
        add_log_fields(http.scope, model=ask.model)
        answered = await self._chats.answer(who, chat, ask)
        return created_response(_described(answered), f"{CHATS}/{chat}", is_new=answered.is_new)

    async def _stop(self, http: HttpRequest) -> Response:
        return json_response(await self._chats.stop(self._access.identify(http), _id(http)))

    async def _body(self, http: HttpRequest) -> bytes:
        return await read_request_body(http, self._access.limits)


def _described(answered: StartedAnswer) -> dict[str, Any]:
    return {"chat": answered.chat, "message": answered.message, "answer": answered.answer}


def _read_ask(body: bytes) -> AnswerRequest:
    """What is asked, and the request that it makes without the chat's contents."""
    what = 'an ask: {"message": {"parts": […]}, "model": …}'
    request = parse_json(body, what)
    asked = convert_json(request, _Asked, what)
    for name in _Asked.__struct_fields__:
        request.pop(name, None)
    if "contents" in request:
        raise UsageError("contents are the messages of the chat: send the new one as message")
    on_break = parse_on_break(asked.on_break)
    message = [] if asked.message is None else [_message(asked.message)]
    return AnswerRequest(
        parent=message[0].id if message else asked.parent,
        model=asked.model,
        request=request,
        new=message,
        answer=asked.answer.id,
        engine=asked.engine,
        on_break=on_break,
    )


def _message(question: _Question) -> Message:
    contents = [{"role": "user", "parts": question.parts}]
    name = question.id or new_id()
    return Message(id=name, role="user", parent=question.parent, created=now(), contents=contents)


def _id(http: HttpRequest) -> str:
    return checked_id(http.path_params["id"], "chat")


def _size(http: HttpRequest) -> int:
    text = http.query_params.get("pageSize") or "50"
    if not text.isdecimal() or len(text) > 9:
        raise UsageError("pageSize is a number")
    return min(max(int(text), 1), MAX_CHATS_PAGE)


def _token(place: ListPosition) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _place(http: HttpRequest) -> ListPosition | None:
    token = http.query_params.get("pageToken")
    if not token:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=ListPosition)
    except (msgspec.MsgspecError, ValueError) as error:
        raise UsageError("pageToken is the nextPageToken of the page before") from error


def _download(data: bytes, content_type: str, name: str) -> Response:
    headers: Mapping[str, str] = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(data, 200, headers, content_type)
