"""Stages stand in a row, are made for each stream, and keep what they are given."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.stages.base import Pipeline, Stage, start_stages
from headwater.core.stages.chunks import map_text, merge
from headwater.core.stages.coalesce import coalesce
from headwater.core.stages.smooth import smooth
from headwater.core.stages.tap import tap
from headwater.core.stages.throttle import throttle
from headwater.errors import UsageError
from headwater.types import FinishReason, FunctionCall, GenerateContentResponse, Part
from tests.support.pacing import Timed, chunk, folded, longest_hold, run, texts, thought

CALL = Part(function_call=FunctionCall(name="look"))


def words(count: int, seconds: float) -> list[Timed]:
    return [(number * seconds, chunk(f"w{number} ")) for number in range(count)]


class Shout:
    """A stage as a user writes it: it holds nothing."""

    def feed(self, one: GenerateContentResponse, now: float) -> list[GenerateContentResponse]:
        return [chunk(one.text.upper())]

    def due(self) -> float | None:
        return None

    def release(self, now: float) -> list[GenerateContentResponse]:
        return []

    def finish(self, now: float) -> list[GenerateContentResponse]:
        return [chunk("!")]

    def flush(self) -> list[GenerateContentResponse]:
        return []


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (coalesce(count=3), [(0.2, "w0 w1 w2 "), (0.5, "w3 w4 w5 "), (0.6, "w6 ")]),
        (coalesce(seconds=0.25), [(0.25, "w0 w1 w2 "), (0.55, "w3 w4 w5 "), (0.6, "w6 ")]),
        (coalesce(count=2, seconds=0.05), [(0.05 + at / 10, f"w{at} ") for at in range(6)] + [(0.6, "w6 ")]),
        (coalesce(count=1), [(at / 10, f"w{at} ") for at in range(7)]),
        (throttle(0.25), [(0.0, "w0 "), (0.25, "w1 w2 "), (0.5, "w3 w4 "), (0.75, "w5 w6 ")]),
        (throttle(0.1), [(at / 10, f"w{at} ") for at in range(7)]),
    ],
    ids=str,
)
def test_buffers_give_what_is_due_when_it_is(recipe: Any, expected: list[tuple[float, str]]) -> None:
    """What is held goes on by number or by time, at the end at the latest; a throttle keeps its distance there too."""
    given = run(recipe.start(), [(number / 10, one) for number, (_, one) in enumerate(words(7, 0.1))])
    assert texts(given) == [text for _, text in expected]
    assert [at for at, _ in given] == pytest.approx([at for at, _ in expected])


def test_a_lone_chunk_is_the_same_object() -> None:
    """What is not merged keeps its raw bytes."""
    for recipe in (coalesce(count=2), throttle(1.0), tap(print), smooth()):
        one = chunk("word ")
        assert [id(out) for _, out in run(recipe.start(), [(0.0, one)])] == [id(one)]


def test_tap_sees_every_chunk() -> None:
    """A function is called with each chunk, before what comes after it in the row."""
    seen: list[GenerateContentResponse] = []
    arrivals = words(3, 0.1)
    assert run(start_stages([tap(seen.append), coalesce(count=3)]), arrivals)[0][1].text == "w0 w1 w2 "
    assert seen == [one for _, one in arrivals]


def test_stages_stand_in_a_row() -> None:
    """What one gives the next is fed, and what one still holds at the end goes through all that follow."""
    stages = start_stages([smooth(), Shout, throttle(0.1)])
    assert isinstance(stages, Pipeline)
    given = run(stages, [(0.0, chunk("one two three fo")), (0.1, chunk("ur five"))])
    assert "".join(texts(given)) == "ONE TWO THREE FOUR FIVE!"
    times = [at for at, _ in given]
    assert all(later - at >= 0.1 - 1e-9 for at, later in pairwise(times))


def test_a_row_is_flushed_in_order() -> None:
    """When the stream breaks, what any of the stages holds comes out, the oldest first."""
    stages = start_stages([smooth(), throttle(5.0)])
    first = list(stages.feed(chunk("one two three "), 0.0))
    held = [*first, *stages.release(0.1), *stages.release(0.2), *stages.flush()]
    assert "".join(one.text for one in held) == "one two three "
    assert stages.due() is None


def test_a_row_in_a_row_is_a_stage() -> None:
    """A pipeline may stand in a pipeline."""
    inner: Callable[[], Stage] = lambda: start_stages([smooth(), coalesce(count=2)])  # noqa: E731
    arrivals = words(9, 0.05)
    given = run(start_stages([inner, coalesce(count=2), tap(id)]), arrivals)
    longest_hold(arrivals, given)
    assert folded(given) == folded(arrivals)


def test_no_stages_hand_on_what_comes() -> None:
    """An empty list changes nothing."""
    arrivals = words(3, 0.1)
    assert run(start_stages([]), arrivals) == arrivals


def test_a_recipe_makes_a_stage_for_each_stream() -> None:
    """Neither a class nor a value gives two streams the same stage."""
    for recipe in (smooth(), coalesce(count=2), Shout, lambda: Shout()):
        assert start_stages([recipe]) is not start_stages([recipe])


@pytest.mark.parametrize(
    ("recipes", "said"),
    [
        (smooth(), "list"),
        ("smooth", "list"),
        (None, "list"),
        (Shout, "list"),
        ([Shout()], "pass its class"),
        ([3], "makes no stage"),
        ([dict], "no feed, due, release, finish, flush"),
        ([lambda: None], "made no stage"),
    ],
)
def test_what_makes_no_stage_is_refused(recipes: Any, said: str) -> None:
    """A mistake in the list is told with what to write instead."""
    with pytest.raises(UsageError, match=said):
        start_stages(recipes)


@pytest.mark.parametrize(
    "make",
    [
        coalesce,
        lambda: coalesce(count=0),
        lambda: coalesce(count=True),
        lambda: coalesce(count=1.5),
        lambda: coalesce(seconds=0),
        lambda: coalesce(count=2, seconds=float("nan")),
        lambda: throttle(-1),
        lambda: throttle("1"),
        lambda: throttle(True),
        lambda: tap(None),
    ],
)
def test_numbers_that_make_no_sense_are_refused(make: Callable[[], Any]) -> None:
    """A buffer that would never give anything is not made."""
    with pytest.raises(UsageError):
        make()


def test_a_text_is_changed_and_nothing_else_is() -> None:
    """Thoughts, calls, signatures and usage stay, and so does every candidate."""
    parts = [
        {"text": "hm", "thought": True},
        {"text": "a"},
        {"text": ""},
        {"text": "b", "thoughtSignature": "eA=="},
        {"functionCall": {"name": "f", "args": {"text": "x"}}},
    ]
    document: dict[str, Any] = {
        "candidates": [
            {"content": {"role": "model", "parts": parts}, "index": 0},
            {"content": {"parts": [{"text": "c"}]}, "index": 1, "finishReason": "STOP"},
            {"index": 2, "finishReason": "SAFETY"},
        ],
        "usageMetadata": {"totalTokenCount": 7},
        "responseId": "r",
    }
    before = GenerateContentResponse.model_validate(document)
    after = map_text(before, str.upper)
    parts[1]["text"], parts[3]["text"] = "A", "B"
    document["candidates"][1]["content"]["parts"][0]["text"] = "C"
    assert after == GenerateContentResponse.model_validate(document)
    assert before.candidates[1].content.parts[0].text == "c"


def test_a_chunk_without_text_is_the_same_object() -> None:
    for one in (chunk(thought("hm")), chunk(""), GenerateContentResponse()):
        assert map_text(one, str.upper) is one


def test_merging_keeps_parts_apart_that_are_not_alike() -> None:
    """Text joins text; thoughts, calls and what is signed stay what they are."""
    signed = Part(text="b", thought_signature=b"s")
    merged = merge(
        [chunk(thought("t")), chunk(thought("u"), "a"), chunk("b"), chunk(signed), chunk("c", CALL), chunk("d")]
    )
    assert merged.parts == [thought("tu"), Part("ab"), signed, Part("c"), CALL, Part("d")]


def test_merging_keeps_candidates_apart() -> None:
    """Two candidates do not get into each other's text."""
    merged = merge([chunk("a", index=1), chunk("b", index=0), chunk("c", index=1, finish_reason="STOP")])
    assert merged.candidates is not None
    assert [(one.index, one.content and one.content.parts, one.finish_reason) for one in merged.candidates] == [
        (0, [Part("b")], None),
        (1, [Part("ac")], FinishReason.STOP),
    ]


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "index": st.sampled_from([0, 1]),
        "finish_reason": st.sampled_from(["STOP", "MAX_TOKENS"]),
        "finish_message": st.sampled_from(["a", "b"]),
        "token_count": st.integers(1, 3),
        "safety_ratings": st.just([{"category": "HARM_CATEGORY_HARASSMENT"}]),
        "grounding_metadata": st.sampled_from([{}, {"web_search_queries": ["a"]}, {"web_search_queries": ["b"]}]),
        "citation_metadata": st.sampled_from([{"citations": [{"uri": "a"}]}, {"citations": [{"uri": "b"}]}, {}]),
        "logprobs_result": st.sampled_from(
            [{"chosen_candidates": [{"token": "a"}]}, {"top_candidates": [{}], "log_probability_sum": 1.0}]
        ),
    },
)
PARTS = st.lists(
    st.sampled_from(["a ", "b", "", thought("c"), thought(""), CALL, Part(text="", thought_signature=b"s")]), max_size=3
)
USAGE = st.sampled_from([None, {"total_token_count": 3}, {"candidates_token_count": 2}, {"thoughts_token_count": 1}])
CHUNKS = st.builds(
    lambda parts, fields, usage, response_id: chunk(*parts, usage=usage, response_id=response_id, **fields),
    PARTS,
    FIELDS,
    USAGE,
    st.sampled_from([None, "r1", "r2"]),
)
RECIPES = st.sampled_from([smooth(), coalesce(count=2), coalesce(seconds=0.2), throttle(0.15), tap(id), smooth("line")])


@given(st.lists(CHUNKS, max_size=8), st.integers(0, 8))
def test_merging_keeps_the_answer(chunks: list[GenerateContentResponse], at: int) -> None:
    """The fold of merged chunks is the fold of the chunks, whatever came before and comes after."""
    before, after = chunks[: at // 2], chunks[at:]
    middle = chunks[at // 2 : at]
    merged = [*before, *([merge(middle)] if middle else []), *after]
    assert folded([(0.0, one) for one in merged]) == folded([(0.0, one) for one in chunks])


@given(st.lists(RECIPES, max_size=4), st.lists(st.tuples(st.sampled_from([0.0, 0.01, 0.1, 0.5]), CHUNKS), max_size=8))
def test_any_row_of_stages_keeps_the_answer(recipes: list[Any], gaps: list[tuple[float, Any]]) -> None:
    """However stages are put together, the answer that comes out is the one that went in."""
    arrivals, now = [], 0.0
    for gap, one in gaps:
        now += gap
        arrivals.append((now, one))
    assert folded(run(start_stages(recipes), arrivals)) == folded(arrivals)
