"""The body of a refusal: the error that it becomes, and how much of it is read."""

from __future__ import annotations

import json

from headwater.core.machine.refusals import MAX_REFUSAL_BYTES, Refusal
from headwater.errors import RateLimitError
from tests.support.corpus_cases import ANSWERS
from tests.support.servers import refuses


def test_the_body_is_read_to_its_end_and_becomes_the_error() -> None:
    refusal = Refusal(ANSWERS, 429, {"retry-after": "3"})
    body = json.dumps(refuses(429, "RESOURCE_EXHAUSTED", "slow down")).encode()
    assert [refusal.feed(piece) for piece in (body[:10], body[10:], b"")] == [True, True, False]
    error = refusal.error()
    assert isinstance(error, RateLimitError)
    assert (error.message, error.retry_after) == ("slow down", 3.0)


def test_what_has_arrived_of_a_body_that_broke_has_to_do() -> None:
    refusal = Refusal(ANSWERS, 503, {})
    assert refusal.feed(b"<html>Service ")
    assert refusal.error().code == 503
    assert "<html>Service" in str(refusal.error())


def test_a_page_of_megabytes_is_not_read() -> None:
    refusal = Refusal(ANSWERS, 502, {})
    piece = b"x" * (MAX_REFUSAL_BYTES // 2)
    assert refusal.feed(piece)
    assert refusal.feed(piece)
    assert not refusal.feed(b"x")
    assert refusal.error().code == 502
