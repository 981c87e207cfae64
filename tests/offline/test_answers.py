"""Lists, code, sums, echoes, summaries, and the honest paragraph."""

import ast
import re
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("prompt", "number"),
    [
        ("Give me 5 ideas for a party", 5),
        ("List 7 fruits", 7),
        ("Suggest three names for a cat", 3),
        ("Top 10 tips for travel", 10),
        ("Name a fruit.", 1),
    ],
)
def test_a_list_has_exactly_the_items_that_were_asked_for(say: Any, prompt: Any, number: Any) -> None:
    items = re.findall(r"^(?:\d+\.|-) (.+)$", say(prompt), re.M)
    assert len(items) == number == len(set(items))


def test_a_list_that_is_too_short_says_so(say: Any) -> None:
    text = say("List 20 fruits")
    assert len(re.findall(r"^\d+\. ", text, re.M)) == 15
    assert text.endswith("The offline engine has fifteen fruits, not 20.")


@pytest.mark.parametrize(
    ("task", "call", "result"),
    [
        ("compute fibonacci numbers", "fibonacci(7)", [0, 1, 1, 2, 3, 5, 8]),
        ("check primes", "[n for n in range(30) if is_prime(n)]", [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]),
        ("sort a list", "merge_sort([5, 2, 9, 1, 5])", [1, 2, 5, 5, 9]),
    ],
)
def test_python_code_does_what_was_asked_for(say: Any, task: Any, call: Any, result: Any) -> None:
    block = re.search(r"```python\n(.*?)```", say(f"Write a function in python to {task}"), re.S)
    assert block
    ast.parse(block[1])
    names = {"print": lambda *_: None}
    exec(block[1], names)
    assert eval(call, names) == result


@pytest.mark.parametrize("language", ["Python", "JavaScript", "Go", "Rust", "C", "Bash"])
def test_hello_world_is_written_in_many_languages(say: Any, language: Any) -> None:
    text = say(f"Write hello world in {language}")
    assert text.startswith(f"```{language.lower()}\n")
    assert "Hello, world!" in text


@pytest.mark.parametrize("task", ["brew tea", "parse dates", "steer a submarine"])
def test_code_that_is_not_known_is_not_made_up(say: Any, task: Any) -> None:
    text = say(f"Write a function in python to {task}")
    assert "```" not in text
    assert "offline engine" in text


@pytest.mark.parametrize(
    ("prompt", "result"),
    [
        ("what is 12*7?", "84"),
        ("What is 3 plus 4?", "7"),
        ("calculate 2+3*4", "14"),
        ("10 divided by 4", "2.5"),
        ("1/0?", "undefined"),
        ("0.1 + 0.2", "0.3"),
        ("2/3 =", "2/3, which is about 0.666667"),
        ("10 - 2 * 3 - 0.5", "3.5"),
    ],
)
def test_sums_are_worked_out(say: Any, prompt: Any, result: Any) -> None:
    text = say(prompt)
    assert text.endswith(f"= {result}") or result in text.split("is ")[1]


@pytest.mark.parametrize(
    "prompt",
    [
        "9**9**9**9",
        "what is 999999**999999?",
        "(" * 5000 + "1+1",
        "2 ** 10",
        "Solve x^2 - 5x + 6 = 0",
        "2024-01-02",
        "555-1234",
        "24/7",
        "If I have 3 apples and eat 1, how many are left?",
        "1 + ",
        "3 4 +",
        "1e9 + 1",
    ],
)
def test_what_is_not_a_plain_sum_is_not_worked_out(say: Any, prompt: Any) -> None:
    assert say(prompt).startswith("This is the offline engine of headwater")


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("Repeat after me: blue moon", "blue moon"),
        ('Say exactly "I am ready"', "I am ready"),
        ("Reply with only: OK", "OK"),
        ("Say hello.", "hello"),
    ],
)
def test_words_are_given_back_as_they_were_asked_for(say: Any, prompt: Any, wanted: Any) -> None:
    assert say(prompt) == wanted


def test_a_guide_has_headings_and_hundreds_of_words(say: Any) -> None:
    text = say("Write a comprehensive guide to gardening")
    assert len(re.findall(r"^#+ ", text, re.M)) >= 4
    assert len(text.split()) > 400


@pytest.mark.parametrize(
    "prompt",
    ["hello", "why is the sky blue?", "qwertz asdf", "Who is Ada Lovelace?", "explain quasars", "\U0001f600", "?"],
)
def test_every_prompt_gets_a_sentence(say: Any, prompt: Any) -> None:
    assert re.search(r"\w+.*[.!?)]", say(prompt))


