"""What is known of a call at any moment: how far its answer is, what it took, how it ended."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.core.answer.ending import Ending, judge
from headwater.core.answer.fold import Fold
from headwater.core.answer.metrics import Meter, Metrics
from headwater.core.machine.function_calling import FunctionCalling
from headwater.core.machine.states import State
from headwater.core.machine.stream_errors import cancelled
from headwater.errors import HeadwaterError
from headwater.types import GenerateContentResponse, UsageMetadata


class Snapshot:
    """The part of a machine that decides nothing. ``fold`` is the answer so far; after functions were called, the last.

    ``headers`` are those of the last HTTP answer, ``attempts`` the requests that were sent.
    """

    def __init__(self, function_calling: FunctionCalling | None) -> None:
        self.state = State.NEW
        self.attempts = 0
        self.fold = Fold()
        self.meter = Meter()
        self.headers: Mapping[str, str] = {}
        self._function_calling = function_calling
        self._final = False  # whether the answer may end here
        self._outcome: HeadwaterError | None = None
        self._cancelled: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, well or not."""
        return self.state is State.DONE

    @property
    def ending(self) -> Ending | None:
        """How the call ended; None while it goes on."""
        if self.state is State.DONE:
            return judge(self.fold, self._outcome)
        if self._cancelled is None:
            return None
        is_whole = self._final and self.state is not State.CALLING
        return judge(self.fold, None if is_whole else cancelled(self._cancelled))

    @property
    def response(self) -> GenerateContentResponse:
        """The answer so far."""
        return (
            self.fold.response
            if self._function_calling is None
            else self._function_calling.add_history(self.fold.response)
        )

    @property
    def partial(self) -> GenerateContentResponse | None:
        """The answer so far, and what was called before it; None where nothing has come."""
        has_come = self.fold.count or (self._function_calling is not None and self._function_calling.history)
        return self.response if has_come else None

    @property
    def usage_metadata(self) -> UsageMetadata:
        """The tokens so far, of all requests."""
        return self.meter.usage(self.fold)

    @property
    def metrics(self) -> Metrics:
        """What was measured by now."""
        return self.meter.metrics(self.fold, self.attempts)
