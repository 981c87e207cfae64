"""Smoothing keeps text, order and bound, whatever arrives when."""

from __future__ import annotations

import re
import time
import unicodedata
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.stages.smooth import smooth
from headwater.core.text.graphemes import is_boundary
from headwater.errors import UsageError
from headwater.types import FinishReason, FunctionCall, GenerateContentResponse, Part
from tests.support.pacing import Timed, chunk, folded, longest_hold, run, texts, thought

DELAY = 0.3
PROSE = "The river ran on, past the mill and under the old bridge. Nobody saw it go! Did it care? No. " * 3
FAMILY, THUMB, FLAGS, KEYCAP = "👩‍👩‍👧‍👦", "👍🏽", "🇯🇵🇺🇦", "1️⃣"
CODE = "Look:\n\n```python\nfor x in range(10):\n    print(x)  # twice\n```\nThat is all of it.\n"


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def every(seconds: float, pieces: list[Any]) -> list[Timed]:
    return [(number * seconds, chunk(piece)) for number, piece in enumerate(pieces)]


def after(gaps: list[float], pieces: list[Any]) -> list[Timed]:
    """Each piece after its gap; the gaps are used in turns."""
    arrivals, now = [], 0.0
    for number, piece in enumerate(pieces):
        arrivals.append((now, chunk(piece)))
        now += gaps[number % len(gaps)]
    return arrivals


CALL = Part(function_call=FunctionCall(name="look", args={"at": "river"}))
PATTERNS: dict[str, list[Timed]] = {
    "steady": every(0.05, cut(PROSE, 6)),
    "bursts": every(0.25, cut(PROSE, 60)),
    "many chunks in a burst": after([0.0, 0.0, 0.0, 0.6], cut(PROSE, 9)),
    "long gaps": every(2.0, cut(PROSE, 40)),
    "one giant chunk": every(1, [PROSE * 20]),
    "single characters": every(0.004, list(PROSE)),
    "CJK": every(0.1, cut("川は流れ、古い橋の下をくぐった。誰も見ていなかった！「本当に？」と彼は言った。" * 4, 7)),
    "emoji": every(0.08, cut(f"so {FAMILY}{THUMB} and {FLAGS}{FLAGS} {KEYCAP}! " * 6, 4)),
    "combining": every(
        0.06, cut(unicodedata.normalize("NFD", "Tiếng Việt đẹp lắm, người ơi. क्षत्रिय हिन्दी में। ") * 5, 3)
    ),
    "code fence": every(0.11, cut(CODE * 4, 13)),
    "mixed thoughts": every(
        0.07, [thought("I wonder "), thought("whether it "), "It is ", thought("hm"), "so, ", "yes"]
    ),
    "a call in the middle": every(0.1, ["Let me look at", " the riv", CALL, "It is", " a river."]),
    "speeding up": after([0.5 * 0.9**n for n in range(60)], cut(PROSE, 5)),
    "slowing down": after([0.005 * 1.12**n for n in range(60)], cut(PROSE, 5)),
    "hurried and halting": after([0.01, 0.01, 0.9, 0.05, 0.0, 0.31, 0.3, 0.29], cut(PROSE, 11)),
    "empty chunks between": after([0.1], [piece for text in cut(PROSE, 20) for piece in (text, "")]),
}
UNITS: list[Any] = ["word", "line", "sentence", "character", re.compile(r"[,.;]\s*|\bthe\b")]


@pytest.mark.parametrize("by", UNITS, ids=str)
@pytest.mark.parametrize("arrivals", PATTERNS.values(), ids=PATTERNS)
def test_nothing_is_held_over_the_bound(arrivals: list[Timed], by: Any) -> None:
    """Every character is out within the delay after its arrival, in order, and the answer is the same."""
    given = run(smooth(by, delay=DELAY).start(), arrivals)
    assert longest_hold(arrivals, given) <= DELAY
    assert folded(given) == folded(arrivals)


