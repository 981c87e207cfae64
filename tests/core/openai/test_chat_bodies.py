"""Bodies of chat servers that are odd, broken or errors: each is read for what it is, and none is taken for more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.errors import APIError, RateLimitError, StreamTruncated, WireError
from tests.support.chat_cases import AS_RECORDED, ChatOutcome, delta, read_chat, sse
from tests.support.corpus_cases import slices

STOP = delta({}, "stop")
USAGE = {"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 19}


def read(*events: Any, end: bytes = b"data: [DONE]\n\n") -> ChatOutcome:
    """What a stream of these events says."""
    return read_chat([sse(*events, end=end)], AS_RECORDED)


# Framing, and what is not an answer.


def test_odd_frames_are_read() -> None:
    """Comments, also those that a proxy made events of; CRLF; no space; a missing blank line; a byte order mark."""
    said, stop = json.dumps(delta({"content": "hi"})), json.dumps(STOP)
    body = f"\ufeff: PING\n\ndata: : PING\n\ndata:{said}\r\n\r\nid: 1\nretry: 5\n\ndata:\n\ndata: {stop}".encode()
    for pieces in ([body], slices(body, 1)):
        outcome = read_chat(pieces)
        assert (outcome.response.text, outcome.error) == ("hi", None)
    glued = f"data: {said}\ndata: {stop}\ndata: [DONE]\n\n".encode()
    assert read_chat([glued]).error is None


def test_a_whole_body_where_a_stream_was_asked_for_is_an_answer() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    document = {"id": "x", "object": "chat.completion", "choices": [choice], "usage": USAGE}
    outcome = read_chat(slices(json.dumps(document, indent=1).encode(), 5))
    assert (outcome.response.text, outcome.response.usage_metadata.total_token_count) == ("hi", 19)
    half = read_chat([json.dumps(document).encode()[:-20]])
    assert half.error is not None


def test_a_message_beside_the_delta_is_not_added() -> None:
    """Perplexity repeats the whole text so far in it."""
    said = delta({"content": "b"})
    said["choices"][0]["message"] = {"content": "ab"}
    assert read(delta({"content": "a"}), said, STOP).response.text == "ab"


ERROR = {"message": "the model crashed", "type": "server_error", "code": 500}


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(sse({"error": ERROR}), id="1 an error event"),
        pytest.param(sse(delta({"content": ""}, "error", error=ERROR)), id="2 an error beside choices"),
        pytest.param(b"event: error\n" + sse({"error": ERROR}, end=b""), id="3 an event called error"),
        pytest.param(b"event: error\n" + sse(ERROR, end=b""), id="3 without the key"),
        pytest.param(b"error: " + json.dumps({"error": ERROR}).encode() + b"\n\n", id="4 a field called error"),
        pytest.param(sse({"object": "error", **ERROR}), id="5 a flat error"),
        pytest.param(json.dumps({"error": ERROR}).encode() + b"\n\n", id="5 bare JSON"),
        pytest.param(sse([{"error": ERROR}]), id="5 an array"),
        pytest.param(sse({"detail": "the model crashed"}), id="5 FastAPI"),
        pytest.param(b"", id="6 the body ends"),
        pytest.param(sse(delta({}, "error")), id="7 the finish reason error"),
        pytest.param(b"data: [DONE]\n\n", id="8 the end alone"),
    ],
)
def test_every_form_of_error_is_a_typed_error_and_the_text_before_it_is_kept(end: bytes) -> None:
    for pieces in ([sse(delta({"content": "half"}), end=end)], slices(sse(delta({"content": "half"}), end=end), 1)):
        outcome = read_chat(pieces)
        assert outcome.response.text == "half"
        assert outcome.candidate.get("finishReason") is None
        assert isinstance(outcome.error, APIError | StreamTruncated)
        if isinstance(outcome.error, APIError) and b"crashed" in end:
            assert "the model crashed" in outcome.error.message


def test_an_error_after_a_finish_reason_is_still_an_error() -> None:
    assert isinstance(read(delta({"content": "x"}, "length"), {"error": ERROR}).error, APIError)


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", b"data: {not json}\n\n", sse({"choices": 5}), sse(7), b"data: [DONE]\n\n"]
)
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    outcome = read_chat([body])
    assert isinstance(outcome.error, WireError | StreamTruncated)
    assert not outcome.chunks


def test_events_without_content_make_no_chunk() -> None:
    """So pings, roles, filters and progress do not move the deadline of the first content."""
    azure = {"id": "", "model": "", "choices": [], "prompt_filter_results": []}
    role = delta({"role": "assistant", "content": None, "refusal": None, "tool_calls": None})
    assert read(azure, role, {"id": "chatcmpl-1", "choices": None}, end=b"").chunks == []


# Errors before the stream.


@pytest.mark.parametrize(
    ("status", "body", "code", "name", "message"),
    [
        (404, {"error": {"message": "no such model", "code": "model_not_found"}}, 404, "NOT_FOUND", "no such model"),
        (401, {"detail": "Invalid API Key"}, 401, "UNAUTHENTICATED", "the key of this server was refused: Invalid"),
        (402, {"error": {"message": "pay"}}, 400, "FAILED_PRECONDITION", "pay"),
        (422, {"detail": [{"loc": ["body", 1], "msg": "wrong"}]}, 400, "INVALID_ARGUMENT", "body.1: wrong"),
        (400, [{"error": {"message": "an array", "code": 400}}], 400, "INVALID_ARGUMENT", "an array"),
        (400, {"error": "a text"}, 400, "INVALID_ARGUMENT", "a text"),
        (408, {"message": "slow"}, 504, "DEADLINE_EXCEEDED", "slow"),
        (418, {"error": {"message": "teapot"}}, 400, "INVALID_ARGUMENT", "teapot"),
        (502, b"<html>bad\ngateway</html>", 502, "INTERNAL", "<html>bad gateway</html>"),
        (503, b"", 503, "UNAVAILABLE", "status 503 and no body"),
        (529, {"error": {"metadata": {"raw": "Claude is full"}, "message": "Provider"}}, 503, "UNAVAILABLE", "full"),
        (500, {"error": {"message": "image input is not supported"}}, 400, "INVALID_ARGUMENT", "image input"),
        (500, {"odd": 1}, 500, "INTERNAL", "odd"),
    ],
)
def test_refusals_in_every_form_have_googles_code_and_the_servers_words(
    status: int, body: Any, code: int, name: str, message: str
) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = read_chat([data], status=status).error
    assert isinstance(error, APIError)
    assert (error.code, error.status) == (code, name)
    assert message in error.message
    assert error.details["error"]["code"] == code


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2s"}, 62.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_server_asks_for_is_passed_on(headers: dict[str, str], seconds: float | None) -> None:
    body = {"error": {"message": "slow down", "type": "rate_limit_exceeded"}}
    error = read_chat([json.dumps(body).encode()], status=429, headers=headers).error
    assert isinstance(error, RateLimitError)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": 429}, 429),
        ({"code": "503"}, 503),
        ({"status_code": 404, "code": "words"}, 404),
        ({"type": "overloaded_error"}, 503),
        ({"code": "rate_limit_exceeded"}, 429),
        ({"type": "exceed_context_size_error"}, 400),
        ({"type": "strange"}, 500),
        ({"code": True}, 500),
    ],
)
def test_an_error_in_a_stream_is_known_by_its_code_or_its_type(error: dict[str, Any], code: int) -> None:
    found = read({"error": {"message": "x", **error}}).error
    assert isinstance(found, APIError)
    assert found.code == code


def test_what_is_not_unicode_is_replaced() -> None:
    """Half a character, as some servers cut them, costs that character and not the answer."""
    half = sse(delta({"content": "a"}), STOP).replace(b'"a"', b'"a\\ud83d"')
    bytes_ = sse(delta({"content": "a"}), STOP).replace(b'"a"', b'"a\xff"')
    for body in (half, bytes_):
        assert (read_chat([body]).response.text, read_chat([body]).error) == ("a\ufffd", None)
