"""Runs the function calls of one answer, in parallel, sync or async, and returns the results in order.

An exception of a function is a result: the model gets its text and can try something else. What is not an
``Exception`` (KeyboardInterrupt, SystemExit, a cancellation from outside) ends the call.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from headwater.client.tools.functions import Function, acall, call, name_of, refuse_coroutine
from headwater.client.tools.json_schema import to_plain
from headwater.client.tools.mcp import McpFunction, is_tool
from headwater.core.answer.events import CallProgress
from headwater.errors import FunctionCallError, UsageError
from headwater.types import (
    AutomaticFunctionCallingConfig,
    Blob,
    FileData,
    FunctionCall,
    FunctionResponse,
    FunctionResponsePart,
    Part,
    Tool,
)

logger = logging.getLogger("headwater")

#: The default of ``maximum_remote_calls``, as in google-genai.
REMOTE_CALLS = 10
#: The number of calls of one answer that run at once.
MAX_THREADS = 32
#: The reports of progress that wait for a reader; older ones are dropped, since a later one says more.
MAX_REPORTS = 1000


def functions_by_name(tools: Iterable[Any] | None, *, is_async: bool) -> dict[str, Function]:
    """Return the Python functions among the tools, by the names that the model uses.

    Raises:
        UsageError: if two have the same name, or one is a coroutine function and ``is_async`` is False.
    """
    found: dict[str, Function] = {}
    for tool in tools or ():
        if not _is_function(tool):
            continue
        name = name_of(tool)
        # The same function twice is harmless; two functions of one name are a mistake.
        if found.setdefault(name, tool) is not tool:
            raise UsageError(f"two of the tools are named {name!r}: the model could not tell them apart")
        if not is_async:
            refuse_coroutine(tool)
    return found


def max_remote_calls(config: AutomaticFunctionCallingConfig | None, tools: Iterable[Any] | None) -> int:
    """Return the highest number of requests with calls run in between; 0 if functions are not called automatically.

    A ``Tool`` with ``function_declarations`` turns it off: only the user can answer calls of declared functions.
    """
    tools = list(tools or ())
    if not any(_is_function(tool) for tool in tools) or any(_declares(tool) for tool in tools):
        return 0
    if config is None:
        return REMOTE_CALLS
    most = REMOTE_CALLS if config.maximum_remote_calls is None else config.maximum_remote_calls
    return 0 if config.disable else max(0, most)


class PlannedCall:
    """One call with its function; ``answer`` makes the part that goes back to the model."""

    def __init__(
        self,
        call: FunctionCall,
        function: Function | None,
        known: Iterable[str],
        report: Callable[[CallProgress], object] | None = None,
    ) -> None:
        self.call = call
        self.function = function
        #: What the function raised, or why it was not called; None on success.
        self.error: Exception | None = None
        self._known = known
        self._report = report

    def run(self) -> Part:
        """Call the function and return the part for the model; an error of the function becomes one, too."""
        if self.function is None:
            return self._unknown_function()
        try:
            value = call(self.function, self.call.args)
            # refuse_coroutine() caught declared ones; this is a plain function that returned one anyway.
            if inspect.iscoroutine(value):
                value.close()
                raise UsageError(f"{self.call.name} returned a coroutine: use client.aio, which can await it")
            return self.answer(value)
        except Exception as error:
            return self.failure(error)

    async def arun(self) -> Part:
        """Call the function and return the part for the model; a plain function runs in a thread."""
        if self.function is None:
            return self._unknown_function()
        try:
            return self.answer(await self._value(self.function))
        except asyncio.CancelledError:
            # Either our task is being cancelled, which must go on, or the function raised it by itself.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self.error = RuntimeError("the function was cancelled")  # it cancelled itself, not we
            return self._part({"error": str(self.error)})
        except Exception as error:
            return self.failure(error)

    def answer(self, value: Any) -> Part:
        """Return the result as a part: ``{"result": value}``, or a response that the function made itself.

        Raises:
            TypeError: if the value has no JSON form.
        """
        if isinstance(value, Part) and value.function_response is not None:
            value = value.function_response
        if isinstance(value, FunctionResponse):
            identity = {"id": value.id or self.call.id, "name": value.name or self.call.name}
            return Part(function_response=value.model_copy(update=identity))
        if (media := _media(value)) is not None:
            return self._part({"result": f"{len(media)} file(s)"}, media)
        return self._part({"result": to_plain(value)})

    def failure(self, error: Exception) -> Part:
        """Return an error as the part for the model, and keep it: the model gets only its type and text."""
        self.error = error
        if isinstance(error, FunctionCallError):  # the model's mistake: it sees what is wrong and asks again
            return self._part({"error": str(error)})
        logger.warning("the function %s raised %s", self.call.name, type(error).__name__, exc_info=error)
        return self._part({"error": f"{type(error).__name__}: {error}" if str(error) else type(error).__name__})

    async def _value(self, function: Function) -> Any:
        if not isinstance(function, McpFunction):
            return await acall(function, self.call.args)
        report = self._report
        if report is None:
            return await function(self.call.args)
        return await function(self.call.args, lambda *measured: report(CallProgress(self.call, *measured)))

    def _unknown_function(self) -> Part:
        known = ", ".join(sorted(self._known)) or "none"
        return self._part({"error": f"unknown function {self.call.name!r}; the functions are: {known}"})

    def _part(self, response: dict[str, Any], media: list[FunctionResponsePart] | None = None) -> Part:
        return Part(
            function_response=FunctionResponse(id=self.call.id, name=self.call.name, response=response, parts=media)
        )


def plan_calls(
    calls: Iterable[FunctionCall],
    functions: Mapping[str, Function],
    report: Callable[[CallProgress], object] | None = None,
) -> list[PlannedCall]:
    """Return the calls of an answer in order, each with its function. ``report`` is told of their progress."""
    return [PlannedCall(call, functions.get(call.name or ""), functions, report) for call in calls]


def run_calls(planned: Sequence[PlannedCall]) -> list[Part]:
    """Run calls in parallel, each in a thread with the caller's context variables; a single one runs in this thread.

    The results are in the order of the calls. What is not an ``Exception`` (Ctrl-C) is raised.
    """
    # One call stays in the caller's thread: thread-locals work, and a debugger stops where one expects it.
    if len(planned) < 2:
        return [each.run() for each in planned]
    pool = ThreadPoolExecutor(min(len(planned), MAX_THREADS), thread_name_prefix="headwater-function")
    try:
        waiting = [pool.submit(contextvars.copy_context().run, each.run) for each in planned]
        return [each.result() for each in waiting]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after Ctrl-C, do not wait for functions that still run


async def arun_calls(planned: Sequence[PlannedCall]) -> list[Part]:
    """Run calls in parallel: coroutines in tasks, plain functions in threads, with the caller's context variables.

    The results are in the order of the calls. Cancelling cancels the coroutines; a plain function runs to its end.
    """
    return list(await asyncio.gather(*(each.arun() for each in planned)))


class RunningCalls:
    """The calls of one answer while they run in a task: reports of their progress as they arrive, then the results."""

    def __init__(
        self, calls: Iterable[FunctionCall], functions: Mapping[str, Function], *, reports_progress: bool
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._reports: deque[CallProgress] = deque(maxlen=MAX_REPORTS)
        planned = plan_calls(calls, functions, self._take if reports_progress else None)
        self._task = self._loop.create_task(arun_calls(planned))
        self._task.add_done_callback(lambda _: self._woken.set())

    async def next(self) -> CallProgress | list[Part]:
        """Return the next report, or the results when the calls are done.

        Raises:
            asyncio.CancelledError: if the calls were cancelled, by ``cancel`` or together with the waiting task.
        """
        while not self._reports and not self._task.done():
            self._woken.clear()
            try:
                await self._woken.wait()
            except asyncio.CancelledError:
                # As if the task itself were awaited: the functions are cancelled first, and have cleaned up.
                self._task.cancel()
                await asyncio.wait([self._task])
                raise
        return self._reports.popleft() if self._reports else self._task.result()

    def cancel(self) -> None:
        """Cancel the calls. May be called from any thread, any number of times."""
        with suppress(RuntimeError):  # the loop is closed, and nothing runs any more
            self._loop.call_soon_threadsafe(self._task.cancel)

    def _take(self, progress: CallProgress) -> None:
        self._reports.append(progress)
        self._woken.set()


def _is_function(tool: Any) -> bool:
    return callable(tool) and not isinstance(tool, Tool | Mapping)


def _declares(tool: Any) -> bool:
    if isinstance(tool, Mapping):
        return bool(tool.get("function_declarations") or tool.get("functionDeclarations"))
    return is_tool(tool) or (isinstance(tool, Tool) and bool(tool.function_declarations))


def _media(value: Any) -> list[FunctionResponsePart] | None:
    """Return the files in a result: a Part, Blob or FileData, or a list of these. None for anything else."""
    items = value if isinstance(value, list) and value else [value]
    found = [_medium(item) for item in items]
    return [part for part in found if part is not None] if all(found) else None


def _medium(item: Any) -> FunctionResponsePart | None:
    if isinstance(item, Part):
        item = item.inline_data or item.file_data
    if isinstance(item, Blob):
        return FunctionResponsePart(inline_data=item)
    if isinstance(item, FileData):
        return FunctionResponsePart(file_data=item)
    return item if isinstance(item, FunctionResponsePart) else None
