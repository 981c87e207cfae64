"""The documents of a body come out, whatever its framing and however it was cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.wire.framing import DocumentStream, SingleDocument
from headwater.errors import WireError
from tests.support.corpus_cases import at, slices

BOM = b"\xef\xbb\xbf"
ERROR = b'{\n  "error": {\n    "code": 503,\n\n    "message": "data: \\"overloaded\\""\n  }\n}\n'


def read(parts: list[bytes], limit: int = 1 << 20) -> tuple[list[bytes], bytes]:
    framing = DocumentStream(limit=limit)
    found = [document for part in parts for document in framing.feed(part)]
    return found + framing.flush(), framing.leftover


@pytest.mark.parametrize(
    ("body", "documents"),
    [
        pytest.param(b'data: {"a": 1}\r\n\r\ndata: {"b": 2}\r\n\r\n', [b'{"a": 1}', b'{"b": 2}'], id="sse"),
        pytest.param(b'data: {"a": 1}\n\ndata: {"b": 2}', [b'{"a": 1}', b'{"b": 2}'], id="no final blank line"),
        pytest.param(b'data:{"a": 1}\n\ndata: [DONE]\n\n', [b'{"a": 1}'], id="[DONE] is nothing"),
        pytest.param(b'data: {"a": 1}\n\ndata: [DONE]', [b'{"a": 1}'], id="[DONE] at the very end"),
        pytest.param(b"data: \n\ndata:   \n\ndata: {}\n\n", [b"{}"], id="empty events are nothing"),
        pytest.param(b": ping\n\n\r\n\r\ndata: {}\n\n: ping\n\n", [b"{}"], id="comments and blank lines"),
        pytest.param(b"event: x\nid: 1\nretry: 5\ndata: {}\n\n", [b"{}"], id="other fields"),
        pytest.param(BOM + b"data: {}\n\n", [b"{}"], id="sse behind a byte-order mark"),
        pytest.param(BOM + b'[{"a": 1}]', [b'{"a": 1}'], id="json behind a byte-order mark"),
        pytest.param(BOM + b'\r\n {"a": 1}', [b'{"a": 1}'], id="and behind white space too"),
        pytest.param(b'[{"a": 1}\n,\r\n{"b": 2}\n]\n', [b'{"a": 1}', b'{"b": 2}'], id="an array"),
        pytest.param(b'{"a": 1}\n{"b": 2}', [b'{"a": 1}', b'{"b": 2}'], id="objects one after another"),
        pytest.param(b"[]", [], id="an empty array"),
        pytest.param(b'data: {"a": 1}\n\n' + ERROR, [b'{"a": 1}', ERROR.strip()], id="a bare error after events"),
        pytest.param(b'data: {"a": 1}\n' + ERROR, [b'{"a": 1}', ERROR.strip()], id="with no blank line between"),
        pytest.param(b'data: {"a": 1}\n\n[' + ERROR + b"]", [b'{"a": 1}', ERROR.strip()], id="in an array"),
        pytest.param(ERROR, [ERROR.strip()], id="a bare error alone"),
        pytest.param(b": ping\n" + ERROR, [ERROR.strip()], id="a bare error after a comment"),
        pytest.param(b'data: {"a":\ndata: 1}\n\n', [b'{"a":\n1}'], id="a document of two lines"),
        pytest.param(b"", [], id="an empty body"),
        pytest.param(b"\r\n\r\n", [], id="a body of blank lines"),
        pytest.param(BOM, [], id="a byte-order mark alone"),
    ],
)
def test_the_documents_of_a_body_in_every_cut(body: bytes, documents: list[bytes]) -> None:
    """Blank lines inside a bare error go, as blank lines do everywhere in SSE."""
    wanted = [document.replace(b"\n\n", b"\n") for document in documents]
    for parts in ([body], slices(body, 1), *([body[:place], body[place:]] for place in range(len(body)))):
        found, leftover = read(parts)
        assert ([document.replace(b"\n\n", b"\n") for document in found], leftover) == (wanted, b"")


@pytest.mark.parametrize(
    "body",
    [b"<html>\n<b>502</b></html>\n", b"upstream error", b"null", b'"text"', b"12", b"<html>{}<style>{}</style>"],
)
def test_what_is_no_document_is_left_over_from_its_beginning(body: bytes) -> None:
    for parts in ([body], slices(body, 1)):
        documents, leftover = read(parts)
        assert documents == []
        assert leftover.strip() == body.strip()


def test_after_documents_foreign_text_is_nobodys_loss() -> None:
    assert read([b"data: {}\n\nbye\n"]) == ([b"{}"], b"")


@pytest.mark.parametrize("body", [b'[{"a": 1}, {"b": ', b'{"b": ', b'data: {}\n\n{\n "error": {'])
def test_a_document_that_is_not_whole_is_left_over(body: bytes) -> None:
    for parts in ([body], slices(body, 1)):
        leftover = read(parts)[1]
        assert leftover
        assert body.strip().endswith(leftover.strip())


def test_leftovers_are_an_excerpt() -> None:
    assert len(read([b"<p>" * 1000])[1]) <= 200
    assert len(read([b'{"a": "' + b"x" * 1000])[1]) == 200


@pytest.mark.parametrize("start", [b"data: ", b'{"a": "', b'data: {}\n\n{"error": "'])
def test_a_document_over_the_limit_is_an_error(start: bytes) -> None:
    with pytest.raises(WireError, match="limit of 100 bytes"):
        read([start, b"x" * 60, b"x" * 60 + b"\n"], limit=100)


def test_documents_come_as_soon_as_they_are_whole() -> None:
    framing = DocumentStream()
    assert framing.feed(b"\r\n") == []
    assert framing.feed(b"data: {}\r\n\r") == [b"{}"]
    framing = DocumentStream()
    assert framing.feed(b"[{}") == [b"{}"]


def test_a_stream_that_is_kept_alive_with_white_space_is_not_held_back() -> None:
    """Blank lines before the first event cost nothing: half a gigabyte-squared, were they all looked at each time."""
    framing = DocumentStream()
    for _ in range(200_000):
        framing.feed(b"\r\n" * 20)
    assert framing.feed(b"data: {}\r\n\r\n") == [b"{}"]


def test_white_space_before_an_array_is_no_matter() -> None:
    assert read([b" \n" * 100, b'[{"a": 1}]']) == ([b'{"a": 1}'], b"")


DOCUMENTS = st.lists(
    st.sampled_from([b'{"a": 1}', b'{"b": {"c": "}"}}', b"{}", b'{"d": "\\u003c\xe2\x80\xa8"}']), max_size=5
)
LINE = st.sampled_from([b"", b": ping", b"event: x", b"data: [DONE]", b"data:"])


@given(
    DOCUMENTS, st.lists(LINE, min_size=5, max_size=5), st.sampled_from([b"\n", b"\r", b"\r\n"]), st.lists(st.integers())
)
def test_any_cut_of_any_events_gives_the_documents(
    documents: list[bytes], between: list[bytes], end: bytes, cuts: list[int]
) -> None:
    body = b"".join(
        line + end + end + b"data: " + document + end + end for line, document in zip(between, documents, strict=False)
    )
    assert read(at(body, cuts)) == (documents, b"")


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode), st.lists(st.integers(), max_size=8))
def test_any_bytes_in_any_cut_give_the_same(body: bytes, cuts: list[int]) -> None:
    assert read(at(body, cuts)) == read([body])


def test_a_whole_body_is_one_document() -> None:
    framing = SingleDocument()
    assert framing.feed(b'{"a"') == []
    assert framing.feed(b": 1}") == []
    assert framing.flush() == [b'{"a": 1}']
    assert framing.leftover == b""


def test_a_whole_body_over_the_limit_is_an_error_and_its_beginning_is_kept() -> None:
    framing = SingleDocument(limit=10)
    framing.feed(b"x" * 10)
    with pytest.raises(WireError, match="limit of 10 bytes"):
        framing.feed(b"x")
    assert framing.flush() == [b"x" * 10]


def test_only_a_whole_body_tells_its_own_end() -> None:
    """A stream that just ends may have been cut; a body of a known length may not."""
    assert SingleDocument.ends_with_body
    assert not DocumentStream.ends_with_body


FRAGMENTS = st.sampled_from(
    [
        *[b'data: {"a": 1}\r\n\r\n'] * 3,
        *[
            b"data: \r\n\r\n",
            b"data: [DONE]\r\n\r\n",
            b"data: x\r\n\r\n",
            b'data: {"b"',
            b": 2}\r\n\r\n",
            b"data: {\r\n",
        ],
        *[b"event: e\r\n", b"id: 1\r\n", b": ping\r\n\r\n", b"\r", b"\n", b"\r\n", b'{"c":\n', b"3}\n", b"<p>\n", BOM],
    ]
)


@given(st.lists(FRAGMENTS, max_size=8))
def test_events_that_come_one_at_a_time_are_those_that_come_together(parts: list[bytes]) -> None:
    """A piece that is just one event may be read in a shorter way; what was open before it still counts."""
    assert read(parts) == read([b"".join(parts)]) == read(slices(b"".join(parts), 1))
