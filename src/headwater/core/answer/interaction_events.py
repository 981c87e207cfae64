"""The typed events of a stream of the Interactions API, the same as those of ``generate_content_stream``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from headwater.core.answer.ending import Ending, EndingKind
from headwater.core.answer.events import (
    Block,
    Call,
    CallProgress,
    End,
    Event,
    Media,
    Reset,
    Result,
    Retrying,
    Text,
    Thought,
    Usage,
)
from headwater.core.answer.interaction_chunks import part_of
from headwater.core.answer.interaction_fold import EventFold, index_of, usage_metadata, usage_of
from headwater.core.answer.interaction_steps import document_of, entries_of
from headwater.types import Part, UsageMetadata
from headwater.types.interactions import StepDelta, StepStart, StepStop

_NEWS = (Retrying, Reset, Result, CallProgress)


class InteractionTranslator:
    """Turns the events of the API into typed events. Lives as long as the loop over them."""

    def __init__(self, fold: Callable[[], EventFold]) -> None:
        self._fold = fold
        self._of: EventFold | None = None  # the answer whose events these are
        self._end = 0
        self._usage: UsageMetadata | None = None

    def events(self, result: Any, /) -> Iterator[Event]:
        """Yield the events of an event of the API, in order; a result that is one already is passed on."""
        if self._of is not self._fold():  # another answer, after a restart or function calls
            self._of, self._end, self._usage = self._fold(), 0, None
        if isinstance(result, _NEWS):
            yield result
            return
        if type(result) is StepDelta:
            yield from self._of_delta(document_of(result.delta))
        elif type(result) is StepStart:
            step = document_of(result.step)
            for content in entries_of(step.get("content")):
                yield from self._of_delta(document_of(content))
            for content in entries_of(step.get("summary")):
                yield from self._of_delta({"type": "thought_summary", "content": content})
        elif type(result) is StepStop:
            yield from self._of_stop(result)
        yield from self._of_usage(usage_of(result))

    def end(self, ending: Ending | None) -> Iterator[Event]:
        """Yield the last events; nothing if the stream has not ended."""
        if ending is None:
            return
        if ending.kind is EndingKind.BLOCKED:
            yield Block(ending.reason or "", ending.is_prompt, ending.safety_ratings)
        yield End(ending)

    def _of_delta(self, delta: dict[str, Any]) -> Iterator[Event]:
        for part in part_of(delta):
            if part.text is None:
                yield Media(part)
            elif part.thought:
                yield Thought(part.text)
            else:
                self._end += len(part.text)
                yield Text(part.text, self._end, self._fold())

    def _of_stop(self, event: StepStop) -> Iterator[Event]:
        """Yield a function call when all of its arguments are there."""
        step = self._fold().open.get(index_of(event))
        if step is not None and step.type == "function_call":
            call = step.call()
            yield Call(call, Part(function_call=call))

    def _of_usage(self, told: dict[str, Any]) -> Iterator[Event]:
        fold = self._fold()
        usage = fold.usage_metadata if told and fold.is_continued else usage_metadata(told)
        if told and usage != self._usage:
            self._usage = usage
            yield Usage(usage)
