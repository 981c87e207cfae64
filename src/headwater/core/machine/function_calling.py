"""``FunctionCalling``: when the functions of a call run, and what is requested after them (decision 11)."""

from __future__ import annotations

from typing import Any

from headwater.core.answer.answer_fold import AnswerFold
from headwater.core.answer.ending import judge
from headwater.core.machine.steps import Run
from headwater.core.wire.dialect import Dialect, answer_rules
from headwater.core.wire.request import HttpRequest
from headwater.types import Content, FunctionCall, GenerateContentResponse, Part


class FunctionCalling:
    """Decides for one call, which makes at most ``max_requests`` requests with functions in between.

    ``history`` is what the next answer follows: the contents of the request, the model's turns with calls, the results.
    With ``keeps_history``, every result carries it.
    """

    def __init__(self, max_requests: int, *, keeps_history: bool = True) -> None:
        self.history: list[Content] = []
        self._left = max_requests - 1
        self._keeps_history = keeps_history
        self._calls: list[FunctionCall] | None = None
        self._has_progressed = False

    def wants_calls(self, fold: AnswerFold) -> bool:
        """Return whether an answer that has ended asks for functions that are to be run."""
        if self._left <= 0 or not judge(fold, None).is_whole:
            return False
        fold.abandon()  # nothing more arrives, so an incomplete call is not one
        self._calls = fold.function_calls
        return self._calls is not None

    def take_calls(self) -> Run:
        """Return what is to be run. Only once: running a function twice is worse than an error."""
        if self._has_progressed:
            self._has_progressed = False
            return Run([])
        calls, self._calls = self._calls, None
        if calls is None:
            raise RuntimeError("the shell was asked to call functions and has not reported their results")
        return Run(calls)

    def progressed(self) -> None:
        """Record that the functions still run, and are to be waited for again."""
        self._has_progressed = True

    def next_request(
        self, dialect: Dialect[Any], request: HttpRequest, fold: AnswerFold, parts: list[Part]
    ) -> HttpRequest:
        """Return the request that follows ``request``, its answer and the results of the functions."""
        self._left -= 1
        if (follow := answer_rules(dialect).after_calls(request, fold, parts)) is not None:
            return follow
        turns = [Content(role="model", parts=fold.response.parts), Content(role="user", parts=parts)]
        self.history = [*(self.history or dialect.contents(request)), *turns]
        return dialect.add_turns(request, turns)

    def add_history(self, answer: GenerateContentResponse) -> GenerateContentResponse:
        """Return ``answer`` with what was called before it."""
        if self._keeps_history:
            answer.automatic_function_calling_history = self.history
        return answer
