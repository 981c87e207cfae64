"""JSON from outside, read with one set of errors. Pure."""

from __future__ import annotations

from typing import Any, TypeVar, overload

import msgspec

from headwater.errors import UsageError

T = TypeVar("T")

#: What reading JSON can raise: the last two for bytes that are not UTF-8, and for hundreds of nested brackets.
JSON_ERRORS = (msgspec.MsgspecError, UnicodeError, RecursionError)


@overload
def decode_json(data: bytes | bytearray | memoryview | str, message: str) -> Any: ...
@overload
def decode_json(data: bytes | bytearray | memoryview | str, message: str, kind: type[T]) -> T: ...


def decode_json(data: bytes | bytearray | memoryview | str, message: str, kind: Any = Any) -> Any:
    """Return the JSON in ``data``, as a ``kind``.

    Raises:
        UsageError: if it is not JSON, or not of that kind; the text is ``message`` and what is wrong.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except JSON_ERRORS as error:
        raise UsageError(f"{message} {error}") from error
