"""Progress goes forward, is measured where it can be, and is over when the answer is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.answer.progress import Progress, ProgressMeter
from headwater.errors import UsageError
from headwater.types import NO_USAGE, UsageMetadata


def counted(tokens: int | None, thoughts: int | None = None) -> UsageMetadata:
    return UsageMetadata(candidates_token_count=tokens, thoughts_token_count=thoughts)


def test_nothing_has_come() -> None:
    """Before the first chunk there is nothing, of an answer whose length is known or not."""
    assert ProgressMeter().at(3.0) == Progress()
    assert ProgressMeter(100).at(3.0) == Progress(fraction=0.0)
    assert ProgressMeter(100, started=1.0).at(3.0) == Progress(fraction=0.0, elapsed=2.0)


def test_usage_of_the_api_is_the_measure() -> None:
    """Tokens that the API counted are not guessed, and thoughts are among them."""
    meter = ProgressMeter(200, started=0.0)
    meter.add("Once upon a time ", counted(10), 1.0)
    meter.add("there was a river. ", counted(30, 20), 2.0)
    now = meter.at(2.0)
    assert (now.tokens, now.fraction, now.percent, now.is_estimate) == (50, 0.25, 25, False)
    assert now.tokens_per_second == pytest.approx(40.0)
    assert now.eta == pytest.approx(150 / 40)
    assert meter.at(3.0).eta == pytest.approx(150 / 40 - 1)
    assert (now.words, now.characters, now.elapsed) == (8, 36, 2.0)


def test_before_usage_comes_it_is_an_estimate() -> None:
    """Four Latin characters are about a token, three Chinese ones about two; thoughts count."""
    meter = ProgressMeter(100)
    meter.add("a" * 40, NO_USAGE, 0.0, thoughts="b" * 40)
    assert (meter.at(0.0).tokens, meter.at(0.0).is_estimate) == (20, True)
    meter.add("河" * 30, NO_USAGE, 1.0)
    assert (meter.at(1.0).tokens, meter.at(1.0).percent) == (40, 40)


def test_the_estimate_learns_from_usage() -> None:
    """After real usage, what comes on top is guessed by how far the guess was off."""
    meter = ProgressMeter(1000)
    meter.add("a" * 400, counted(200), 0.0)
    meter.add("a" * 400, NO_USAGE, 1.0)
    assert (meter.at(1.0).tokens, meter.at(1.0).is_estimate) == (400, True)
    meter.add("", counted(390), 2.0)
    assert (meter.at(2.0).tokens, meter.at(2.0).is_estimate) == (390, False)


def test_words_are_whole_across_chunks() -> None:
    """A word that comes in two pieces is one; a word of a script without spaces is a character."""
    meter = ProgressMeter(target_words=10)
    for piece in ("Hel", "lo wor", "ld", ", it", " ", "is"):
        meter.add(piece, NO_USAGE, 0.0)
    assert (meter.at(0.0).words, meter.at(0.0).percent) == (4, 40)
    meter.add("日本", NO_USAGE, 0.0)
    meter.add("語x", NO_USAGE, 0.0)
    assert meter.at(0.0).words == 8


def test_it_is_over_only_at_the_end() -> None:
    """An answer that is longer than asked for is almost there until it ends, and one that is shorter jumps."""
    long, short = ProgressMeter(target_words=2), ProgressMeter(1000, started=0.0)
    long.add("one two three four", NO_USAGE, 0.0)
    assert long.at(1.0).percent == 99
    long.end()
    assert (long.at(1.0).percent, long.at(1.0).eta) == (100, 0.0)
    short.add("one", NO_USAGE, 1.0)
    short.end(2.0)
    assert (short.at(9.0).fraction, short.at(9.0).elapsed) == (1.0, 2.0)


def test_whichever_length_is_reached_first_counts() -> None:
    """With a limit of tokens and a number of words, progress is that of the nearer one."""
    meter = ProgressMeter(1000, 10)
    meter.add("one two three four five ", counted(10), 0.0)
    assert meter.at(0.0).percent == 50
    meter.add("six ", counted(900), 1.0)
    assert meter.at(0.0).percent == 90


def test_without_a_length_there_is_no_share() -> None:
    """Rate and counts are known all the same."""
    meter = ProgressMeter()
    meter.add("one two ", counted(2), 0.0)
    meter.add("three ", counted(4), 1.0)
    now = meter.at(1.0)
    assert (now.fraction, now.percent, now.eta, now.tokens_per_second) == (None, None, None, 2.0)


@pytest.mark.parametrize("targets", [{"target_tokens": 0}, {"target_words": -3}])
def test_a_target_is_a_positive_number(targets: Any) -> None:
    """A length of nothing is refused."""
    with pytest.raises(UsageError, match=next(iter(targets))):
        ProgressMeter(**targets)


USAGE = st.builds(counted, st.none() | st.integers(0, 500), st.none() | st.integers(0, 500))
GROWTH = st.lists(st.tuples(st.text("ab 橋\n", max_size=30), st.floats(0, 2), USAGE), max_size=20)


@given(GROWTH, st.none() | st.integers(1, 300), st.none() | st.integers(1, 50))
def test_progress_never_goes_back(growth: list[Any], tokens: int | None, words: int | None) -> None:
    """Whatever the API counts when, the share grows, stays below 1 before the end, and words are those of the text."""
    meter, now, seen = ProgressMeter(tokens, words), 0.0, [0.0]
    for text, gap, usage in growth:
        now += gap
        meter.add(text, usage, now)
        at = meter.at(now)
        seen.append(at.fraction or 0.0)
        assert at.eta is None or at.eta >= 0
        assert at.tokens_per_second is None or at.tokens_per_second >= 0
    assert all(before <= after < 1.0 for before, after in pairwise(seen))
    whole = ProgressMeter()
    whole.add("".join(text for text, _, _ in growth), NO_USAGE, now)
    assert meter.at(now).words == whole.at(now).words
    meter.end()
    assert meter.at(now).fraction == 1.0
