"""From a request to the machine that carries it out, and what its stream needs beside: the same in both colours."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from headwater.client.options.call_options import CallOptions, StreamOptions, check
from headwater.client.options.observers import CallRequest, ObserverGroup
from headwater.client.request.settings import Settings
from headwater.client.stream.base import ANSWERS, Functions, W
from headwater.core.answer.events import Retrying
from headwater.core.machine.function_calling import FunctionCalling
from headwater.core.machine.machine import Machine
from headwater.core.machine.tracing import TracedMachine
from headwater.core.stages.base import start_stages
from headwater.core.wire.framing import SingleDocument
from headwater.core.wire.gemini import Gemini
from headwater.core.wire.request import HttpRequest
from headwater.types import GenerateContentConfig, HttpOptions

_NO_OPTIONS: CallOptions = {}


def build_stream(
    settings: Settings,
    dialect: Gemini[W],
    request: HttpRequest,
    config: GenerateContentConfig,
    options: StreamOptions,
    *,
    is_async: bool,
    **place: Any,
) -> tuple[Machine[W], dict[str, Any]]:
    """Return the machine of a stream, and the other arguments of the stream. ``place`` says where it stands already.

    Raises:
        UsageError: an option or a function is wrong.
    """
    options = check(options, stream=True, defaults=settings.defaults)
    observed = _observe(request, options, settings, stream=True)
    function_calling, functions = automatic_calling(config, is_async=is_async)
    machine = _make_machine(
        dialect,
        request,
        settings,
        config.http_options,
        options,
        stream=True,
        observed=observed,
        continues=config.automatic_continuation is not False,
        function_calling=function_calling,
        **place,
    )
    return machine, {"options": options, "config": config, "functions": functions, "observed": observed}


def build_call(
    settings: Settings,
    dialect: Gemini[W],
    request: HttpRequest,
    http_options: HttpOptions | None,
    options: CallOptions,
    **more: Any,
) -> tuple[Machine[W], dict[str, Any]]:
    """Return the machine of a call with one result, and the other arguments of the call.

    Raises:
        UsageError: an option is wrong.
    """
    options = check(options, stream=False, defaults=settings.defaults if dialect is ANSWERS else _NO_OPTIONS)
    observed = _observe(request, options, settings, stream=False)
    machine = _make_machine(dialect, request, settings, http_options, options, observed=observed, **more)
    return machine, {"options": {**options, "raise_on_cancel": True}, "observed": observed}


def _make_machine(
    dialect: Gemini[W],
    request: HttpRequest,
    settings: Settings,
    http_options: HttpOptions | None,
    options: StreamOptions,
    *,
    stream: bool = False,
    observed: ObserverGroup | None = None,
    **more: Any,
) -> Machine[W]:
    """Return the machine of one call."""
    make: Any = Machine
    if "trace" in options:
        make, more["trace"] = TracedMachine, options["trace"]
    machine: Machine[W] = make(
        dialect,
        request,
        framing=dialect.framing if stream else SingleDocument,
        retry=options.get("retry") or settings.retry(http_options),
        deadlines=options.get("deadlines") or settings.deadlines(http_options),
        on_break=options.get("on_break", "fail"),
        raise_on_block=options.get("raise_on_block", False),
        on_retry=_on_retry(options, observed),
        stages=start_stages(options["stages"]) if options.get("stages") else None,
        jitter=random.random,
        **more,
    )
    return machine


def _observe(request: HttpRequest, options: StreamOptions, settings: Settings, *, stream: bool) -> ObserverGroup | None:
    """Return the observers of one call; None where there are none."""
    observers = options.get("observers")
    if not observers:
        return None
    call_request = CallRequest(
        url=request.url, body=request.body or b"{}", is_stream=stream, is_vertex=settings.vertexai
    )
    return ObserverGroup(observers, call_request)


def automatic_calling(config: GenerateContentConfig, *, is_async: bool) -> tuple[FunctionCalling | None, Functions]:
    """Return what decides about automatic calls, None where there are none, and the functions by their names.

    Raises:
        UsageError: two functions have one name, or one would have to be awaited where nothing can.
    """
    if not any(callable(tool) for tool in config.tools or ()):
        return None, {}
    from headwater.client.tools.calls import functions_by_name, max_remote_calls

    given = config.automatic_function_calling
    max_requests = max_remote_calls(given, config.tools)
    if not max_requests:
        return None, {}
    function_calling = FunctionCalling(max_requests, keeps_history=given is None or not given.ignore_call_history)
    return function_calling, functions_by_name(config.tools, is_async=is_async)


def _on_retry(options: StreamOptions, observed: ObserverGroup | None) -> Callable[[Retrying], object] | None:
    """Who is told that a call is tried again: the observers, and then the caller."""
    on_retry = options.get("on_retry")
    if observed is None:
        return on_retry

    def tell(event: Retrying) -> None:
        observed.retrying(event)
        if on_retry is not None:
            on_retry(event)

    return tell
