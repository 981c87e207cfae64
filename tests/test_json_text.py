"""JSON from outside: whatever is wrong with it is one kind of error."""

from __future__ import annotations

import pytest

from headwater.errors import UsageError
from headwater.json_text import decode_json


def test_json_is_read_as_what_is_asked_for() -> None:
    assert decode_json(b'{"a": [1]}', "body:") == {"a": [1]}
    assert decode_json('{"a": 1}', "body:", dict[str, int]) == {"a": 1}


@pytest.mark.parametrize("data", [b"{", b'"\xff"', b"[" * 100_000, '"\ud800"', b'{"a": "x"}'])
def test_anything_else_is_a_usage_error(data: bytes | str) -> None:
    with pytest.raises(UsageError, match=r"^the body is wrong: ."):
        decode_json(data, "the body is wrong:", dict[str, int])
