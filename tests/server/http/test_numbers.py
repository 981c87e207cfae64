"""Numbers in headers and queries: what is not one is refused with the caller's words."""

from __future__ import annotations

import pytest

from headwater.errors import UsageError
from headwater.server.http.numbers import parse_count, parse_seconds


@pytest.mark.parametrize(("text", "count"), [("0", 0), ("007", 7), ("9" * 15, 10**15 - 1)])
def test_count_is_ascii_digits(text: str, count: int) -> None:
    assert parse_count(text, "no") == count


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1.0", "1e3", "٣", "²", "9" * 16])
def test_anything_else_is_no_count(text: str) -> None:
    with pytest.raises(UsageError, match=r"^no count$"):
        parse_count(text, "no count")


def test_longer_counts_where_a_caller_allows_them() -> None:
    assert parse_count("9" * 18, "no", digits=18) == 10**18 - 1


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("1.5", 1.5), ("1e-3", 0.001)])
def test_seconds_are_any_number_up_to_the_limit(text: str, seconds: float) -> None:
    assert parse_seconds(text, "no", limit=2.0) == seconds


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "2.1", "1s"])
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match=r"^no time$"):
        parse_seconds(text, "no time", limit=2.0)