@pytest.mark.parametrize("by", ["word", "character"])
@pytest.mark.parametrize("arrivals", PATTERNS.values(), ids=PATTERNS)
def test_there_are_at_most_a_hundred_pieces_in_a_second(arrivals: list[Timed], by: Any) -> None:
    """However much comes, a sink is asked to show something a hundred times a second at most."""
    times = [at for at, one in run(smooth(by).start(), arrivals) if one.text]
    for number, at in enumerate(times):
        assert len([later for later in times[number : number + 200] if later < at + 1.0]) <= 100


@pytest.mark.parametrize("gap", [0.1, 0.2, 0.25])
def test_bursts_become_even(gap: float) -> None:
    """After the first bursts there is no gap between pieces that is longer than a third of that between the bursts."""
    arrivals = every(gap, cut("one two three four five six seven eight nine ten " * 20, 49))
    times = [at for at, _ in run(smooth().start(), arrivals)]
    assert max(later - at for at, later in pairwise(times) if at > 3 * gap) <= gap / 3


def test_what_is_steady_already_is_not_delayed() -> None:
    """A whole word that comes every 50 ms passes as it arrived."""
    arrivals = every(0.05, [f"word{number} " for number in range(50)])
    assert longest_hold(arrivals, run(smooth().start(), arrivals)) <= 0.001


def test_the_first_piece_goes_at_once() -> None:
    """A reader sees the first whole word when it arrives."""
    given = list(smooth().start().feed(chunk("Once upon a time"), 5.0))
    assert [one.text for one in given] == ["Once "]


@pytest.mark.parametrize(
    ("by", "pieces", "expected"),
    [
        ("word", [" Hel", "lo wor", "ld, it", " is."], [" Hello ", "world, ", "it ", "is."]),
        ("word", ["日本語と", "English"], ["日", "本", "語", "と", "English"]),
        ("word", ["「橋。」の下"], ["「橋。」", "の", "下"]),
        ("line", ["a b\nc", " d\n\ne"], ["a b\n", "c d\n", "\n", "e"]),
        (
            "sentence",
            ["Dr. No came. He", " left! 橋。下？", " So it was"],
            ["Dr. No came. ", "He left! ", "橋。", "下？ ", "So it was"],
        ),
        ("character", [f"e\u0301{FAMILY}x", f"{FLAGS}\r\n"], ["e\u0301", FAMILY, "x", "🇯🇵", "🇺🇦", "\r\n"]),
        ("character", ["👩", "\u200d", "👧!"], ["👩\u200d👧", "!"]),
        ("character", ["🇯", "🇵🇺", "🇦"], ["🇯🇵", "🇺🇦"]),
        (re.compile(r";\s*"), ["a b; ", "c;", " d"], ["a b; ", "c; ", "d"]),
    ],
)
def test_units_are_whole(by: Any, pieces: list[str], expected: list[str]) -> None:
    """What belongs together goes out together, however it was cut when it came."""
    assert texts(run(smooth(by, delay=10).start(), every(0.1, pieces))) == expected


def test_code_goes_line_by_line() -> None:
    """Inside a fence, and for the fences themselves, the unit is the line; outside it is the word again."""
    assert texts(run(smooth(delay=10).start(), every(0.2, cut(CODE, 5)))) == [
        "Look:\n\n",
        "```python\n",
        "for x in range(10):\n",
        "    print(x)  # twice\n",
        "```\n",
        "That ",
        "is ",
        "all ",
        "of ",
        "it.\n",
    ]


@pytest.mark.parametrize(
    "text",
    ["~~~\na b\n```\nc d\n~~~\n", "````md\n```\na b\n```\n````\n", "  ```\nx y\n  ```\n", "> ```\n> x y\n> ```\n"],
)
def test_fences_end_where_they_end(text: str) -> None:
    """A fence is closed by its own marks, at least as many of them."""
    assert texts(run(smooth(delay=10).start(), every(0.2, [*cut(text, 5), "a ", "b "]))) == [
        *text.splitlines(keepends=True),
        "a ",
        "b ",
    ]


def test_three_marks_on_one_line_are_no_fence() -> None:
    """Code in the middle of a line opens nothing."""
    assert texts(run(smooth(delay=10).start(), every(0.2, ["```a b``` c d\n", "e f "]))) == [
        "```a ",
        "b``` ",
        "c ",
        "d\n",
        "e ",
        "f ",
    ]


