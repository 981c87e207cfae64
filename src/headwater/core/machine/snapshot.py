"""``Snapshot``: what is known of a call at any moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from headwater.core.answer.answer_fold import AnswerFold
from headwater.core.answer.ending import Ending, judge
from headwater.core.answer.fold import Fold
from headwater.core.answer.metrics import Meter, Metrics
from headwater.core.machine.function_calling import FunctionCalling
from headwater.core.machine.states import State
from headwater.core.machine.stream_errors import cancelled, received_text
from headwater.errors import HeadwaterError
from headwater.types import UsageMetadata

E = TypeVar("E", bound=HeadwaterError)


class Snapshot:
    """How far the answer of a call is, what it cost, how it ended. Decides nothing.

    ``fold`` is the answer so far; once functions were called, the answer to their results. ``attempts`` counts the
    requests sent, ``status`` and ``headers`` are those of the last response (0 before it), ``cancel_reason`` is None
    until the call is cancelled.
    """

    def __init__(self, function_calling: FunctionCalling | None = None, fold: AnswerFold | None = None) -> None:
        self.state = State.NEW
        self.attempts = 0
        self.fold: AnswerFold = Fold() if fold is None else fold
        self.meter = Meter()
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.may_end = False  # whether the answer is complete if it ends here
        self.error: HeadwaterError | None = None
        self.cancel_reason: str | None = None
        self._function_calling = function_calling

    def begin_attempt(self, now: float) -> None:
        """Record that a request is sent."""
        self.status = 0
        self.attempts += 1
        if self.meter.started is None:
            self.meter.started = now

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, well or not."""
        return self.state is State.DONE

    @property
    def ending(self) -> Ending | None:
        """How the call ended; None while it runs."""
        if self.state is State.DONE:
            return judge(self.fold, self.error)
        if self.cancel_reason is None:
            return None
        # Cancelled from another thread, and the machine has not been asked for a step since.
        is_whole = self.may_end and self.state is not State.CALLING
        return judge(self.fold, None if is_whole else cancelled(self.cancel_reason))

    @property
    def response(self) -> Any:
        """The answer so far."""
        response, function_calling = self.fold.response, self._function_calling
        return response if function_calling is None else function_calling.add_history(response)

    @property
    def partial(self) -> Any:
        """The answer so far and the calls before it; None if nothing has arrived."""
        has_history = self._function_calling is not None and bool(self._function_calling.history)
        return self.response if self.fold.count or has_history else None

    @property
    def usage_metadata(self) -> UsageMetadata:
        """The tokens so far, of all requests."""
        return self.meter.usage(self.fold)

    @property
    def metrics(self) -> Metrics:
        """What has been measured so far."""
        return self.meter.metrics(self.fold, self.attempts)

    def received_text(self) -> str:
        """Return what has arrived of the answer, for a message."""
        return received_text(self.fold, is_answered=self.status > 0)

    def annotate(self, error: E, *, position: str | None, phase: str) -> E:
        """Return ``error``, the end of the call, with what had arrived by then."""
        error.attempts = self.attempts
        error.partial = self.partial
        error.position = position  # that of ``partial``
        error.phase = phase
        return error
