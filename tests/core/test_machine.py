"""One call, step by step: a script of what happens, and what the machine says to do about it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.core.machine.policy import Deadlines
from headwater.core.machine.refusals import MAX_REFUSAL_BYTES
from headwater.core.machine.steps import Open, Read, TransportError
from headwater.core.wire.framing import DocumentStream
from headwater.core.wire.gemini import Gemini
from headwater.errors import (
    APIError,
    AuthenticationError,
    ConnectError,
    HeadwaterError,
    NotFoundError,
    RateLimitError,
    ServerError,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    WireError,
)
from headwater.types import GenerateContentResponse
from tests.support.corpus_cases import REQUEST, slices
from tests.support.machines import (
    CLOSE,
    END,
    HELLO,
    OPEN,
    READ,
    TRICE,
    WORLD,
    Script,
    stopped,
)
from tests.support.servers import refuses, says, sse


def test_a_stream_from_beginning_to_end() -> None:
    script = Script()
    assert script.step() == OPEN
    script.opened(server="x")
    assert script.machine.snapshot.headers == {"server": "x"}
    assert script.step() == READ
    script.received(HELLO + WORLD[:20])
    assert script.texts() == ["Hello "]
    assert script.step() == READ
    script.received(WORLD[20:], END)
    assert script.texts() == ["world", "!"]
    assert script.machine.snapshot.fold.response.text == "Hello world!"
    assert script.step() == READ, "the connection is read to its end, so that it can be kept"
    script.received(b"")
    assert script.stop() is None
    assert script.machine.snapshot.attempts == 1


def test_a_unary_answer_is_one_result() -> None:
    script = Script(unary=True)
    script.begin()
    script.received(*slices(json.dumps(says("hi"), indent=2).encode(), 7))
    assert script.step() == READ
    script.received(b"")
    assert script.texts() == ["hi"], "no finish reason is needed where the body has an end"
    assert script.stop() is None


def test_the_deadlines_are_those_of_the_steps() -> None:
    script = Script(deadlines=Deadlines(first_content=5.0, content_gap=None))
    assert script.step() == Open(REQUEST, 5.0)
    script.opened()
    assert script.step() == Read(5.0)
    script.received(HELLO)
    assert script.texts() == ["Hello "]
    assert script.step() == Read(None)


@pytest.mark.parametrize("body", [b"", b"\r\n", b": ping\r\n\r\n", b"[]", b"data: [DONE]\n\n"])
def test_an_empty_answer_is_truncated(body: bytes) -> None:
    script = Script()
    script.begin()
    script.received(body, b"") if body else script.received(b"")
    assert "before its first chunk" in str(stopped(script, StreamTruncated, phase="head"))


@pytest.mark.parametrize("body", [HELLO[:30], HELLO[:-8], b'{"cand', b"[{", b"[" + HELLO[6:30], b': ping\n\n{"err'])
def test_an_end_in_the_middle_of_the_first_chunk_is_truncated_too(body: bytes) -> None:
    """And can be tried again: these are the bytes of an answer, only not all of them."""
    script = Script(retry=TRICE)
    for _ in range(2):
        script.begin()
        script.received(*slices(body, 9), b"")
        assert script.step() == CLOSE
        script.step()
    script.begin()
    script.received(*slices(body, 1), b"")
    stopped(script, StreamTruncated, phase="head", attempts=3)


def test_half_a_unary_answer_breaks_the_protocol() -> None:
    """HTTP says where such a body ends, so that was all of it."""
    script = Script(unary=True)
    script.begin()
    script.received(b'{"candidates": [', b"")
    stopped(script, WireError, phase="head")


@pytest.mark.parametrize(
    ("end", "last"), [(b"", ""), (END[:-4], "!"), (END[:30], ""), (b'{"err', ""), (b"<html>", ""), (b"data: hm", "")]
)
def test_an_end_without_a_finish_reason_is_truncated_and_keeps_what_came(end: bytes, last: str) -> None:
    """A last event whose blank line is missing counts; half an event does not."""
    script = Script()
    script.begin()
    script.received(HELLO + WORLD + end, b"")
    assert "".join(script.texts()) == "Hello world" + last
    if last:
        assert script.stop() is None
    else:
        assert "without a finish reason" in str(stopped(script, StreamTruncated, phase="body", text="Hello world"))


def test_a_stream_may_end_after_the_prompt_was_refused() -> None:
    script = Script()
    script.begin()
    script.received(sse({"promptFeedback": {"blockReason": "SAFETY"}}), b"")
    assert script.step().prompt_feedback.block_reason == "SAFETY"
    assert script.stop() is None


def test_usage_may_come_after_the_finish_reason() -> None:
    script = Script()
    script.begin()
    script.received(END, sse({"usageMetadata": {"totalTokenCount": 9}}), b"")
    assert len(script.texts()) == 2
    assert script.stop() is None
    assert script.machine.snapshot.fold.usage_metadata.total_token_count == 9


SLOW = refuses(429, "RESOURCE_EXHAUSTED", "slow")


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(sse(SLOW), id="an event"),
        pytest.param(b"event: error\n" + sse(SLOW), id="an event of its own type"),
        pytest.param(sse([SLOW]), id="in an array"),
        pytest.param(json.dumps(SLOW, indent=2).encode(), id="bare"),
        pytest.param(b"\n" + json.dumps([SLOW]).encode() + b"\n", id="bare in an array"),
    ],
)
def test_an_error_in_the_middle_comes_after_the_chunks_before_it(error: bytes) -> None:
    script = Script(retry=TRICE)
    script.begin()
    script.received(*slices(HELLO + WORLD + error, 5), b"")
    assert script.texts() == ["Hello ", "world"]
    found = stopped(script, RateLimitError, phase="body", text="Hello world")
    assert (found.code, found.message) == (429, "slow")


def test_nothing_is_taken_after_an_error() -> None:
    script = Script()
    script.begin()
    script.received(HELLO + sse(refuses(500, "INTERNAL", "no")) + WORLD, END)
    assert script.texts() == ["Hello "]
    stopped(script, ServerError, phase="body", text="Hello ")


def test_what_is_no_stream_at_all_is_shown() -> None:
    script = Script()
    script.begin()
    script.received(b"<html>\n<body>Please log in</body></html>\n", b"")
    assert "Please log in" in str(stopped(script, WireError, phase="head"))


class ShortDocuments(Gemini[GenerateContentResponse]):
    """Gemini with a small limit."""

    def stream_framing(self) -> DocumentStream:
        return DocumentStream(limit=500)


def test_an_event_over_the_limit_ends_the_stream_with_what_came() -> None:
    script = Script(dialect=ShortDocuments(GenerateContentResponse))
    script.begin()
    script.received(HELLO, b"data: " + b"x" * 600)
    assert script.texts() == ["Hello "]
    stopped(script, WireError, phase="body", text="Hello ")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, refuses(404, "NOT_FOUND", "m"), NotFoundError),
        (403, [refuses(403, "PERMISSION_DENIED", "m")], AuthenticationError),
        (500, b"<html>m</html>", ServerError),
        (500, b"", ServerError),
        (304, b"", APIError),
        (302, b"no location", APIError),
    ],
)
def test_a_refusal_is_read_to_its_end_and_raised(status: int, body: Any, kind: type[APIError]) -> None:
    script = Script()
    assert script.step() == OPEN
    script.opened(status)
    assert script.step() == READ
    data = body if isinstance(body, bytes) else json.dumps(body, indent=2).encode()
    script.received(*slices(data, 9), b"")
    assert stopped(script, kind, phase="head").code == status


def test_a_refusal_of_any_size_is_the_refusal() -> None:
    """A gateway's error page of megabytes is not read to its end, and still is a 503."""
    script = Script()
    script.step()
    script.opened(503)
    script.received(*[b"<p>sorry</p>" * 10_000] * (MAX_REFUSAL_BYTES // 100_000))
    assert stopped(script, ServerError, phase="head").code == 503


@pytest.mark.parametrize("kind", ["lost", "timeout"])
def test_a_refusal_that_is_cut_off_is_the_refusal(kind: str) -> None:
    script = Script()
    script.step()
    script.opened(401)
    script.received(b'{"error": {"mess')
    script.failed(kind)
    assert stopped(script, AuthenticationError, phase="head").code == 401


@pytest.mark.parametrize(
    ("kind", "error", "builtin"),
    [
        ("connect", ConnectError, ConnectionError),
        ("lost", ConnectError, ConnectionError),
        ("timeout", StreamStalled, TimeoutError),
    ],
)
def test_no_answer_at_all(kind: str, error: type[HeadwaterError], builtin: type[Exception]) -> None:
    script = Script()
    script.step()
    script.failed(kind, "5 s")
    found = stopped(script, error, phase="connect")
    assert isinstance(found, builtin)
    assert isinstance(found.__cause__, TransportError)
    assert "5 s" in str(found)


def test_a_connection_that_was_lost_while_opening_is_an_error() -> None:
    """The API may have begun to answer, and to charge: the request is not sent again unasked."""
    script = Script()
    assert script.step() == OPEN
    script.failed("lost")
    stopped(script, ConnectError, phase="connect", attempts=1)


def test_a_stale_connection_is_replaced_at_once_a_few_times() -> None:
    """The server has not seen the request; but a machine that only meets stale connections gives up."""
    script = Script()
    for _ in range(6):
        assert script.step() == OPEN
        script.failed("stale")
    stopped(script, ConnectError, phase="connect", attempts=6)


@pytest.mark.parametrize(("kind", "error"), [("lost", StreamInterrupted), ("timeout", StreamStalled)])
def test_a_break_in_the_middle_keeps_what_came(kind: str, error: type[HeadwaterError]) -> None:
    script = Script(retry=TRICE)
    script.begin()
    script.received(HELLO + WORLD[:9])
    script.failed(kind)
    assert script.texts() == ["Hello "]
    stopped(script, error, phase="body", text="Hello ")


def test_a_break_before_the_first_chunk_happens_in_the_head() -> None:
    script = Script()
    script.begin()
    script.failed("lost")
    stopped(script, StreamInterrupted, phase="head")