def test_half_a_word_goes_at_the_bound() -> None:
    """A unit that does not get whole is not waited for, but a character that still grows is."""
    stage = smooth(delay=1.0).start()
    assert list(stage.feed(chunk("hel"), 0.0)) == []
    assert list(stage.feed(chunk("lo👩"), 0.8)) == []
    due = stage.due()
    assert due is not None
    assert due <= 1.0
    assert [one.text for one in stage.release(due)] == ["hello"]
    assert [one.text for one in [*stage.feed(chunk("\u200d👧 "), 1.1), *stage.release(1.5)]] == ["👩\u200d👧 "]


def test_a_chunk_that_is_not_cut_is_the_same_object() -> None:
    """Its raw bytes, unknown fields among them, go on as they came."""
    chunks = [
        chunk("word "),
        chunk(thought("hm ")),
        chunk(CALL),
        chunk(),
        chunk(Part(text="signed", thought_signature=b"s")),
        chunk(Part(text="", thought_signature=b"s"), finish_reason="STOP"),
        GenerateContentResponse(candidates=[{"index": 0}, {"index": 1}]),
        GenerateContentResponse(candidates=[{"index": 1, "content": {"parts": ["a b c"]}}]),
        GenerateContentResponse(prompt_feedback={"block_reason": "SAFETY"}),
        GenerateContentResponse(usage_metadata={"total_token_count": 1}),
    ]
    given = run(smooth().start(), [(number * 1.0, one) for number, one in enumerate(chunks)])
    assert [id(one) for _, one in given] == [id(one) for one in chunks]


def test_what_a_chunk_carries_goes_with_its_last_piece() -> None:
    """The reason to finish, usage and ratings are neither lost nor early, and headers are on every piece."""
    last = chunk("the very end", finish_reason="STOP", usage={"total_token_count": 7}, response_id="r")
    last.__dict__["_headers"] = {"x": "y"}
    given = [one for _, one in run(smooth().start(), [(0.0, last)])]
    assert [one.text for one in given] == ["the ", "very ", "end"]
    assert [one.finish_reason for one in given] == [None, None, FinishReason.STOP]
    assert [bool(one.usage_metadata) for one in given] == [False, False, True]
    assert {one.response_id for one in given} == {"r"}
    assert all(one.sdk_http_response is not None for one in given)
    assert [msgspec.json.decode(one.raw)["candidates"][0]["content"]["parts"][0]["text"] for one in given] == texts(
        [(0.0, one) for one in given]
    )


def test_a_call_drives_out_what_stands_before_it() -> None:
    """Text before a call goes out with it, so that the call is not delayed."""
    stage = smooth().start()
    list(stage.feed(chunk("one two three fo"), 0.0))
    whole = chunk("ur five", CALL, "six seven ")
    given = list(stage.feed(whole, 0.01))
    assert [one.text for one in given] == ["two three four five", ""]
    assert given[1].function_calls == [CALL.function_call]
    assert [one.text for one in stage.flush()] == ["six seven "]


def test_flush_gives_everything_at_once() -> None:
    """When the stream breaks nothing is lost: what is held goes out in order, half a word too."""
    stage = smooth().start()
    first = list(stage.feed(chunk(thought("let me see "), "one two thr"), 0.0))
    rest = list(stage.flush())
    assert [(one.thought_text, one.text) for one in first + rest] == [
        ("let ", ""),
        ("me see ", ""),
        ("", "one two thr"),
    ]
    assert stage.due() is None


def test_a_late_driver_gets_all_that_is_due() -> None:
    """A reader who took his time is not given pieces one by one that are long overdue."""
    stage = smooth().start()
    list(stage.feed(chunk("one two three four five six "), 0.0))
    assert [one.text for one in stage.release(60.0)] == ["two three four five six "]


def test_one_recipe_serves_many_streams() -> None:
    """Streams that share a recipe do not see each other's text."""
    recipe = smooth()
    one, two = recipe.start(), recipe.start()
    list(one.feed(chunk("half"), 0.0))
    assert [out.text for out in two.feed(chunk("whole "), 0.0)] == ["whole "]


