"""uvicorn that looks whether it should end every 5 ms and not every 100: a server of a test ends at once.

uvicorn polls: for ``should_exit``, for its last connections and its last tasks. That costs each test with a server a
fifth of a second. ``quicken`` shortens the sleeps of ``uvicorn.server`` alone; nothing else that the server does
depends on them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn.server

_FACTOR = 20


class _Quick:
    """``asyncio`` as uvicorn's server sees it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, delay: float) -> None:
        """Sleep for a part of the time."""
        await asyncio.sleep(delay / _FACTOR)


def quicken() -> None:
    """Let every uvicorn of this process poll more often."""
    uvicorn.server.asyncio = _Quick()  # type: ignore[attr-defined, assignment]
