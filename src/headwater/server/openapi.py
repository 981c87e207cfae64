"""The OpenAPI description of the server (``GET /openapi.json``), written by hand; a test holds it to the routes."""

from __future__ import annotations

from typing import Any

import headwater

_JSON = "application/json"
_MODEL = "The name of a model, as /v1beta/models lists them."
_UPLOAD_NOTE = "Begin a resumable upload (X-Goog-Upload-Command: start), or go on with one (upload_id)."


def document(*, needs_key: bool) -> dict[str, Any]:
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
        "paths": _paths(),
        "components": {
            "schemas": _SCHEMAS,
            "responses": {"Error": _answer("An error in Google's shape.", "Error")},
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


def _paths() -> dict[str, Any]:
    model, file = _parameter("model", _MODEL), _parameter("name", "The id of a file.")
    page = [_query("pageSize", "integer"), _query("pageToken", "string")]
    stream = _post("streamGenerateContent", "Generate an answer, chunk by chunk.", model, "GenerateContentResponse")
    stream["parameters"].append(_query("alt", "string", "sse for server-sent events; else one JSON array."))
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
        "/v1beta/models": {"get": _operation("listModels", "List the models.", page, "ListModelsResponse")},
        "/v1beta/models/{model}": {"get": _operation("getModel", "Describe a model.", [model], "Model")},
        "/upload/v1beta/files": {
            "post": _operation("uploadFile", _UPLOAD_NOTE, [_query("upload_id", "string")], "UploadedFile")
        },
        "/v1beta/files": {"get": _operation("listFiles", "List the files of this key.", page, "ListFilesResponse")},
        "/v1beta/files/{name}": {
            "get": _operation("getFile", "Describe a file.", [file], "File"),
            "delete": _operation("deleteFile", "Delete a file.", [file], "Empty"),
        },
        "/v1beta/files/{name}:download": {"get": _download(file)},
        **_streams(),
        "/": {"get": _open("welcome", "What this is.", _JSON)},
        "/healthz": {"get": _open("health", "Whether the server is well.", _JSON)},
        "/openapi.json": {"get": _open("describe", "This description.", _JSON)},
        "/metrics": {"get": _figures()},
    }


def _streams() -> dict[str, Any]:
    name, page = _parameter("name", "The name of a stream."), [_query("pageSize", "integer")]
    once = {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}
    last = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "integer"}}
    start = _operation("startStream", "Begin an answer that runs by itself.", [once], "Stream", code="201")
    body = {"required": True, "content": {_JSON: {"schema": {"$ref": "#/components/schemas/StreamRequest"}}}}
    read = _operation("readStream", "Read its events: chunk, then end or failed.", [name, last], "Stream")
    read["parameters"] += [_query("after", "integer"), _query("expires", "integer"), _query("signature", "string")]
    read["responses"]["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    link = _operation("linkStream", "Make a link for a reader without a key.", [name], "Link")
    seconds = _object("seconds", seconds={"type": "number"})
    forget = _operation("forgetStream", "Stop and forget it.", [name], "Empty", code="204")
    del forget["responses"]["204"]["content"]
    return {
        "/v1/streams": {
            "post": start | {"requestBody": body},
            "get": _operation("listStreams", "List one's own.", [*page, _query("pageToken", "string")], "StreamList"),
        },
        "/v1/streams/{name}": {"get": _operation("getStream", "Say how it is.", [name], "Stream"), "delete": forget},
        "/v1/streams/{name}/events": {"get": read},
        "/v1/streams/{name}/stop": {
            "post": _operation("stopStream", "Stop it; what was said stays.", [name], "Stream")
        },
        "/v1/streams/{name}/links": {"post": link | {"requestBody": {"content": {_JSON: {"schema": seconds}}}}},
    }


def _operation(name: str, summary: str, parameters: list[Any], schema: str, *, code: str = "200") -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {code: _answer(summary, schema), "default": {"$ref": "#/components/responses/Error"}},
    }


