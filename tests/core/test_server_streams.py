"""The dialect of named streams: numbered events, cut anywhere, and the last of them, which is the end."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.answer.ending import EndingKind
from headwater.core.machine.config import MachineConfig
from headwater.core.machine.machine import Machine
from headwater.core.machine.steps import Close, Open, Stop, TransportError, Wait
from headwater.core.stages.base import start_stages
from headwater.core.stages.smooth import smooth
from headwater.core.wire.request import HttpRequest
from headwater.core.wire.server_streams import ServerStreamDialect
from headwater.errors import APIError, StreamCancelled, WireError
from headwater.types import GenerateContentResponse
from tests.support.servers import refuses, says

NAME = "a" * 32
REQUEST = HttpRequest("GET", f"http://127.0.0.1/v1/streams/{NAME}/events", {"x-goog-api-key": "secret"})
HEAD = {"headwater-stream": NAME}


def event(number: int, document: Any, kind: str = "chunk") -> bytes:
    """One event as the server sends it."""
    return f"id: {number}\r\nevent: {kind}\r\ndata: {json.dumps(document)}\r\n\r\n".encode()


def machine(**options: Any) -> Machine[Any]:
    return Machine(ServerStreamDialect(), REQUEST, MachineConfig(on_break="continue", name=NAME, **options))


def begun(*pieces: bytes, **options: Any) -> Machine[Any]:
    """A machine that has read these bytes."""
    begun = machine(**options)
    assert isinstance(begun.next_step(0.0), Open)
    begun.opened(200, HEAD, 0.0)
    for piece in pieces:
        begun.received(piece, 0.0)
    return begun


def read(machine: Machine[Any]) -> tuple[list[str], Any]:
    """The chunks that are ready, and the step that comes then; pauses of a pace are waited through."""
    found, now = [], 0.0
    while True:
        step: Any = machine.next_step(now)
        if isinstance(step, GenerateContentResponse):
            found.append(step.text)
        elif isinstance(step, Wait):
            now += step.seconds
        else:
            return found, step


ALL = b"\r\n" + event(1, says("one ")) + b"\r\n" + event(2, says("two", "STOP")) + event(3, {"seconds": 1.0}, "end")


@given(st.lists(st.integers(0, len(ALL)), max_size=8))
def test_however_the_bytes_are_cut_the_answer_is_the_same(places: list[int]) -> None:
    """Keep-alives between the events included."""
    bounds = [0, *sorted(places), len(ALL)]
    found = begun(*(ALL[start:end] for start, end in pairwise(bounds) if end > start))
    assert read(found) == (["one ", "two"], Stop())
    assert found.snapshot.ending is not None
    assert found.snapshot.ending.kind is EndingKind.FINISHED


@given(st.integers(1, len(ALL) - 1))
def test_wherever_the_line_is_lost_it_goes_on_after_the_last_whole_event(cut: int) -> None:
    """The next request names the stream by its URL and the place in a header; the key stays."""
    lost = begun(ALL[:cut])
    whole = len(re.findall(rb"data: .*\r\n\r", ALL[:cut]))
    lost.failed(TransportError("lost", "why"), 0.0)
    came, step = read(lost)
    if "two" in came:  # with the finish reason: nothing is missing
        assert step == Stop()
        return
    assert isinstance(step, Close)
    assert isinstance(lost.next_step(0.0), Wait)
    again = lost.next_step(0.0)
    assert isinstance(again, Open)
    assert (again.request.url, again.request.method) == (REQUEST.url, "GET")
    assert again.request.headers == {"x-goog-api-key": "secret", "Last-Event-ID": str(whole)}
    lost.opened(200, HEAD, 0.0)
    lost.received(ALL[ALL.index(b"id: %d" % (whole + 1)) :], 0.0)
    assert came + read(lost)[0] == ["one ", "two"]


def test_nothing_after_the_place_is_a_good_end() -> None:
    """204: the reader has seen the end already."""
    over = machine()
    over.next_step(0.0)
    over.opened(204, {}, 0.0)
    assert over.next_step(0.0) == Stop()
    assert over.snapshot.ending is not None
    assert over.snapshot.ending.kind is EndingKind.FINISHED


@pytest.mark.parametrize("paced", [False, True])
def test_what_came_before_a_stop_elsewhere_is_read(paced: bool) -> None:
    """Also where it came with the end in one piece, or is held back by a pace."""
    end = event(3, {"reason": "cancelled"}, "end")
    options = {"stages": start_stages([smooth()])} if paced else {}
    texts, step = read(begun(event(1, says("one ")) + event(2, says("two")) + end, **options))
    assert "".join(texts) == "one two"
    assert isinstance(step.error, StreamCancelled)


def test_a_cancel_here_drops_what_was_not_read() -> None:
    """As with any stream."""
    found = begun(event(1, says("one ")) + event(2, says("two")))
    found.cancel()
    texts, step = read(found)
    assert texts == []
    assert isinstance(step.error, StreamCancelled)


@pytest.mark.parametrize("code", [503, 429, 400])
def test_an_error_that_ended_the_stream_is_not_asked_for_again(code: int) -> None:
    """It is the same for everybody, whatever its code, and however little came before it."""
    found = begun(event(1, refuses(code, "WHY", "because"), "failed"))
    texts, step = read(found)
    assert isinstance(step.error, APIError)
    assert (texts, step.error.code, step.error.message, found.snapshot.attempts) == ([], code, "because", 1)


def test_an_end_that_nobody_understands_is_an_end() -> None:
    """A later server may say more of it."""
    for data in ("[]", '"x"', "{}", '{"reason": "finished", "more": 1}'):
        found = begun(event(1, says("one")), b"id: 2\r\nevent: end\r\ndata: " + data.encode() + b"\r\n\r\n")
        assert read(found) == (["one"], Stop())


def test_a_page_is_no_stream() -> None:
    """Where something else answers, the error says how it begins."""
    texts, step = read(begun(b"<html>hello</html>", b""))
    assert texts == []
    assert isinstance(step.error, WireError)
    assert "<html>hello" in str(step.error)
