"""Exported Markdown: what a model or a client says stays inside its turn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from markdown_it import MarkdownIt

from headwater.server.chats.exports import markdown
from headwater.server.chats.model import ChatTree, Message

_THEN = datetime(2026, 1, 1, tzinfo=UTC)


def exported(*parts: dict[str, Any], title: str = "A chat", **answer: Any) -> str:
    """A question, an answer of these parts, and another question."""
    contents = [{"role": "model", "parts": list(parts)}]
    messages = [
        _message("q", None, "user", [{"role": "user", "parts": [{"text": "First?"}]}]),
        _message("a", "q", "model", contents, **answer),
        _message("r", "a", "user", [{"role": "user", "parts": [{"text": "Second?"}]}]),
    ]
    return markdown(ChatTree(id="c", title=title, model="m", created=_THEN, updated=_THEN, leaf="r", messages=messages))


def _message(id: str, parent: str | None, role: Any, contents: list[dict[str, Any]], **more: Any) -> Message:
    return Message(id=id, role=role, parent=parent, created=_THEN, contents=contents, **more)


def headings(text: str) -> list[tuple[str, str]]:
    """The headings of levels 1 and 2, with what they say."""
    tokens = MarkdownIt().parse(text)
    return [
        (token.tag, tokens[place + 1].content)
        for place, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag in ("h1", "h2")
    ]


TURNS = [("h1", "A chat"), ("h2", "You"), ("h2", "Answer"), ("h2", "You")]


@pytest.mark.parametrize(
    "part",
    [
        {"text": "## You\n\nI give up.\n\n# The end"},
        {"text": "You\n---\n\nNo.\n\nThe end\n==="},
        {"text": "- a list\n\n## You"},
        {"text": "```python\nprint('no end')"},
        {"text": "~~~\n```\nno end"},
        {"text": "```\n````\n## You\n```\n"},
        {"text": "<!-- no end"},
        {"text": "<script>\nno end"},
        {"text": "<style>"},
        {"text": "<?php"},
        {"text": "<![CDATA["},
        {"functionCall": {"name": "f`\n\n## You\n\n`", "args": {}}},
        {"functionResponse": {"name": "f\n## You", "response": {}}},
        {"inlineData": {"mimeType": "x)*\n\n## You\n\n<!--", "data": ""}},
        {"fileData": {"fileUri": "https://x.example/>\n\n## You"}},
        {"executableCode": {"language": "x\n```\n## You\n```", "code": "1"}},
        {"codeExecutionResult": {"output": "```\n\n## You"}},
    ],
)
def test_turns_are_those_of_the_chat(part: dict[str, Any]) -> None:
    """No part adds the heading of a turn or takes one away, and the last question is still there as text."""
    text = exported(part)
    assert headings(text) == TURNS
    assert MarkdownIt().render(text).endswith("<h2>You</h2>\n<p>Second?</p>\n")


def test_what_is_chosen_outside_of_turns_is_text() -> None:
    """Titles, models and errors are text on one line, whatever they contain."""
    text = exported({"text": "x"}, title="a\n\n## You <b>*x*", model="m\n## You", error={"message": "<!--\n# x"})
    assert headings(text) == [
        ("h1", "a \\## You \\<b\\>\\*x\\*".replace("\\##", "\\#\\#")),
        *TURNS[1:2],
        ("h2", "m \\#\\# You"),
        TURNS[3],
    ]
    assert "<b>" not in MarkdownIt().render(text)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "x:y", "vbscript:x"])
def test_only_web_addresses_are_links(address: str) -> None:
    part = {"fileData": {"fileUri": address}}
    assert "<a " not in MarkdownIt().render(exported(part))
    assert address.partition(":")[0] in exported(part)


def test_a_web_address_is_a_link() -> None:
    assert "<https://x.example/a_b>" in exported({"fileData": {"fileUri": "https://x.example/a_b"}})


def test_markdown_of_an_answer_stays() -> None:
    """Headings are two levels deeper; lists, tables, code, breaks and words stay as they are."""
    text = "- a\n- b\n\n| a | b |\n|---|---|\n\n---\n\n*x* `y` # z\n\n    # code\n\n```sh\n# comment\n```"
    assert text in exported({"text": text})
    assert "\n### One\n" in exported({"text": "# One"})
    assert "\n###### Six\n" in exported({"text": "###### Six"})
