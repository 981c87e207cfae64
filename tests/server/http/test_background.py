"""Tasks that nobody awaits run to their end, and what fails in them unexpectedly is logged."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from headwater.errors import LogError
from headwater.server.http.background import BackgroundTasks


def test_task_that_nobody_holds_runs_to_its_end() -> None:
    async def run() -> None:
        done = asyncio.Event()
        background = BackgroundTasks()

        async def work() -> None:
            for _ in range(3):
                await asyncio.sleep(0)
                gc.collect()
            done.set()

        background.start(work())
        assert len(background) == 1
        await background.drain()
        assert done.is_set()
        assert len(background) == 0

    asyncio.run(run())


@pytest.mark.parametrize(("error", "lines"), [(LogError("gone"), 0), (ValueError("odd"), 1)])
def test_errors_that_are_not_our_own_are_logged(caplog: pytest.LogCaptureFixture, error: Exception, lines: int) -> None:
    async def fail() -> None:
        raise error

    async def run() -> None:
        background = BackgroundTasks()
        background.start(fail())
        await background.drain()

    with caplog.at_level(logging.ERROR, "headwater.server"):
        asyncio.run(run())
    assert len(caplog.records) == lines
