"""The turns of a call in which the model calls functions: when they are run, and what is asked then."""

from __future__ import annotations

from typing import Any

from headwater.core.answer.ending import judge
from headwater.core.answer.fold import Fold
from headwater.core.machine.steps import Run
from headwater.core.wire.dialect import Dialect
from headwater.core.wire.request import HttpRequest
from headwater.types import Content, FunctionCall, GenerateContentResponse, Part


class FunctionCalling:
    """Decides for one call, which makes at most ``max_requests`` requests with functions run in between.

    ``history`` is what the next answer follows: what was asked, the model's turns with calls, the results. With
    ``keeps_history`` it is kept on every result.
    """

    def __init__(self, max_requests: int, *, keeps_history: bool = True) -> None:
        self.history: list[Content] = []
        self._left = max_requests - 1
        self._keeps_history = keeps_history
        self._calls: list[FunctionCall] | None = None

    def wants_calls(self, fold: Fold) -> bool:
        """Return whether an answer that is whole asks for functions that are to be run."""
        if self._left <= 0 or not judge(fold, None).is_whole:
            return False
        fold.abandon()  # nothing more comes, so half a call is none
        self._calls = fold.response.function_calls
        return self._calls is not None

    def take_calls(self) -> Run:
        """Return what is to be run; once, for running a function twice is worse than an error."""
        calls, self._calls = self._calls, None
        if calls is None:
            raise RuntimeError("the shell was asked to call functions and has not reported their results")
        return Run(calls)

    def next_request(self, dialect: Dialect[Any], request: HttpRequest, fold: Fold, parts: list[Part]) -> HttpRequest:
        """Return the request that follows ``request``, its answer and what the functions answered."""
        turns = [Content(role="model", parts=fold.response.parts), Content(role="user", parts=parts)]
        self.history = [*(self.history or dialect.contents(request)), *turns]
        self._left -= 1
        return dialect.add_turns(request, turns)

    def add_history(self, answer: GenerateContentResponse) -> GenerateContentResponse:
        """Return ``answer``, which knows now what was called before it."""
        if self._keeps_history:
            answer.automatic_function_calling_history = self.history
        return answer
