"""Errors of chat servers, in all their forms, as errors of the Gemini API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from headwater.core.wire.openai.chat_tables import ERROR_TYPES, GEMINI_ERRORS
from headwater.errors import APIError, api_error
from headwater.json_text import JSON_ERRORS

#: The domain of the ``ErrorInfo`` that has a chat server's own words.
DOMAIN = "chat-completions"
#: Waiting does not help against this code: the account has no money left.
USED_UP = "insufficient_quota"
_LONGEST = 4000
#: What llama.cpp's server calls its own mistake, with status 500: tried again, such a request fails again.
_CLIENT_MISTAKES = ("image input is not supported", "audio input is not supported", "[json.exception.")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,62}", re.IGNORECASE)


def refused(status: int, headers: Mapping[str, str], body: bytes) -> APIError:
    """Return the error that a response with an error status means, whatever its body is."""
    try:
        document = msgspec.json.decode(body)
    except JSON_ERRORS:
        text = " ".join(body[:_LONGEST].decode("utf-8", "replace").split())
        document = {"message": text[:500] or f"the server answers with status {status} and no body"}
    return chat_error(document, status, headers)


def chat_error(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> APIError:
    """Return the error in ``document``; in a stream, whose status is 200, its code or its type says which one it is."""
    fields = _fields(document)
    message = _message(fields, document)
    found = 400 if message.startswith(_CLIENT_MISTAKES) else _http_status(fields, status)
    code, name = GEMINI_ERRORS.get(found, (0, ""))
    if not code:
        code, name = (found, "INTERNAL") if found >= 500 else (400, "INVALID_ARGUMENT")
    if code in (401, 403):  # or a client would look for the mistake in its own key
        message = f"the key of this server was refused: {message}"
    details = {"code": code, "message": message, "status": name, "details": _details(fields, headers or {})}
    return api_error(code, message, status=name, details={"error": details}, headers=headers)


def _fields(document: Any) -> Mapping[str, Any]:
    """The object that has the message: servers wrap it in ``error``, in an array, or not at all."""
    if isinstance(document, list) and document:
        document = document[0]
    for _ in range(3):  # an error within an error, where a gateway passes one on
        inner = document.get("error") if isinstance(document, Mapping) else document
        if not inner:
            break
        document = inner if isinstance(inner, Mapping) else {"message": inner}
    return document if isinstance(document, Mapping) else {}


def _message(fields: Mapping[str, Any], document: Any) -> str:
    found = fields.get("message") or fields.get("detail")
    if isinstance(found, list):  # FastAPI: what is wrong with each field
        found = "; ".join(f"{_place(one)}{one.get('msg', '')}" for one in found if isinstance(one, Mapping))
    raw = fields.get("metadata")
    if isinstance(raw, Mapping) and isinstance(
        raw.get("raw"), str
    ):  # OpenRouter: the cause behind "Provider returned error"
        found = f"{found}: {raw['raw']}"
    if not isinstance(found, str) or not found:
        found = msgspec.json.encode(document).decode("utf-8", "replace")
    return found[:_LONGEST]


def _place(entry: Mapping[str, Any]) -> str:
    where = entry.get("loc")
    return f"{'.'.join(map(str, where))}: " if isinstance(where, list) and where else ""


def _http_status(fields: Mapping[str, Any], status: int) -> int:
    """The status of the response; in a stream that of the error's code, or what its type stands for."""
    if status >= 400:
        return status
    for name in ("code", "status_code", "status"):
        code = fields.get(name)
        if isinstance(code, str) and code.isdecimal():
            code = int(code[:4])
        if isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599:
            return code
    words = [str(fields[name]).lower() for name in ("type", "code") if fields.get(name)]
    return next((code for start, code in ERROR_TYPES for word in words if word.startswith(start)), 500)


def _details(fields: Mapping[str, Any], headers: Mapping[str, str]) -> list[dict[str, Any]]:
    """What clients of the Gemini API read: how long to wait, and the server's own words for the error."""
    own = {name: str(fields[name])[:_LONGEST] for name in ("type", "code", "param") if fields.get(name) is not None}
    reason = next((own[name] for name in ("code", "type") if _WORD.fullmatch(own.get(name, ""))), "error")
    found: list[dict[str, Any]] = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": DOMAIN, "metadata": own}
    ]
    seconds = wait_of(headers)
    if seconds is not None:
        found.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds:g}s"})
    return found


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds after which the server wants to be asked again, None if it does not say."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        if "retry-after" in headers:
            return max(0.0, float(headers["retry-after"]))
    except ValueError:
        pass  # a date, which needs a clock
    if headers.get("x-ratelimit-remaining-requests") == "0":
        return _duration(headers.get("x-ratelimit-reset-requests", ""))
    if headers.get("x-ratelimit-remaining-tokens") == "0":
        return _duration(headers.get("x-ratelimit-reset-tokens", ""))
    return None


def _duration(text: str) -> float | None:
    """The seconds in ``6m0s`` or ``120ms``, or None."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    hours, minutes, seconds, milliseconds = (float(group or 0) for group in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
