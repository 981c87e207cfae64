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


def titles_are(page: Any, *titles: str) -> None:
    """Wait until the list has exactly these chats, in this order."""
    page.wait_for_function(
        """(titles) => JSON.stringify([...document.querySelectorAll("#list .name")].map((one) => one.textContent))
            === JSON.stringify(titles)""",
        arg=list(titles),
    )


def use_key(page: Any, key: str) -> None:
    """Sign in with an API key, or put it into the settings: one of the two is open or will be in a moment."""
    page.wait_for_selector("#options[open], #sign-in[open]")
    if page.is_visible("#sign-in"):
        page.fill("[name=key]", key)
        page.press("[name=key]", "Enter")
    else:
        page.fill("[name=apiKey]", key)
        page.keyboard.press("Escape")


def paste_picture(page: Any, width: int = 3000) -> None:
    """Paste a picture from the clipboard, and wait until it is among those to send."""
    page.evaluate(
        """async (width) => {
            const canvas = Object.assign(document.createElement("canvas"), { width, height: 20 });
            canvas.getContext("2d").fillRect(0, 0, 9, 9);
            const blob = await new Promise((resolve) => canvas.toBlob(resolve));
            const data = new DataTransfer();
            data.items.add(new File([blob], "dot.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        width,
    )
    page.wait_for_selector("#pictures img")
