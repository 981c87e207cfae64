"""The keyword options of calls and streams, and how those of a client and of a call combine."""

from __future__ import annotations

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
    """The four deadlines, in seconds. They take precedence over ``http_options.timeout``."""
    retry: Retry
    """When and how often to retry. Takes precedence over ``http_options.retry_options``."""
    cancel: CancelToken
    """Cancels the call from any other thread or task."""
    raise_on_block: bool
    """Whether a blocked prompt or response raises ``BlockedError`` (after everything received)."""
    trace: Trace
    """Called with the time (monotonic seconds) and every step, fact and result of the call: for debugging."""
    observers: Sequence[Observer]
    """Told of the beginning, each retry and the end of the call: logs, traces, metrics (``headwater.telemetry``)."""


class StreamOptions(CallOptions, total=False):
    """Keyword arguments that every stream takes."""

    on_break: OnBreak
    """What to do when the stream breaks after its first content: "fail" (default), "continue" or "restart"."""
    raise_on_cancel: bool
    """Whether the loop of a cancelled stream raises ``StreamCancelled`` instead of ending."""
    stages: Sequence[Recipe]
    """Transforms of the chunks, in order: ``smooth()``, ``coalesce()``, ``throttle()``, ``tap()`` or your own."""
    on_chunk: Callable[[GenerateContentResponse], object]
    """Called with every chunk, before the loop gets it. May be a coroutine function in async."""
    on_text: Callable[[str], object]
    """Called with the text of every chunk that has some. May be a coroutine function in async."""
    on_progress: Callable[[Progress], object]
    """Called with the progress after every chunk. May be a coroutine function in async."""
    on_retry: Callable[[Retrying], object]
    """Called when the stream failed and is retried, resumed or restarted: the error, the failures, the wait."""
    on_end: Callable[[FinishedCall], object]
    """Called once with the stream when it has ended; ``stream.ending`` says how."""
    target_words: int
    """The number of words to expect, which ``stream.progress`` measures against; else ``max_output_tokens``."""


# The TypedDicts above are the list of options: check() reads their keys.
_CALL = CallOptions.__optional_keys__
_STREAM = StreamOptions.__optional_keys__
_NO_DEFAULTS: Mapping[str, Any] = {}


def check(options: Mapping[str, Any], *, stream: bool, defaults: Mapping[str, Any] = _NO_DEFAULTS) -> StreamOptions:
    """Check ``options`` and return them on top of those of the ``defaults`` that apply to the call.

    Raises:
        UsageError: if an option does not exist, or its value has the wrong type.
    """
    known = _STREAM if stream else _CALL
    # Checked when the call is made and not when an option is used: a typo fails before anything is sent.
    for name, value in options.items():
        if name not in known:
            raise UsageError(_unknown_option_text(name, known))
        if not _CHECKS.get(name, callable)(value):
            raise UsageError(f"{name} must be {_DESCRIPTIONS.get(name, 'a function')}, not {value!r}")
    if inspect.iscoroutinefunction(options.get("on_end")):
        raise UsageError("on_end must be a plain function, since a stream can end where nothing can be awaited")
    return cast("StreamOptions", _merge({name: defaults[name] for name in defaults if name in known}, options))


def _merge(defaults: Mapping[str, Any], options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options of a call on top of its client's; observers and traces are added, not replaced."""
    if not defaults:
        return options
    # Whoever set up the client's logs does not want a call to turn them off by adding its own.
    merged = {**defaults, **options}
    if "trace" in defaults and "trace" in options:
        merged["trace"] = combine_traces(defaults["trace"], options["trace"])
    if "observers" in defaults and "observers" in options:
        merged["observers"] = (*defaults["observers"], *options["observers"])
    return merged


def _unknown_option_text(name: str, known: frozenset[str]) -> str:
    if name in _STREAM:
        return f"the option {name!r} is for streams only"
    import difflib  # here, since only this error needs it

    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"unknown option {name!r}: did you mean {near[0]!r}?"
    return f"unknown option {name!r}: the options are {', '.join(sorted(known))}"


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "deadlines": lambda value: isinstance(value, Deadlines),
    "retry": lambda value: isinstance(value, Retry),
    "cancel": lambda value: isinstance(value, CancelToken),
    "raise_on_block": lambda value: isinstance(value, bool),
    "raise_on_cancel": lambda value: isinstance(value, bool),
    "on_break": lambda value: value in ON_BREAK,
    "observers": lambda value: isinstance(value, list | tuple) and all(hasattr(one, "begin") for one in value),
    "stages": lambda value: True,  # start_stages() checks them when the stream is made
    "target_words": lambda value: isinstance(value, int) and value > 0,
}
_DESCRIPTIONS = {
    "deadlines": "a Deadlines(first_content=..., content_gap=..., byte_gap=..., total=...)",
    "retry": "a Retry(attempts=...)",
    "cancel": "a CancelToken()",
    "raise_on_block": "True or False",
    "raise_on_cancel": "True or False",
    "on_break": f"one of {', '.join(ON_BREAK)}",
    "observers": "a list of observers, each with a method begin(request)",
    "target_words": "a number of words",
}
