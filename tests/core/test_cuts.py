"""Ten thousand answers over a line that is cut at any byte: nothing doubled, nothing lost, the end told as it was."""

from __future__ import annotations

import hashlib
import random
from itertools import accumulate
from typing import Any

import pytest

from headwater.core.answer.ending import EndingKind
from headwater.errors import StreamInterrupted, StreamTruncated
from headwater.types import GenerateContentResponse
from tests.support.peers import (
    Checkpointing,
    Keeping,
    Listening,
    Outcome,
    Peer,
    Uncut,
    carry,
    cuts,
    document,
    some_answer,
)

pytestmark = pytest.mark.slow

SEED = 4_2026
STREAMS = 10_000


def uncut(parts: list[dict[str, Any]]) -> Uncut:
    return Uncut(GenerateContentResponse(**document(parts)))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def same(outcome: Outcome, expected: Uncut, number: int) -> None:
    """What the reader was given, and what the stream says it was, is the uncut answer."""
    for said in (outcome.read, Uncut(outcome.machine.snapshot.fold.response)):
        assert digest(said.text) == digest(expected.text), number
        assert digest(said.thoughts) == digest(expected.thoughts), number
        assert said.calls == expected.calls, number
    assert outcome.error is None, (number, outcome.error)
    assert outcome.machine.snapshot.ending is not None
    assert outcome.machine.snapshot.ending.kind is EndingKind.FINISHED


@pytest.mark.parametrize("kind", [Keeping, Checkpointing])
def test_an_answer_that_is_continued_is_the_uncut_one(kind: type[Peer]) -> None:
    """Five thousand for each way: cut up to three times, read with ``on_break="continue"``."""
    broken = 0
    for number in range(STREAMS // 2):
        chance = random.Random(SEED + number)
        parts = some_answer(chance)
        peer = kind(parts, chance)
        same(carry(peer, cuts(chance.randint(0, 3), chance), on_break="continue"), uncut(parts), number)
        broken += len(peer.requests) > 1
    assert broken > STREAMS / 4, "the line was not cut"


def test_an_answer_that_fails_is_a_beginning_of_the_uncut_one() -> None:
    """Ten thousand, cut once, read with ``on_break="fail"``: what came is kept, and the ending says what happened."""
    ends = {"": 0, "lost": 0, "whole": 0}
    for number in range(STREAMS):
        chance = random.Random(SEED + number)
        parts = some_answer(chance)
        outcome, way = carry_once(Peer(parts, chance), chance)
        expected, ending = uncut(parts), outcome.machine.snapshot.ending
        said = [outcome.read, Uncut(outcome.machine.snapshot.fold.response)]
        if outcome.error is not None:
            said.append(Uncut(outcome.error.partial))
        for one in said:
            whole = [expected.thoughts, expected.text]
            assert expected.text.startswith(one.text), number
            assert expected.thoughts.startswith(one.thoughts), number
            assert one.calls == expected.calls[: len(one.calls)], number
            assert [len(one.thoughts), len(one.text)] in boundaries(parts, whole), number
        assert ending is not None
        if outcome.error is None:
            assert (ending.kind, said[0].text, said[0].calls) == (EndingKind.FINISHED, expected.text, expected.calls)
            ends["whole"] += 1
        else:
            error, kind = (StreamInterrupted, "interrupted") if way else (StreamTruncated, "truncated")
            assert (type(outcome.error), ending.kind, ending.is_whole) == (error, kind, False), number
            ends[way] += 1
    assert min(ends.values()) > STREAMS / 50, ends


def carry_once(peer: Peer, chance: random.Random) -> tuple[Outcome, str]:
    """Cut the first answer that brings content; return how."""
    ways = []

    def cut(body: bytes) -> tuple[bytes, str]:
        ways.append(chance.choice(("lost", "")))
        first = body.index(b"\r\n\r\n") + 4
        return body if chance.random() < 0.1 else body[: chance.randrange(first, len(body))], ways[-1]

    outcome = carry(peer, cut, on_break="fail")
    assert len(ways) == 1, "what the reader has seen is not restarted"
    return outcome, ways[0]


def boundaries(parts: list[dict[str, Any]], whole: list[str]) -> list[list[int]]:
    """How many characters of thoughts and text there are after each part: half a chunk is never given."""
    thoughts = accumulate(len(part.get("text", "")) if part.get("thought") else 0 for part in parts)
    texts = accumulate(0 if part.get("thought") else len(part.get("text", "")) for part in parts)
    return [[0, 0], *([one, two] for one, two in zip(thoughts, texts, strict=True))]


@pytest.mark.parametrize("repeats", [0, 12, 30, 200])
def test_a_model_that_is_shown_its_words_goes_on_from_them(repeats: int) -> None:
    """Five hundred: what it repeats of them (12 characters and more) is left out, and nothing else."""
    for number in range(500):
        chance = random.Random(SEED + number)
        parts = [{"text": "".join(chance.choices("abcdefghijklmnop \u4e16\U0001f642", k=chance.randint(40, 400)))}]
        peer = Listening(parts, chance)
        peer.repeats = repeats
        same(carry(peer, cuts(chance.randint(0, 3), chance), on_break="continue"), uncut(parts), number)
