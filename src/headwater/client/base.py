"""What a stream is in both colours, apart from waiting: its machine, its answer so far, its end."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from headwater.client.settings import Settings
from headwater.core.framing import Streamed, Whole
from headwater.core.gemini import Gemini
from headwater.core.machine import Machine
from headwater.core.steps import HttpRequest
from headwater.errors import HeadwaterError, StreamCancelled
from headwater.transport.base import AsyncBody, Body, Waiting
from headwater.types import (
    CountTokensResponse,
    FinishReason,
    GenerateContentResponse,
    HttpOptions,
    ListModelsResponse,
    Model,
    UsageMetadata,
)
from headwater.types.base import Wire

R = TypeVar("R")
W = TypeVar("W", bound=Wire)

ANSWERS = Gemini(GenerateContentResponse)
COUNTS = Gemini(CountTokensResponse)
MODELS = Gemini(Model)
MODEL_LISTS = Gemini(ListModelsResponse)


def make_machine(
    dialect: Gemini[W], request: HttpRequest, settings: Settings, options: HttpOptions | None, *, stream: bool = False
) -> Machine[W]:
    """Return the machine of one call."""
    return Machine(
        dialect,
        request,
        framing=Streamed if stream else Whole,
        retry=settings.retry(options),
        deadlines=settings.deadlines(options),
        jitter=random.random,
    )


class BaseStream(Generic[R]):
    """An answer on its way. Made by ``generate_content_stream``; over when its loop ends or ``close`` is called.

    Nothing is sent before the first chunk is asked for.
    """

    def __init__(self, machine: Machine[R], *, on_end: Callable[[BaseStream[R]], None] | None = None) -> None:
        self._machine = machine
        self._on_end = on_end
        self._closed = False
        self._body: Body | AsyncBody | None = None
        self._waiting = Waiting()

    @property
    def text(self) -> str:
        """The text of the answer so far, without thoughts."""
        return self._machine.fold.text

    @property
    def response(self) -> GenerateContentResponse:
        """The answer so far as one response: its text merged, its usage the latest."""
        return self._machine.fold.response

    @property
    def usage_metadata(self) -> UsageMetadata:
        """The tokens so far, as the API counted them."""
        return self._machine.fold.usage_metadata

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the model stopped; None while it goes on, or when the answer was cut short."""
        return self._machine.fold.finish_reason

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the HTTP answer, lower-case names; empty before it has come."""
        return self._machine.headers

    @property
    def is_over(self) -> bool:
        """Whether the stream has ended, well or not."""
        return self._closed or self._machine.is_over

    def __repr__(self) -> str:
        state = "closed" if self._closed else self._machine.state.value
        return f"<{type(self).__name__} {state}, {self._machine.fold.count} chunks>"

    def close(self) -> None:
        """End the stream and close its connection at once. May be called from any thread, any number of times.

        A loop that is running over the stream ends; ``text`` and ``response`` keep what had come.
        """
        if not self._closed:
            self._closed = True
            self._machine.cancel("the stream was closed")
            self._waiting.end()
            self._let_go()
            self._end(None)

    def __del__(self) -> None:
        if getattr(self, "_body", None) is not None:
            self.close()

    def _let_go(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()

    def _end(self, error: HeadwaterError | None) -> None:
        """Take note of the end, once; raise what it ended with, unless the caller closed the stream."""
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(self)
        if error is not None and not (self._closed and isinstance(error, StreamCancelled)):
            raise error
