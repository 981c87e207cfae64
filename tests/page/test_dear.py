"""Markdown that costs too much: it is shown as plain text, the page says so, and nothing holds the page up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.live import Live
from tests.support.talker import Talker
from tests.support.visitor import ask, ended

#: Each is too dear for a reason of its own: steps of a line, of a block, levels, elements.
DEAR = {
    "emphasis": "_a __b " * 10_000,
    "dollars": "$$" * 20_000,
    "dollars in lines": "$$ a\n" * 10_000,
    "brackets": "\\[\n" * 10_000,
    "lists": "".join(f"{'  ' * depth}- a\n" for depth in range(500)),
    "lists in one line": "- " * 2000 + "a",
    "quotes": ">" * 2000 + "a",
    "quotes in lists": "> - " * 500 + "a",
    "lines": "a\n" * 20_000,
    "cells": "|a" * 5000 + "\n" + "|-" * 5000 + "\n" + ("|b" * 5000 + "\n") * 3,
    "links": "[a](" * 20_000,
}
#: These cost much in all, but little at a time.
MANY = {
    "fences": "```\n" * 10_000,
    "ticks": "``` " * 10_000,
    "headings": "# a\n" * 3000,
    "formulas": "".join(f"$x_{{{number}}}$ " for number in range(2000)),
    "tables": "|a|\n|-|\n\n" * 1000,
}
#: Draws a text, cut into pieces, and returns the longest time that one step took, to be printed.
DRAW = """async (pieces) => {
    const box = document.createElement("div");
    box.className = "text";
    document.querySelector("#log").append(box);
    document.body.classList.remove("is-empty");
    const { Growing } = await import(window.growingPath);
    const growing = new Growing(box);
    const steps = [];
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const timed = async (work) => {
        const began = performance.now();
        work();
        box.getBoundingClientRect();
        steps.push(performance.now() - began);
        await frame();
    };
    for (const piece of pieces) await timed(() => (growing.push(piece), growing.draw()));
    await timed(() => growing.finish());
    for (let n = 0; n < 200 && box.querySelector(".tail, code.math"); n++) await timed(() => {});
    const shown = box.cloneNode(true);
    for (const note of shown.querySelectorAll(".plain > .small")) note.remove();
    const notes = box.querySelectorAll(".plain > .small").length;
    const text = shown.textContent;
    const marked = box.querySelectorAll("*").length;
    box.remove();
    return { text, notes, marked, longest: Math.max(...steps) };
}"""


def _draw(growing: Any, text: str, pieces: int) -> Any:
    size = -(-len(text) // pieces)
    drawn = growing.evaluate(DRAW, [text[at : at + size] for at in range(0, len(text), size)])
    print(f"longest step: {drawn['longest']:.0f} ms", len(text), pieces)
    return drawn


@pytest.mark.slow
@pytest.mark.parametrize("pieces", [1, 20])
@pytest.mark.parametrize("name", DEAR)
def test_what_costs_too_much_is_plain_text(growing: Any, name: str, pieces: int) -> None:
    """The text is there as it was written, and a line below it says why."""
    drawn = _draw(growing, DEAR[name], pieces)
    assert drawn["text"].split() == DEAR[name].split() or pieces > 1
    assert drawn["text"].endswith(DEAR[name][-1000:])
    assert drawn["notes"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("pieces", [1, 20])
@pytest.mark.parametrize("name", MANY)
def test_what_is_much_is_drawn_bit_by_bit(growing: Any, name: str, pieces: int) -> None:
    """What costs much in all is formatted all the same, in steps that leave the page its turn."""
    drawn = _draw(growing, MANY[name], pieces)
    assert drawn["notes"] == 0
    assert drawn["marked"] >= 1000


def test_endless_combining_marks_are_broken_up(growing: Any) -> None:
    """Of thousands of marks on one letter no more than some are on top of each other, however they come."""
    text = "a" + "\u0301" * 50_000 + " end"
    for pieces in (1, 200):
        drawn = _draw(growing, text, pieces)
        assert drawn["text"].replace("\u25cc", "").strip() == text
        assert max(len(run) for run in drawn["text"].split("\u25cc")) < 60
    assert "\u25cc" not in _draw(growing, "Zalgo t\u0301\u0302\u0303", 1)["text"]


def test_a_dear_answer_grows_and_is_copied(talker: Talker, served: Live, open_page: Any) -> None:
    """Over the wire too: what came before stays formatted, the rest is plain, what is copied is what came."""
    deep = ">" * 500 + "a"
    talker.answers["go"] = ["**Bold**\n\n", "More.\n\n", deep, "b\n\n", "The end."]
    page = open_page()
    ask(page, "go")
    ended(page)
    assert page.inner_text("article.model strong") == "Bold"
    assert page.inner_text("article.model .plain").startswith(">" * 500)
    assert "The end." in page.inner_text("article.model .plain")
    assert "plain text" in page.inner_text("article.model .plain .small")


def test_single_line_breaks_stay(growing: Any) -> None:
    """Lines of a poem or an address stay lines, whether they come at once or grow."""
    poem = "With rivers I will stand my ground,\nFor what was lost\ncan still be found.\n\nEnd"
    for pieces in (1, len(poem)):
        html = growing.evaluate("(pieces) => grow(pieces, true)", list(poem) if pieces > 1 else [poem])
        assert html.count("<br>") == 2, html
