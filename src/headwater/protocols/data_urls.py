"""Reads and writes ``data:`` URLs (RFC 2397)."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_to_bytes

from headwater.errors import UsageError
from headwater.types import Blob, FileData, Part

UNKNOWN_TYPE = "application/octet-stream"
_MAX_HEAD = 1_000


def file_of(part: Part) -> tuple[str, str] | None:
    """Return the URL and the media type of a part that is a file, otherwise None."""
    blob, file = part.inline_data, part.file_data
    if blob is not None and blob.data is not None:
        kind = blob.mime_type or UNKNOWN_TYPE
        return f"data:{kind};base64,{base64.b64encode(blob.data).decode()}", kind
    if file is not None and file.file_uri:
        return file.file_uri, file.mime_type or UNKNOWN_TYPE
    return None


def part_of(url: str, media_type: str | None, where: str) -> Part:
    """Return the part for a URL: the bytes of a ``data:`` URL, otherwise a reference. Nothing is fetched.

    Raises:
        UsageError: if a model cannot read such a URL. ``where`` locates it in the request.
    """
    # Some pages send "image/*", which says what was chosen in a dialog, not what the file is.
    kind = media_type if media_type and "/" in media_type and not media_type.endswith("/*") else None
    if url.startswith("data:"):
        return Part(inline_data=_blob(url, kind, where))
    if url.startswith(("https://", "http://", "gs://")):
        return Part(file_data=FileData(file_uri=url, mime_type=kind))
    raise UsageError(f"{where}: a file's url begins with data:, https:// or gs://, not with {url[:20]!r}")


def _blob(url: str, kind: str | None, where: str) -> Blob:
    head, comma, data = url.removeprefix("data:").partition(",")
    if not comma:
        raise UsageError(f"{where}: a data: URL has a comma before its data")
    # Splitting millions of parameters is one step of the interpreter, in which nothing else runs.
    if len(head) > _MAX_HEAD:
        raise UsageError(f"{where}: the media type of a data: URL has at most {_MAX_HEAD:,} characters")
    named_kind, *parameters = head.split(";")
    if "base64" not in parameters:
        return Blob(
            data=unquote_to_bytes(data), mime_type=kind or named_kind or "text/plain"
        )  # the default of RFC 2397
    return Blob(data=decoded(data, f"{where}: the data of its URL"), mime_type=kind or named_kind or UNKNOWN_TYPE)


def decoded(text: object, what: str) -> bytes:
    """Decode base64 or base64url (RFC 4648), with or without padding.

    Raises:
        UsageError: if ``text`` is neither.
    """
    try:
        if not isinstance(text, str):
            raise ValueError("no text")
        plain = unquote_to_bytes(text).translate(_PLAIN)
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"{what} is not base64") from None


_PLAIN = bytes.maketrans(b"-_", b"+/")
