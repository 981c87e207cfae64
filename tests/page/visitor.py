"""What a person does on the page."""

from __future__ import annotations

from typing import Any


def ask(page: Any, text: str) -> None:
    """Write a message and send it."""
    page.fill("#prompt", text)
    page.press("#prompt", "Enter")


def ended(page: Any, count: int = 1) -> None:
    """Wait until so many answers are there, and none is running."""
    page.wait_for_function(
        """(count) => document.querySelectorAll("article.model").length === count
            && document.querySelectorAll("article.model.running").length === 0""",
        arg=count,
    )


def says_all(page: Any, text: str) -> None:
    """Wait until the last answer says exactly this."""
    page.wait_for_function(
        """(text) => [...document.querySelectorAll("article.model > .text")].at(-1)?.innerText.trim() === text""",
        arg=text,
    )
