"""The objects of a JSON body come out one by one, however the bytes were cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.wire.json_stream import Splitter
from headwater.errors import WireError
from tests.support.corpus_cases import at, slices


def split(*parts: bytes, limit: int = 1 << 20) -> tuple[list[bytes], Splitter]:
    splitter = Splitter(limit=limit)
    return [found for part in parts for found in splitter.feed(part)], splitter


def objects(*parts: bytes) -> list[Any]:
    return [json.loads(found) for found in split(*parts)[0]]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(['"', "\\", '\\"', "{", "]", "}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=6), VALUES, max_size=3), max_size=4)
CUTS = st.lists(st.integers(0, 10_000), max_size=10)


def array(documents: list[Any], **style: Any) -> bytes:
    return json.dumps(documents, **style).encode()


def as_google(documents: list[Any], **style: Any) -> bytes:
    return b"[" + b"\n,\r\n".join(json.dumps(document, **style).encode() for document in documents) + b"]\n"


def one_after_another(documents: list[Any], **style: Any) -> bytes:
    return b"\r\n".join(json.dumps(document, **style).encode() for document in documents)


@given(
    OBJECTS,
    st.sampled_from([array, as_google, one_after_another]),
    st.sampled_from([{}, {"indent": 2}, {"ensure_ascii": False}]),
    CUTS,
)
def test_any_cut_of_any_form_gives_the_objects(documents: list[Any], form: Any, style: Any, cuts: list[int]) -> None:
    body = form(documents, **style)
    for parts in (at(body, cuts), slices(body, 1)):
        assert objects(*parts) == documents
        assert not split(*parts)[1].is_open
        assert split(*parts)[1].stray == b""


def test_an_object_is_told_at_its_last_byte() -> None:
    """Nothing waits for the comma or for the next element."""
    splitter = Splitter(limit=100)
    assert splitter.feed(b'[{"a": {"b": [1]}') == []
    assert splitter.feed(b"}") == [b'{"a": {"b": [1]}}']
    assert splitter.feed(b',\r\n{"c": 2}') == [b'{"c": 2}']


@pytest.mark.parametrize("text", [r'{"a": "\\"}', r'{"a": "\""}', r'{"a": "}\\\"{"}', r'{"\"": {"]": "\u007d"}}'])
def test_a_cut_beside_an_escape_changes_nothing(text: str) -> None:
    body = text.encode()
    for place in range(len(body) + 1):
        assert split(body[:place], body[place:] + b" " + body)[0] == [body, body]


def test_what_is_open_at_the_end_is_known() -> None:
    _, splitter = split(b'[{"a": 1}, {"b": ', b"[2")
    assert splitter.is_open
    assert splitter.open_bytes == b'{"b": [2'
    assert split(b'[{"a": 1}]')[1].open_bytes == b""


def test_what_stands_between_the_objects_is_kept_as_stray() -> None:
    assert split(b"<html>", b"{} 5, [null] ")[1].stray == b"<html>5null"
    assert len(split(*[b"x" * 100] * 1000)[1].stray) < 5000


def test_an_object_over_the_limit_is_an_error() -> None:
    with pytest.raises(WireError, match="limit of 100 bytes"):
        split(b'{"a": "' + b"x" * 60, b"x" * 60, limit=100)
    with pytest.raises(WireError):
        split(*[b'{"a": '] * 50, limit=100)


def test_the_limit_is_one_object_s_and_not_the_body_s() -> None:
    body = as_google([{"a": "x" * 50}] * 100)
    assert len(split(*slices(body, 40), limit=100)[0]) == 100


@pytest.mark.parametrize("text", ['{"a": "' + "x" * 24_000_000 + '"}', '{"a": [' + "1," * 12_000_000 + "1]}"])
def test_a_large_object_takes_linear_time(text: str) -> None:
    """A splitter that began again at each piece would look at a quarter of a terabyte: a timeout."""
    body = text.encode()
    assert split(*slices(body, 1024), limit=1 << 30)[0] == [body]


def test_many_objects_in_one_piece_take_linear_time() -> None:
    body = array([{"a": 1}] * 300_000)
    assert len(split(body, limit=1 << 30)[0]) == 300_000


@given(st.lists(st.sampled_from([b"{", b"}", b"[", b"]", b'"', b"\\", b"a", b",", b"\n", b"\xff"]), max_size=40), CUTS)
def test_any_bytes_in_any_cut_give_the_same(parts: list[bytes], cuts: list[int]) -> None:
    body = b"".join(parts)
    found, splitter = split(body)
    again, other = split(*at(body, cuts))
    assert (found, splitter.open_bytes, splitter.stray) == (again, other.open_bytes, other.stray)
