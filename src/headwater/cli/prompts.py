"""The prompt: words of the command line, standard input and files, as the contents of a request."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from headwater.cli.formats.mime import decode, is_binary, mime_type
from headwater.cli.screen import Screen

_URIS = ("gs://", "https://", "http://")
_LENGTH = re.compile(r"\b(\d{1,3}(?:,\d{3})+|\d{1,6})[ -]words?\b", re.IGNORECASE)


def build_contents(words: Sequence[str], files: Sequence[str]) -> list[Any]:
    """Return the contents: files first, then the text. A word or file ``-`` means standard input.

    Raises:
        click.UsageError: if there is no prompt, or a file cannot be read.
    """
    if [*words, *files].count("-") > 1:
        raise click.UsageError("standard input ('-') can be used only once")
    text = _text(words, with_input="-" not in files)
    parts = [file_part(name) for name in files]
    if not text and not parts:
        raise click.UsageError('no prompt: try headwater ask "Tell me a story", or pipe one in')
    return [*parts, text] if text else parts


def requested_words(contents: Sequence[Any]) -> int | None:
    """Return how many words the prompt asks for: 500 for "a story in 500 words". None if it does not say."""
    found = _LENGTH.search(contents[-1]) if isinstance(contents[-1], str) else None
    return int(found[1].replace(",", "")) or None if found else None


def file_part(name: str) -> Any:
    """Return a file, ``-`` or a URI as a part."""
    from headwater.types import Part

    if name.startswith(_URIS):
        return Part.from_uri(file_uri=name)
    data = _input_bytes() if name == "-" else _file_bytes(name)
    kind = mime_type(data, name)
    if kind is None:
        raise click.UsageError(f"the type of {name!r} is unknown: neither its first bytes nor its name tell")
    if kind.startswith("text/"):
        data = decode(data).encode()
    return Part.from_bytes(data=data, mime_type=kind)


def input_text(data: bytes) -> str:
    """Return bytes of standard input as text: UTF-8, or UTF-16 with a byte order mark.

    Raises:
        click.UsageError: if they look like a binary file.
    """
    if is_binary(data):
        raise click.UsageError("standard input is not text; for a file use --file -")
    return decode(data)


def _text(words: Sequence[str], *, with_input: bool) -> str:
    # Arguments that are not UTF-8 arrive as surrogates, which JSON cannot carry.
    words = [word.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for word in words]
    # With "-", input stands in the middle of the prompt; without, piped input follows it.
    if "-" in words:
        place = words.index("-")
        pieces = [" ".join(words[:place]), input_text(_input_bytes()).strip(), " ".join(words[place + 1 :])]
    else:
        pieces = [" ".join(words), input_text(_input_bytes()).strip() if with_input and _is_piped() else ""]
    return "\n\n".join(piece for piece in pieces if piece.strip())


def _is_piped() -> bool:
    return sys.stdin is not None and not sys.stdin.closed and not sys.stdin.isatty()


def _input_bytes() -> bytes:
    # Only a lone "-" gets here at a terminal. Programs that then wait silently look as if they hang.
    if sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty():
        Screen().note("reading from the terminal, Ctrl-D ends")
    return sys.stdin.buffer.read() if sys.stdin is not None and not sys.stdin.closed else b""


def _file_bytes(name: str) -> bytes:
    try:
        data = Path(name).expanduser().read_bytes()
    except OSError as error:
        raise click.UsageError(f"cannot read {name!r}: {error.strerror}") from error
    if not data:
        raise click.UsageError(f"{name!r} is empty")
    return data
