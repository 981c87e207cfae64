"""What the bytes of an attachment say about it: the format and the size in its header. No pixel is decoded."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import msgspec

from headwater.offline.english import counted, joined, with_article
from headwater.types import Blob, FileData

_MAGIC = ((b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF8", "GIF"), (b"%PDF", "PDF"))
_DESCRIBED = 20
_JPEG_SEGMENTS = 200  # a header has a few dozen; the search stops there
_JPEG_STANDALONE = frozenset((0x01, *range(0xD0, 0xDA)))


class Header(msgspec.Struct, frozen=True):
    """The format of a file and, for an image, its size; empty and 0 if they cannot be told."""

    kind: str = ""
    width: int = 0
    height: int = 0


def look(data: bytes) -> Header:
    """Return what the first bytes of a file say. Any bytes will do."""
    kind = next((name for magic, name in _MAGIC if data.startswith(magic)), "")
    kind = "WebP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else kind
    try:
        return Header(kind, *_SIZES[kind](data)) if kind in _SIZES else Header(kind)
    except (struct.error, IndexError):
        return Header(kind)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    place = 2
    for _ in range(_JPEG_SEGMENTS):
        if data[place] != 0xFF:
            break
        marker = data[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return width, height
        if marker in _JPEG_STANDALONE or marker == 0xFF:
            place += 1 if marker == 0xFF else 2
        else:
            place += 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = struct.unpack("<I", data[21:25])[0]
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


_SIZES: dict[str, Callable[[bytes], tuple[int, ...]]] = {
    "PNG": lambda data: struct.unpack(">II", data[16:24]),
    "GIF": lambda data: struct.unpack("<HH", data[6:10]),
    "JPEG": _jpeg_size,
    "WebP": _webp_size,
}


def describe(media: Sequence[Blob | FileData]) -> str:
    """Return attachments in words: "a PNG image of 40 x 20 pixels (93 bytes)"."""
    told = [_describe_file(one) if isinstance(one, FileData) else _describe_blob(one) for one in media[:_DESCRIBED]]
    if len(media) > _DESCRIBED:
        told.append(f"{len(media) - _DESCRIBED} more")
    return joined(told)


def _describe_blob(blob: Blob) -> str:
    data, mime_type = blob.data or b"", (blob.mime_type or "an unknown type")[:100]
    header, size = look(data), counted(len(data), "byte")
    if header.width and header.height:
        return f"{with_article(header.kind)} image of {header.width} x {header.height} pixels ({size})"
    if mime_type.startswith("image/"):
        return f"an image whose header cannot be read ({mime_type}, {size})"
    kind = header.kind or next((kind for kind in ("text", "audio", "video") if mime_type.startswith(kind)), "")
    return f"{with_article(f'{kind} file'.strip())} ({mime_type}, {size})"


def _describe_file(file: FileData) -> str:
    name = (file.file_uri or "").rpartition("/")[2][:100] or "without a name"
    return f"the file {name} ({file.mime_type[:100] if file.mime_type else 'of unknown type'}), which was not opened"
