"""Answers as HTML: Markdown is drawn, and nothing of it runs or loads."""

import html.parser
from typing import Any

import pytest

from headwater.views.html import as_html

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "![x](http://evil.example/pixel.png)",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
    '[x](http://a "onmouseover=alert(1)")',
    "[x]: javascript:alert(1)\n\n[x]",
    '```"><script>alert(1)</script>\ncode\n```',
    "[a](vbscript:x) [b](file:///etc/passwd) [c](//evil.example/x) [d](\x01javascript:alert(1))",
    "`<b onclick=x>`",
    "|<svg/onload=alert(1)>|\n|---|\n|<iframe src=javascript:alert(1)>|",
]
ALLOWED = {
    *("p", "a", "strong", "em", "s", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "br"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}


class Reader(html.parser.HTMLParser):
    """Notes the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.links: list[str | None] = []

    def handle_starttag(self, tag: Any, attrs: Any) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in ("href", "src")]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_an_answer_runs_or_loads(text: Any) -> None:
    """No tag, attribute or scheme but those of Markdown gets into the page, and no image is loaded."""
    reader = Reader()
    reader.feed(as_html(text))
    assert reader.tags <= ALLOWED
    assert reader.attributes <= {"href", "target", "rel", "class", "style", "start"}
    assert all(link.startswith(("http://", "https://", "mailto:")) for link in reader.links)


def test_markdown_is_drawn() -> None:
    """What is Markdown becomes HTML; links open elsewhere and an image becomes a link."""
    page = as_html("# A\n\n**b** [c](http://d) ![e](http://f/g.png)")
    assert "<h1>A</h1>" in page
    assert "<strong>b</strong>" in page
    assert '<a href="http://d" target="_blank" rel="noopener noreferrer nofollow">c</a>' in page
    assert "<img" not in page
    assert 'href="http://f/g.png"' in page
