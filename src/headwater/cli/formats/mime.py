"""MIME types of files, by their first bytes and their names."""

from __future__ import annotations

import mimetypes

#: Magic numbers. The name decides only where they do not: standard input has no name, and names can be wrong.
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
)
#: Containers whose first four bytes are common: the kind stands behind the length.
_CONTAINERS = {
    (b"RIFF", b"WEBP"): "image/webp",
    (b"RIFF", b"WAVE"): "audio/wav",
    (b"RIFF", b"AVI "): "video/x-msvideo",
    (b"FORM", b"AIFF"): "audio/aiff",
}
#: ISO base media files: the brand tells images and sound from videos.
_BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"avif": "image/avif",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
#: The types of text that models know. A system's list of names has stranger ones: .ts can be Qt's translations.
_TEXT_TYPES = frozenset(
    {
        *("text/css", "text/csv", "text/html", "text/javascript", "text/markdown", "text/rtf", "text/x-python"),
        *("text/xml", "application/json", "application/rtf", "application/xml"),
    }
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def is_binary(data: bytes) -> bool:
    """Return whether ``data`` is no text: the test of git and grep, except that UTF-16 is full of zeros."""
    return b"\0" in data[:8192] and not data.startswith(_UTF16)


def decode(data: bytes) -> str:
    """Return text: UTF-8, or UTF-16 with a byte order mark."""
    return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig", "replace")


def mime_type(data: bytes, name: str) -> str | None:
    """Return the MIME type by the first bytes, else by the name's extension; None if both say nothing."""
    known = _by_content(data)
    if known is not None:
        return known
    by_name = mimetypes.guess_type(name)[0]
    if not _is_text(data):
        return by_name
    return by_name if by_name in _TEXT_TYPES else "text/plain"


def _by_content(data: bytes) -> str | None:
    for start, kind in _STARTS:
        if data.startswith(start) and not (kind == "image/bmp" and _is_text(data)):
            return kind
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "video/mp4")
    # MP3 without tags: eleven bits of synchronization, then the layer. 0xff never occurs in UTF-8.
    if data[:1] == b"\xff" and data[1:2] in (b"\xfb", b"\xf3", b"\xf2"):
        return "audio/mpeg"
    return _CONTAINERS.get((data[:4], data[8:12]))


def _is_text(data: bytes) -> bool:
    if data.startswith(_UTF16):
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not is_binary(data)
