"""The paths of the Gemini API. Those of ``/v1beta`` stand for all versions."""

from __future__ import annotations

from typing import Any

from headwater.server.openapi.builders import TEXT, body, header, operation, parameter, query, ref

_MODEL = "The name of a model, as /v1beta/models lists it."
_UPLOAD = "Start a resumable upload (X-Goog-Upload-Command: start), or continue one (upload_id)."


def paths() -> dict[str, Any]:
    """Return the paths."""
    model, file = parameter("model", _MODEL), parameter("name", "The id of a file.")
    page = [query("pageSize", "integer"), query("pageToken", "string")]
    stream = _post("streamGenerateContent", "Generate an answer, chunk by chunk.", model, "GenerateContentResponse")
    stream["parameters"].append(query("alt", "string", "sse for server-sent events; otherwise one JSON array."))
    events = {"schema": TEXT, "example": 'data: {"candidates": [...]}\r\n\r\n'}
    stream["responses"]["200"]["content"]["text/event-stream"] = events
    generate = _post("generateContent", "Generate an answer.", model, "GenerateContentResponse")
    count = _post("countTokens", "Count the tokens of a request.", model, "CountTokensResponse")
    return {
        "/v1beta/models/{model}:generateContent": {"post": generate},
        "/v1beta/models/{model}:streamGenerateContent": {"post": stream},
        "/v1beta/models/{model}:countTokens": {"post": count},
        "/v1beta/models": {"get": operation("listModels", "List the models.", page, "ListModelsResponse")},
        "/v1beta/models/{model}": {"get": operation("getModel", "Describe a model.", [model], "Model")},
        "/upload/v1beta/files": {
            "post": operation("uploadFile", _UPLOAD, [query("upload_id", "string")], "UploadedFile")
        },
        "/v1beta/files": {"get": operation("listFiles", "List the files of this key.", page, "ListFilesResponse")},
        "/v1beta/files/{name}": {
            "get": operation("getFile", "Describe a file.", [file], "File"),
            "delete": operation("deleteFile", "Delete a file.", [file], "Empty"),
        },
        "/v1beta/files/{name}:download": {"get": _download(file)},
    }


def _post(name: str, summary: str, model: dict[str, Any], schema: str) -> dict[str, Any]:
    timeout = header("X-Server-Timeout", "number", "Seconds.")
    return operation(name, summary, [model, timeout], schema) | body(ref("GenerateContentRequest"))


def _download(file: dict[str, Any]) -> dict[str, Any]:
    download = operation("downloadFile", "Return the bytes of a file.", [file, query("alt", "string")], None)
    download["responses"]["200"]["content"] = {"*/*": {"schema": TEXT}}
    return download
