"""What to do when an answer stops before its end: try again, go on where it broke, begin anew, or give up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from headwater.core.fold import Fold
from headwater.core.policy import OnBreak, Retry
from headwater.core.seam import Seam
from headwater.core.steps import HttpRequest
from headwater.core.wire import Broken, Wire
from headwater.errors import APIError, HeadwaterError, StreamTruncated
from headwater.types import FinishReason, GenerateContentResponse, Part

#: So many requests in a row for the rest of an answer may bring nothing.
_MOST_IDLE_HOPS = 3


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How the call goes on: after a rest of ``rest`` seconds with ``request``.

    ``kind``: ``again`` while there was nothing yet, ``on`` with the answer there is, ``anew`` without it. ``is_same``
    says that the other end goes on with the very stream that broke.
    """

    kind: Literal["again", "on", "anew"]
    request: HttpRequest
    rest: float
    seam: Seam | None = None
    is_same: bool = False


class Recovery:
    """Decides for one call. ``request`` is what was asked; ``stream`` and ``after`` say where the answer stands.

    ``goes_on`` allows to ask for more where the API stops at a limit of its own (the finish reason CONTINUATION).
    """

    def __init__(
        self,
        wire: Wire[Any],
        request: HttpRequest,
        *,
        retry: Retry,
        on_break: OnBreak,
        goes_on: bool,
        jitter: Callable[[], float],
    ) -> None:
        self.request = wire.keep(request) if on_break == "continue" else request
        self.on_break = on_break
        self.stream: str | None = None
        self.after = 0
        self._wire = wire
        self._retry = retry
        self._goes_on = goes_on
        self._jitter = jitter
        self._since: list[Part] = []  # the content after the last checkpoint
        self._failures = 0  # in a row, without coming further
        self._grown = 0  # how far the answer was at the last of them
        self._first: HeadwaterError | None = None  # the first of them
        self._is_same = False
        self._idle_hops = 0
        self._hop_grown = 0

    @property
    def failures(self) -> int:
        """The failures in a row, without coming further."""
        return self._failures

    def admit(self, chunk: GenerateContentResponse) -> None:
        """Take note of a chunk of an answer that may have to be continued."""
        first = chunk.candidates[0] if chunk.candidates else None
        if first is not None and first.continuation_token is not None:
            self._since = []
        elif first is not None and first.content is not None:
            self._since += first.content.parts or ()

    def is_to_be_continued(self, fold: Fold) -> bool:
        """Whether the API stopped at its own limit and is to be asked for the rest."""
        is_asked = self._goes_on and fold.prompt_feedback is None and fold.continuation_token is not None
        return is_asked and fold.finish_reason == FinishReason.CONTINUATION

    def go_on(self, fold: Fold) -> Plan | HeadwaterError:
        """Return how the rest of an answer is asked for, where the API stopped at its own limit."""
        self._idle_hops = 0 if fold.grown > self._hop_grown else self._idle_hops + 1
        self._hop_grown = fold.grown
        plan = self._continuation(None, fold, 0.0) if self._idle_hops < _MOST_IDLE_HOPS else None
        return plan or StreamTruncated("the API stopped at its limit again and again without saying more")

    def plan(self, error: HeadwaterError, fold: Fold, *, is_begun: bool, left: float | None) -> Plan | HeadwaterError:
        """Return how to go on after ``error``, or the error to end with; there are ``left`` seconds for it."""
        if self._first is None or (fold.grown > self._grown and self.on_break != "restart"):
            self._grown, self._failures, self._first = fold.grown, 0, error
        self._failures += 1  # not attempts: a redirect is no failure
        if self._is_same and isinstance(error, APIError):  # the other end does not keep the stream any more
            self.stream, self._is_same = None, False
        elif not self._retry.allows(error, self._failures):
            return self._given_up(error)
        rest = self._retry.delay(self._failures, error, self._jitter())
        if left is not None and rest >= left:
            return self._given_up(error)
        if not is_begun:
            return Plan(kind="again", request=self.request, rest=rest)
        if self.on_break == "restart":
            return Plan(kind="anew", request=self.request, rest=rest)
        if self.on_break == "continue":
            return self._continuation(error, fold, rest) or self._given_up(error)
        return error

    def _continuation(self, error: HeadwaterError | None, fold: Fold, rest: float) -> Plan | None:
        found = self._wire.resume(
            Broken(
                request=self.request,
                fold=fold,
                stream=self.stream,
                after=self.after,
                since=self._since,
                error=error,
            )
        )
        if found is None:
            return None
        self._is_same = found.is_same
        if not found.is_same:
            self.stream = None
        return Plan(kind="on", request=found.request, rest=rest, seam=found.seam, is_same=found.is_same)

    def _given_up(self, error: HeadwaterError) -> HeadwaterError:
        """The error to end with: where going on failed, the one that made it necessary."""
        first = self._first
        if first is None or first is error or not self._grown:
            return error
        first.add_note(f"going on failed: {error}")
        return first
