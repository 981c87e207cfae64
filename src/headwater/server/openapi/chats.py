"""The paths of saved chats."""

from __future__ import annotations

from typing import Any

from headwater.contract.chats import EXPORT_FORMATS
from headwater.contract.paths import ANSWERS, CHATS, EXPORT, STOP
from headwater.server.chats.endpoint import ChatChanges
from headwater.server.chats.model import ChatTree, Draft
from headwater.server.openapi.builders import TEXT, body, operation, parameter, query, ref


def paths() -> dict[str, Any]:
    """Return the paths."""
    chat = parameter("id", "The id of a chat.")
    page = [
        query("q", "string", "Words, or their beginnings, that the chats contain."),
        query("pageSize", "integer"),
        query("pageToken", "string"),
    ]
    export_format = query("format", "string") | {"schema": {"enum": list(EXPORT_FORMATS)}}
    export = operation("exportChat", "Download a chat.", [chat, export_format], ChatTree)
    export["responses"]["200"]["content"]["text/markdown"] = {"schema": TEXT}
    change = operation("changeChat", "Rename a chat, or show another branch.", [chat], ChatTree)
    write = operation("writeChat", "Save a chat, or add messages to it.", [], ChatTree, code="201")
    answer = operation("answerInChat", "Save a message and have it answered.", [chat], "StartedAnswer", code="201")
    delete = operation("deleteChat", "Delete a chat with all its answers.", [chat], None, code="204")
    one = CHATS + "/{id}"
    return {
        CHATS: {
            "get": operation("listChats", "List your chats.", page, "ChatList"),
            "post": write | body(ref(Draft)),
        },
        one: {
            "get": operation("getChat", "Return a chat with its messages.", [chat], ChatTree),
            "patch": change | body(ref(ChatChanges)),
            "delete": delete,
        },
        one + EXPORT: {"get": export},
        one + ANSWERS: {"post": answer | body(ref("AnswerRequest"))},
        one + STOP: {"post": operation("stopChat", "Stop what is running in a chat.", [chat], ChatTree)},
    }
