"""Answers of other kinds: lists, tables, code, sums, echoes, and the memory of a chat."""

import ast
import json
import re

import pytest


@pytest.mark.parametrize(
    ("prompt", "number"),
    [
        ("Give me 5 ideas for a party", 5),
        ("List 7 fruits", 7),
        ("Suggest three names for a cat", 3),
        ("Top 10 tips for travel", 10),
    ],
)
def test_a_list_has_exactly_the_items_that_were_asked_for(say, prompt, number):
    items = re.findall(r"^(?:\d+\.|-) (.+)$", say(prompt), re.M)
    assert len(items) == number == len(set(items))


@pytest.mark.parametrize(
    "task",
    [
        "reverse a string",
        "compute fibonacci numbers",
        "check primes",
        "sort a list",
        "parse dates",
        "read a csv file",
        "brew tea",
    ],
)
def test_python_code_parses(say, task):
    block = re.search(r"```python\n(.*?)```", say(f"Write a function in python to {task}"), re.S)
    assert block
    ast.parse(block[1])


@pytest.mark.parametrize(
    ("prompt", "result"),
    [
        ("what is 12*7?", "84"),
        ("What is 3 plus 4?", "7"),
        ("calculate (2+3)*4", "20"),
        ("10 divided by 4", "2.5"),
        ("1/0?", "undefined"),
        ("2 ** 10", "1024"),
    ],
)
def test_sums_are_worked_out(say, prompt, result):
    assert result in say(prompt)


@pytest.mark.parametrize("prompt", ["9**9**9**9", "what is 999999**999999?", "(" * 5000 + "1+1"])
def test_hostile_sums_do_no_harm(say, prompt):
    assert say(prompt)


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("Repeat after me: blue moon", "blue moon"),
        ('Say exactly "I am ready"', "I am ready"),
        ("Reply with only: OK", "OK"),
        ("count to 5", "1, 2, 3, 4, 5"),
    ],
)
def test_words_are_given_back_as_they_were_asked_for(say, prompt, wanted):
    assert say(prompt) == wanted


def test_a_comparison_is_a_table(say):
    lines = say("Compare tea and coffee").splitlines()
    assert lines[0].count("|") == lines[2].count("|") == 4
    assert "Tea" in lines[0]
    assert "Coffee" in lines[0]


def test_an_email_has_a_subject_and_a_greeting(say):
    text = say("Write an email to my landlord about the broken heating")
    assert text.startswith("Subject:")
    assert "Dear Landlord" in text
    assert "broken heating" in text


def test_a_guide_has_headings_and_hundreds_of_words(say):
    text = say("Write a comprehensive guide to gardening")
    assert len(re.findall(r"^#+ ", text, re.M)) >= 4
    assert len(text.split()) > 400


@pytest.mark.parametrize(
    "prompt",
    ["hello", "why is the sky blue?", "qwertz asdf", "Who is Ada Lovelace?", "explain quasars", "\U0001f600", "?"],
)
def test_every_prompt_gets_a_sentence(say, prompt):
    assert re.search(r"\w+.*[.!?)]", say(prompt))


def test_a_story_is_summarised_in_one_sentence_that_names_its_hero(say):
    story = say("Tell me a story about a dragon named Zora in 300 words")
    for request in ("summarize it in one sentence", "Summarise that in a single sentence please"):
        text = say("Tell me a story about a dragon named Zora in 300 words", story, request)
        assert "Zora" in text
        assert len(re.findall(r"[.!?](?:\s|$)", text)) == 1
        assert len(text) < len(story) / 3


def test_a_summary_in_two_sentences_has_two(say):
    story = say("Tell me a story")
    assert len(re.findall(r"[.!?]\"?(?:\s|$)", say("Tell me a story", story, "Summarize it in two sentences."))) == 2
    assert len(say("Tell me a story", story, "make it shorter")) < len(story)


def test_a_story_goes_on_with_its_hero(say):
    story = say("Tell me a story about a dragon named Zora")
    assert say("Tell me a story about a dragon named Zora", story, "continue").count("Zora") > 2


def test_the_chat_is_remembered(say):
    assert "Anna" in say("Hi, my name is Anna.", "Hello Anna", "What is my name?")
    assert "blue moon" in say("I like the blue moon", "Good", "What did I say?")
    assert "have not told" in say("Hi", "Hello", "What is my name?")
    assert "green" in say("My favorite color is green.", "ok", "What is my favorite color?")


def test_translations_are_refused_honestly(say):
    assert "French" in say("hello", "Hello there", "Translate it into French")


@pytest.mark.parametrize(
    ("system", "check"),
    [
        ("You are a pirate.", lambda text: "Ahoy" in text),
        ("You are a cat. Your name is Neko.", lambda text: "Neko" in text or "Meow" in text),
        ("Reply in UPPERCASE only", str.isupper),
        ("Reply in lowercase", str.islower),
        ("Answer in one word.", lambda text: len(text.split()) == 1),
        ("Be brief.", lambda text: len(text.split()) < 60),
        ("Use bullet points", lambda text: text.startswith("- ")),
        ("Answer in French", lambda text: "French" in text),
        ("Always answer in rhyme.", lambda text: text.count("\n") >= 3),
        ("Always end your answer with 'Meow'", lambda text: text.endswith("Meow")),
        ("Answer in JSON.", lambda text: isinstance(json.loads(text), dict)),
    ],
)
@pytest.mark.parametrize("prompt", ["Hello there", "why is the sky blue?"])
def test_the_system_instruction_is_followed(say, system, check, prompt):
    assert check(say(prompt, system=system))


def test_the_name_of_the_system_instruction_is_used(say):
    assert "Neko" in say("What is your name?", system="You are a cat. Your name is Neko.")
    assert "Bob" in say("Who are you?", system="Your name is Bob.")
