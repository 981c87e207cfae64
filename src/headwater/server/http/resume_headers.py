"""Streams of an API's own endpoint that outlive their connection: the headers with which clients ask for it. Pure.

A client sends ``Headwater-Keep: <seconds>``, and the response names the stream in ``Headwater-Stream``. When the
connection is lost, a request with that name and ``Headwater-After: <chunks>`` returns the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

from headwater.contract.headers import AFTER, KEEP, STREAM
from headwater.contract.limits import MAX_KEEP
from headwater.server.http.numbers import parse_count, parse_seconds


def parse_keep(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds the client wants its stream kept without a reader; None if it does not ask.

    Raises:
        UsageError: if the header is not a number of seconds.
    """
    text = headers.get(KEEP)
    return None if text is None else min(parse_seconds(text, f"{KEEP} must be a number of seconds"), MAX_KEEP)


def parse_resume(headers: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the stream that the client resumes and the number of chunks it has; None for a new stream.

    Raises:
        UsageError: if that is not a number.
    """
    name = headers.get(STREAM)
    if name is None:
        return None
    return name, parse_count(headers.get(AFTER, "0"), f"{AFTER} must be the number of chunks received")
