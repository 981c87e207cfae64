"""Functions while they run: side by side, in their time, until somebody stops them."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from typing import Any

import pytest

from headwater import genai
from headwater.core.machine.steps import FunctionsReturned, Run
from headwater.streaming import Deadlines, EndingKind, smooth
from tests.support.call_cases import DONE, Tools, answers, calls, results
from tests.support.servers import PATIENCE, Server, says
from tests.support.sides import run_async

WORD = contextvars.ContextVar("WORD", default="nothing")


def test_calls_of_one_answer_run_side_by_side(side: Any) -> None:
    """Each waits for the other, and context variables are there."""
    barrier = threading.Barrier(2)

    def meet(name: str) -> str:
        barrier.wait(PATIENCE)
        return f"{name} {WORD.get()}"

    async def ask(client: genai.Client) -> str:
        WORD.set("inside")
        return (await client.aio.models.generate_content(model="m", contents="hi", config={"tools": [meet]})).text

    with Server(answers(calls(("meet", {"name": "a"}), ("meet", {"name": "b"})), DONE)) as server:
        client = server.client()
        if side.name == "sync":
            contextvars.copy_context().run(
                lambda: (WORD.set("inside"), side.ask(client, config={"tools": [meet]})),
            )
        else:
            run_async(ask(client))
        assert [result["response"]["result"] for result in results(server.requests[1])] == ["a inside", "b inside"]


def test_coroutine_functions_run_side_by_side_on_the_loop() -> None:
    async def main() -> str:
        barrier = asyncio.Barrier(2)

        async def meet(name: str) -> str:
            async with asyncio.timeout(PATIENCE):
                await barrier.wait()
            return name

        stream = await server.client().aio.models.generate_content_stream(
            model="m", contents="hi", config={"tools": [meet]}
        )
        return "".join([chunk.text async for chunk in stream])

    with Server(answers(calls(("meet", {"name": "a"}), ("meet", {"name": "b"})), DONE)) as server:
        assert run_async(main()) == "done"
        assert [result["id"] for result in results(server.requests[1])] == ["c0", "c1"]


def test_text_that_is_held_back_is_out_before_a_function_runs(side: Any) -> None:
    """However slowly it is shown: the function may ask the user something."""
    seen: list[str] = []

    def ask(question: str) -> str:
        seen.append(f"asked after {len(''.join(seen))}")
        return "yes"

    words = "a sentence that is shown slowly, and slowly, and slowly. "
    with Server(answers([says(words), calls(("ask", {"question": "?"}))], DONE)) as server:
        stream = side.stream(server.client(), config={"tools": [ask]}, stages=[smooth()], on_text=seen.append)
        text = "".join(chunk.text for chunk in side.read(stream))
    assert text == words + "done"
    assert f"asked after {len(words)}" in seen


def test_cancelling_from_a_function_ends_the_stream(side: Any) -> None:
    """Nothing more is asked; what had come stays."""
    streams: list[Any] = []

    def stop() -> str:
        streams[0].cancel("enough")
        return "stopped"

    with Server(answers(calls(("stop", {})), DONE)) as server:
        streams.append(side.stream(server.client(), config={"tools": [stop]}))
        chunks = side.read(streams[0])
        assert len(server.requests) == 1
    assert len(chunks) == 1
    ending = streams[0].ending
    assert (ending.kind, ending.reason) == (EndingKind.CANCELLED, "enough")
    assert streams[0].response.function_calls[0].name == "stop"


@pytest.mark.parametrize("way", ["stream", "task"])
def test_cancelling_cancels_the_coroutines_that_run(way: str) -> None:
    """Whether it is the stream or the task around it."""

    async def main() -> tuple[list[str], Any]:
        seen: list[str] = []
        begun = asyncio.Event()

        async def wait() -> None:
            begun.set()
            try:
                await asyncio.sleep(PATIENCE * 10)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        client = server.client()
        stream = await client.aio.models.generate_content_stream(model="m", contents="hi", config={"tools": [wait]})

        async def read() -> None:
            async for _ in stream:
                pass
            seen.append("ended")

        task = asyncio.create_task(read())
        await begun.wait()
        if way == "stream":
            await asyncio.to_thread(stream.cancel, "enough")  # from another thread, too
        else:
            task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() is (way == "task")
        return seen, stream.ending.kind

    with Server(answers(calls(("wait", {})), DONE)) as server:
        seen, kind = run_async(main())
        assert len(server.requests) == 1
    assert seen == (["cancelled", "ended"] if way == "stream" else ["cancelled"])
    assert kind is EndingKind.CANCELLED


def test_a_coroutine_that_was_cancelled_by_itself_is_answered() -> None:
    """It ends neither the stream nor the task that reads it."""

    async def give_up() -> None:
        raise asyncio.CancelledError

    async def main() -> str:
        models = server.client().aio.models
        return (await models.generate_content(model="m", contents="hi", config={"tools": [give_up]})).text

    with Server(answers(calls(("give_up", {})), DONE)) as server:
        assert run_async(main()) == "done"
        assert results(server.requests[1])[0]["response"] == {"error": "the function was cancelled"}


def test_ctrl_c_in_a_function_is_no_answer() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with Server(answers(calls(("interrupt", {})), DONE)) as server:
        stream = server.client().models.generate_content_stream(model="m", contents="hi", config={"tools": [interrupt]})
        with pytest.raises(KeyboardInterrupt):
            list(stream)
        assert stream.is_over
        assert len(server.requests) == 1


def test_the_connection_is_free_while_functions_run(side: Any) -> None:
    """A function may ask the model itself: it takes the very connection that brought the call."""
    inner: list[str] = []

    def think() -> str:
        answer = server.client().models.generate_content(model="m", contents="inner")
        inner.append(answer.text)
        return answer.text

    with Server(answers(calls(("think", {})), says("thought", "STOP"), DONE)) as server:
        client = server.client()
        assert side.ask(client, config={"tools": [think]}).text == "done"
        assert server.accepted == 2  # the two clients' own
    assert inner == ["thought"]


def test_a_watch_sees_functions_run(side: Any) -> None:
    tools = Tools()
    seen: list[Any] = []
    with Server(answers(calls(("add", {"a": 1, "b": 2})), DONE)) as server:
        stream = side.stream(server.client(), config={"tools": [tools.add]}, trace=lambda _, what: seen.append(what))
        side.read(stream)
    run = next(what for what in seen if isinstance(what, Run))
    answered = next(what for what in seen if isinstance(what, FunctionsReturned))
    assert run.calls[0].args == {"a": 1, "b": 2}
    assert answered.parts[0].function_response.response == {"result": 3}


def test_a_function_takes_its_time(side: Any) -> None:
    """The clocks for silence stand still while it runs."""

    def wait() -> str:
        time.sleep(0.4)
        return "waited"

    deadlines = Deadlines(first_content=0.3, content_gap=0.3, byte_gap=0.3)
    with Server(answers(calls(("wait", {})), DONE)) as server:
        stream = side.stream(server.client(), config={"tools": [wait]}, deadlines=deadlines)
        assert side.read(stream)[-1].text == "done"
    assert stream.metrics.functions >= 0.4
    assert stream.metrics.gap_max is None
