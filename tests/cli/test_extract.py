"""``headwater ask --extract``: the first code block of an answer."""

from typing import Any

import pytest

from headwater.cli.formats.code import FirstCodeBlock

BLOCKS = [
    ("Here:\n```python\na = 1\n\nb = 2\n```\nDone.\n```\nno\n```\n", "a = 1\n\nb = 2\n"),
    ("~~~\n```\nx\n```\n~~~\n", "```\nx\n```\n"),
    ("````md\n```\nx\n```\n````", "```\nx\n```\n"),
    ("1. Do\n   ```sh\n   ls\n     -l\n   ```\n", "ls\n  -l\n"),
    ("```\r\nx\r\n```\r\n", "x\n"),
    ("```\nno end", "no end"),
    ("```\n```\n```\nsecond\n```", ""),
    ("Use ```inline``` code", ""),
]


@pytest.mark.parametrize(("text", "code"), BLOCKS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_first_block(text: Any, code: Any, size: Any) -> None:
    """However the text is cut into pieces."""
    block = FirstCodeBlock()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert "".join(map(block.feed, pieces)) + block.finish() == code
    assert block.found == ("inline" not in text)


def test_only_code_is_printed(run: Any, api: Any, make_chunk: Any) -> None:
    """Without fences and the words around them, also if the answer breaks in the middle."""
    api.pieces = [make_chunk("Sure:\n``"), make_chunk("`py\nprint(1)\n```\nThat "), make_chunk("is it.", "STOP")]
    result = run("ask", "-x", "hello", env=api.env)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"print(1)\n", b"")
    api.pieces = [make_chunk("```\nprint(")]
    result = run("ask", "--extract", "hello", env=api.env)
    assert (result.returncode, result.stdout) == (4, b"print(")


def test_prose_is_no_code(run: Any, api: Any, make_chunk: Any) -> None:
    """An answer without a block is an error; its words are on standard error."""
    api.pieces = [make_chunk("I cannot.", "STOP")]
    result = run("ask", "-x", "hello", env=api.env)
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr == b"headwater: the answer has no code block:\nI cannot.\n"
    assert run("ask", "-x", "--json", "hello", env=api.env).returncode == 2
