"""The paths of the OpenAI API. Those of ``/v1`` stand for all prefixes."""

from __future__ import annotations

from typing import Any

from headwater.contract.headers import AFTER, IDEMPOTENCY_KEY, KEEP, STREAM
from headwater.server.openapi.builders import (
    JSON,
    NUMBER,
    TEXT,
    body,
    header,
    list_of,
    object_of,
    open_operation,
    operation,
    parameter,
    ref,
)

_NULLABLE = {"type": ["string", "null"]}

#: Sketches, as those of the Gemini API: OpenAI describes requests in full, and unknown fields are ignored.
SCHEMAS: dict[str, Any] = {
    "ChatRequest": object_of(
        "model",
        "messages",
        model=TEXT,
        messages={"type": "array", "items": {"type": "object"}, "minItems": 1},
        stream={"type": ["boolean", "null"]},
    ),
    "ChatCompletion": object_of(
        "id",
        "choices",
        id=TEXT,
        object={"const": "chat.completion"},
        created=NUMBER,
        model=TEXT,
        choices={"type": "array", "items": {"type": "object"}},
        usage={"type": "object"},
    ),
    "ResponseRequest": object_of(
        "model",
        "input",
        model=TEXT,
        input={"oneOf": [TEXT, {"type": "array", "items": {"type": "object"}, "minItems": 1}]},
        stream={"type": ["boolean", "null"]},
    ),
    "Response": object_of("id", "output", id=TEXT, status=TEXT, output={"type": "array", "items": {"type": "object"}}),
    "ChatError": object_of(
        "error", error=object_of("message", message=TEXT, type=TEXT, param=_NULLABLE, code=_NULLABLE)
    ),
    "ChatModel": object_of("id", id=TEXT, object={"const": "model"}, created=NUMBER, owned_by=TEXT),
    "ChatModelList": object_of("data", object={"const": "list"}, data=list_of("ChatModel")),
}

_chat = operation(
    "createChatCompletion",
    "Answer a request of the OpenAI API, streamed or not.",
    [
        header(KEEP, "number", "Keep the stream for this many seconds without a reader."),
        header(STREAM, "string", "Resume this stream ..."),
        header(AFTER, "integer", "... after this many chunks."),
        header(IDEMPOTENCY_KEY, "string", f"With {KEEP}: sent again, the same key returns the same stream."),
    ],
    "ChatCompletion",
) | body(ref("ChatRequest"))
_chat["responses"]["200"]["content"]["text/event-stream"] = {
    "schema": TEXT,
    "example": 'data: {"object": "chat.completion.chunk", "choices": [...]}\n\ndata: [DONE]\n\n',
}
_chat["responses"]["default"] = {
    "description": "An error in OpenAI's format.",
    "content": {JSON: {"schema": ref("ChatError")}},
}

_respond = operation(
    "createResponse", "Answer a request of OpenAI's Responses API. Nothing is stored.", [], "Response"
) | body(ref("ResponseRequest"))
_respond["responses"]["200"]["content"]["text/event-stream"] = {"schema": TEXT}
_respond["responses"]["default"] = _chat["responses"]["default"]

PATHS: dict[str, Any] = {
    "/v1/responses": {"post": _respond},
    "/v1/chat/completions": {"post": _chat},
    "/v1/models": {"get": operation("listChatModels", "List the models, as both APIs have them.", [], "ChatModelList")},
    "/v1/models/{model}": {
        "get": operation(
            "getChatModel", "Describe a model, as both APIs have it.", [parameter("model", "Its id.")], "ChatModel"
        )
    },
    "/health": {"get": open_operation("healthOfServer", "The same as /healthz.", JSON)},
}
