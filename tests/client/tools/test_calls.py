"""The calls of one answer: side by side, in their order, each one answered whatever becomes of it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from headwater.client.tools import calls
from headwater.errors import FunctionCallError, UsageError
from headwater.types import (
    AutomaticFunctionCallingConfig,
    Blob,
    FunctionCall,
    FunctionDeclaration,
    FunctionResponse,
    Part,
    Tool,
)
from tests.support.tool_cases import Color, Inner, Leaf

WORD = contextvars.ContextVar("WORD", default="nothing")
CONTENT = {"inner": Inner(x=1), "leaf": Leaf(1), "color": Color.RED, "day": date(2026, 1, 2), "set": {1}, "b": b"x"}

Runner = Callable[[list[calls.PlannedCall]], list[Part]]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Runner:
    """Both colours."""
    return calls.run_calls if request.param == "sync" else lambda planned: asyncio.run(calls.arun_calls(planned))


def planned(*wanted: FunctionCall, functions: list[Any]) -> list[calls.PlannedCall]:
    return calls.plan_calls(wanted, calls.functions_by_name(functions, is_async=True))


def response(part: Part) -> FunctionResponse:
    assert part.function_response is not None
    return part.function_response


def give(what: str) -> Any:
    return CONTENT[what]


def fail(why: str) -> None:
    raise RuntimeError(why)


def test_each_call_is_answered_in_its_order(run: Runner) -> None:
    """With its id and name; an unknown function, bad arguments and an exception are answers too."""
    parts = run(
        planned(
            FunctionCall(id="1", name="give", args={"what": "inner"}),
            FunctionCall(id="2", name="nowhere", args={}),
            FunctionCall(id="3", name="fail", args={"why": "broken"}),
            FunctionCall(name="give"),
            FunctionCall(id="5", name="fail", args={"why": ""}),
            functions=[give, fail],
        )
    )
    assert [(response(part).id, response(part).name, response(part).response) for part in parts] == [
        ("1", "give", {"result": {"x": 1, "y": None}}),
        ("2", "nowhere", {"error": "unknown function 'nowhere'; the functions are: fail, give"}),
        ("3", "fail", {"error": "RuntimeError: broken"}),
        (None, "give", {"error": "give needs 'what'"}),
        ("5", "fail", {"error": "RuntimeError"}),
    ]
    assert run([]) == []


def test_what_a_function_raised_is_kept(run: Runner) -> None:
    """The model reads its text; who looks for the cause has the exception."""
    wanted = planned(FunctionCall(name="fail", args={"why": "broken"}), FunctionCall(name="fail"), functions=[fail])
    run(wanted)
    assert [type(each.error) for each in wanted] == [RuntimeError, FunctionCallError]
    assert wanted[0].error is not None
    assert wanted[0].error.__traceback__ is not None


def test_results_are_written_as_json(run: Runner) -> None:
    """Under "result", as google-genai does, a dict as well; what JSON has no words for is an error."""

    def everything() -> dict[str, Any]:
        return CONTENT

    def nothing() -> None: ...

    def odd() -> Any:
        return {"a": object()}

    names = ("everything", "nothing", "odd")
    parts = run(planned(*(FunctionCall(name=name) for name in names), functions=[everything, nothing, odd]))
    assert [response(part).response for part in parts] == [
        {
            "result": {
                "inner": {"x": 1, "y": None},
                "leaf": {"a": 1, "b": "q", "c": []},
                "color": "red",
                "day": "2026-01-02",
                "set": [1],
                "b": "eA==",
            }
        },
        {"result": None},
        {"error": "TypeError: object cannot be written as JSON"},
    ]


def test_responses_that_a_function_makes_itself_are_passed_on(run: Runner) -> None:
    """With the call's id and name where they have none; media become parts of the response."""
    made = FunctionResponse(response={"a": 1}, will_continue=False)

    def respond() -> FunctionResponse:
        return made

    def part() -> Part:
        return Part.from_function_response(name="other", response={"b": 2})

    def picture() -> Part:
        return Part.from_bytes(data=b"x", mime_type="image/png")

    def pictures() -> list[Any]:
        return [Blob(data=b"x", mime_type="image/png"), Part.from_uri(file_uri="files/a", mime_type="image/png")]

    names = ("respond", "part", "picture", "pictures")
    wanted = (FunctionCall(id=name, name=name) for name in names)
    found = [response(each) for each in run(planned(*wanted, functions=[respond, part, picture, pictures]))]
    assert [(each.id, each.name) for each in found] == [
        ("respond", "respond"),
        ("part", "other"),
        ("picture", "picture"),
        ("pictures", "pictures"),
    ]
    assert (found[0].response, found[0].will_continue, found[1].response) == ({"a": 1}, False, {"b": 2})
    assert made.id is None
    assert [len(each.parts or ()) for each in found] == [0, 0, 1, 2]


