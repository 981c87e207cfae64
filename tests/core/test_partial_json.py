"""JSON that arrives in pieces: what is there at each moment, and the same end for any cut."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.answer.partial_json import MAX_DEPTH, PartialJson
from headwater.errors import ParseError

TEXTS = st.text(max_size=12) | st.sampled_from(['"', "\\", "\\u", "\ud800", "\udc00", "😀", "\x00", "é\n", "```"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
CUTS = st.lists(st.integers(0, 400), max_size=12)


def cut(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(place for place in cuts if place < len(text))})
    return [text[start:end] for start, end in pairwise(places)]


def feed(parser: PartialJson, pieces: Iterable[str]) -> None:
    for piece in pieces:
        parser.feed(piece)


def fed(*pieces: str, **options: Any) -> PartialJson:
    parser = PartialJson(**options)
    feed(parser, pieces)
    return parser


@given(value=VALUES, cuts=CUTS, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]), read=st.booleans())
def test_any_cut_gives_what_json_loads_gives(
    value: Any, cuts: list[int], ascii_only: bool, indent: int | None, read: bool
) -> None:
    """However the text was cut, and whether or not one looks in between."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    parser = PartialJson()
    for piece in cut(text, cuts):
        parser.feed(piece)
        if read:
            json.dumps(parser.value)
    assert repr(parser.finish()) == repr(json.loads(text))


@given(value=VALUES)
def test_one_character_at_a_time(value: Any) -> None:
    """The finest cut is one of them."""
    text = json.dumps(value)
    assert repr(fed(*text).finish()) == repr(json.loads(text))


@given(text=st.text(alphabet='{}[]",:\\u0123dD8aeE+-. tfnrul\n', max_size=20), cuts=CUTS)
def test_what_is_json_is_decided_as_json_loads_does(text: str, cuts: list[int]) -> None:
    """Nothing else is accepted, and nothing of it refused, for any cut."""
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ParseError):
            fed(*cut(text, cuts)).finish()
    else:
        assert repr(fed(*cut(text, cuts)).finish()) == repr(expected)


SURROGATES = [
    r'"\ud83d\ude00"',
    r'"\ud83dx"',
    r'"\ud83d\n"',
    r'"\ud83d\ud83d\ude00"',
    r'"\ude00\ud83d"',
    r'"\ud83d\u0041"',
]


@pytest.mark.parametrize("text", SURROGATES)
def test_pairs_of_escapes_are_one_character(text: str) -> None:
    """Wherever they are cut; a half without the other stays a half, as json.loads has it."""
    for place in range(len(text)):
        assert fed(text[:place], text[place:]).finish() == json.loads(text)


def test_what_shows_when() -> None:
    """Text at once, numbers and words when they are whole, keys with their values."""
    parser = PartialJson()
    seen = []
    for piece in [
        '{"na',
        'me"',
        ': "Vi',
        "enna\\",
        'n", "size": 1',
        "9",
        ', "old": tr',
        "ue",
        ', "parts": [',
        "{}",
        "]}",
    ]:
        parser.feed(piece)
        seen.append(json.dumps(parser.value))
    assert seen == [
        "{}",
        "{}",
        '{"name": "Vi"}',
        '{"name": "Vienna"}',
        '{"name": "Vienna\\n"}',
        '{"name": "Vienna\\n"}',
        '{"name": "Vienna\\n", "size": 19}',
        '{"name": "Vienna\\n", "size": 19}',
        '{"name": "Vienna\\n", "size": 19, "old": true, "parts": []}',
        '{"name": "Vienna\\n", "size": 19, "old": true, "parts": [{}]}',
        '{"name": "Vienna\\n", "size": 19, "old": true, "parts": [{}]}',
    ]
    assert parser.is_whole


def test_the_value_is_one_object_that_grows() -> None:
    """It is not rebuilt for each look."""
    parser = fed('{"a": ["x')
    value, inner = parser.value, parser.value["a"]
    parser.feed('yz", 1]}')
    assert parser.value is value
    assert value["a"] is inner == ["xyz", 1]


def test_a_text_that_was_kept_stays_as_it_was() -> None:
    """What grows in place is the object, not a string that a caller holds."""
    parser = fed('{"a": "begin')
    kept = parser.value["a"]
    parser.feed("ning and more")
    assert (kept, parser.value["a"]) == ("begin", "beginning and more")


def test_elements_come_as_they_are_whole() -> None:
    """A number when something follows it; each element once."""
    parser = PartialJson()
    taken = []
    for piece in ['[{"a": 1}, {"a"', ': 2}, "thr', 'ee", 4', "5", ", [6], nul", "l]"]:
        parser.feed(piece)
        taken.append(parser.take())
    assert taken == [[{"a": 1}], [{"a": 2}], ["three"], [], [45, [6]], [None]]
    assert parser.take() == []


