"""How a reader meets a fault: reading to the end, and the ways to stop early, as the same code for both libraries.

Nothing here knows which library the client is of. A way out tells its ``Watch`` the moment it lets go, and then waits
with everything still in its hands until the server has seen the connection close, or will not any more. It returns what
the reader came to see.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

from tests.support.waiting import blocked, idle

#: How long a count waits for the streams that do not start.
COUNTING = 5.0
MANY = 130


class Outcome(NamedTuple):
    """What reading a stream to its end gave. ``moments`` are those of the chunks, ``seconds`` that of the end.

    ``ending`` is what the stream itself says of its end, where it says something.
    """

    texts: tuple[str, ...]
    media: int
    moments: list[float]
    seconds: float
    error: Exception | None
    ending: str


class Watch(Protocol):
    """Whoever watches the server's end of the connection."""

    def left(self) -> None:
        """Take it that the reader lets go now."""

    def seen(self) -> None:
        """Wait until the server has seen it, or will not any more."""


class _Notes:
    def __init__(self) -> None:
        self.began = time.monotonic()
        self.texts: list[str] = []
        self.media = 0
        self.moments: list[float] = []

    def add(self, chunk: Any) -> None:
        self.moments.append(time.monotonic() - self.began)
        self.texts.append(chunk.text or "")
        self.media += sum(len(part.inline_data.data) for part in chunk.parts or () if part.inline_data)

    def outcome(self, stream: Any, error: Exception | None) -> Outcome:
        seconds, ending = time.monotonic() - self.began, str(getattr(stream, "ending", ""))
        return Outcome(tuple(self.texts), self.media, self.moments, seconds, error, ending)


def read(client: Any, **options: Any) -> Outcome:
    """Read an answer to its end."""
    notes, stream = _Notes(), _ask(client, **options)
    try:
        for chunk in stream:
            notes.add(chunk)
    except Exception as error:
        return notes.outcome(stream, error)
    return notes.outcome(stream, None)


async def aread(client: Any, **options: Any) -> Outcome:
    """Read an answer to its end."""
    notes, stream = _Notes(), await _aask(client, **options)
    try:
        async for chunk in stream:
            notes.add(chunk)
    except Exception as error:
        return notes.outcome(stream, error)
    return notes.outcome(stream, None)


def _ask(client: Any, **options: Any) -> Any:
    return client.models.generate_content_stream(model="m", contents="hi", **options)


def _aask(client: Any, **options: Any) -> Any:
    return client.aio.models.generate_content_stream(model="m", contents="hi", **options)


def _name(error: BaseException) -> str:
    return type(error).__name__


# --- ways out, sync -------------------------------------------------------------------------------------------------


class Given(Exception):
    """An exception of the loop's body."""


def break_out(client: Any, watch: Watch) -> str:
    """Leave the loop; the stream has no other name."""
    for _ in _ask(client):
        watch.left()
        break
    watch.seen()
    return ""


def break_out_holding(client: Any, watch: Watch) -> str:
    """Leave the loop; the stream is still in a variable."""
    stream = _ask(client)
    for _ in stream:
        watch.left()
        break
    watch.seen()
    return ""


def raise_in_body(client: Any, watch: Watch) -> str:
    """Raise an exception in the loop, and keep it, as a log of errors does."""
    stream = _ask(client)
    try:
        for _ in stream:
            watch.left()
            raise Given
    except Given:
        watch.seen()
    return ""


def close(client: Any, watch: Watch) -> str:
    """Call ``stream.close()``."""
    stream = _ask(client)
    next(stream)
    watch.left()
    stream.close()
    watch.seen()
    return ""


def closing(client: Any, watch: Watch) -> str:
    """Leave ``with contextlib.closing(stream)``."""
    with contextlib.closing(_ask(client)) as stream:
        next(stream)
        watch.left()
    watch.seen()
    return ""


def close_from_thread(client: Any, watch: Watch) -> str:
    """Call ``stream.close()`` while another thread waits for a chunk."""
    stream, said, waits = _ask(client), [], threading.Event()

    def reads() -> None:
        try:
            for number, _ in enumerate(stream):
                if number == 1:
                    waits.set()
            said.append("the loop ends")
        except Exception as error:
            said.append(f"the loop raises {_name(error)}")

    reader = threading.Thread(target=reads, daemon=True)
    reader.start()
    waits.wait(COUNTING)
    blocked()
    watch.left()
    try:
        stream.close()
    except ValueError as error:
        said.append(f"close() raises {_name(error)}")
    watch.seen()
    reader.join(0 if said else COUNTING)
    return "; ".join(said) or "the loop waits on"


def close_client(client: Any, watch: Watch) -> str:
    """Close the client while a stream of it is read."""
    stream = _ask(client)
    texts = [next(stream).text]
    client.close()
    try:
        texts += [chunk.text for chunk in stream]
    except Exception as error:
        return f"the loop raises {_name(error)}"
    return "".join(texts)


def drop_client(client_of: Callable[[], Any], watch: Watch) -> str:
    """Keep the stream alone; nothing else holds the client."""
    try:
        return "".join(chunk.text for chunk in _ask(client_of()))
    except Exception as error:
        return f"the loop raises {_name(error)}"


def many_at_once(client: Any, watch: Watch) -> str:
    """Read many streams at the same time, each in its thread."""
    return _count(client, lambda stream: None)


