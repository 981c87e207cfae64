"""The PNG reader: turns the pixels of a PNG into colours, within limits, and without trusting what the file says."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MOST_BYTES = 3_000_000  # decoded bytes that are looked at; larger images are judged by their upper part
Colour = tuple[int, int, int]


class UnreadableError(Exception):
    """The pixels can not be read; the message says why, ready to be shown."""


def colours_of(data: bytes) -> tuple[Counter[Colour], bool]:
    """Return how often each (coarse) colour appears, and whether the whole image was looked at.

    Raises:
        UnreadableError: the image is interlaced, of a rare kind, or damaged.
    """
    chunks = list(_chunks(data))
    header = next((body for kind, body in chunks if kind == b"IHDR"), b"")
    if len(header) < 13:
        raise UnreadableError("its header is damaged")
    width, height, depth, colour_type, _, _, interlace = struct.unpack(">IIBBBBB", header[:13])
    if interlace:
        raise UnreadableError("it is interlaced, which the offline storyteller does not decode")
    channels = _CHANNELS.get(colour_type)
    if channels is None or depth not in (1, 2, 4, 8, 16) or not width or not height:
        raise UnreadableError("its header is damaged")
    row = (width * channels * depth + 7) // 8
    rows = min(height, max(1, _MOST_BYTES // (row + 1)))
    if row > 4 * _MOST_BYTES:
        raise UnreadableError("it is too wide to be decoded here")
    raw = _inflated(b"".join(body for kind, body in chunks if kind == b"IDAT"), rows * (row + 1))
    palette = next((body for kind, body in chunks if kind == b"PLTE"), b"")
    lines = _unfiltered(raw, row, max(1, channels * depth // 8))
    counts: Counter[Colour] = Counter()
    for place, line in enumerate(lines):
        if place % max(1, rows // 400) == 0:
            counts.update(_pixels(line, width, depth, colour_type, palette))
    if not counts:
        raise UnreadableError("its pixels are damaged")
    return counts, rows == height


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place + 8 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += length + 12


def _inflated(packed: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, most)
    except zlib.error:
        raise UnreadableError("its pixels are damaged") from None


def _unfiltered(raw: bytes, row: int, step: int) -> Iterator[bytes]:
    """The lines of the image with the filter of each undone. A line that is cut off is left out."""
    before = bytearray(row)
    for start in range(0, len(raw) - row, row + 1):
        kind = raw[start]
        line = bytearray(raw[start + 1 : start + 1 + row])
        if kind > 4:
            raise UnreadableError("its pixels are damaged")
        _undo(kind, line, before, step)
        before = line
        yield bytes(line)


def _undo(kind: int, line: bytearray, before: bytearray, step: int) -> None:
    if kind == 2:
        for place, above in enumerate(before):
            line[place] = (line[place] + above) & 255
    elif kind:
        for place in range(len(line)):
            left = line[place - step] if place >= step else 0
            corner = before[place - step] if place >= step else 0
            line[place] = (line[place] + _guess(kind, left, before[place], corner)) & 255


def _guess(kind: int, left: int, above: int, corner: int) -> int:
    if kind == 1:
        return left
    if kind == 3:
        return (left + above) // 2
    estimate = left + above - corner
    distances = (abs(estimate - left), abs(estimate - above), abs(estimate - corner))
    return (left, above, corner)[distances.index(min(distances))]


def _pixels(line: bytes, width: int, depth: int, colour_type: int, palette: bytes) -> Iterator[Colour]:
    stride = max(1, width // 400)
    samples = _samples(line, depth)
    channels = _CHANNELS[colour_type]
    for place in range(0, width, stride):
        pixel = samples[place * channels : (place + 1) * channels]
        if len(pixel) < channels:
            return
        if colour_type == 3:
            entry = palette[3 * pixel[0] : 3 * pixel[0] + 3]
            if len(entry) == 3:
                yield _coarse(entry[0], entry[1], entry[2])
            continue
        if channels in (2, 4) and _byte(pixel[-1], depth) < 16:
            continue
        values = [_byte(value, depth) for value in pixel]
        yield _coarse(*values[:3]) if channels > 2 else _coarse(values[0], values[0], values[0])


def _samples(line: bytes, depth: int) -> list[int] | bytes:
    if depth == 8:
        return line
    if depth == 16:
        return [line[place] for place in range(0, len(line) - 1, 2)]
    mask = (1 << depth) - 1
    return [(byte >> shift) & mask for byte in line for shift in range(8 - depth, -1, -depth)]


def _byte(value: int, depth: int) -> int:
    return value if depth >= 8 else value * 255 // ((1 << depth) - 1)


def _coarse(red: int, green: int, blue: int) -> Colour:
    """The colour rounded, so that near neighbours count as one."""
    return red & 0xF0 | red >> 4, green & 0xF0 | green >> 4, blue & 0xF0 | blue >> 4