def test_the_honest_paragraph_says_what_arrived(ask: Any) -> None:
    image = {"inline_data": {"data": b"GIF89a" + bytes((64, 0, 32, 0)), "mime_type": "image/gif"}}
    tools = [{"functionDeclarations": [{"name": "f"}]}]
    parts = [image, {"text": "What is this about?"}]
    text = ask("Hi", "Hello", parts, system="Be brief.", tools=tools).text
    assert "offline engine" in text
    assert "without a language model" in text
    for part in (
        "4 words",
        "1 image",
        "1 tool",
        "a system instruction",
        "two earlier turns",
        "a GIF image of 64 x 32 pixels",
    ):
        assert part in text
    assert "What is this about?" in text
    assert "\n" not in text


def test_paragraphs_about_something_are_an_essay(say: Any) -> None:
    assert say("Write two paragraphs about rivers").count("rivers") >= 3


def test_a_list_of_names_says_where_it_comes_from(say: Any) -> None:
    assert say("Give me 3 names for a dog").startswith("From the word lists of the offline engine:\n\n1. ")


def test_an_explanation_is_an_outline_that_says_that_facts_are_missing(say: Any) -> None:
    text = say("Explain quantum computing")
    assert "knows no facts" in text
    assert "quantum computing" in text
    assert len(re.findall(r"^\d\. ", text, re.M)) >= 5


def test_a_story_is_summarised_in_one_sentence_that_names_its_hero(say: Any) -> None:
    story = say("Tell me a story about a dragon named Zora in 300 words")
    for request in ("summarize it in one sentence", "Summarise that in a single sentence please"):
        text = say("Tell me a story about a dragon named Zora in 300 words", story, request)
        assert "Zora" in text
        assert len(re.findall(r"[.!?](?:\s|$)", text)) == 1
        assert len(text) < len(story) / 3
        assert text in story


def test_a_summary_in_two_sentences_has_two(say: Any) -> None:
    story = say("Tell me a story")
    assert len(re.findall(r"[.!?]\"?(?:\s|$)", say("Tell me a story", story, "Summarize it in two sentences."))) == 2
    assert len(say("Tell me a story", story, "make it shorter")) < len(story)


NOTES = (
    "The river rose in the night after two days of rain. Many houses near the bridge were flooded, and the mayor "
    "opened the school for families.\nVolunteers brought blankets and soup. By morning the river had gone down again."
)


@pytest.mark.parametrize(
    "prompt",
    [
        f"Summarize this:\n\n{NOTES}",
        f"Summarize in one sentence: {NOTES}",
        f"summarize\n\n{NOTES}\n\nin one sentence",
        f"{NOTES}\n\nSummarize the above in one sentence.",
        [{"text": "Summarize this."}, {"inline_data": {"data": NOTES.encode(), "mime_type": "text/plain"}}],
    ],
)
def test_a_summary_takes_sentences_of_the_text_that_was_given(say: Any, prompt: Any) -> None:
    text = say(prompt)
    assert text in NOTES.replace("\n", " ")
    assert text.count(".") == 1


def test_notes_without_sentences_are_summarised_by_their_lines(say: Any) -> None:
    notes = "- call Ada about the boat\n- the river gauge stands at three metres\n- order new ropes before Friday"
    assert say(f"Summarize this:\n\n{notes}").rstrip(".") in notes


def test_the_first_of_two_wishes_is_answered(say: Any) -> None:
    assert "fox" in say("Tell me a story about a fox. Then summarize it.")


def test_a_summary_without_a_text_is_refused_honestly(say: Any) -> None:
    assert "offline engine" in say("Summarize the plot of Hamlet")


def test_a_story_goes_on_with_its_hero(say: Any) -> None:
    story = say("Tell me a story about a dragon named Zora")
    assert say("Tell me a story about a dragon named Zora", story, "continue").count("Zora") > 2
    assert say("Tell me a story about a dragon named Zora", story, "And another one.").count("Zora") > 2


def test_the_chat_is_remembered(say: Any) -> None:
    assert (
        say("Hi, my name is Anna.", "Hello Anna", "What is my name?") == "You told me: \u201cHi, my name is Anna.\u201d"
    )
    assert "green" in say("My favorite color is green.", "ok", "What is my favorite color?")
    assert "offline engine" in say("Hi", "Hello", "What is my name?")


@pytest.mark.parametrize("prompt", ["A name is only a name.", "The story of my life is long.", "My tips are better."])
def test_a_statement_is_not_taken_for_a_wish(say: Any, prompt: Any) -> None:
    assert say(prompt).startswith("This is the offline engine")


def test_translations_are_refused_honestly(say: Any) -> None:
    assert "French" in say("hello", "Hello there", "Translate it into French")
