"""A group of records as one piece of bytes: a row or a stream entry costs far more than what is in it."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def pack(records: Sequence[bytes]) -> bytes:
    """Return the records in one piece: their lengths (32 bits, little-endian), then their bytes; one alone as it is."""
    if len(records) == 1:
        return bytes(records[0])
    return struct.pack(f"<{len(records)}I", *map(len, records)) + b"".join(records)


def unpack(data: bytes, count: int) -> list[bytes]:
    """Return the ``count`` records of a piece."""
    if count == 1:
        return [data]
    records, start = [], 4 * count
    for length in struct.unpack_from(f"<{count}I", data):
        records.append(data[start : start + length])
        start += length
    return records


def cut(last: int, count: int, data: bytes, after: int) -> list[bytes]:
    """Return those records of the group that ends at offset ``last`` which come after offset ``after``."""
    return unpack(data, count)[max(0, after - (last - count)) :]
