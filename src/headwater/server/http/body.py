"""The body of a request, read within limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import HTTPConnection, Request
from starlette.types import Receive

from headwater.errors import APIError, api_error
from headwater.server.config import Limits
from headwater.server.http.middleware import count_body


async def read_request_body(http: Request, limits: Limits) -> bytes:
    """Return the body of a request, within the limits of a server. See ``read_body``."""
    return await read_body(http, http.receive, limits.max_body, stall=limits.stall_timeout)


async def read_body(connection: HTTPConnection, receive: Receive, limit: int, *, stall: float) -> bytes:
    """Return the body of a request.

    Raises:
        APIError: 413, if it is larger than ``limit`` (the rest is not read); 408, if nothing arrives for ``stall``
        seconds; 429, if the bodies of the principal's concurrent requests are too large together.
    """
    pieces = []
    async for piece in iter_body(connection, receive, limit, stall=stall):
        count_body(connection.scope, len(piece))
        pieces.append(piece)
    return b"".join(pieces)


async def iter_body(connection: HTTPConnection, receive: Receive, limit: int, *, stall: float) -> AsyncIterator[bytes]:
    """Yield the body of a request as it arrives.

    Raises:
        APIError: as ``read_body``; 499, if the client disconnects.
    """
    # A declared size is judged before anything is read. A chunked body declares none and is counted. ``int`` is slow
    # for very long numbers, and 19 digits are too many for any limit.
    declared = connection.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):
        raise too_large(limit)
    size, is_open = 0, True
    while is_open:
        try:
            message = await asyncio.wait_for(receive(), stall)
        except TimeoutError:
            raise api_error(408, f"no data arrived for {stall:g} s", status="DEADLINE_EXCEEDED") from None
        if message["type"] == "http.disconnect":
            raise api_error(499, "the client disconnected", status="CANCELLED")
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        yield piece
        is_open = message.get("more_body", False)


def too_large(limit: int) -> APIError:
    """Return the error for a body that is too large."""
    return api_error(413, f"the request is larger than {limit:,} bytes", status="INVALID_ARGUMENT")
