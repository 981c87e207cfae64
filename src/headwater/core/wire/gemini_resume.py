"""The three ways to go on with a broken answer of the Gemini API.

1. The other end keeps the stream (headwater's server does): the same stream, after the last document that came. Exact.
2. The API gave a continuation token: the same request with the token; what came after the checkpoint is said again.
3. The model is shown its own text so far and goes on from it; what it repeats is left out. Text only.
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
    """Return how to go on with a Gemini answer that broke; None where there is no way."""
    has_ended = broken.error is None or isinstance(broken.error, APIError)  # and there is no more of that stream
    if broken.stream is not None and not has_ended:
        return Continuation(request=resume_request(broken.request, broken.stream, broken.after), same_stream=True)
    token = broken.fold.continuation_token
    if token is not None and broken.fold.is_single:
        return Continuation(request=_with_token(broken.request, token), joiner=SkipReplayed(broken.since_checkpoint))
    return _told_on(broken)


def resume_request(request: HttpRequest, stream: str, after: int) -> HttpRequest:
    """Return the request for the rest of a stream that the other end keeps."""
    headers = {**request.headers, STREAM: stream, AFTER: str(after)}
    return HttpRequest(request.method, request.url, headers, request.body)


def position(request: HttpRequest, stream: str, after: int) -> str:
    """Return the place after ``after`` documents of a stream that the other end keeps, as text without any key."""
    parts = urlsplit(request.url)
    place = [1, urlunsplit(("", "", parts.path, parts.query, "")), stream, after]
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def read_position(text: str) -> tuple[str, str, int]:
    """Return what a position says: the path of the request, the name of the stream, the documents that came.

    Raises:
        UsageError: it is none.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        version, path, stream, after = msgspec.json.decode(data, type=tuple[int, str, str, int])
    except (ValueError, msgspec.MsgspecError, TypeError):
        version, path, stream, after = 0, "", "", -1
    if version != 1 or not path.startswith("/") or path.startswith("//") or after < 0:
        raise UsageError("that is no position of a stream: pass what stream.position or error.position said")
    return path, stream, after


def _with_token(request: HttpRequest, token: bytes) -> HttpRequest:
    body = {**_body(request), "continuationToken": msgspec.to_builtins(token)}
    return _with_body(request, body)


def _told_on(broken: BrokenStream) -> Continuation | None:
    """The request that shows the model its own words; None where they are more than words."""
    fold = broken.fold
    body = _body(broken.request)
    if not fold.is_text or not body.get("contents") or _asks_for_more_than_text(body):
        return None
    if not fold.text:  # thoughts alone: there is nothing yet to go on from
        return Continuation(request=broken.request, joiner=TrimOverlap("", mute_thoughts=True))
    said = {"role": "model", "parts": [{"text": fold.text}]}
    body = {**body, "contents": [*body.get("contents", ()), said]}
    generation, spent = body.get("generationConfig") or {}, fold.usage_metadata.candidates_token_count
    limit = generation.get("maxOutputTokens")
    if isinstance(limit, int) and spent is not None:
        if spent >= limit:
            return None
        body["generationConfig"] = {**generation, "maxOutputTokens": limit - spent}
    joiner = TrimOverlap(fold.text, mute_thoughts=bool(fold.thought_text))
    return Continuation(request=_with_body(broken.request, body), joiner=joiner)


def _asks_for_more_than_text(body: dict[str, Any]) -> bool:
    generation = body.get("generationConfig") or {}
    return bool(generation.get("candidateCount", 1) != 1)


def _body(request: HttpRequest) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(request.body or b"{}")
    return body


def _with_body(request: HttpRequest, body: dict[str, Any]) -> HttpRequest:
    return HttpRequest(request.method, request.url, request.headers, msgspec.json.encode(body))
