"""Stories and poems: their length, their topic, their variety."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.offline import answer
from headwater.offline.english import sentences_of
from headwater.types import GenerateContentRequest

PHRASINGS = [
    "Tell me a story in {n} words.",
    "Tell me a story in about {n} words about a dragon.",
    "Write a {n}-word story about cats",
    "a story about space exploration, {n} words or less",
    "Tell me a story about a robot who learns to paint using exactly {n} words.",
    "Write a story of {n} words about the baker's dog and a well-known ghost",
]


def within(text: str, number: int) -> bool:
    counts = len(text.split()), len(re.findall(r"\w+", text))
    return all(abs(count - number) <= 0.05 * number for count in counts)


@pytest.mark.parametrize("number", [10, 13, 25, 50, 100, 300, 777, 2000, 5000])
@pytest.mark.parametrize("phrasing", PHRASINGS)
def test_a_story_has_as_many_words_as_were_asked_for(say: Any, phrasing: Any, number: Any) -> None:
    """A story of N words has N words within five percent, however words are counted."""
    assert within(say(phrasing.format(n=number)), number)


@pytest.mark.parametrize(
    ("words", "number"), [("three hundred", 300), ("a hundred", 100), ("1,000", 1000), ("fifty", 50)]
)
def test_numbers_in_words_are_understood(say: Any, words: Any, number: Any) -> None:
    assert within(say(f"Tell me a story in {words} words"), number)


@given(st.integers(10, 600), st.text("abcdefghij klm", min_size=1, max_size=30), st.integers(0, 99))
@settings(max_examples=60)
def test_any_topic_and_seed_gives_the_number_of_words(number: Any, topic: Any, seed: Any) -> None:
    request = GenerateContentRequest(
        contents=[{"role": "user", "parts": [{"text": f"Write a story about {topic} in {number} words."}]}],
        generation_config={"seed": seed},
    )
    assert within(answer(request, model="m").text, number)


def test_a_story_without_a_length_is_neither_a_note_nor_a_book(say: Any) -> None:
    assert 150 <= len(say("Tell me a story.").split()) <= 350
    assert len(say("Write a cute story about cats.").split()) >= 120


@pytest.mark.parametrize(
    "topic", ["cats", "a dragon", "space exploration", "a robot who learns to paint", "the lonely lighthouse"]
)
def test_a_story_speaks_of_its_topic_more_than_once(say: Any, topic: Any) -> None:
    text = say(f"Tell me a story about {topic} in 300 words.").lower()
    telling = [word.rstrip("s") for word in topic.split() if len(word) > 3 and word not in ("learns",)]
    assert all(word in text for word in telling)
    assert sum(text.count(word) for word in telling) >= 3


def test_a_story_uses_the_names_of_the_prompt(say: Any) -> None:
    text = say("Tell me a story about a girl named Zora and her dog")
    assert text.count("Zora") >= 3
    assert "dog" in text


@pytest.mark.parametrize(
    ("topic", "hero"),
    [("my dog Rex", "dog named Rex"), ("Anna and her cat", "girl named Anna"), ("a fox called ada", "fox named Ada")],
)
def test_a_story_knows_who_it_is_about(say: Any, topic: Any, hero: Any) -> None:
    assert hero in say(f"Tell me a story about {topic} in 60 words")


def test_a_long_story_does_not_repeat_its_sentences(say: Any) -> None:
    """At least 97 percent of the sentences of a story of 2000 words are different."""
    told = sentences_of(say("Tell me a story about cats in 2000 words"))
    assert len(set(told)) / len(told) >= 0.97


def test_a_long_story_has_chapters_and_paragraphs(say: Any) -> None:
    text = say("Tell me a story about pirates in 2000 words")
    assert text.count("**Chapter") >= 4
    assert text.count("\n\n") >= 20


@pytest.mark.parametrize("prompt", ["Tell me a very long story", "Write a very long essay about trains"])
def test_very_long_means_thousands_of_words(say: Any, prompt: Any) -> None:
    assert 3000 <= len(say(prompt).split()) <= 5000


@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_story_in_sentences_has_that_many(say: Any, number: Any) -> None:
    text = say(f"Tell me a story about a fox in {number} sentences.")
    assert len(re.findall(r"[.!?]\"?(?:\s|$)", text)) == number
    assert "fox" in text


def test_a_seed_decides_which_story_is_told(say: Any) -> None:
    first, again, other = (say("Tell me a story", config={"seed": seed}) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("topic", ["the sea", "autumn", "a cat", "my garden"])
def test_poems_rhyme_in_couplets(say: Any, topic: Any) -> None:
    """The last words of each two lines are different and end alike."""
    lines = [line.strip(" ,.") for line in say(f"Write a poem about {topic}").splitlines() if line.strip()]
    assert len(lines) >= 8
    assert len(lines) % 2 == 0
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        one, two = first.split()[-1].lower(), second.split()[-1].lower()
        assert one != two
        assert one[-2:] == two[-2:], (first, second)
    assert topic.split()[-1] in " ".join(lines)


@pytest.mark.parametrize("number", [2, 3, 4, 7, 12])
def test_a_poem_has_as_many_lines_as_were_asked_for(say: Any, number: Any) -> None:
    assert len([line for line in say(f"Write a poem of {number} lines about rain").splitlines() if line]) == number


def test_a_haiku_has_three_lines(say: Any) -> None:
    assert len(say("Write a haiku about autumn rain").splitlines()) == 3


@pytest.mark.parametrize("number", [1, 7, 40, 120, 400])
def test_an_essay_has_as_many_words_as_were_asked_for(say: Any, number: Any) -> None:
    assert len(say(f"Write an essay about trains in {number} words").split()) == number
