"""Work on a request whose cost grows with the request: off the event loop if the request is large.

A server that parses a large body on its event loop renews no leases and serves no other stream meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Bytes that are handled on the event loop. Messages of front ends cost up to a microsecond per byte, so this is up to
#: a sixtieth of a second; a thread costs a tenth of a millisecond, which small requests need not pay.
_SMALL = 16 * 1024


async def run_sized(size: int, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Return what ``call`` returns, which takes time in proportion to ``size`` bytes. In a thread if they are many."""
    if size <= _SMALL:
        return call(*args, **options)
    return await asyncio.to_thread(call, *args, **options)