@pytest.mark.parametrize(
    ("items", "expected"),
    [("steps", [1, [2]]), (("plan", "steps"), [3]), ((), []), ("none", []), ("plan", [])],
)
def test_elements_of_a_named_array(items: Any, expected: list[Any]) -> None:
    """The array at that place alone, not one of the same name further in."""
    text = '{"steps": [1, [2]], "plan": {"steps": [3], "deeper": {"steps": [4]}}, "x": [{"steps": [5]}]}'
    for parser in (fed(text, items=items), fed(*text, items=items)):
        assert parser.take() == expected


@pytest.mark.parametrize(
    "fence", ["```json\n%s\n```", "```\n%s```\n", "\n ```JSON\r\n%s\n``` \n", "\ufeff%s", "\n\t%s\n"]
)
def test_a_fence_is_skipped(fence: str) -> None:
    """Models write them around JSON, asked or not."""
    text = fence % '{"a": "```"}'
    for pieces in ([text], list(text)):
        assert fed(*pieces).finish() == {"a": "```"}


@pytest.mark.parametrize(
    ("text", "offset", "message", "value"),
    [
        ('{"a": 1, b: 2}', 9, "expected a key in quotes, found 'b'", {"a": 1}),
        ('{"a": 1 "b"', 8, "expected ',' or '}', found '\"'", {"a": 1}),
        ('["x", 01]', 6, "expected a value, found '01'", ["x"]),
        ('["x", True]', 6, "expected a value, found 'True'", ["x"]),
        ('["x\ny"]', 3, "expected no control character inside a text, found '\\n'", ["x"]),
        (r'["x\qy"]', 3, "expected an escape", ["x"]),
        ("[1] and", 4, "expected nothing after the end, found 'a'", [1]),
        ("[1,]", 3, "expected a value, found ']'", [1]),
        ("Sure: {}", 0, "expected a value, found 'Sure'", None),
        ("NaN ", 0, "expected a value, found 'NaN'", None),
    ],
)
def test_bad_json_says_where(text: str, offset: int, message: str, value: Any) -> None:
    """For any cut; what was read before stays, and the parser does not go on."""
    for pieces in ([text], list(text)):
        parser = PartialJson()
        with pytest.raises(ParseError, match="at character") as caught:
            feed(parser, pieces)
        assert caught.value.offset == offset
        assert message in str(caught.value)
        assert parser.value == value
        for again in (lambda parser=parser: parser.feed(" "), parser.finish):
            with pytest.raises(ParseError):
                again()


@pytest.mark.parametrize(
    ("text", "value"),
    [("", None), ("  ", None), ("``", None), ('{"a": [1, 2', {"a": [1]}), ('"x\\u12', "x"), ("tru", None)],
)
def test_an_end_in_the_middle_is_an_error(text: str, value: Any) -> None:
    """What there is stays."""
    parser = fed(text)
    with pytest.raises(ParseError):
        parser.finish()
    assert parser.value == value
    assert not parser.is_whole


def test_the_error_can_be_sent_to_another_process() -> None:
    """With what it knows."""
    with pytest.raises(ParseError) as caught:
        fed("[1,]")
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (str(copied), copied.offset) == (str(caught.value), 3)


def test_depth_has_a_limit() -> None:
    """A value that Python itself could not print is refused."""
    assert fed("[" * MAX_DEPTH, "]" * MAX_DEPTH).is_whole
    with pytest.raises(ParseError, match="levels"):
        fed("[" * (MAX_DEPTH + 1))


MEGABYTE = {
    "one text": json.dumps({"a": "x" * 1_000_000}),
    "wide text": json.dumps({"a": "é漢x" * 333_000}, ensure_ascii=False),
    "escapes": json.dumps({"a": 'x\n"é' * 100_000}),
    "objects": json.dumps({"items": [{"name": f"n{i}", "size": i, "tags": [1.5, True, None]} for i in range(18_000)]}),
    "white space": "[" + " \n" * 500_000 + "]",
    "one number": "[" + "1" * 1_000 + "." + "3" * 1_000_000 + "]",
}


@pytest.mark.parametrize("text", MEGABYTE.values(), ids=MEGABYTE)
def test_a_piece_costs_the_same_at_the_end_as_at_the_beginning(text: str) -> None:
    """A megabyte in 10,000 pieces, looked at after each: the last tenth takes no longer than the first.

    Text that is copied at each piece makes it more than a hundred times as long; a busy machine, a few times.
    """
    ratios = []
    for _ in range(3):
        parser, size, spent = PartialJson(), len(text) // 10_000 + 1, []
        for start in range(0, len(text), size):
            before = time.process_time()
            parser.feed(text[start : start + size])
            _ = parser.value
            spent.append(time.process_time() - before)
        assert parser.finish() == json.loads(text)
        spent.pop()  # the end of a long number makes it a float, once
        tenth = len(spent) // 10
        ratios.append(sum(spent[-tenth:]) / sum(spent[:tenth]))
        if ratios[-1] < 20:
            return
    pytest.fail(f"the last tenth cost {min(ratios):.1f} times the first")
