"""The prompt: words of the command line, standard input and images, as the contents of a request."""

from __future__ import annotations

import mimetypes
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

_URIS = ("gs://", "https://", "http://")
_BRANDS = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"avif": "image/avif"}
_LENGTH = re.compile(r"\b(\d{1,3}(?:,\d{3})+|\d{1,6})[ -]words?\b", re.IGNORECASE)
#: Magic numbers of files. The name decides only where they do not: standard input has no name.
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"%PDF-", "application/pdf"),
)


def build_contents(words: Sequence[str], images: Sequence[str]) -> list[Any]:
    """Return the contents: images first, then the text. A word or image ``-`` means standard input.

    Raises:
        click.UsageError: if there is no prompt, or an image cannot be read.
    """
    if [*words, *images].count("-") > 1:
        raise click.UsageError("standard input ('-') can be used only once")
    text = _text(words, with_input="-" not in images)
    parts = [image_part(image) for image in images]
    if not text and not parts:
        raise click.UsageError('no prompt: try headwater ask "Tell me a story", or pipe one in')
    return [*parts, text] if text else parts


def requested_words(contents: Sequence[Any]) -> int | None:
    """Return how many words the prompt asks for: 500 for "a story in 500 words". None if it does not say."""
    found = _LENGTH.search(contents[-1]) if isinstance(contents[-1], str) else None
    return int(found[1].replace(",", "")) or None if found else None


def image_part(name: str) -> Any:
    """Return a file, ``-`` or a URI as a part."""
    from headwater.types import Part

    if name.startswith(_URIS):
        return Part.from_uri(file_uri=name)
    data = _input_bytes() if name == "-" else _file_bytes(name)
    kind = mime_type(data, name)
    if kind is None:
        raise click.UsageError(f"the type of {name!r} is unknown: it does not look like an image")
    return Part.from_bytes(data=data, mime_type=kind)


def mime_type(data: bytes, name: str) -> str | None:
    """Return the MIME type by the first bytes, else by the file name's extension."""
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    # ISO base media files: the brand tells images from videos.
    if data[4:8] == b"ftyp" and data[8:12] in _BRANDS:
        return _BRANDS[data[8:12]]
    return mimetypes.guess_type(name)[0]


def as_text(data: bytes) -> str:
    """Return piped bytes as text: UTF-8, or UTF-16 with a byte order mark.

    Raises:
        click.UsageError: if they look like a binary file.
    """
    # The test that git and grep use for binary files, except that UTF-16 is full of zeros.
    if b"\0" in data[:8192] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise click.UsageError("standard input is not text; for an image use --image -")
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return data.decode(encoding, "replace").strip()


def _text(words: Sequence[str], *, with_input: bool) -> str:
    # Arguments that are not UTF-8 arrive as surrogates, which JSON cannot carry.
    words = [word.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for word in words]
    # With "-", input stands in the middle of the prompt; without, piped input follows it.
    if "-" in words:
        place = words.index("-")
        pieces = [" ".join(words[:place]), as_text(_input_bytes()), " ".join(words[place + 1 :])]
    else:
        pieces = [" ".join(words), as_text(_input_bytes()) if with_input and _is_piped() else ""]
    return "\n\n".join(piece for piece in pieces if piece.strip())


def _is_piped() -> bool:
    return sys.stdin is not None and not sys.stdin.closed and not sys.stdin.isatty()


def _input_bytes() -> bytes:
    return sys.stdin.buffer.read() if sys.stdin is not None and not sys.stdin.closed else b""


def _file_bytes(name: str) -> bytes:
    try:
        data = Path(name).expanduser().read_bytes()
    except OSError as error:
        raise click.UsageError(f"cannot read {name!r}: {error.strerror}") from error
    if not data:
        raise click.UsageError(f"{name!r} is empty")
    return data
