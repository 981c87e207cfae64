"""The gate: refuses requests that the real API would refuse, in the shape of its errors."""

from __future__ import annotations

from headwater.errors import APIError, api_error
from headwater.types import GenerateContentRequest, GenerationConfig

_UNKNOWN_MODELS = ("nonexistent", "non-existent", "does-not-exist", "invalid-model")
_MIME_TYPES = ("text/plain", "application/json", "application/xml", "application/yaml", "text/x.enum")
_STATUS = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND"}


def refuse(code: int, message: str) -> APIError:
    """Return the error with ``details`` in Google's shape."""
    status = _STATUS[code]
    details = {"error": {"code": code, "message": message, "status": status}}
    return api_error(code, message, status=status, details=details)


def check(request: GenerateContentRequest, model: str) -> None:
    """Return when the request can be answered.

    Raises:
        APIError: 404 for a model whose name says that it does not exist, 400 for a request that makes no sense.
    """
    check_model(model)
    check_contents(request)
    if request.generation_config is not None:
        _check_config(request.generation_config)


def check_model(model: str) -> None:
    """Refuse the model names that are made for tests of the 404 answer."""
    name = model.removeprefix("models/")
    if any(word in name.lower() for word in _UNKNOWN_MODELS):
        raise refuse(
            404,
            f"models/{name} is not found for API version v1beta, or is not supported for generateContent. "
            "Call ListModels to see the list of available models and their supported methods.",
        )


def check_contents(request: GenerateContentRequest) -> None:
    """Refuse a request that says nothing at all."""
    if not request.contents:
        raise refuse(400, "* GenerateContentRequest.contents: contents is not specified\n")
    if not any(content.parts for content in request.contents):
        raise refuse(400, "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.\n")


def _check_config(config: GenerationConfig) -> None:
    _within("temperature", config.temperature, 0, 2)
    _within("top_p", config.top_p, 0, 1)
    _within("candidate_count", config.candidate_count, 1, 8)
    _within("max_output_tokens", config.max_output_tokens, 1, None)
    _within("stop_sequences.size", len(config.stop_sequences or []), 0, 5)
    mime_type = config.response_mime_type
    if mime_type and mime_type not in _MIME_TYPES:
        raise refuse(
            400,
            "* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are "
            f"{', '.join(f'`{name}`' for name in _MIME_TYPES)}. Got `{mime_type[:100]}`.\n",
        )


def _within(field: str, value: float | None, low: float, high: float | None) -> None:
    # Written so that NaN is refused as well.
    if value is None or (value >= low and (high is None or value <= high)):
        return
    bounds = f"in the range [{low}, {high}]" if high is not None else f"at least {low}"
    raise refuse(400, f"* GenerateContentRequest.generation_config.{field}: must be {bounds}, got {value}.\n")
