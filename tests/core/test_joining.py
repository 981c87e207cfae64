"""Where a continued answer is joined to what was there before: nothing twice, nothing lost, whatever the pieces."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.answer.joining import SkipReplayed, TrimOverlap, overlap
from headwater.errors import StreamInterrupted
from headwater.types import GenerateContentResponse, Part
from tests.support.peers import document

TEXT = st.text(alphabet="ab \u4e16\U0001f642", max_size=60)
CHANCE = st.integers(0, 2**32).map(random.Random)
LONG = st.text(alphabet="abcdefghijklmnopqrstuvwxyz \u4e16\u754c\U0001f642", min_size=12, max_size=120)


def chunk(*parts: dict[str, Any], **more: Any) -> GenerateContentResponse:
    return GenerateContentResponse(**document(list(parts), **more))


def pieces(text: str, chance: random.Random) -> list[GenerateContentResponse]:
    """``text`` in chunks of one or two parts, some of them empty."""
    found = []
    while text:
        sizes = [chance.randint(0, 9) for _ in range(chance.choice((1, 1, 2)))]
        parts = []
        for size in sizes:
            parts.append({"text": text[:size]})
            text = text[size:]
        found.append(chunk(*parts))
    return found


def through(joiner: Any, chunks: list[GenerateContentResponse]) -> str:
    given = [piece for one in chunks for piece in joiner.feed(one)] + joiner.flush()
    return "".join(piece.text for piece in given)


@given(LONG, LONG, CHANCE)
def test_what_repeats_the_end_of_the_old_text_is_left_out(old: str, rest: str, chance: random.Random) -> None:
    """Twelve characters of it and more, in any pieces; at most what really repeats it."""
    size = chance.randint(12, len(old))
    new = old[-size:] + rest
    assert through(TrimOverlap(old, mute_thoughts=False), pieces(new, chance)) == new[overlap(old, new) :]
    assert overlap(old, new) >= size, "a longer one may be there by chance"


@given(st.text(alphabet="abcdef", min_size=1, max_size=40), st.integers(0, 11), CHANCE)
def test_a_shorter_repetition_is_kept_since_it_may_be_meant(old: str, size: int, chance: random.Random) -> None:
    new = old[len(old) - min(size, len(old)) :] + "XYZ"
    assert through(TrimOverlap(old, mute_thoughts=False), pieces(new, chance)) == new


@given(TEXT, TEXT, CHANCE)
def test_nothing_but_an_overlap_is_left_out(old: str, new: str, chance: random.Random) -> None:
    """Of any two texts, also where one holds the other many times over."""
    cut = overlap(old, new)
    assert cut == 0 or (cut >= 12 and old.endswith(new[:cut]))
    assert through(TrimOverlap(old, mute_thoughts=False), pieces(new, chance)) == new[cut:]


@given(LONG, LONG, CHANCE)
def test_text_is_held_back_no_longer_than_it_may_be_a_repetition(old: str, new: str, chance: random.Random) -> None:
    joiner, came, given = TrimOverlap(old, mute_thoughts=False), "", ""
    for one in pieces(new, chance):
        came += one.text
        given += "".join(piece.text for piece in joiner.feed(one))
        if came not in old[:-1]:
            assert given == came[overlap(old, came) :] or came.endswith(given)
            assert given or overlap(old, came) == len(came)


def test_the_last_chunk_is_not_held_back() -> None:
    joiner = TrimOverlap("once upon a time", mute_thoughts=False)
    (last,) = joiner.feed(chunk({"text": "upon"}, finish="STOP"))
    assert (last.text, str(last.finish_reason)) == ("upon", "STOP")


def test_only_a_text_of_two_thousand_characters_is_looked_at() -> None:
    old = "x" * 5000 + "the end of it all"
    assert through(TrimOverlap(old, mute_thoughts=False), [chunk({"text": "the end of it all, truly"})]) == ", truly"


def test_what_a_chunk_carries_besides_its_text_stays() -> None:
    old = "the end of it all"
    joiner = TrimOverlap(old, mute_thoughts=True)
    signed = {"text": old, "thoughtSignature": "AAAA"}
    (one,) = joiner.feed(
        chunk({"text": "hm", "thought": True}, signed, finish="STOP", usageMetadata={"totalTokenCount": 3})
    )
    assert (one.text, one.thought_text, one.usage_metadata.total_token_count) == ("", "", 3)
    assert [part.thought_signature for part in one.parts] == [b"\0\0\0"]
    assert one.response_id == "r"


PART = st.one_of(
    st.builds(lambda text: {"text": text}, TEXT),
    st.builds(lambda text: {"text": text, "thought": True}, TEXT),
    st.builds(lambda name: {"functionCall": {"name": name, "args": {"a": 1}}}, st.sampled_from("fg")),
    st.just({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
)


def content(chunks: list[GenerateContentResponse]) -> list[tuple[Any, ...]]:
    """What chunks say, whatever their pieces: texts of one kind joined, calls and data in their places."""
    found: list[tuple[Any, ...]] = []
    for part in [part for one in chunks for part in one.parts]:
        if part.text is None:
            found.append((part.function_call and part.function_call.name, part.inline_data and "image"))
        elif part.text and found and found[-1][0] is bool(part.thought):
            found[-1] = (bool(part.thought), found[-1][1] + part.text)
        elif part.text:
            found.append((bool(part.thought), part.text))
    return found


def recut(parts: list[dict[str, Any]], chance: random.Random) -> list[GenerateContentResponse]:
    found: list[GenerateContentResponse] = []
    for part in parts:
        text = part.get("text")
        if not text:
            found.append(chunk(part))
        while text:
            size = chance.randint(1, 20)
            found.append(chunk({**part, "text": text[:size]}))
            text = text[size:]
    return found


@given(st.lists(PART, max_size=8), st.lists(PART, max_size=4), CHANCE)
def test_what_is_said_again_is_left_out(old: list[Any], rest: list[Any], chance: random.Random) -> None:
    """Text, thoughts, calls and data, in any pieces; what follows them is new."""
    said = [part for one in recut(old, chance) for part in one.parts]
    joiner = SkipReplayed(said)
    given = [piece for one in recut(old + rest, chance) for piece in joiner.feed(one)]
    assert joiner.flush() == []
    whole, known = content([chunk(*old, *rest)]), content([chunk(*old)])
    new = content(given)
    if known and whole[: len(known)] != known:  # the last old text goes on in the new
        place = len(known) - 1
        assert new == [(whole[place][0], whole[place][1][len(known[place][1]) :]), *whole[place + 1 :]]
    else:
        assert new == whole[len(known) :]


@given(st.lists(PART, min_size=1, max_size=6), st.integers(0, 400), CHANCE)
def test_another_text_than_before_is_noticed(old: list[Any], place: int, chance: random.Random) -> None:
    """One character changed, or one part left out: there is no way to join that."""
    parts = [part for part in old if part.get("text") != ""]
    if not parts:
        return
    number = place % len(parts)
    changed = list(parts)
    text = parts[number].get("text")
    if text:
        at = place % len(text)
        changed[number] = {**parts[number], "text": text[:at] + "!" + text[at + 1 :]}
    else:
        changed[number] = {"functionCall": {"name": "other"}}
    joiner = SkipReplayed([Part(**one) for one in map(_snake, parts)])
    with pytest.raises(StreamInterrupted):  # noqa: PT012
        for one in recut(changed, chance):
            joiner.feed(one)
        joiner.flush()


def _snake(part: dict[str, Any]) -> dict[str, Any]:
    (made,) = chunk(part).parts
    return {name: getattr(made, name) for name in made.__struct_fields__}


def test_an_answer_that_ends_before_it_is_where_it_was_is_noticed() -> None:
    joiner = SkipReplayed([Part(text="one two")])
    assert [piece.text for piece in joiner.feed(chunk({"text": "one"}))] == [""]
    assert [part.text for part in joiner.pending] == [" two"]
    with pytest.raises(StreamInterrupted):
        joiner.flush()
