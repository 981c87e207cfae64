"""Forty prompts as visitors write them: each answer is right, useful or plainly honest, and none is silly."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

Check = Callable[[str], object]

NGINX = (
    "# Put nginx in front\n\nnginx gives TLS, and takes many slow clients off the server. It passes streams on without "
    "a change.\n\n```\nserver { listen 443 ssl; }\n```\n\nClients that go away are noticed at once. Buffering is off "
    "for streams, and on for everything else.\n"
)
DIFF = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n-x = 1\n+x = 2\n y = 3\n z = 4\n w = 5\n"


def is_honest(text: str) -> bool:
    """One plain paragraph that says what answers, what arrived, and what can be done."""
    said = (
        "This is the offline engine",
        "without a language model",
        "Your request begins",
        "It arrived whole",
        "It can write",
    )
    return all(part in text for part in said) and "\n" not in text


def has_words(low: int, high: int) -> Check:
    return lambda text: low <= len(text.split()) <= high


def has_lines(number: int) -> Check:
    return lambda text: len([line for line in text.splitlines() if line]) == number


def says(*parts: str) -> Check:
    return lambda text: all(part in text for part in parts)


def is_text(wanted: str) -> Check:
    return lambda text: text == wanted


def matches(pattern: str) -> Check:
    return lambda text: re.fullmatch(pattern, text, re.S)


def rhymes(text: str) -> bool:
    ends = [re.findall(r"\w+", line)[-1] for line in text.splitlines() if line]
    return len(ends) >= 8 and all(one[-2:] == two[-2:] for one, two in zip(ends[::2], ends[1::2], strict=True))


def is_true_python(text: str) -> bool:
    found = re.search(r"```python\n(.*?)```", text, re.S)
    names: dict[str, object] = {"print": lambda *_: None}
    exec(found[1] if found else "", names)
    return [number for number in range(20) if names["is_prime"](number)] == [2, 3, 5, 7, 11, 13, 17, 19]


def of_text(text: str) -> Check:
    """Every sentence of the answer stands in ``text``."""
    plain = " ".join(text.split())
    return lambda answer: all(part in plain for part in re.split(r"(?<=[.!?]) ", answer))


PROMPTS: list[tuple[str, Check]] = [
    ("hello", is_honest),
    ("How are you today?", is_honest),
    ("Who are you?", is_honest),
    ("What can you do?", is_honest),
    ("asdf", is_honest),
    ("Tell me a joke", is_honest),
    ("What is the capital of France?", is_honest),
    ("What is today's date?", is_honest),
    ("What makes a good story?", is_honest),
    ("Why is the sky blue?", is_honest),
    ("Solve x^2 - 5x + 6 = 0", is_honest),
    ("If a train leaves at 9 and takes 3 hours, when does it arrive?", is_honest),
    ("What is 2 ** 10?", is_honest),
    ("Write a regex for an email address", is_honest),
    ("Write SQL that lists all users", is_honest),
    ("Write a landing page in HTML", is_honest),
    ("Make a table comparing cats and dogs", is_honest),
    ("Classify the sentiment: I love this!", is_honest),
    ("Reverse the word 'water'", is_honest),
    ("Generate a CSV with 3 users", is_honest),
    ('Fix the grammar: "he go to school"', is_honest),
    ("Translate 'good morning' into French", is_honest),
    ("Schreibe ein Gedicht", is_honest),
    ("Write an email to my landlord about the broken heating", is_honest),
    ("Summarize the plot of Hamlet", is_honest),
    ("Return three fruits and their colours as JSON", is_honest),
    ("what is 12*7?", is_text("12 * 7 = 84")),
    ("What is 3.5 plus 4?", is_text("3.5 + 4 = 7.5")),
    ("Count to five", is_honest),
    ("Say exactly 'ready'", is_text("ready")),
    (f"Summarize this:\n\n{NGINX}", of_text(NGINX)),
    ("Summarize in one sentence: The boat left early. It was cold on the river, and the boat was full.", of_text(
        "The boat left early. It was cold on the river, and the boat was full.")),
    (f"Write a commit message for\n\n{DIFF}\n\nin one line", is_honest),
    ("Write a poem about coding that rhymes", lambda text: rhymes(text) and "that rh" not in text and "coding" in text),
    ("Write a haiku about autumn rain.", lambda text: has_lines(3)(text) and "autumn rain" in text.lower()),
    ("Tell me a story in 100 words.", has_words(95, 105)),
    ("Write a very long essay.", has_words(3000, 5000)),
    ("Explain quantum computing", says("knows no facts", "cannot explain quantum computing", "1. ", "6. ")),
    ("Give me 3 tips for a job interview", matches(r".*no facts about a job interview.*\n1\. .*\n2\. .*\n3\. [^\n]*")),
    ("Write a Python function that checks whether a number is prime", is_true_python),
]  # fmt: skip


def test_there_are_forty() -> None:
    assert len({prompt for prompt, _ in PROMPTS}) == 40


@pytest.mark.parametrize(("prompt", "is_good"), PROMPTS, ids=[prompt.split("\n")[0] for prompt, _ in PROMPTS])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_the_answer_is_right_useful_or_honest(say: Any, prompt: Any, is_good: Any, seed: Any) -> None:
    text = say(prompt, config={"seed": seed})
    assert is_good(text), text
    assert "{" not in text or "```" in text, "a slot was not filled"
