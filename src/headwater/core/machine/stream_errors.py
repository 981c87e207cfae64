"""The errors of an answer that stopped before its end: what was lost, and what had arrived."""

from __future__ import annotations

from urllib.parse import urlsplit

from headwater.core.answer.answer_fold import AnswerFold
from headwater.core.machine.steps import TransportError
from headwater.errors import (
    ConnectError,
    HeadwaterError,
    StreamCancelled,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    WireError,
)


def cancelled(reason: str | None, otherwise: str = "the stream was cancelled") -> StreamCancelled:
    """Return the error of a stream that the caller stopped."""
    error = StreamCancelled(f"{otherwise}: {reason}" if reason else otherwise)
    error.reason = reason or ""
    return error


def truncated(*, is_begun: bool, end: str = "a finish reason") -> StreamTruncated:
    """Return the error of a stream that ended cleanly but too early."""
    if is_begun:
        return StreamTruncated(f"the answer ended without {end}, so its end may be missing")
    return StreamTruncated("the API ended the stream before its first chunk")


def is_partial_document(rest: bytes) -> bool:
    """Return whether ``rest``, the end of a body, may begin a document, or the line that holds one."""
    start = rest.strip()
    return start[:1] in (b"{", b"[") or any(name.startswith(start) for name in (b"data:", b"event:", b"id:"))


def connection_lost(error: TransportError, url: str, *, is_answered: bool) -> ConnectError | StreamInterrupted:
    """Return the error of a connection to ``url`` that failed, before the head of its answer or after."""
    if is_answered:
        return StreamInterrupted(f"the connection was lost in the middle of the answer: {error}")
    if error.kind == "connect":
        return ConnectError(f"cannot reach {_host(url)}: {error}")
    return ConnectError(f"no answer from {_host(url)}: {error}")


def opening_timed_out(error: TransportError, url: str, elapsed: float) -> StreamStalled:
    """Return the error of a connection that the transport itself gave up before any deadline had passed."""
    return StreamStalled(f"timed out: cannot reach {_host(url)} within {error}", deadline="connect", elapsed=elapsed)


def _host(url: str) -> str:
    """Return the host of ``url``, with the port if it is not the usual one, and without user and password."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def drop_tracebacks(error: BaseException) -> None:
    """Drop the tracebacks of ``error`` and of what caused it.

    Their frames are the transport's, and through their callers the stream's, which may keep the error for long.
    """
    found: BaseException | None = error
    while found is not None:
        found.__traceback__ = None
        found = found.__cause__ or found.__context__


def without_traceback(error: HeadwaterError) -> HeadwaterError:
    """Return a copy that holds what ``error`` says, but neither its traceback nor its cause."""
    twin = type(error).__new__(type(error), *error.args)  # not __init__, whose arguments are the class's own
    twin.args = error.args
    twin.__dict__.update(error.__dict__)
    return twin


def not_a_stream(leftover: bytes, api_name: str) -> WireError:
    """Return the error of a body that is something else, given how it begins."""
    start = leftover.decode("utf-8", "replace").strip()
    return WireError(f"the answer is not what {api_name} sends; it begins: {start[:120]!r}")


def received_text(fold: AnswerFold, *, is_answered: bool) -> str:
    """Return what had arrived of the answer, for a message; ``is_answered`` tells of the head."""
    if not fold.grown:
        return "no content had arrived" if is_answered else "nothing had arrived"
    return f"{len(fold.text)} characters had arrived" if fold.text else "no text had arrived"