def test_calls_run_side_by_side(run: Runner) -> None:
    """Each waits for the other: one after the other they would wait for ever."""
    barrier = threading.Barrier(3, timeout=20)

    def meet(number: int) -> int:
        barrier.wait()
        return number

    wanted = [FunctionCall(name="meet", args={"number": number}) for number in range(3)]
    assert [response(part).response for part in run(planned(*wanted, functions=[meet]))] == [
        {"result": number} for number in range(3)
    ]


def test_coroutines_run_side_by_side() -> None:
    """In one loop, and a plain function beside them."""

    async def main() -> list[Part]:
        ready = asyncio.Event()

        async def wait() -> str:
            await asyncio.wait_for(ready.wait(), 20)
            return "waited"

        async def wake() -> str:
            ready.set()
            return "woke"

        names = ("wait", "wake", "give")
        wanted = [FunctionCall(name=name, args={"what": "color"} if name == "give" else None) for name in names]
        return await calls.arun_calls(planned(*wanted, functions=[wait, wake, give]))

    assert [response(part).response for part in asyncio.run(main())] == [
        {"result": "waited"},
        {"result": "woke"},
        {"result": "red"},
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_context_variables_are_there(run: Runner, count: int) -> None:
    """In threads too, for one call and for several."""

    def word() -> str:
        return WORD.get()

    token = WORD.set("set by the caller")
    try:
        parts = run(planned(*[FunctionCall(name="word")] * count, functions=[word]))
    finally:
        WORD.reset(token)
    assert [response(part).response for part in parts] == [{"result": "set by the caller"}] * count


@pytest.mark.parametrize("count", [1, 2])
def test_an_interrupt_is_no_answer(run: Runner, count: int) -> None:
    """Ctrl-C and exits leave the calls; they are not told to the model."""

    class StopNow(BaseException):
        pass

    def stop() -> None:
        raise StopNow

    with pytest.raises(StopNow):
        run(planned(*[FunctionCall(name="stop")] * count, functions=[stop]))


def test_tools_that_can_not_be_called_are_refused_early() -> None:
    """A coroutine function where nothing awaits it; two functions of one name. What is only declared is passed over."""

    async def later() -> None: ...

    with pytest.raises(UsageError, match="later is a coroutine function"):
        calls.functions_by_name([later], is_async=False)
    with pytest.raises(UsageError, match="two of the tools are named 'give'"):
        calls.functions_by_name([give, type("give", (), {"__call__": lambda self: None})()], is_async=True)
    declared = Tool(function_declarations=[FunctionDeclaration(name="x")])
    assert calls.functions_by_name([give, declared, {"google_search": {}}, give], is_async=False) == {"give": give}
    assert calls.functions_by_name(None, is_async=False) == {}


def test_a_coroutine_where_nothing_awaits_it_is_answered() -> None:
    """A function that only turns out to return one: the model is told, and the coroutine is closed."""

    async def later() -> None: ...

    def sly() -> Any:
        return later()

    (part,) = calls.run_calls(planned(FunctionCall(name="sly"), functions=[sly]))
    assert "returned a coroutine" in (response(part).response or {})["error"]


DECLARED = Tool(function_declarations=[FunctionDeclaration(name="x")])


@pytest.mark.parametrize(
    ("config", "tools", "expected"),
    [
        (None, [give], 10),
        (None, None, 0),
        (None, [Tool(google_search={})], 0),
        (None, [give, {"google_search": {}}], 10),
        (None, [give, DECLARED], 0),
        (None, [give, {"functionDeclarations": [{"name": "x"}]}], 0),
        ({"disable": True}, [give], 0),
        ({"maximum_remote_calls": 3}, [give], 3),
        ({"maximum_remote_calls": -1}, [give], 0),
    ],
)
def test_how_many_requests_may_be_made(config: Any, tools: Any, expected: int) -> None:
    """Ten unless something else is said; none where functions are only declared."""
    settings = AutomaticFunctionCallingConfig(**config) if config else None
    assert calls.max_remote_calls(settings, tools) == expected