@pytest.mark.parametrize("by", UNITS, ids=str)
def test_a_megabyte_is_quick(by: Any) -> None:
    """The time grows with the text, not with its square."""
    arrivals = [(0.0, chunk("the " * 250_000))]
    began = time.perf_counter()
    given = run(smooth(by).start(), arrivals)
    assert time.perf_counter() - began < 10
    assert sum(len(one.text) for _, one in given) == 1_000_000
    assert len(given) < 40


@pytest.mark.parametrize("by", [None, "words", "", 3, re.compile(b"x"), ["word"]])
def test_there_is_no_such_unit(by: Any) -> None:
    """A unit that smooth does not know is refused with those that it knows."""
    with pytest.raises(UsageError, match="word, line, sentence, character"):
        smooth(by)


@pytest.mark.parametrize("delay", [0, -1, float("nan"), float("inf"), True, "1", None])
def test_a_delay_is_a_positive_number(delay: Any) -> None:
    """What is no number of seconds is refused before anything is sent."""
    with pytest.raises(UsageError, match="delay"):
        smooth(delay=delay)


TEXT = st.text(st.sampled_from("ab .\n\r`~,!橋。「」สี\u0301\u200d\ufe0f👩👧🏽🇯🇵क्ष한가\u0600"), max_size=12)
PARTS = st.lists(
    st.one_of(
        TEXT,
        TEXT.map(thought),
        st.just(CALL),
        TEXT.map(lambda text: Part(text=text, thought_signature=b"s")),
    ),
    max_size=3,
)
CHUNKS = st.builds(
    lambda parts, fields, usage: chunk(*parts, usage=usage, **fields),
    PARTS,
    st.fixed_dictionaries(
        {},
        optional={
            "safety_ratings": st.just([{"category": "HARM_CATEGORY_HARASSMENT"}]),
            "grounding_metadata": st.sampled_from([{}, {"web_search_queries": ["a"]}]),
            "citation_metadata": st.sampled_from([{"citations": [{"uri": "a"}]}, {"citations": [{"uri": "b"}]}]),
            "logprobs_result": st.just({"chosen_candidates": [{"token": "a"}], "log_probability_sum": 1.0}),
            "finish_reason": st.just("STOP"),
            "index": st.sampled_from([0, 0, 1]),
        },
    ),
    st.sampled_from([None, {"total_token_count": 3}, {"candidates_token_count": 2}]),
)
ARRIVALS = st.lists(st.tuples(st.sampled_from([0.0, 0.001, 0.02, 0.1, 0.3, 1.0]), CHUNKS), max_size=12)


def timed(gaps: list[tuple[float, GenerateContentResponse]]) -> list[Timed]:
    arrivals, now = [], 0.0
    for gap, one in gaps:
        now += gap
        arrivals.append((now, one))
    return arrivals


@given(ARRIVALS, st.sampled_from(UNITS), st.sampled_from([0.001, 0.3, 2.0]))
def test_any_stream_keeps_its_answer_and_the_bound(gaps: list[Any], by: Any, delay: float) -> None:
    """Whatever chunks come whenever, the answer is the same and no character is late."""
    arrivals = timed(gaps)
    given = run(smooth(by, delay=delay).start(), arrivals)
    assert folded(given) == folded(arrivals)
    first = [[(at, one) for at, one in side if not one.candidates[0].index] for side in (arrivals, given)]
    assert longest_hold(*first) <= delay + 1e-9


@given(TEXT, st.lists(st.integers(0, 40), max_size=5), st.sampled_from(["word", "sentence", "character"]))
def test_no_cluster_is_cut(text: str, places: list[int], by: Any) -> None:
    """However a text is cut when it comes, a character with its marks goes out whole."""
    at = sorted({0, *(min(place, len(text)) for place in places), len(text)})
    arrivals = every(0.1, [text[start:stop] for start, stop in pairwise(at)])
    given, place = run(smooth(by, delay=60).start(), arrivals), 0
    for piece in texts(given):
        place += len(piece)
        assert is_boundary(text, place) or text[place - 1].isspace()