def many_left(client: Any, watch: Watch) -> str:
    """Read many streams at the same time, each in its thread, and close each after a chunk."""
    return _count(client, lambda stream: stream.close())


def _count(client: Any, then: Callable[[Any], object]) -> str:
    streams = [_ask(client) for _ in range(MANY)]
    started = threading.Semaphore(0)

    def begin(stream: Any) -> None:
        with contextlib.suppress(Exception):
            next(stream)
            then(stream)
            started.release()

    for stream in streams:
        threading.Thread(target=begin, args=[stream], daemon=True).start()
    until = time.monotonic() + COUNTING
    count = sum(started.acquire(timeout=max(0.0, until - time.monotonic())) for _ in streams)
    return f"{count} of {MANY} start"


# --- ways out, async ------------------------------------------------------------------------------------------------


async def _seen(watch: Watch) -> None:
    await asyncio.to_thread(watch.seen)


async def abreak_out(client: Any, watch: Watch) -> str:
    """Leave the loop; the stream has no other name."""
    async for _ in await _aask(client):
        watch.left()
        break
    await _seen(watch)
    return ""


async def abreak_out_holding(client: Any, watch: Watch) -> str:
    """Leave the loop; the stream is still in a variable."""
    stream = await _aask(client)
    async for _ in stream:
        watch.left()
        break
    await _seen(watch)
    return ""


async def araise_in_body(client: Any, watch: Watch) -> str:
    """Raise an exception in the loop, and keep it, as a log of errors does."""
    stream = await _aask(client)
    try:
        async for _ in stream:
            watch.left()
            raise Given
    except Given:
        await _seen(watch)
    return ""


async def aclose(client: Any, watch: Watch) -> str:
    """Await ``stream.aclose()``."""
    stream = await _aask(client)
    await anext(stream)
    watch.left()
    await stream.aclose()
    await _seen(watch)
    return ""


async def aclosing(client: Any, watch: Watch) -> str:
    """Leave ``async with contextlib.aclosing(stream)``."""
    async with contextlib.aclosing(await _aask(client)) as stream:
        await anext(stream)
        watch.left()
    await _seen(watch)
    return ""


async def aclose_from_task(client: Any, watch: Watch) -> str:
    """Await ``stream.aclose()`` while another task waits for a chunk."""
    stream, said, waits = await _aask(client), [], asyncio.Event()

    async def reads() -> None:
        count = 0
        try:
            async for _ in stream:
                count += 1
                if count == 2:
                    waits.set()
            said.append("the loop ends")
        except Exception as error:
            said.append(f"the loop raises {_name(error)}")

    reader = asyncio.create_task(reads())
    await waits.wait()
    await idle()
    watch.left()
    try:
        await stream.aclose()
    except RuntimeError as error:
        said.append(f"aclose() raises {_name(error)}")
    await _seen(watch)
    await asyncio.wait([reader], timeout=0 if said else COUNTING)
    reader.cancel()
    return "; ".join(said) or "the loop waits on"


async def cancel_waiting(client: Any, watch: Watch) -> str:
    """Cancel the task while it waits for a chunk."""
    stream, waits = await _aask(client), asyncio.Event()

    async def reads() -> None:
        count = 0
        async for _ in stream:
            count += 1
            if count == 2:
                waits.set()

    return await _cancel(asyncio.create_task(reads()), waits, watch)


async def cancel_in_body(client: Any, watch: Watch) -> str:
    """Cancel the task while it works on a chunk."""
    stream, works = await _aask(client), asyncio.Event()

    async def reads() -> None:
        async for _ in stream:
            works.set()
            await asyncio.sleep(60)

    return await _cancel(asyncio.create_task(reads()), works, watch)


async def _cancel(task: asyncio.Task[None], ready: asyncio.Event, watch: Watch) -> str:
    await ready.wait()
    await idle()
    watch.left()
    task.cancel()
    await asyncio.wait([task])
    await _seen(watch)
    return "the task is cancelled" if task.cancelled() else "the task is not cancelled"


async def aclose_client(client: Any, watch: Watch) -> str:
    """Close the client while a stream of it is read."""
    stream = await _aask(client)
    texts = [(await anext(stream)).text]
    await client.aio.aclose()
    try:
        texts += [chunk.text async for chunk in stream]
    except Exception as error:
        return f"the loop raises {_name(error)}"
    return "".join(texts)


async def adrop_client(client_of: Callable[[], Any], watch: Watch) -> str:
    """Keep the stream alone; nothing else holds the client."""
    try:
        return "".join([chunk.text async for chunk in await _aask(client_of())])
    except Exception as error:
        return f"the loop raises {_name(error)}"


async def amany_at_once(client: Any, watch: Watch) -> str:
    """Read many streams at the same time, each in its task."""
    return await _acount(client, lambda stream: asyncio.sleep(0))


async def amany_left(client: Any, watch: Watch) -> str:
    """Read many streams at the same time, each in its task, and close each after a chunk."""
    return await _acount(client, lambda stream: stream.aclose())


async def _acount(client: Any, then: Callable[[Any], Awaitable[object]]) -> str:
    streams = [await _aask(client) for _ in range(MANY)]

    async def begin(stream: Any) -> None:
        await anext(stream)
        await then(stream)

    tasks = [asyncio.create_task(begin(stream)) for stream in streams]
    done, waiting = await asyncio.wait(tasks, timeout=COUNTING)
    for task in waiting:
        task.cancel()
    return f"{sum(task.exception() is None for task in done)} of {MANY} start"
