"""A group of records as one byte string: a database row or stream entry costs far more than its contents."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def pack(records: Sequence[bytes]) -> bytes:
    """Return the records as one byte string: their lengths (32 bits, little-endian), then the records.

    A single record is stored as it is: most groups of a slow answer have one.
    """
    if len(records) == 1:
        return bytes(records[0])
    return struct.pack(f"<{len(records)}I", *map(len, records)) + b"".join(records)


def unpack(data: bytes, count: int) -> list[bytes]:
    """Return the ``count`` records of a group."""
    if count == 1:
        return [data]
    # ``unpack_from`` reads the lengths in place; slicing copies each record once.
    records, start = [], 4 * count
    for length in struct.unpack_from(f"<{count}I", data):
        records.append(data[start : start + length])
        start += length
    return records


def cut(last: int, count: int, data: bytes, after: int) -> list[bytes]:
    """Return the records after offset ``after`` in the group that ends at offset ``last``."""
    return unpack(data, count)[max(0, after - (last - count)) :]
