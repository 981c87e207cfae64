"""Tasks that run by themselves until they are done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from headwater.errors import HeadwaterError

logger = logging.getLogger("headwater.server")


class BackgroundTasks:
    """Holds tasks that are not awaited. The event loop holds them only weakly: one could be collected while it runs.

    A task that fails is not repeated. Errors of headwater's own are dropped: a log that cannot be reached is reported
    where it matters. All others are logged.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` to its end."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def drain(self) -> None:
        """Return when no task is left."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, HeadwaterError):
            logger.error("a background task failed", exc_info=error)
