"""What the OpenAPI description says of saved chats."""

from __future__ import annotations

from typing import Any, get_args

from headwater.contract.chats import EXPORT_FORMATS, MessageState, Role
from headwater.contract.paths import ANSWERS, CHATS, EXPORT, STOP
from headwater.contract.streams import ON_SERVER_BREAK
from headwater.server.openapi.builders import ANY, JSON, NUMBER, TEXT, list_of, object_of, operation, parameter, query

_STATES = {"enum": list(get_args(MessageState))}
_FORMATS = {"enum": list(EXPORT_FORMATS)}

SCHEMAS: dict[str, Any] = {
    "Message": object_of(
        "id",
        "role",
        id=TEXT,
        parent={"type": ["string", "null"]},
        role={"enum": list(get_args(Role))},
        state=_STATES,
        created=TEXT,
        contents=list_of("Content"),
        model=TEXT,
        finish_reason=TEXT,
        usage=ANY,
        metrics=ANY,
        error=ANY,
        stream=TEXT,
        next=NUMBER,
    ),
    "Chat": object_of(
        "id",
        id=TEXT,
        title=TEXT,
        model={"type": ["string", "null"]},
        created=TEXT,
        updated=TEXT,
        leaf={"type": ["string", "null"]},
        running={"type": "boolean"},
        messages=list_of("Message"),
    ),
    "ChatDraft": object_of(id=TEXT, title=TEXT, model=TEXT, leaf=TEXT, messages=list_of("Message")),
    "ChatList": object_of("chats", chats=list_of("Chat"), nextPageToken=TEXT),
    "ChatAsk": object_of(
        "model",
        model=TEXT,
        message=object_of("parts", id=TEXT, parent=TEXT, parts=list_of("Part")),
        parent=TEXT,
        answer=object_of(id=TEXT),
        engine=TEXT,
        on_break={"enum": list(ON_SERVER_BREAK)},
        systemInstruction={"$ref": "#/components/schemas/Content"},
        generationConfig=ANY,
    ),
    "ChatAnswer": object_of(
        "chat",
        "answer",
        chat={"$ref": "#/components/schemas/Chat"},
        message={"$ref": "#/components/schemas/Message"},
        answer={"$ref": "#/components/schemas/Message"},
    ),
}


def paths() -> dict[str, Any]:
    """Return the paths of saved chats."""
    chat = parameter("id", "The id of a chat.")
    page = [
        query("q", "string", "Words, by how they begin."),
        query("pageSize", "integer"),
        query("pageToken", "string"),
    ]
    delete = operation("deleteChat", "Delete it with all its answers.", [chat], "Empty", code="204")
    del delete["responses"]["204"]["content"]
    export = operation("exportChat", "Download it.", [chat, {**query("format", "string"), "schema": _FORMATS}], "Chat")
    export["responses"]["200"]["content"]["text/markdown"] = {"schema": TEXT}
    change = operation("changeChat", "Rename it, or show another branch.", [chat], "Chat")
    write = operation("writeChat", "Save a chat, or add messages to it.", [], "Chat", code="201")
    answer = operation("answerInChat", "Save a message and have it answered.", [chat], "ChatAnswer", code="201")
    return {
        CHATS: {
            "get": operation("listChats", "List one's own.", page, "ChatList"),
            "post": write | _body({"$ref": "#/components/schemas/ChatDraft"}),
        },
        CHATS + "/{id}": {
            "get": operation("getChat", "Return it with its messages.", [chat], "Chat"),
            "patch": change | _body(object_of(title=TEXT, leaf=TEXT)),
            "delete": delete,
        },
        CHATS + "/{id}" + EXPORT: {"get": export},
        CHATS + "/{id}" + ANSWERS: {"post": answer | _body({"$ref": "#/components/schemas/ChatAsk"})},
        CHATS + "/{id}" + STOP: {"post": operation("stopChat", "Stop what runs in it.", [chat], "Chat")},
    }


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}
