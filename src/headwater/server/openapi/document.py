"""The OpenAPI description of the server (``GET /openapi.json``), written by hand; a test holds it to the routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import headwater
from headwater.contract.headers import IDEMPOTENCY_KEY, LAST_EVENT_ID
from headwater.contract.paths import EVENTS, LINKS, STOP, STREAMS
from headwater.contract.streams import ON_SERVER_BREAK, STATES
from headwater.server.openapi import chats
from headwater.server.openapi import protocols as protocol_paths
from headwater.server.openapi.builders import (
    ANY,
    JSON,
    NUMBER,
    TEXT,
    answer,
    list_of,
    object_of,
    open_operation,
    operation,
    parameter,
    query,
)
from headwater.server.protocols.base import FrontEndProtocol
from headwater.server.protocols.registry import PROTOCOLS, stream_formats

_MODEL = "The name of a model, as /v1beta/models lists them."
_UPLOAD_NOTE = "Begin a resumable upload (X-Goog-Upload-Command: start), or go on with one (upload_id)."


def document(*, needs_key: bool, protocols: Sequence[FrontEndProtocol] = PROTOCOLS) -> dict[str, Any]:
    """Return the description. The paths of ``/v1beta`` stand for those of the other versions, and for none."""
    description: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "headwater",
            "version": headwater.__version__,
            "summary": "The Gemini API, served by any engine.",
            "description": "The same paths are there under /v1, /v1alpha, /v1beta1, without a version, "
            "and as Vertex AI has them.",
        },
        "paths": _paths(protocols),
        "components": {
            "schemas": _SCHEMAS,
            "responses": {"Error": answer("An error in Google's shape.", "Error")},
            "securitySchemes": {
                "header": {"type": "apiKey", "in": "header", "name": "x-goog-api-key"},
                "query": {"type": "apiKey", "in": "query", "name": "key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }
    if needs_key:
        description["security"] = [{"header": []}, {"query": []}, {"bearer": []}]
    return description


def _paths(protocols: Sequence[FrontEndProtocol]) -> dict[str, Any]:
    model, file = parameter("model", _MODEL), parameter("name", "The id of a file.")
    page = [query("pageSize", "integer"), query("pageToken", "string")]
    stream = _post("streamGenerateContent", "Generate an answer, chunk by chunk.", model, "GenerateContentResponse")
    stream["parameters"].append(query("alt", "string", "sse for server-sent events; else one JSON array."))
    events = {"schema": {"type": "string"}, "example": 'data: {"candidates": [...]}\r\n\r\n'}
    stream["responses"]["200"]["content"]["text/event-stream"] = events
    return {
        "/v1beta/models/{model}:generateContent": {
            "post": _post("generateContent", "Generate an answer.", model, "GenerateContentResponse")
        },
        "/v1beta/models/{model}:streamGenerateContent": {"post": stream},
        "/v1beta/models/{model}:countTokens": {
            "post": _post("countTokens", "Count the tokens of a request.", model, "CountTokensResponse")
        },
        "/v1beta/models": {"get": operation("listModels", "List the models.", page, "ListModelsResponse")},
        "/v1beta/models/{model}": {"get": operation("getModel", "Describe a model.", [model], "Model")},
        "/upload/v1beta/files": {
            "post": operation("uploadFile", _UPLOAD_NOTE, [query("upload_id", "string")], "UploadedFile")
        },
        "/v1beta/files": {"get": operation("listFiles", "List the files of this key.", page, "ListFilesResponse")},
        "/v1beta/files/{name}": {
            "get": operation("getFile", "Describe a file.", [file], "File"),
            "delete": operation("deleteFile", "Delete a file.", [file], "Empty"),
        },
        "/v1beta/files/{name}:download": {"get": _download(file)},
        **_streams(stream_formats(protocols).names),
        **chats.paths(),
        **protocol_paths.paths(protocols),
        "/": {"get": open_operation("welcome", "What this is.", JSON)},
        "/healthz": {"get": open_operation("health", "Whether the server is well.", JSON)},
        "/openapi.json": {"get": open_operation("describe", "This description.", JSON)},
        "/metrics": {"get": _figures()},
    }


def _streams(formats: Sequence[str]) -> dict[str, Any]:
    name, page = parameter("name", "The name of a stream."), [query("pageSize", "integer")]
    once = {"name": IDEMPOTENCY_KEY, "in": "header", "schema": {"type": "string"}}
    last = {"name": LAST_EVENT_ID, "in": "header", "schema": {"type": "integer"}}
    start = operation("startStream", "Begin an answer that runs by itself.", [once], "Stream", code="201")
    body = {"required": True, "content": {JSON: {"schema": {"$ref": "#/components/schemas/StreamRequest"}}}}
    read = operation("readStream", "Read its events: chunk, then end or failed.", [name, last], "Stream")
    read["parameters"] += [query("after", "integer"), query("expires", "integer"), query("signature", "string")]
    read["parameters"].append(query("every", "number", "Send at most once in so many seconds."))
    read["parameters"].append(query("format", "string", f"{', '.join(formats)}; numbered unless given."))
    read["responses"]["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    link = operation("linkStream", "Make a link for a reader without a key.", [name], "Link")
    seconds = object_of("seconds", seconds={"type": "number"})
    forget = operation("forgetStream", "Stop and forget it.", [name], "Empty", code="204")
    del forget["responses"]["204"]["content"]
    return {
        STREAMS: {
            "post": start | {"requestBody": body},
            "get": operation("listStreams", "List one's own.", [*page, query("pageToken", "string")], "StreamList"),
        },
        STREAMS + "/{name}": {"get": operation("getStream", "Say how it is.", [name], "Stream"), "delete": forget},
        STREAMS + "/{name}" + EVENTS: {"get": read},
        STREAMS + "/{name}" + STOP: {
            "post": operation("stopStream", "Stop it; what was said stays.", [name], "Stream")
        },
        STREAMS + "/{name}" + LINKS: {"post": link | {"requestBody": {"content": {JSON: {"schema": seconds}}}}},
    }


def _post(name: str, summary: str, model: dict[str, Any], schema: str) -> dict[str, Any]:
    timeout = {"name": "X-Server-Timeout", "in": "header", "schema": {"type": "number"}, "description": "Seconds."}
    made = operation(name, summary, [model, timeout], schema)
    request = {"schema": {"$ref": "#/components/schemas/GenerateContentRequest"}}
    return made | {"requestBody": {"required": True, "content": {JSON: request}}}


def _download(file: dict[str, Any]) -> dict[str, Any]:
    made = operation("downloadFile", "Return the bytes of a file.", [file, query("alt", "string")], "Empty")
    made["responses"]["200"] = {"description": "The bytes.", "content": {"*/*": {"schema": {"type": "string"}}}}
    return made


def _figures() -> dict[str, Any]:
    made = open_operation("metrics", "What the server counts, for Prometheus.", "text/plain")
    del made["security"]
    return made


_SCHEMAS: dict[str, Any] = {
    "Empty": object_of(),
    "Part": ANY | {"properties": {"text": TEXT, "thought": {"type": "boolean"}, "inlineData": ANY, "fileData": ANY}},
    "Content": object_of(role=TEXT, parts=list_of("Part")),
    "GenerateContentRequest": object_of(
        "contents",
        contents=list_of("Content"),
        systemInstruction={"$ref": "#/components/schemas/Content"},
        generationConfig=ANY,
        tools={"type": "array", "items": ANY},
        toolConfig=ANY,
        safetySettings={"type": "array", "items": ANY},
    ),
    "Candidate": object_of(content={"$ref": "#/components/schemas/Content"}, finishReason=TEXT, index=NUMBER),
    "GenerateContentResponse": object_of(
        candidates=list_of("Candidate"), usageMetadata=ANY, modelVersion=TEXT, responseId=TEXT, promptFeedback=ANY
    ),
    "CountTokensResponse": object_of(totalTokens=NUMBER),
    "Model": object_of(name=TEXT, displayName=TEXT, description=TEXT, inputTokenLimit=NUMBER, outputTokenLimit=NUMBER),
    "ListModelsResponse": object_of(models=list_of("Model"), nextPageToken=TEXT),
    "File": object_of(
        name=TEXT,
        displayName=TEXT,
        mimeType=TEXT,
        sizeBytes=TEXT,
        createTime=TEXT,
        expirationTime=TEXT,
        sha256Hash=TEXT,
        uri=TEXT,
        state=TEXT,
    ),
    "StreamRequest": object_of(
        "model",
        "contents",
        model=TEXT,
        contents=list_of("Content"),
        engine=TEXT,
        on_break={"enum": list(ON_SERVER_BREAK)},
    ),
    "Stream": object_of(
        "name",
        "model",
        "state",
        "next",
        name=TEXT,
        model=TEXT,
        engine=TEXT,
        state={"enum": list(STATES)},
        next=NUMBER,
        created=TEXT,
        on_break=TEXT,
        usage=ANY,
        metrics=ANY,
        takeovers=NUMBER,
        code=NUMBER,
    ),
    "StreamList": object_of("streams", streams=list_of("Stream"), nextPageToken=TEXT),
    **chats.SCHEMAS,
    "Link": object_of("url", url=TEXT),
    "UploadedFile": object_of(file={"$ref": "#/components/schemas/File"}),
    "ListFilesResponse": object_of(files=list_of("File"), nextPageToken=TEXT),
    "Error": object_of("error", error=object_of("code", "message", code=NUMBER, message=TEXT, status=TEXT)),
}
