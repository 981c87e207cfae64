"""What a stream allows, without a log or a server."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from headwater.core.wire.sse import Decoder
from headwater.errors import APIError
from headwater.server.durable import codec, fields, protocol
from headwater.server.durable.protocol import Append, Creation, Note, Producer

MOST = 10_000


def note(**facts: object) -> Note:
    return Note("n", "text/plain", is_made=True, **facts)


def append(
    there: Note, producer: Producer | None = None, record: bytes | None = b"x", **asked: object
) -> protocol.AppendResult:
    return protocol.append(there, 0, Append("text/plain", producer=producer, **asked), record, MOST)


@given(some.lists(some.integers(0, 10**15), min_size=2))
def test_offsets_sort_as_their_numbers_do(numbers: list[int]) -> None:
    """The order of offsets as texts is that of the positions, and each comes back as what it was."""
    texts = [fields.format_offset(number) for number in numbers]
    assert sorted(texts) == [fields.format_offset(number) for number in sorted(numbers)]
    assert [fields.parse_offset(text) for text in texts] == numbers
    assert all(len(text) < 256 and not set(text) & set(",&=?/") for text in texts)


@given(some.integers(2_000_000_000, 4_000_000_000), some.floats(0, 1), some.integers(0, 10**10))
def test_a_cursor_always_moves_on(now: int, jitter: float, echoed: int) -> None:
    """A cursor is later than the one that the reader came with."""
    assert int(fields.cursor(now, str(echoed), jitter)) > echoed or echoed < int(fields.cursor(now, None, 0))
    first = fields.cursor(now, None, 0)
    assert int(fields.cursor(now, first, jitter)) > int(first)


@given(some.lists(some.tuples(some.integers(0, 2), some.integers(0, 4)), max_size=40))
def test_a_producer_is_heard_once_and_in_order(sent: list[tuple[int, int]]) -> None:
    """Whatever a producer repeats, skips or reorders: what is taken are the numbers from 0 on, epoch after epoch."""
    there, taken = note(), []
    for epoch, seq in sent:
        try:
            done = append(there, Producer("p", epoch, seq))
        except APIError:
            continue
        if done.note is not None:
            there = done.note
            taken.append((epoch, seq))
    for (epoch, seq), (later, following) in itertools.pairwise([(-1, 0), *taken]):
        assert (later, following) == (epoch, seq + 1) or (later > epoch and following == 0)


def test_producers_that_wrote_last_are_remembered() -> None:
    """A stream remembers so many producers and no more; the one that was quiet for longest goes first."""
    there: Note | None = note()
    for number in range(protocol.MAX_PRODUCERS + 1):
        assert there is not None
        there = append(there, Producer(f"p{number}", 0, 0)).note
    assert there is not None
    assert len(there.producers) == protocol.MAX_PRODUCERS
    assert "p0" not in there.producers
    assert append(there, Producer("p1", 0, 0)).note is None


def test_a_closed_stream_takes_repetitions_only() -> None:
    """After closing, the request that closed is done already; every other append is refused with the way out."""
    closed = append(note(), Producer("p", 0, 0), is_closing=True)
    assert closed.note is not None
    assert closed.records == [b"x", protocol.MARK]
    assert append(closed.note, Producer("p", 0, 0), is_closing=True).note is None
    assert append(closed.note, record=None, is_closing=True).note is None
    for producer in (None, Producer("p", 0, 1), Producer("q", 0, 0)):
        with pytest.raises(APIError) as refused:
            append(closed.note, producer, is_closing=True)
        assert refused.value.code == 409
        assert refused.value.headers[fields.CLOSED] == "true"


def test_a_stream_has_an_end_of_its_size() -> None:
    """What would make a stream larger than it may be is refused with 413."""
    full = append(note(), record=b"x" * MOST).note
    assert full is not None
    with pytest.raises(APIError) as refused:
        append(full)
    assert refused.value.code == 413


def test_marks_do_not_move_the_end() -> None:
    """Closing and deleting write a record each, and the offset of the end stays where it was."""
    assert [note(is_closed=closed).tail(5 + closed) for closed in (False, True)] == [5, 5]
    gone, marks = protocol.delete(note(is_closed=True))
    assert gone.tail(6 + len(marks)) == 5


def test_a_fork_has_the_parts_before_it() -> None:
    """A fork of a fork points to what it needs of each log, never to what came after."""
    first = note()
    fork = protocol.fork_of(first, "a", 10, Creation(None, fork_after=6), "/a")
    second = note(fork=fork)
    again = protocol.fork_of(second, "b", second.tail(4), Creation(None, fork_after=8), "/b")
    assert [(part.key, part.first, part.upto) for part in again.segments] == [("a", 0, 6), ("b", 6, 8)]
    early = protocol.fork_of(second, "b", second.tail(4), Creation(None, fork_after=3), "/b")
    assert [(part.key, part.first, part.upto) for part in early.segments] == [("a", 0, 3)]
    with pytest.raises(APIError, match="beyond the end"):
        protocol.fork_of(first, "a", 5, Creation(None, fork_after=6), "/a")


@pytest.mark.parametrize(
    "headers",
    [
        {fields.TTL: "01"},
        {fields.TTL: "+1"},
        {fields.TTL: "1.0"},
        {fields.TTL: "1", fields.EXPIRES_AT: "2030-01-01T00:00:00Z"},
        {fields.EXPIRES_AT: "2030-01-01T00:00:00"},
        {fields.EXPIRES_AT: "2030-01-01"},
        {fields.FORK_OFFSET: fields.format_offset(0)},
        {fields.FORKED_FROM: "/v1/durable/a", fields.FORK_OFFSET: "7"},
    ],
)
def test_a_creation_that_says_nonsense_is_refused(headers: dict[str, str]) -> None:
    """Headers that are no values of theirs are 400."""
    with pytest.raises(APIError) as refused:
        protocol.parse_creation(headers)
    assert refused.value.code == 400


@given(some.lists(some.recursive(some.none() | some.integers() | some.text(), some.lists), min_size=1))
def test_json_comes_back_as_it_was(messages: list[object]) -> None:
    """A batch is stored message by message and read as one array; part of it is its first messages."""
    record = codec.to_record(json.dumps(messages).encode(), "application/json; charset=utf-8")
    assert json.loads(codec.join([record, record], "application/json")) == messages * 2
    part = codec.first_part(record, "application/json", 1)
    assert part is not None
    assert json.loads(codec.join([part], "application/json")) == messages[:1]
    assert codec.first_part(record, "application/json", len(messages) + 1) is None


@pytest.mark.parametrize("body", [b"{", b"[1,]", b'"\xff"', b"1 2", b"NaN", b""])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """A JSON stream takes JSON only; an empty body is empty."""
    if not body:
        assert codec.to_record(body, "application/json") == b""
        return
    with pytest.raises(APIError) as refused:
        codec.to_record(body, "application/json")
    assert refused.value.code == 400


@given(some.text(alphabet=" \r\nabdent:{}", max_size=60))
def test_data_can_not_pass_for_anything_else(text: str) -> None:
    """Whatever a record holds, readers see one data event with its lines, and no other event."""
    stream = codec.data_event([text.encode()], "text/plain") + codec.control_event(upToDate=True)
    data, control = Decoder().feed(stream)
    assert (data.type, control.type) == ("data", "control")
    assert data.data.decode() == text.replace("\r\n", "\n").replace("\r", "\n")
