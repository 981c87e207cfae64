"""The typed events of a stream, for ``match``: what is in a chunk, and what happens to the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec

from headwater.core.answer.answer_fold import AnswerFold
from headwater.core.answer.arguments import Arguments
from headwater.core.answer.ending import Ending, EndingKind
from headwater.errors import HeadwaterError
from headwater.types import FunctionCall, FunctionResponse, GenerateContentResponse, Part, SafetyRating, UsageMetadata


class Text(msgspec.Struct, frozen=True):
    """A piece of the answer's text. ``snapshot`` is the text up to its end."""

    text: str
    end: int = 0
    """Where the piece ends in the text (characters)."""
    fold: AnswerFold | None = None

    @property
    def snapshot(self) -> str:
        """The text of the answer up to the end of this piece."""
        return self.text if self.fold is None else self.fold.text[: self.end]


class Thought(msgspec.Struct, frozen=True):
    """A piece of the model's thoughts."""

    text: str


class Call(msgspec.Struct, frozen=True):
    """A complete function call. One whose arguments are streamed is reported when they are complete."""

    call: FunctionCall
    part: Part
    """The part that held it, with its thought signature."""


class Result(msgspec.Struct, frozen=True):
    """The result of a function that was called automatically; it is sent to the model."""

    response: FunctionResponse


class CallProgress(msgspec.Struct, frozen=True):
    """A tool of an MCP server reports how far it is: ``progress`` of ``total``, if it knows, and a text."""

    call: FunctionCall
    progress: float
    total: float | None = None
    message: str | None = None


class Media(msgspec.Struct, frozen=True):
    """A part that is neither text nor a call: an image, audio, code and its result, a file."""

    part: Part


class Usage(msgspec.Struct, frozen=True):
    """The tokens so far, as counted by the API; reported whenever they change."""

    usage: UsageMetadata


class Block(msgspec.Struct, frozen=True):
    """The prompt or the answer was refused."""

    reason: str
    is_prompt: bool
    safety_ratings: tuple[SafetyRating, ...]


class Retrying(msgspec.Struct, frozen=True):
    """The stream failed and is retried or resumed in ``delay`` seconds; ``failures`` counts those in a row."""

    error: HeadwaterError
    failures: int
    delay: float


class Reset(msgspec.Struct, frozen=True):
    """The answer restarts: everything before is void."""

    error: HeadwaterError


class End(msgspec.Struct, frozen=True):
    """The end, always the last event. If the stream ends with an error, it is raised after this event."""

    ending: Ending


def function_results(parts: list[Part]) -> list[Result]:
    """Return the results of functions as events."""
    return [Result(part.function_response) for part in parts if part.function_response is not None]


def reset_chunk() -> GenerateContentResponse:
    """Return the chunk that stands for a ``Reset``."""
    chunk = GenerateContentResponse()
    chunk.__dict__["_is_reset"] = True
    return chunk


Event = Text | Thought | Call | CallProgress | Result | Media | Usage | Block | Retrying | Reset | End


class Translator(Protocol):
    """Turns the results of one stream into events."""

    def events(self, result: Any, /) -> Iterator[Event]:
        """Yield the events of a result, in order."""

    def end(self, ending: Ending | None) -> Iterator[Event]:
        """Yield the last events; nothing if the stream has not ended."""


class EventTranslator:
    """Turns the chunks of the first candidate into events. Lives as long as the loop over them."""

    def __init__(self, fold: Callable[[], AnswerFold]) -> None:
        self._fold = fold
        self._of: AnswerFold | None = None  # the answer whose chunks these are
        self._end = 0
        self._usage: UsageMetadata | None = None
        self._calls = _Calls()

    def events(self, result: GenerateContentResponse | Retrying | Reset | Result | CallProgress) -> Iterator[Event]:
        """Yield the events of a chunk, in order; a result that is an event already is passed on."""
        if self._of is not self._fold():  # another answer, after a restart or function calls
            self._of, self._end, self._usage, self._calls = self._fold(), 0, None, _Calls()
        if isinstance(result, Retrying | Reset | Result | CallProgress):
            yield result
        else:
            yield from self._of_chunk(result)

    def _of_chunk(self, chunk: GenerateContentResponse) -> Iterator[Event]:
        for candidate in chunk.candidates or ():
            if not candidate.index and candidate.content is not None:
                for part in candidate.content.parts or ():
                    yield from self._of_part(part)
        usage, fold = chunk.usage_metadata, self._fold()
        if usage and fold.is_continued:
            usage = fold.usage_metadata
        if usage and usage != self._usage:
            self._usage = usage
            yield Usage(usage)

    def end(self, ending: Ending | None) -> Iterator[Event]:
        """Yield the last events; nothing if the stream has not ended."""
        if ending is None:
            return
        if ending.kind is EndingKind.BLOCKED:
            yield Block(ending.reason or "", ending.is_prompt, ending.safety_ratings)
        yield End(ending)

    def _of_part(self, part: Part) -> Iterator[Event]:
        if part.text is not None:
            if part.thought and part.text:
                yield Thought(part.text)
            elif part.text:
                self._end += len(part.text)
                yield Text(part.text, self._end, self._fold())
        elif part.function_call is not None:
            yield from self._calls.take(part, part.function_call)
        # A signature may arrive alone, in a part of its own; it is not content.
        elif part != Part(thought=part.thought, thought_signature=part.thought_signature):
            yield Media(part)


class _Calls:
    """Holds a call back until its streamed arguments are complete."""

    def __init__(self) -> None:
        self._arguments = Arguments()
        self._open: tuple[FunctionCall, Part] | None = None

    def take(self, part: Part, call: FunctionCall) -> Iterator[Call]:
        begun = self._arguments.add(call)
        if begun is call:
            yield from self._done()
            yield Call(call, part)
            return
        if begun is not None:
            yield from self._done()
            self._open = (begun, part)
        if not call.will_continue:
            yield from self._done()

    def _done(self) -> Iterator[Call]:
        if self._open is not None:
            (call, part), self._open = self._open, None
            yield Call(call, Part(function_call=call, thought_signature=part.thought_signature))
