"""What chat completions and the Gemini API call the same things: finish reasons, roles, errors, thinking levels."""

from __future__ import annotations

from typing import Final

#: A chat server's finish reason -> the Gemini API's. The official words first, then those of other servers.
GEMINI_REASONS: Final = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "function_call": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "eos": "STOP",
    "eos_token": "STOP",
    "end_turn": "STOP",
    "stop_sequence": "STOP",
    "tool_use": "STOP",
    "max_tokens": "MAX_TOKENS",
    "model_length": "MAX_TOKENS",
    "sensitive": "SAFETY",
}

#: HTTP status of a chat server -> code and status of the Gemini API.
GEMINI_ERRORS: Final = {
    400: (400, "INVALID_ARGUMENT"),
    401: (401, "UNAUTHENTICATED"),
    402: (400, "FAILED_PRECONDITION"),
    403: (403, "PERMISSION_DENIED"),
    404: (404, "NOT_FOUND"),
    408: (504, "DEADLINE_EXCEEDED"),
    409: (409, "ABORTED"),
    413: (400, "INVALID_ARGUMENT"),
    422: (400, "INVALID_ARGUMENT"),
    429: (429, "RESOURCE_EXHAUSTED"),
    498: (503, "UNAVAILABLE"),
    501: (501, "UNIMPLEMENTED"),
    503: (503, "UNAVAILABLE"),
    504: (504, "DEADLINE_EXCEEDED"),
    529: (503, "UNAVAILABLE"),
}

#: What the ``type`` (or a code in words) of an error in a stream begins with -> the HTTP status that it stands for.
#: Read in this order.
ERROR_TYPES: Final = (
    ("rate_limit", 429),
    ("insufficient_quota", 429),
    ("tokens", 429),
    ("timeout", 504),
    ("request_timeout", 504),
    ("overloaded", 503),
    ("unavailable", 503),
    ("server_error", 503),
    ("api_error", 503),
    ("invalid_request", 400),
    ("badrequest", 400),
    ("exceed_context_size", 400),
    ("context_length", 400),
    ("authentication", 401),
    ("invalid_api_key", 401),
    ("permission", 403),
    ("not_found", 404),
)

#: The thinking budget up to which an effort is asked for; a larger one is "high". Google's own endpoint for OpenAI
#: clients has the inverse of this table.
EFFORT_BUDGETS: Final = ((1024, "low"), (8192, "medium"))

#: Azure's names of harm and its severities -> the Gemini API's.
HARM_CATEGORIES: Final = {
    "hate": "HARM_CATEGORY_HATE_SPEECH",
    "sexual": "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "violence": "HARM_CATEGORY_DANGEROUS_CONTENT",
    "self_harm": "HARM_CATEGORY_DANGEROUS_CONTENT",
}
HARM_PROBABILITIES: Final = {"safe": "NEGLIGIBLE", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
