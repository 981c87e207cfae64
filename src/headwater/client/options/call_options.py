"""What a caller can ask of a call beyond the request: clocks, retries, a switch to stop it, hooks, pacing."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, cast

from headwater.client.options.cancel import CancelToken
from headwater.client.options.observers import FinishedCall, Observer
from headwater.core.answer.events import Retrying
from headwater.core.answer.progress import Progress
from headwater.core.machine.policy import ON_BREAK, Deadlines, OnBreak, Retry
from headwater.core.machine.tracing import Trace, combine_traces
from headwater.core.stages.base import Recipe
from headwater.errors import UsageError
from headwater.types import GenerateContentResponse


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
    trace: Trace
    """Called with the time (monotonic seconds) and every step, fact and result of the call: for debugging."""
    observers: Sequence[Observer]
    """Who is told that the call begins, is tried again and ends: logs, traces, figures (``headwater.telemetry``)."""


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
    """Called when the stream failed and is tried again, continued or begun anew: the error, the failures, the wait."""
    on_end: Callable[[FinishedCall], object]
    """Called once with the stream when it has ended, however it did; ``stream.ending`` says how."""
    target_words: int
    """How many words were asked for: what ``stream.progress`` is measured by; else it is ``max_output_tokens``."""


_CALL = CallOptions.__optional_keys__
_STREAM = StreamOptions.__optional_keys__
_NO_DEFAULTS: Mapping[str, Any] = {}


def check(options: Mapping[str, Any], *, stream: bool, defaults: Mapping[str, Any] = _NO_DEFAULTS) -> StreamOptions:
    """Return ``options`` when they are such, on top of ``defaults``, of which those are taken that fit the call.

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
    return cast("StreamOptions", _merged({name: defaults[name] for name in defaults if name in known}, options))


def _merged(defaults: Mapping[str, Any], options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options of a call on top of its client's; observers and traces are added, not replaced."""
    if not defaults:
        return options
    merged = {**defaults, **options}
    if "trace" in defaults and "trace" in options:
        merged["trace"] = combine_traces(defaults["trace"], options["trace"])
    if "observers" in defaults and "observers" in options:
        merged["observers"] = (*defaults["observers"], *options["observers"])
    return merged


def _unknown(name: str, known: frozenset[str]) -> str:
    if name in _STREAM:
        return f"the option {name!r} is for streams only"
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"there is no option {name!r}: do you mean {near[0]!r}?"
    return f"there is no option {name!r}: there are {', '.join(sorted(known))}"


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "deadlines": lambda value: isinstance(value, Deadlines),
    "retry": lambda value: isinstance(value, Retry),
    "cancel": lambda value: isinstance(value, CancelToken),
    "raise_on_block": lambda value: isinstance(value, bool),
    "raise_on_cancel": lambda value: isinstance(value, bool),
    "on_break": lambda value: value in ON_BREAK,
    "observers": lambda value: isinstance(value, list | tuple) and all(hasattr(one, "begin") for one in value),
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
    "observers": "a list of observers, each with a method begin(request)",
    "target_words": "a number of words",
}
