"""Parses the body of a front end's request, given as bytes or as JSON already parsed. Pure."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from headwater.errors import UsageError
from headwater.json_text import decode_json

T = TypeVar("T")


def parse_json(body: Any, what: str) -> Any:
    """Return the JSON of a body. Bytes and text are parsed; anything else is returned as it is.

    Raises:
        UsageError: if it is not JSON. ``what`` says what it should be.
    """
    if not isinstance(body, bytes | bytearray | memoryview | str):
        return body
    return decode_json(body, f"the body is {what}:")


def convert_json(document: Any, kind: type[T], what: str) -> T:
    """Return parsed JSON as a ``kind``.

    Raises:
        UsageError: if it does not fit. ``what`` says what it should be.
    """
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"the body is {what}: {error}") from error
