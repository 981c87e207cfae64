"""What to do when an answer stops before its end: try again, go on where it broke, begin anew, or give up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from headwater.core.answer.fold import Fold
from headwater.core.answer.joining import Joiner, has_token
from headwater.core.machine.policy import OnBreak, Retry
from headwater.core.wire.dialect import BrokenStream, Dialect
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, DeadlineExceeded, HeadwaterError, StreamTruncated
from headwater.types import FinishReason, GenerateContentResponse, Part

#: So many requests in a row for the rest of an answer may bring nothing.
_MOST_IDLE_HOPS = 3
#: How the other end refuses to go on with a stream that it does not keep.
_GONE = (404, 410)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How the call continues: after ``rest`` seconds, with ``request``.

    ``kind``: ``retry`` before any content, ``resume`` keeps the answer so far, ``restart`` discards it. ``same_stream``
    says that the server continues the very stream that broke; ``after`` documents of the stream have arrived.
    """

    kind: Literal["retry", "resume", "restart"]
    request: HttpRequest
    rest: float
    after: int = 0
    joiner: Joiner | None = None
    same_stream: bool = False


class Recovery:
    """Decides for one call. ``request`` is what was asked; ``stream`` and ``after`` say where the answer stands.

    ``start`` documents of the stream that is asked for came to somebody else before.
    ``continues`` allows to ask for more where the API stops at a limit of its own (the finish reason CONTINUATION).
    """

    def __init__(
        self,
        dialect: Dialect[Any],
        request: HttpRequest,
        *,
        retry: Retry,
        on_break: OnBreak,
        continues: bool,
        jitter: Callable[[], float],
        start: int = 0,
    ) -> None:
        self.request = dialect.keep(request) if on_break == "continue" else request
        self.on_break = on_break
        self.stream: str | None = None
        self.after = start
        self._start = start
        self._dialect = dialect
        self._retry = retry
        self._continues = continues
        self._jitter = jitter
        self._unsaid: list[Part] = []  # what had come before the last checkpoint did, and lies behind it
        self._failures = 0  # in a row, without coming further
        self._grown = 0  # how far the answer was at the last of them
        self._first: HeadwaterError | None = None  # the first of them
        self._same_stream = False
        self._resumed_at = 0  # the documents that had come when the same stream was asked for again
        self._idle_hops = 0
        self._hop_grown: int | None = None  # how far the answer was when the API stopped at its limit

    @property
    def failures(self) -> int:
        """The failures in a row, without coming further."""
        return self._failures

    def accepts(self, stream: str | None) -> bool:
        """Take the name of the stream in an answer; return whether it is the one that was asked for."""
        is_met = not self._same_stream or stream == self.stream
        if is_met or stream is not None:  # a head without a name can be one that was cut: ask again
            self.stream = stream if is_met else None
        return is_met

    def join(self, chunk: GenerateContentResponse | None, joiner: Joiner | None) -> list[GenerateContentResponse]:
        """Return what is new in a chunk of an answer; None instead of a chunk: the last has come.

        Raises:
            StreamInterrupted: it can not be joined to what was there before.
        """
        if chunk is None:
            return [] if joiner is None else joiner.flush()
        if joiner is None:
            return [chunk]
        pieces = joiner.feed(chunk)
        if any(map(has_token, pieces)):
            self._unsaid = joiner.pending
        return pieces

    def needs_continuation(self, fold: Fold) -> bool:
        """Whether the API stopped at its own limit and is to be asked for the rest."""
        is_asked = self._continues and fold.finish_reason == FinishReason.CONTINUATION
        return is_asked and fold.prompt_feedback is None and fold.continuation_token is not None and fold.is_single

    def plan_continuation(self, fold: Fold) -> Plan | HeadwaterError:
        """Return how the rest of an answer is asked for, where the API stopped at its own limit."""
        self._idle_hops = 0 if fold.grown > (self._hop_grown or 0) else self._idle_hops + 1
        self._hop_grown = fold.grown
        plan = self._continuation(None, fold, 0.0) if self._idle_hops < _MOST_IDLE_HOPS else None
        return plan or StreamTruncated("the API stopped at its limit again and again without saying more")

    def plan(self, error: HeadwaterError, fold: Fold, *, is_begun: bool, left: float | None) -> Plan | HeadwaterError:
        """Return how to go on after ``error``, or the error to end with; there are ``left`` seconds for it."""
        if self._first is None or (fold.grown > self._grown and self.on_break != "restart"):
            self._grown, self._failures, self._first = fold.grown, 0, error
        self._failures += 1  # not attempts: a redirect is no failure
        if self._is_gone(error):
            self.stream = None
        elif not self._retry.allows(error, self._failures):
            return self._given_up(error)
        rest = self._retry.delay(self._failures, error, self._jitter())
        if left is not None and rest >= left:
            return self._given_up(error)
        if fold.grown == self._hop_grown:  # the rest was asked for, and nothing of it came
            return self._continuation(error, fold, rest) or self._given_up(error)
        is_kept = self.on_break == "continue" and self.stream is not None and not isinstance(error, APIError)
        if not is_begun and not is_kept:
            return self._from_the_start("retry", rest)
        if self.on_break == "restart":
            return self._from_the_start("restart", rest)
        if self.on_break == "continue":
            return self._continuation(error, fold, rest) or self._given_up(error)
        return error

    def _is_gone(self, error: HeadwaterError) -> bool:
        """Whether ``error`` says that the other end does not keep the stream any more."""
        is_refused = self._same_stream and self.after == self._resumed_at
        return is_refused and isinstance(error, APIError) and error.code in _GONE

    def _from_the_start(self, kind: Literal["retry", "restart"], rest: float) -> Plan:
        self._same_stream, self._unsaid = False, []
        return Plan(kind=kind, request=self.request, rest=rest, after=self._start)

    def _continuation(self, error: HeadwaterError | None, fold: Fold, rest: float) -> Plan | None:
        found = self._dialect.resume(
            BrokenStream(
                request=self.request,
                fold=fold,
                stream=self.stream,
                after=self.after,
                since_checkpoint=[*self._unsaid, *fold.since_checkpoint],
                error=error,
            )
        )
        if found is None:
            return None
        self._same_stream, self._resumed_at = found.same_stream, self.after
        if not found.same_stream:
            self.stream = None
        after = self.after if found.same_stream else 0
        return Plan(
            kind="resume",
            request=found.request,
            rest=rest,
            after=after,
            joiner=found.joiner,
            same_stream=found.same_stream,
        )

    def _given_up(self, error: HeadwaterError) -> HeadwaterError:
        """The error to end with: where going on failed, the one that made it necessary."""
        first = self._first
        if first is None or first is error or not self._grown or isinstance(error, DeadlineExceeded):
            return error
        first.add_note(f"going on failed: {error}")
        return first
