"""What a caller can ask of a call beyond the request: clocks, retries, a switch to stop it, hooks, pacing."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypedDict, cast

from headwater.client.cancel import CancelToken
from headwater.core.ending import Ending
from headwater.core.events import Retrying
from headwater.core.metrics import Metrics
from headwater.core.policy import ON_BREAK, Deadlines, OnBreak, Retry
from headwater.core.progress import Progress
from headwater.core.stages import Recipe
from headwater.core.watched import Watch
from headwater.errors import UsageError
from headwater.types import GenerateContentResponse


class Ended(Protocol):
    """What ``on_end`` is given: the stream, of which these are the first things to look at."""

    @property
    def ending(self) -> Ending | None:
        """How it ended."""

    @property
    def text(self) -> str:
        """The text that came."""

    @property
    def response(self) -> GenerateContentResponse:
        """The answer as far as it came."""

    @property
    def metrics(self) -> Metrics:
        """What was measured."""


class CallOptions(TypedDict, total=False):
    """Keyword arguments that every call takes."""

    deadlines: Deadlines
    """The four clocks, in seconds. They go before ``http_options.timeout``."""
    retry: Retry
    """How often to try. It goes before ``http_options.retry_options``."""
    cancel: CancelToken
    """A switch that stops the call from elsewhere."""
    raise_on_block: bool
    """Whether a refused prompt or answer raises ``BlockedError`` (after what had come)."""
    watch: Watch
    """Called with the time (monotonic seconds) and every step, fact and result of the call."""


class StreamOptions(CallOptions, total=False):
    """Keyword arguments that every stream takes."""

    on_break: OnBreak
    """What to do when the stream breaks after its first content: "fail" (default), "continue" or "restart"."""
    raise_on_cancel: bool
    """Whether the loop of a cancelled stream raises ``StreamCancelled`` instead of ending."""
    stages: Sequence[Recipe]
    """Transforms of the chunks, in order: ``smooth()``, ``coalesce()``, ``throttle()``, ``tap()`` or your own."""
    on_chunk: Callable[[GenerateContentResponse], object]
    """Called with every chunk, before the loop has it. May be a coroutine function in async."""
    on_text: Callable[[str], object]
    """Called with every piece of the answer's text. May be a coroutine function in async."""
    on_progress: Callable[[Progress], object]
    """Called with the progress after every chunk. May be a coroutine function in async."""
    on_retry: Callable[[Retrying], object]
    """Called when the stream failed and is tried again, or continued: the error, the failures in a row, the wait."""
    on_end: Callable[[Ended], object]
    """Called once with the stream when it has ended, however it did; ``stream.ending`` says how."""
    target_words: int
    """How many words were asked for: what ``stream.progress`` is measured by; else it is ``max_output_tokens``."""


_CALL = CallOptions.__optional_keys__
_STREAM = StreamOptions.__optional_keys__


def check(options: Mapping[str, Any], *, stream: bool) -> StreamOptions:
    """Return ``options`` when they are such.

    Raises:
        UsageError: there is none of that name, or its value does not fit.
    """
    known = _STREAM if stream else _CALL
    for name, value in options.items():
        if name not in known:
            raise UsageError(_unknown(name, known))
        if not _CHECKS.get(name, callable)(value):
            raise UsageError(f"{name} is {_WORDS.get(name, 'a function')}, not {value!r}")
    if inspect.iscoroutinefunction(options.get("on_end")):
        raise UsageError("on_end is a plain function, since a stream can end where nothing can be awaited")
    return cast("StreamOptions", options)


def _unknown(name: str, known: frozenset[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"there is no option {name!r}: do you mean {near[0]!r}?"
    if name in _STREAM:
        return f"the option {name!r} is for streams only"
    return f"there is no option {name!r}: there are {', '.join(sorted(known))}"


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "deadlines": lambda value: isinstance(value, Deadlines),
    "retry": lambda value: isinstance(value, Retry),
    "cancel": lambda value: isinstance(value, CancelToken),
    "raise_on_block": lambda value: isinstance(value, bool),
    "raise_on_cancel": lambda value: isinstance(value, bool),
    "on_break": lambda value: value in ON_BREAK,
    "stages": lambda value: True,  # what makes stages of them looks more closely
    "target_words": lambda value: isinstance(value, int) and value > 0,
}
_WORDS = {
    "deadlines": "a Deadlines(first_content=..., content_gap=..., byte_gap=..., total=...)",
    "retry": "a Retry(attempts=...)",
    "cancel": "a CancelToken()",
    "raise_on_block": "True or False",
    "raise_on_cancel": "True or False",
    "on_break": f"one of {', '.join(ON_BREAK)}",
    "target_words": "a number of words",
}
