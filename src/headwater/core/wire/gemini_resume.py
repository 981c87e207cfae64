"""The three ways to resume a broken answer of the Gemini API (decision 7).

1. The server stores the stream (headwater's does): the same stream, after the last document that arrived. Exact.
2. The API gave a continuation token: the same request with the token; what followed the checkpoint is replayed.
3. The model is shown its own text so far and continues from it; what it repeats is left out. Text only.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from headwater.contract.headers import AFTER, STREAM
from headwater.core.answer.joining import SkipReplayed, TrimOverlap
from headwater.core.wire.dialect import BrokenStream, Continuation
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, UsageError


def resume(broken: BrokenStream) -> Continuation | None:
    """Return how to resume a Gemini answer that broke, None if that is impossible."""
    has_ended = broken.error is None or isinstance(broken.error, APIError)  # and nothing is left of that stream
    if broken.stream is not None and not has_ended:
        return Continuation(request=resume_request(broken.request, broken.stream, broken.after), same_stream=True)
    token = broken.fold.continuation_token
    if token is not None and broken.fold.is_single:
        return Continuation(request=_with_token(broken.request, token), joiner=SkipReplayed(broken.since_checkpoint))
    return _with_own_text(broken)


def resume_request(request: HttpRequest, stream: str, after: int) -> HttpRequest:
    """Return the request for the rest of a stored stream."""
    headers = {**request.headers, STREAM: stream, AFTER: str(after)}
    return HttpRequest(request.method, request.url, headers, request.body)


def position(request: HttpRequest, stream: str, after: int) -> str:
    """Return the position after ``after`` documents of a stored stream, as text that holds no key."""
    parts = urlsplit(request.url)
    place = [1, urlunsplit(("", "", parts.path, parts.query, "")), stream, after]
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def read_position(text: str) -> tuple[str, str, int]:
    """Return what a position holds: the path of the request, the name of the stream, the number of documents.

    Raises:
        UsageError: if ``text`` is not a position.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        version, path, stream, after = msgspec.json.decode(data, type=tuple[int, str, str, int])
    except (ValueError, msgspec.MsgspecError, TypeError):
        version, path, stream, after = 0, "", "", -1
    if version != 1 or not path.startswith("/") or path.startswith("//") or after < 0:
        raise UsageError("this is not the position of a stream: pass the value of stream.position or error.position")
    return path, stream, after


def _with_token(request: HttpRequest, token: bytes) -> HttpRequest:
    body = {**_body(request), "continuationToken": msgspec.to_builtins(token)}
    return _with_body(request, body)


def _with_own_text(broken: BrokenStream) -> Continuation | None:
    """The request that shows the model its own text; None if the answer is more than text."""
    fold = broken.fold
    body = _body(broken.request)
    if not fold.is_text or not body.get("contents") or _wants_several_candidates(body):
        return None
    if not fold.text:  # thoughts alone: no text yet to continue from
        return Continuation(request=broken.request, joiner=TrimOverlap("", mute_thoughts=True))
    said = {"role": "model", "parts": [{"text": fold.text}]}
    body = {**body, "contents": [*body.get("contents", ()), said]}
    generation, spent = body.get("generationConfig") or {}, fold.usage_metadata.candidates_token_count
    limit = generation.get("maxOutputTokens")
    if isinstance(limit, int) and spent is not None:
        if spent >= limit:  # nothing is left of what the caller allows
            return None
        body["generationConfig"] = {**generation, "maxOutputTokens": limit - spent}
    joiner = TrimOverlap(fold.text, mute_thoughts=bool(fold.thought_text))
    return Continuation(request=_with_body(broken.request, body), joiner=joiner)


def _wants_several_candidates(body: dict[str, Any]) -> bool:
    generation = body.get("generationConfig") or {}
    return bool(generation.get("candidateCount", 1) != 1)


def _body(request: HttpRequest) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(request.body or b"{}")
    return body


def _with_body(request: HttpRequest, body: dict[str, Any]) -> HttpRequest:
    return HttpRequest(request.method, request.url, request.headers, msgspec.json.encode(body))
