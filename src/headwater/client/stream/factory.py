"""From a request and its options to the parts of a stream or call; the same for sync and async."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from headwater.client.options.call_options import CallOptions, StreamOptions, check
from headwater.client.options.observers import CallRequest, ObserverGroup
from headwater.client.request.settings import Settings
from headwater.client.stream.base import BaseStream, Functions, StreamParts
from headwater.core.answer.events import Retrying
from headwater.core.machine.config import MachineConfig
from headwater.core.machine.function_calling import FunctionCalling
from headwater.core.machine.machine import Machine
from headwater.core.machine.tracing import TracedMachine
from headwater.core.stages.base import Stage, start_stages
from headwater.core.wire.dialect import Dialect, answer_rules
from headwater.core.wire.request import HttpRequest
from headwater.types import GenerateContentConfig, GenerateContentResponse, HttpOptions

R = TypeVar("R")
_NO_OPTIONS: CallOptions = {}
#: Called with each request before it is sent, and whether a stream is asked for; in the context of the caller. Empty
#: unless a program has imported google-genai's inner client, where instrumentation looks at requests.
announced: list[Callable[[Settings, HttpRequest, bool], None]] = []
_NO_FUNCTIONS: Functions = {}


class StreamEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Where a stream is entered: at its beginning, or at a stored one ``after`` so many of its documents.

    ``adapt`` makes stages, which transform chunks, fit for results of another type.
    """

    name: str | None = None
    after: int = 0
    adapt: Callable[[Stage], Stage] | None = None


def build_stream(
    settings: Settings,
    dialect: Dialect[R],
    request: HttpRequest,
    config: GenerateContentConfig,
    options: StreamOptions,
    *,
    is_async: bool,
    entry: StreamEntry,
    on_end: Callable[[BaseStream[R]], None] | None = None,
) -> StreamParts[R]:
    """Return the parts of a stream of the answer to ``request``.

    Raises:
        UsageError: if an option or a function is invalid.
    """
    options = check(options, stream=True, defaults=settings.defaults)
    observers = _observe(dialect, request, options, settings, is_stream=True)
    # Functions are checked here, before anything is sent: an error in a tool must not cost a request.
    function_calling, functions = automatic_calling(config, dialect, is_async=is_async)
    limits = _limits(settings, config.http_options, options, observers)
    stages = _stages(options, entry)
    limits = msgspec.structs.replace(
        limits,
        is_stream=True,
        on_break=options.get("on_break", "fail"),
        continues=config.automatic_continuation is not False,
        stages=stages,
        function_calling=function_calling,
        name=entry.name,
        after=entry.after,
    )
    machine = _make_machine(dialect, request, limits, options)
    return StreamParts(machine, options, config, functions, observers, on_end)


def _stages(options: StreamOptions, entry: StreamEntry) -> Stage | None:
    recipes = options.get("stages")
    if not recipes:
        return None
    stages = start_stages(recipes)
    return stages if entry.adapt is None else entry.adapt(stages)


def build_answer(
    settings: Settings,
    dialect: Dialect[R],
    request: HttpRequest,
    config: GenerateContentConfig,
    options: CallOptions,
    *,
    is_async: bool,
) -> StreamParts[R]:
    """Return the parts of a call that returns the whole answer to ``request``.

    Raises:
        UsageError: if an option or a function is invalid.
    """
    function_calling, functions = automatic_calling(config, dialect, is_async=is_async)
    checked = check(options, stream=False, defaults=settings.defaults)
    observers = _observe(dialect, request, checked, settings, is_stream=False)
    limits = msgspec.structs.replace(
        _limits(settings, config.http_options, checked, observers),
        continues=config.automatic_continuation is not False,
        function_calling=function_calling,
    )
    machine = _make_machine(dialect, request, limits, checked)
    return StreamParts(machine, {**checked, "raise_on_cancel": True}, None, functions, observers)


