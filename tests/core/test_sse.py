"""The events of a body are what the WHATWG rules say, however the bytes were cut."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.wire import sse
from headwater.core.wire.sse import Decoder, Event, encode
from headwater.errors import WireError
from tests.support.corpus_cases import at, slices, table


def read(*parts: bytes, **options: Any) -> list[Event]:
    decoder = Decoder(**options)
    return [event for part in parts for event in decoder.feed(part)]


def data(*parts: bytes) -> list[bytes]:
    return [event.data for event in read(*parts)]


def told(parts: list[bytes], start: str = "") -> dict[str, Any]:
    """What a table tells of a stream: its events, the reconnection time, and the id of the next request."""
    decoder = Decoder(last_event_id=start)
    events = [event for part in parts for event in decoder.feed(part)]
    return {
        "expected": [
            {"type": event.type, "data": event.data.decode("utf-8", "replace"), "lastEventId": event.id}
            for event in events
        ],
        "retry": decoder.retry,
        "reconnect_last_event_id": decoder.last_event_id or None,
    }


class Row(NamedTuple):
    """A row of a table: the bytes, what they mean, the cuts that it wants, and the id that was known before."""

    name: str
    body: bytes
    wanted: dict[str, Any]
    chunks: list[bytes]
    start: str

    def is_wrong(self, parts: list[bytes]) -> bool:
        got = told(parts, self.start)
        return {key: got[key] for key in self.wanted} != self.wanted


@cache
def rows(path: str) -> list[Row]:
    """The rows of a table."""
    return [_row(number, case) for number, case in enumerate(table(path)["cases"])]


def _row(number: int, case: dict[str, Any]) -> Row:
    body = base64.b64decode(case["input_b64"])
    wanted = {key: case[key] for key in ("expected", "retry", "reconnect_last_event_id") if key in case}
    chunks = [base64.b64decode(chunk) for chunk in case.get("chunks_b64", [])] or [body]
    return Row(case.get("name", f"#{number}"), body, wanted, chunks, case.get("initial_last_event_id", ""))


#: The tables, and how many rows each has at least: a table that was cut short proves less than it seems to.
SIZES = {"conformance/sse_cases.json": 150, "conformance/sse_fuzz_golden.json": 9_900}
TABLES = tuple(SIZES)


@pytest.mark.parametrize("path", TABLES)
def test_every_row_of_the_table_whole_and_byte_by_byte(path: str) -> None:
    """The decoder says what browsers say. (``http_cases`` are about HTTP, which a decoder does not see: left out.)"""
    for row in rows(path):
        for parts in ([row.body], slices(row.body, 1), slices(row.body, 3), row.chunks):
            assert not row.is_wrong(parts), (row, parts)
    assert len(rows(path)) > SIZES[path]


@given(st.data())
@pytest.mark.parametrize("path", TABLES)
def test_every_row_of_the_table_in_any_cut(path: str, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(rows(path)))
    assert not row.is_wrong(at(row.body, data.draw(st.lists(st.integers(0, 10_000), max_size=12)))), row.name


def test_the_limit_cases_of_the_table_hold() -> None:
    """Over the limit is one error; below it, messages of megabytes arrive whole."""
    names = [case["name"] for case in table(TABLES[0])["limit_cases"]]
    assert len(names) == 5, "a new limit case needs a test of its own here"
    with pytest.raises(WireError):
        read(b"data: " + b"x" * 100, limit=50)
    with pytest.raises(WireError):
        read(b"data: 123456789\n" * 10, limit=50)
    large = base64.b64encode(bytes(range(256)) * 20_000)
    assert data(b"data: " + large + b"\n\n") == [large]
    assert data(b"data: " + large[:5_000_000], large[5_000_000:] + b"\n\n") == [large]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        pytest.param(b"data: a\r\n\r\ndata: b\n\ndata: c\r\r", [b"a", b"b", b"c"], id="all three line ends"),
        pytest.param(b"data:a\n\ndata:  b\n\n", [b"a", b" b"], id="at most one space goes"),
        pytest.param(b"data: a\ndata: b\n\n", [b"a\nb"], id="several lines are joined"),
        pytest.param(b"data\n\n", [b""], id="a field without a colon is empty"),
        pytest.param(b"data:\n\n", [b""], id="an empty field is an event"),
        pytest.param(b"data:\ndata:\n\n", [b"\n"], id="two empty lines"),
        pytest.param(b": ping\n\ndata: a\n: ping\n\n", [b"a"], id="comments are nothing"),
        pytest.param(b"event: x\n\ndata: a\n\n", [b"a"], id="an event without data is none"),
        pytest.param(b"Data: a\n data: b\ndata : c\n\n", [], id="names are exact"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [b"a"], id="a byte-order mark goes"),
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", [], id="a second one does not"),
        pytest.param(b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a"], id="nor one later on"),
        pytest.param(b"data: a\xe2\x80\xa8b\xc2\x85c\x0bd\n\n", [b"a\xe2\x80\xa8b\xc2\x85c\x0bd"], id="other breaks"),
        pytest.param(b"data: a\n", [], id="the blank line ends an event"),
        pytest.param(b"data: [DONE]\n\n", [b"[DONE]"], id="the terminator of others is data"),
    ],
)
def test_rules_of_data(body: bytes, events: list[bytes]) -> None:
    assert data(body) == events
    assert data(*slices(body, 1)) == events


def test_the_type_is_that_of_its_event_alone() -> None:
    assert [event.type for event in read(b"event: a\ndata: 1\n\ndata: 2\n\nevent: b\n\ndata: 3\n\n")] == [
        "a",
        "message",
        "message",
    ]


def test_the_id_stays_until_the_next_and_one_with_nul_is_ignored() -> None:
    events = read(b"id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\nid\ndata: d\n\n")
    assert [event.id for event in events] == ["1", "1", "1", ""]


def test_an_id_counts_for_the_next_request_only_when_its_event_has_ended() -> None:
    decoder = Decoder()
    decoder.feed(b"id: 1\n")
    assert decoder.last_event_id == ""
    decoder.feed(b"\n")
    assert decoder.last_event_id == "1"


@pytest.mark.parametrize(
    ("line", "retry"),
    [
        (b"retry: 1500", 1500),
        (b"retry:0", 0),
        (b"retry: 1.5", None),
        (b"retry: -1", None),
        (b"retry", None),
        (b"retry: 10\nretry: x", 10),
        (b"retry: " + b"1" * 5000, None),  # Python's int() refuses more than 4300 digits
    ],
)
def test_the_reconnection_time_is_ascii_digits(line: bytes, retry: int | None) -> None:
    decoder = Decoder()
    decoder.feed(line + b"\n\n")
    assert decoder.retry == retry


def test_a_reconnection_time_counts_only_when_its_event_has_ended() -> None:
    """As with ids: what stands in a block that was cut off is not taken (undici and the golden table agree)."""
    decoder = Decoder()
    decoder.feed(b"retry: 5\n")
    assert decoder.retry is None
    decoder.feed(b"\n")
    assert decoder.retry == 5


def test_a_crlf_that_is_cut_in_two_is_one_line_end() -> None:
    assert data(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == [b"a\nb"]
    assert data(b"data: a\r", b"", b"\n\r\n") == [b"a"]


def test_an_event_is_told_as_soon_as_its_blank_line_has_come() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: a\r\n") == []
    assert [event.data for event in decoder.feed(b"\r")] == [b"a"]
    assert decoder.feed(b"\ndata: b\n") == []


LIMIT = 1000


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b"data: " + b"x" * LIMIT, b"x\n\n"], id="one line in pieces"),
        pytest.param([b"data: " + b"x" * LIMIT + b"x\n\n"], id="one line in one piece"),
        pytest.param([b"data: 123456789\n"] * 120, id="many lines"),
        pytest.param([b"data 123456789"] * 120, id="a line that never ends"),
        pytest.param([b":" + b" ping" * 300], id="a comment that never ends"),
    ],
)
def test_an_event_over_the_limit_is_an_error(parts: list[bytes]) -> None:
    with pytest.raises(WireError, match="limit of 1,000 bytes"):
        read(*parts, limit=LIMIT)


def test_the_limit_is_one_event_s_and_not_the_stream_s() -> None:
    event = b"data: " + b"x" * (LIMIT - 10) + b"\n\n"
    assert len(read(*slices(event * 50, 7), limit=LIMIT)) == 50


@pytest.mark.parametrize("size", [64 * 1024, 512])
def test_an_event_of_many_megabytes_takes_linear_time(size: int) -> None:
    """A decoder that copied what it holds at each piece would copy half a terabyte for the small ones: a timeout."""
    body = b"data: " + b"x" * (24 * 1024 * 1024) + b"\r\n\r\n"
    (event,) = read(*slices(body, size))
    assert len(event.data) == 24 * 1024 * 1024


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_many_short_lines_in_one_piece_take_linear_time(end: bytes) -> None:
    """A decoder that cut its lines off the front would copy a terabyte."""
    assert len(read((b"data: x" + end + end) * 300_000)) == 300_000


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"data: a", [b"a"]),
        (b"data: a\n", [b"a"]),
        (b"data: a\r", [b"a"]),
        (b"data: a\r\n", [b"a"]),
        (b"data: a\n\n", []),
        (b"data: a\r\n\r\n", []),
        (b"data: a\r\n\r", []),
        (b"", []),
        (b": ping", []),
        (b"event: x\n", []),
    ],
)
def test_flush_gives_the_event_that_was_open_and_no_other(body: bytes, events: list[bytes]) -> None:
    for parts in ([body], slices(body, 1)):
        decoder = Decoder()
        for part in parts:
            decoder.feed(part)
        assert [event.data for event in decoder.flush()] == events
        assert decoder.flush() == []


def foreign_read(body: bytes) -> tuple[list[bytes], list[Event]]:
    lines: list[bytes] = []

    def foreign(line: bytes) -> list[bytes]:
        lines.append(line)
        return [line] if line.startswith(b"{") else []

    decoder = Decoder(foreign=foreign)
    return lines, [event for part in slices(body, 1) for event in decoder.feed(part)]


def test_lines_that_are_no_field_go_to_foreign_and_no_others_do() -> None:
    lines, _ = foreign_read(b"data: a\nevent: b\nid: c\nretry: 1\n: d\n\n<html>\nfoo: bar\n")
    assert lines == [b"<html>", b"foo: bar"]


def test_what_foreign_returns_comes_after_the_event_that_was_open() -> None:
    """An error that follows a chunk without a blank line between them does not overtake it."""
    _, events = foreign_read(b'data: a\n{"error": 1}\n\ndata: b\n\n')
    assert [(event.type, event.data) for event in events] == [
        ("message", b"a"),
        ("foreign", b'{"error": 1}'),
        ("message", b"b"),
    ]


ONE_LINE = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(st.binary(max_size=60), ONE_LINE, ONE_LINE), max_size=5), st.lists(st.integers(0, 999)))
def test_what_is_encoded_is_what_is_decoded(events: list[tuple[bytes, str, str]], cuts: list[int]) -> None:
    """Any bytes make the way through an event; their line ends arrive as LF, and an id stays until the next."""
    body = b"".join(encode(data, type=kind, id=name) for data, kind, name in events)
    known, wanted = "", []
    for piece, kind, name in events:
        known = name or known
        wanted.append(Event(piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), kind or "message", known))
    assert read(*at(body, cuts)) == wanted


def test_an_event_is_encoded_as_google_sends_it() -> None:
    assert encode(b'{"a": 1}') == b'data: {"a": 1}\r\n\r\n'
    assert encode(b"a\nb", type="x", id="7") == b"event: x\r\nid: 7\r\ndata: a\r\ndata: b\r\n\r\n"


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_a_type_or_an_id_of_several_lines_is_refused(value: str) -> None:
    """No text from outside can smuggle a field into the stream."""
    with pytest.raises(ValueError, match="one line"):
        encode(b"", type=value)
    with pytest.raises(ValueError, match="one line"):
        encode(b"", id=value)


@given(st.binary(max_size=300), st.lists(st.integers(0, 299), max_size=10))
def test_any_bytes_in_any_cut_give_the_same_events(body: bytes, cuts: list[int]) -> None:
    assert told(at(body, cuts)) == told([body])


LINES = st.sampled_from([b"data: a", b"data", b"id: 1", b"event: e", b":c", b"{", b"\xef\xbb\xbf", b"retry: 3", b""])
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=20), st.lists(st.integers(0, 299), max_size=10))
def test_any_lines_in_any_cut_give_the_same_events(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    body = b"".join(line + end for line, end in lines)
    assert told(at(body, cuts)) == told([body])


def test_the_default_limit_lets_the_largest_images_through() -> None:
    """A generated 4K image is about 30 MB of base64."""
    assert sse.MAX_EVENT_BYTES > 100 * 1024 * 1024
