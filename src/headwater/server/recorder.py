"""Runs engines into logs. It owns what runs: readers come and go, productions stop when told to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Coroutine
from typing import Any

from headwater.engines.base import Engine, Request
from headwater.errors import HeadwaterError, StreamError, api_error
from headwater.log.base import Log
from headwater.server import records
from headwater.server.metrics import Metrics

logger = logging.getLogger("headwater.server")


class Generation:
    """One answer that is being produced. ``key`` is its name in the log."""

    def __init__(self, key: str, request: Request) -> None:
        self.key = key
        self.request = request
        self.started = time.monotonic()
        self.stop_reason: str | None = None
        self._task: asyncio.Task[None] | None = None

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin the work."""
        self._task = asyncio.create_task(work, name=f"generation {self.key}")
        return self._task

    def cancel(self, reason: str = "cancelled") -> None:
        """Stop the production at once; the log gets its end. Harmless after the end."""
        if self.stop_reason is None and self._task is not None:
            self.stop_reason = reason
            asyncio.get_running_loop().call_soon(self._task.cancel)  # not before its first step, or it ends nothing


class Recorder:
    """Starts productions and ends their logs, whatever becomes of them."""

    def __init__(self, log: Log, metrics: Metrics) -> None:
        self.log = log
        self._metrics = metrics
        self._running: dict[str, Generation] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._running)

    async def start(self, engine: Engine, request: Request, *, key: str | None = None) -> Generation:
        """Begin to produce an answer and return it at once; its records appear in the log under its key.

        Raises:
            ConflictError: there is a log of that key already.
        """
        generation = Generation(key or secrets.token_urlsafe(24), request)
        await self.log.create(generation.key)
        self._running[generation.key] = generation
        self._tasks[generation.key] = generation.run(self._run(engine, generation))
        return generation

    def get(self, key: str) -> Generation | None:
        """Return the generation that runs under ``key``; None when none does."""
        return self._running.get(key)

    async def drain(self, grace: float) -> None:
        """Let what runs finish within ``grace`` seconds, then end it with an error that says why."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=grace)
        for generation in list(self._running.values()):
            generation.cancel("shutdown")
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, engine: Engine, generation: Generation) -> None:
        key, metrics = generation.key, self._metrics
        metrics.opened(engine.name)
        end = records.end_record()
        try:
            await self._produce(engine, generation)
        except asyncio.CancelledError:
            metrics.cancelled(engine.name)
            shutdown = generation.stop_reason == "shutdown"
            end = records.error_record(_SHUTDOWN) if shutdown else records.end_record("cancelled")
        except HeadwaterError as error:
            metrics.failed(engine.name, type(error).__name__)
            end = records.error_record(error)
        except Exception:
            logger.exception("the engine %s failed on %s", engine.name, generation.request.model)
            metrics.failed(engine.name, "internal")
            end = records.error_record(_INTERNAL)
        finally:
            self._running.pop(key, None)
            self._tasks.pop(key, None)
            metrics.closed(engine.name)
        with contextlib.suppress(HeadwaterError):  # a log that was dropped meanwhile needs no end
            await self.log.append(key, [end])
            await self.log.seal(key)

    async def _produce(self, engine: Engine, generation: Generation) -> None:
        chunks = engine.stream(generation.request)
        append, key, seen = self.log.append, generation.key, self._metrics.chunk
        try:
            async with asyncio.timeout(generation.request.timeout):
                async for chunk in chunks:
                    record = records.chunk_record(chunk)
                    seen(engine.name, len(record), generation)
                    await append(key, [record])
        except TimeoutError as error:
            if isinstance(error, StreamError):
                raise
            raise _LATE from error
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()


_SHUTDOWN = api_error(503, "the server is shutting down: ask again", status="UNAVAILABLE")
_INTERNAL = api_error(500, "the engine failed; the server's log says why", status="INTERNAL")
_LATE = api_error(504, "the answer took longer than the client allowed (X-Server-Timeout)", status="DEADLINE_EXCEEDED")
