"""The paths of saved chats."""

from __future__ import annotations

from typing import Any

from headwater.contract.chats import EXPORT_FORMATS
from headwater.contract.paths import ANSWERS, CHATS, EXPORT, STOP
from headwater.server.chats.endpoint import ChatChanges
from headwater.server.chats.model import ChatDraft, ChatTree
from headwater.server.openapi.builders import TEXT, body, operation, parameter, query, ref

_ONE = CHATS + "/{id}"
_CHAT = parameter("id", "The id of a chat.")
_PAGE = [
    query("q", "string", "Words, or their beginnings, that the chats contain."),
    query("pageSize", "integer"),
    query("pageToken", "string"),
]
_FORMAT = query("format", "string") | {"schema": {"enum": list(EXPORT_FORMATS)}}

_write = operation("writeChat", "Save a chat, or add messages to it.", [], ChatTree, code="201")
_change = operation("changeChat", "Rename a chat, or show another branch.", [_CHAT], ChatTree)
_answer = operation("answerInChat", "Save a message and have it answered.", [_CHAT], "StartedAnswer", code="201")
_export = operation("exportChat", "Download a chat.", [_CHAT, _FORMAT], ChatTree)
_export["responses"]["200"]["content"]["text/markdown"] = {"schema": TEXT}

PATHS: dict[str, Any] = {
    CHATS: {
        "get": operation("listChats", "List your chats.", _PAGE, "ChatList"),
        "post": _write | body(ref(ChatDraft)),
    },
    _ONE: {
        "get": operation("getChat", "Return a chat with its messages.", [_CHAT], ChatTree),
        "patch": _change | body(ref(ChatChanges)),
        "delete": operation("deleteChat", "Delete a chat with all its answers.", [_CHAT], None, code="204"),
    },
    _ONE + EXPORT: {"get": _export},
    _ONE + ANSWERS: {"post": _answer | body(ref("AnswerRequest"))},
    _ONE + STOP: {"post": operation("stopChat", "Stop what is running in a chat.", [_CHAT], ChatTree)},
}
