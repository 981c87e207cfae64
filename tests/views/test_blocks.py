"""Markdown in pieces: the blocks that come out do not depend on the cuts, and nothing given is taken back."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.views.blocks import Blocks, parser

SAMPLES = [
    "para\nmore\n\n# head\ntext\n- a\n- b\n  - c\n\n- d\n\nend",
    "a | b\n--|--\n1 | 2\n\nnext\n===\n> quote\nlazy\n\n***\n",
    "3. three\n1. four\n\n   deep\n5. five\ntext after\n\n1) other\n2) list\n",
    "~~~python\n" + "".join(f"line {number}\n\n" for number in range(150)) + "~~~\nafter\n",
    "[x]: http://x.org 'title'\n\nsee [x] and [y]\n\n[y]: http://y.org\n\nend [y]",
    "    indented\n\n    code\n\n\n<div>\nhtml\n</div>\n\n* * *\n+ plus\n- minus\n",
    "```\nnever closed\n\n\n- no list\n",
    "para\n#hash\n#\n- \n-\n\n1.\n2. x",
]


def shape(block: Any) -> Any:
    """What a block is, apart from where it stood."""
    return [(token.type, token.content, dict(token.attrs).get("start")) for token in block.tokens]


def through(text: Any, cuts: Any, *, cut: Any) -> Any:
    blocks, found, last = Blocks(cut=cut), [], 0
    for place in [*sorted(cuts), len(text)]:
        blocks.feed(text[last:place])
        last = place
        found += blocks.finished()
        blocks.open()
    return found + blocks.finish()


@given(st.sampled_from(SAMPLES), st.data())
@settings(max_examples=150)
def test_blocks_are_those_of_the_whole_text(text: Any, data: Any) -> None:
    """However the text is cut, its uncut blocks are those that a parser finds in the whole of it."""
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    tokens = [token for block in through(text, cuts, cut=False) for token in block.tokens]
    whole = parser().parse(text)
    assert [(token.type, token.content) for token in tokens] == [(token.type, token.content) for token in whole]


@given(st.sampled_from(SAMPLES), st.data())
@settings(max_examples=150)
def test_items_and_lines_are_those_of_the_whole_text(text: Any, data: Any) -> None:
    """Lists and code that are given in pieces have the same items, numbers and lines as the whole."""
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    assert _items(through(text, cuts, cut=True)) == _items(through(text, [], cut=False))


def _items(blocks: Any) -> Any:
    """Numbered items, lines of code and everything else, without the borders of pieces."""
    found = []
    for block in blocks:
        first = block.tokens[0]
        if first.type == "fence":
            lines = first.content.split("\n") if block.is_open else first.content.rstrip("\n").split("\n")
            found += [("line", line) for line in lines[block.shown :]]
            continue
        numbered = first.type == "ordered_list_open"
        number = int(first.attrs.get("start", 1))
        for token in block.tokens:
            if token.type == "list_item_open" and token.level == 1:
                found.append(("item", number))
                number += numbered
            elif token.type in ("inline", "hr", "code_block"):
                found.append((token.type, token.content))
    return found


@pytest.mark.parametrize("kind", ["code", "list", "paragraphs"])
def test_what_is_kept_stays_small(kind: Any) -> None:
    """However long code, a list or a text becomes, only its end is parsed again."""
    line = {"code": "x = 1\n", "list": "- item\n", "paragraphs": "words\n\n"}[kind]
    blocks, longest = Blocks(), 0
    blocks.feed("```python\n" if kind == "code" else "")
    for _ in range(1000):
        blocks.feed(line)
        blocks.finished()
        longest = max(longest, len(blocks.text))
    assert longest < 150 * len(line)


def test_half_a_mark_is_not_shown_yet() -> None:
    """A last line that may become anything is held back until it is known."""
    blocks = Blocks()
    blocks.feed("text\n--")
    assert blocks.open()[-1].tokens[0].type == "paragraph_open"
    blocks.feed("-\n")
    assert blocks.open()[-1].tokens[0].type == "heading_open"
