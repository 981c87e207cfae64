"""A client's stream as the body of a response, sync and async, for endpoints in any web framework."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from types import coroutine
from typing import Any

from headwater.core.answer.ending import EndingKind
from headwater.errors import HeadwaterError, StreamCancelled
from headwater.protocols.base import Encoder, StreamOutcome

#: After this many bytes of one answer in one go, other tasks get their turn.
TURN_BYTES = 64 * 1024


def encoded(stream: Any, encoder: Encoder) -> Iterator[bytes]:
    """Yield the bytes of a ``Stream``, or of any iterable of chunks, as ``encoder`` writes them.

    An error of the stream becomes the protocol's error event, a cancellation its event for that. When the reader
    disconnects, the stream is closed.

    Raises:
        Exception: if it is not a ``HeadwaterError`` (a hook of yours failed, say). The reader gets an error without
            details first.
    """
    as_chunk = getattr(stream, "as_chunk", _itself)  # streams of other APIs have results of their own
    try:
        if begin := encoder.begin():
            yield begin
        # The reader gets the protocol's own end in every case, since it cannot see that the connection ended early.
        try:
            for result in stream:
                if piece := encoder.chunk(as_chunk(result)):
                    yield piece
        except StreamCancelled as error:
            yield encoder.end(_cancelled(stream, error))
        except HeadwaterError as error:
            yield encoder.fail(error)
        except Exception as error:
            yield encoder.fail(error)
            raise
        else:
            yield encoder.end(_outcome(stream))
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()


async def aencoded(stream: Any, encoder: Encoder) -> AsyncIterator[bytes]:
    """Yield the bytes of an ``AsyncStream``, or of any async iterable of chunks, as ``encoder`` writes them.

    See ``encoded``.

    Raises:
        Exception: as ``encoded``.
    """
    as_chunk = getattr(stream, "as_chunk", _itself)  # streams of other APIs have results of their own
    try:
        if begin := encoder.begin():
            yield begin
        unbroken = 0
        try:
            async for result in stream:
                if piece := encoder.chunk(as_chunk(result)):
                    yield piece
                unbroken += len(piece)
                if unbroken > TURN_BYTES:
                    unbroken = 0
                    await _turn()
        except StreamCancelled as error:
            yield encoder.end(_cancelled(stream, error))
        except HeadwaterError as error:
            yield encoder.fail(error)
        except Exception as error:
            yield encoder.fail(error)
            raise
        else:
            yield encoder.end(_outcome(stream))
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


@coroutine
def _turn() -> Generator[None]:
    """Yield to the event loop once, as ``asyncio.sleep(0)`` does.

    If more data is always ready, this is also the only point where a disconnect can end the stream: anyio cancels no
    task that is about to be woken.
    """
    yield


def _itself(result: Any) -> Any:
    return result


def _outcome(stream: Any) -> StreamOutcome:
    """The outcome of a stream that did not raise."""
    ending = getattr(stream, "ending", None)
    if ending is not None and ending.kind is EndingKind.CANCELLED:
        return _cancelled(stream, ending.error)
    return _measured(stream, StreamOutcome())


def _cancelled(stream: Any, error: Exception | None) -> StreamOutcome:
    reason = getattr(error, "reason", "")
    return _measured(stream, StreamOutcome(reason="cancelled", message=reason))


def _measured(stream: Any, outcome: StreamOutcome) -> StreamOutcome:
    metrics = getattr(stream, "metrics", None)
    if metrics is None:
        return outcome
    return StreamOutcome(
        reason=outcome.reason,
        message=outcome.message,
        usage=stream.usage_metadata or None,
        first=metrics.first_chunk,
        seconds=metrics.total,
    )