def _post(name: str, summary: str, model: dict[str, Any], schema: str) -> dict[str, Any]:
    timeout = {"name": "X-Server-Timeout", "in": "header", "schema": {"type": "number"}, "description": "Seconds."}
    operation = _operation(name, summary, [model, timeout], schema)
    request = {"schema": {"$ref": "#/components/schemas/GenerateContentRequest"}}
    return operation | {"requestBody": {"required": True, "content": {_JSON: request}}}


def _download(file: dict[str, Any]) -> dict[str, Any]:
    operation = _operation("downloadFile", "Return the bytes of a file.", [file, _query("alt", "string")], "Empty")
    operation["responses"]["200"] = {"description": "The bytes.", "content": {"*/*": {"schema": {"type": "string"}}}}
    return operation


def _figures() -> dict[str, Any]:
    operation = _open("metrics", "What the server counts, for Prometheus.", "text/plain")
    del operation["security"]
    return operation


def _open(name: str, summary: str, content_type: str) -> dict[str, Any]:
    """An operation that needs no key."""
    content = {content_type: {"schema": {"type": "string" if content_type == "text/plain" else "object"}}}
    responses = {"200": {"description": summary, "content": content}}
    return {"operationId": name, "summary": summary, "security": [], "responses": responses}


def _answer(description: str, schema: str) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def _parameter(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": description}


def _query(name: str, kind: str, description: str = "") -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": kind}, "description": description}


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return schema | {"required": list(required)} if required else schema


def _list(schema: str) -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{schema}"}}


_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}
_ANY = {"type": "object", "additionalProperties": True}

_SCHEMAS: dict[str, Any] = {
    "Empty": _object(),
    "Part": _ANY
    | {"properties": {"text": _TEXT, "thought": {"type": "boolean"}, "inlineData": _ANY, "fileData": _ANY}},
    "Content": _object(role=_TEXT, parts=_list("Part")),
    "GenerateContentRequest": _object(
        "contents",
        contents=_list("Content"),
        systemInstruction={"$ref": "#/components/schemas/Content"},
        generationConfig=_ANY,
        tools={"type": "array", "items": _ANY},
        toolConfig=_ANY,
        safetySettings={"type": "array", "items": _ANY},
    ),
    "Candidate": _object(content={"$ref": "#/components/schemas/Content"}, finishReason=_TEXT, index=_NUMBER),
    "GenerateContentResponse": _object(
        candidates=_list("Candidate"), usageMetadata=_ANY, modelVersion=_TEXT, responseId=_TEXT, promptFeedback=_ANY
    ),
    "CountTokensResponse": _object(totalTokens=_NUMBER),
    "Model": _object(
        name=_TEXT, displayName=_TEXT, description=_TEXT, inputTokenLimit=_NUMBER, outputTokenLimit=_NUMBER
    ),
    "ListModelsResponse": _object(models=_list("Model"), nextPageToken=_TEXT),
    "File": _object(
        name=_TEXT,
        displayName=_TEXT,
        mimeType=_TEXT,
        sizeBytes=_TEXT,
        createTime=_TEXT,
        expirationTime=_TEXT,
        sha256Hash=_TEXT,
        uri=_TEXT,
        state=_TEXT,
    ),
    "StreamRequest": _object(
        "model",
        "contents",
        model=_TEXT,
        contents=_list("Content"),
        engine=_TEXT,
        on_break={"enum": ["fail", "continue"]},
    ),
    "Stream": _object(
        "name",
        "model",
        "state",
        "next",
        name=_TEXT,
        model=_TEXT,
        engine=_TEXT,
        state={"enum": ["running", "lost", "finished", "cancelled", "failed"]},
        next=_NUMBER,
        created=_TEXT,
        on_break=_TEXT,
        usage=_ANY,
        metrics=_ANY,
        takeovers=_NUMBER,
        code=_NUMBER,
    ),
    "StreamList": _object("streams", streams=_list("Stream"), nextPageToken=_TEXT),
    "Link": _object("url", url=_TEXT),
    "UploadedFile": _object(file={"$ref": "#/components/schemas/File"}),
    "ListFilesResponse": _object(files=_list("File"), nextPageToken=_TEXT),
    "Error": _object("error", error=_object("code", "message", code=_NUMBER, message=_TEXT, status=_TEXT)),
}
