"""The paths of the Gemini API. Those of ``/v1beta`` stand for all versions."""

from __future__ import annotations

from typing import Any

from headwater.server.openapi.builders import JSON, TEXT, body, header, list_of, operation, parameter, query, ref

_MODEL = parameter("model", "The name of a model, as /v1beta/models lists it.")
_FILE = parameter("name", "The id of a file.")
_CACHE = parameter("name", "The id of a cache.")
_PAGE = [query("pageSize", "integer"), query("pageToken", "string")]
_TIMEOUT = header("X-Server-Timeout", "number", "Seconds.")
_UPLOAD = "Start a resumable upload (X-Goog-Upload-Command: start), or continue one (upload_id)."


def _post(name: str, summary: str, schema: str) -> dict[str, Any]:
    return operation(name, summary, [_MODEL, _TIMEOUT], schema) | body(ref("GenerateContentRequest"))


_stream = _post("streamGenerateContent", "Generate an answer, chunk by chunk.", "GenerateContentResponse")
_stream["parameters"].append(query("alt", "string", "sse for server-sent events; otherwise one JSON array."))
# Without alt=sse everything is an array: the chunks, and the error of a stream that failed before its first chunk. What
# is refused before the engine is asked is an object.
_stream["responses"]["200"]["content"][JSON] = {"schema": list_of("GenerateContentResponse")}
_stream["responses"]["default"] = {
    "description": "An error in Google's format, or an array of one.",
    "content": {JSON: {"schema": {"oneOf": [ref("Error"), list_of("Error")]}}},
}
_stream["responses"]["200"]["content"]["text/event-stream"] = {
    "schema": TEXT,
    "example": 'data: {"candidates": [...]}\r\n\r\n',
}
_download = operation("downloadFile", "Return the bytes of a file.", [_FILE, query("alt", "string")], None)
_download["responses"]["200"]["content"] = {"*/*": {"schema": TEXT}}

# A method is part of the last segment of its path: the router has one route for all of them, OpenAPI a path for each.
PATHS: dict[str, Any] = {
    "/v1beta/models/{model}:generateContent": {
        "post": _post("generateContent", "Generate an answer.", "GenerateContentResponse")
    },
    "/v1beta/models/{model}:streamGenerateContent": {"post": _stream},
    "/v1beta/models/{model}:countTokens": {
        "post": _post("countTokens", "Count the tokens of a request.", "CountTokensResponse")
    },
    **{
        f"/v1beta/models/{{model}}:{name}": {
            "post": operation(name, summary, [_MODEL, _TIMEOUT], response) | body(ref(request))
        }
        for name, summary, request, response in (
            ("embedContent", "Return the vector of a content.", "EmbedContentRequest", "EmbedContentResponse"),
            ("batchEmbedContents", "Return the vectors of contents.", "EmbedRequests", "BatchEmbedResponse"),
            ("predict", "Return the vectors of texts, as Vertex AI does.", "PredictRequest", "PredictResponse"),
            ("computeTokens", "List the tokens of contents.", "ComputeTokensRequest", "ComputeTokensResponse"),
        )
    },
    "/v1beta/cachedContents": {
        "get": operation("listCaches", "List the caches of this key.", _PAGE, "ListCachedContentsResponse"),
        "post": operation("createCache", "Store the beginning of prompts.", [], "CachedContent")
        | body(ref("CachedContentDraft")),
    },
    "/v1beta/cachedContents/{name}": {
        "get": operation("getCache", "Describe a cache.", [_CACHE], "CachedContent"),
        "patch": operation("updateCache", "Change when a cache expires.", [_CACHE], "CachedContent")
        | body(ref("CacheLifetime")),
        "delete": operation("deleteCache", "Delete a cache.", [_CACHE], "Empty"),
    },
    "/v1beta/models": {"get": operation("listModels", "List the models.", _PAGE, "ListModelsResponse")},
    "/v1beta/models/{model}": {"get": operation("getModel", "Describe a model.", [_MODEL], "Model")},
    "/upload/v1beta/files": {"post": operation("uploadFile", _UPLOAD, [query("upload_id", "string")], "UploadedFile")},
    "/v1beta/files": {"get": operation("listFiles", "List the files of this key.", _PAGE, "ListFilesResponse")},
    "/v1beta/files:register": {
        "post": operation("registerFiles", "Note files that are in Cloud Storage.", [], "RegisterFilesResponse")
        | body(ref("RegisterFilesRequest"))
    },
    "/v1beta/files/{name}": {
        "get": operation("getFile", "Describe a file.", [_FILE], "File"),
        "delete": operation("deleteFile", "Delete a file.", [_FILE], "Empty"),
    },
    "/v1beta/files/{name}:download": {"get": _download},
}