def build_call(
    settings: Settings,
    dialect: Dialect[R],
    request: HttpRequest,
    http_options: HttpOptions | None,
    options: CallOptions,
) -> StreamParts[R]:
    """Return the parts of any other call with one result. The client's default options are for answers alone.

    Raises:
        UsageError: if an option is invalid.
    """
    checked = check(options, stream=False)
    observers = _observe(dialect, request, checked, settings, is_stream=False)
    machine = _make_machine(dialect, request, _limits(settings, http_options, checked, observers), checked)
    return StreamParts(machine, {**checked, "raise_on_cancel": True}, None, _NO_FUNCTIONS, observers)


def with_body(answer: GenerateContentResponse, config: GenerateContentConfig) -> GenerateContentResponse:
    """Return ``answer``; ``sdk_http_response`` has the body of the HTTP response if ``config`` asks for it."""
    if config.should_return_http_response:
        answer.__dict__["_body"] = answer.raw.decode()
    return answer


def _limits(
    settings: Settings, http_options: HttpOptions | None, options: StreamOptions, observers: ObserverGroup | None
) -> MachineConfig:
    """The configuration that every call has: those of a single result."""
    return MachineConfig(
        is_stream=False,
        # An option of the call comes before google-genai's own place for it, ``http_options``.
        retry=options.get("retry") or settings.retry(http_options),
        deadlines=options.get("deadlines") or settings.deadlines(http_options),
        timeout=None if "deadlines" in options else settings.timeout_option(http_options),
        raise_on_block=options.get("raise_on_block", False),
        on_retry=_on_retry(options, observers),
        jitter=random.random,
    )


def _make_machine(
    dialect: Dialect[R], request: HttpRequest, config: MachineConfig, options: StreamOptions
) -> Machine[R]:
    if "trace" in options:
        return TracedMachine(dialect, request, config, options["trace"])
    return Machine(dialect, request, config)


def _observe(
    dialect: Dialect[Any], request: HttpRequest, options: StreamOptions, settings: Settings, *, is_stream: bool
) -> ObserverGroup | None:
    """Announce the request of one call, and return its observers; None if it has none."""
    for announce in announced:
        announce(settings, request, is_stream)
    observers = options.get("observers")
    if not observers:
        return None
    kind, view = CallRequest, None
    if answer_rules(dialect).is_foldable:
        # Imported here: most programs have no interactions.
        from headwater.client.options.interaction_calls import InteractionCallView, InteractionRequest

        kind, view = InteractionRequest, InteractionCallView
    call = kind(url=request.url, body=request.body or b"{}", is_stream=is_stream, is_vertex=settings.vertexai)
    return ObserverGroup(observers, call, view)


def automatic_calling(
    config: GenerateContentConfig, dialect: Dialect[Any], *, is_async: bool
) -> tuple[FunctionCalling | None, Functions]:
    """Return what decides about automatic calls, None if nothing is called, and the functions by their names.

    Raises:
        UsageError: if two functions share a name, or one would have to be awaited by a sync call.
    """
    if not any(callable(tool) for tool in config.tools or ()):
        return None, _NO_FUNCTIONS
    # Imported here: schemas and annotations are heavy, and most calls have no functions.
    from headwater.client.tools.calls import functions_by_name, max_remote_calls

    settings = config.automatic_function_calling
    max_requests = max_remote_calls(settings, config.tools)
    if not max_requests:
        return None, _NO_FUNCTIONS
    # An interaction has no place for it: its steps are the history.
    keeps_history = (settings is None or not settings.ignore_call_history) and not answer_rules(dialect).is_foldable
    return FunctionCalling(max_requests, keeps_history=keeps_history), functions_by_name(
        config.tools, is_async=is_async
    )


def _on_retry(options: StreamOptions, observers: ObserverGroup | None) -> Callable[[Retrying], object] | None:
    """What is called before a call is tried again: the observers, then the caller's hook."""
    on_retry = options.get("on_retry")
    if observers is None:
        return on_retry

    def report(event: Retrying) -> None:
        observers.retrying(event)
        if on_retry is not None:
            on_retry(event)

    return report
