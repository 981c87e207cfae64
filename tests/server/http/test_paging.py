"""Pages of lists: sizes within limits, and tokens that lead through the whole list."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
import pytest
from starlette.requests import Request

from headwater.errors import UsageError
from headwater.server.http.paging import (
    next_page,
    page_document,
    parse_page,
    parse_page_size,
    parse_position,
    position_token,
)


class Position(msgspec.Struct, frozen=True):
    number: int


def asking(**query: str) -> Request:
    return Request({"type": "http", "headers": [], "query_string": urlencode(query).encode()})


@pytest.mark.parametrize(
    ("text", "size"), [(None, 20), ("", 20), ("7", 7), ("0", 1), ("101", 100), ("999999999999", 100)]
)
def test_size_is_within_its_limits(text: str | None, size: int) -> None:
    query = {} if text is None else {"pageSize": text}
    assert parse_page_size(asking(**query), default=20, limit=100) == size


@pytest.mark.parametrize("text", ["many", "-1", "1.5"])
def test_size_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="pageSize must be a number"):
        parse_page_size(asking(pageSize=text), default=20, limit=100)


def test_pages_lead_through_the_whole_list() -> None:
    found: list[int] = []
    token: str | None = ""
    while token is not None:
        start, size = parse_page(asking(pageSize="3", pageToken=token), default=20, limit=100)
        page = page_document("numbers", range(10), start, size)
        found += page["numbers"]
        token = page.get("nextPageToken")
    assert found == list(range(10))


def test_position_survives_its_token() -> None:
    assert parse_position(asking(), Position) is None
    assert parse_position(asking(pageToken=position_token(Position(12))), Position) == Position(12)


@pytest.mark.parametrize("token", ["x", "é", "e30", position_token({"number": "one"})])
def test_token_of_another_list_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match="nextPageToken of the previous page"):
        parse_position(asking(pageToken=token), Position)
    with pytest.raises(UsageError, match="nextPageToken of the previous page"):
        parse_page(asking(pageToken=token), default=20, limit=100)


def test_last_page_names_no_next() -> None:
    assert next_page(None) == {}
    assert next_page("3") == {"nextPageToken": "3"}
