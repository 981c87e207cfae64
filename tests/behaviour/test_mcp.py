"""MCP servers as tools: listed and called by themselves, watched and cancelled with the stream, like the real thing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp
import mcp.types
import pytest
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from mcp.server import Server as LowLevelServer
from mcp.server.mcpserver import Context

from headwater import genai
from headwater.client.tools import mcp as mcp_tools
from headwater.errors import ClientError, UsageError
from headwater.streaming import Call, CallProgress, Result, Text
from tests.support.call_cases import DONE, answers, calls, results
from tests.support.servers import PATIENCE, Server, says
from tests.support.stores import free_port

WEATHER = Path(__file__).parents[2] / "examples" / "mcp" / "weather.py"
DESCRIBED = ["forecast", "measure"]


class Station:
    """An MCP server whose tools can be seen from outside."""

    def __init__(self, name: str = "station") -> None:
        self.server = MCPServer(name)
        self.started, self.cancelled = asyncio.Event(), asyncio.Event()
        self.arguments: list[Any] = []
        self.server.tool()(self.wind)
        self.server.tool()(self.fail)
        self.server.tool()(self.wait)
        self.server.tool()(self.count)

    def wind(self, place: str, heights: list[int]) -> dict[str, Any]:
        """Return the wind at some heights."""
        self.arguments.append((place, heights))
        return {"speed": 3}

    def fail(self) -> None:
        """Fail."""
        from mcp.server.mcpserver.exceptions import ToolError

        raise ToolError("the station is closed")

    async def wait(self, ctx: Context) -> None:
        """Report once, and wait until it is cancelled."""
        await ctx.report_progress(1)
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()

    async def count(self, ctx: Context, upto: int) -> int:
        """Report each step."""
        for step in range(1, upto + 1):
            await ctx.report_progress(step, upto, f"step {step}")
        return upto


@asynccontextmanager
async def over_stdio() -> AsyncIterator[mcp.ClientSession]:
    server = mcp.StdioServerParameters(command=sys.executable, args=[str(WEATHER)])
    async with stdio_client(server) as (read, write), mcp.ClientSession(read, write) as session:
        await session.initialize()
        yield session


@asynccontextmanager
async def over_http() -> AsyncIterator[mcp.ClientSession]:
    """The same server in a process of its own, reached over streamable HTTP."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WEATHER), "streamable-http", str(port), stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        while b"running on" not in (line := await process.stderr.readline()):
            assert line, "the server ended"
        async with (
            streamable_http_client(f"http://127.0.0.1:{port}/mcp") as streams,
            mcp.ClientSession(streams[0], streams[1]) as session,
        ):
            await session.initialize()
            yield session
    finally:
        process.kill()
        await process.wait()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(bounded())


def listed(request: Any) -> list[str]:
    return [each["name"] for tool in request.json["tools"] for each in tool["functionDeclarations"]]


@pytest.mark.parametrize("connect", [over_stdio, over_http], ids=["stdio", "http"])
@pytest.mark.parametrize("way", ["stream", "whole", "chat", "chat stream"])
def test_the_tools_of_a_server_are_listed_and_called(connect: Any, way: str) -> None:
    """As in google-genai's README; the result goes back in google-genai's form, under the call's id."""
    call = calls(("forecast", {"city": "Oslo", "days": 2.0}))

    async def scenario() -> None:
        with Server(answers(call, DONE)) as server:
            async with connect() as session:
                assert await ask(server.client(), way, {"tools": [session]}) == "done"
            first, second = server.requests
        assert listed(first) == DESCRIBED
        declaration = first.json["tools"][0]["functionDeclarations"][0]
        assert declaration["description"] == "Return the weather of the next days."
        assert declaration["parametersJsonSchema"]["required"] == ["city"]
        (result,) = results(second)
        assert (result["id"], result["name"]) == ("c0", "forecast")
        content = result["response"]["result"]["content"]
        assert content == [{"type": "text", "text": "Oslo: sunny for 2 day(s)"}]

    run(scenario)


async def ask(client: genai.Client, way: str, config: Any) -> str:
    """The text of the answer, asked for in one of four ways."""
    if "chat" in way:
        chat = client.aio.chats.create(model="m", config=config)
        if way == "chat":
            return (await chat.send_message("hi")).text or ""
        stream = await chat.send_message_stream("hi")
        await stream.collect()
        assert [turn.role for turn in chat.get_history()] == ["user", "model", "user", "model"]
        return stream.text
    if way == "whole":
        return (await client.aio.models.generate_content(model="m", contents="hi", config=config)).text or ""
    stream = await client.aio.models.generate_content_stream(model="m", contents="hi", config=config)
    return (await stream.collect()).text or ""


def test_many_sessions_functions_and_the_model_s_mistakes() -> None:
    """Calls go where they belong; errors of a tool, of its arguments, and of the server are answered to the model."""

    def local(x: int) -> int:
        """Double a number."""
        return 2 * x

    wanted = calls(
        ("wind", {"place": "north", "heights": [10.0, 20]}),
        ("local", {"x": 4}),
        ("fail", {}),
        ("wind", {"place": "south"}),
        ("forecast", {"city": "Rome"}),
    )

    async def scenario() -> None:
        station, other = Station(), MCPServer("other")
        other.tool(name="forecast")(lambda city: f"rain in {city}")
        with Server(answers(wanted, DONE)) as server:
            async with mcp.Client(station.server) as one, mcp.Client(other) as two:
                config = genai.types.GenerateContentConfig(tools=[one.session, local, two, one.session])
                answer = await server.client().aio.models.generate_content(model="m", contents="hi", config=config)
            assert answer.text == "done"
            first, second = server.requests
        assert listed(first) == ["local", "wind", "fail", "wait", "count", "forecast"]
        assert config.tools is not None
        assert len(config.tools) == 4  # the caller's config keeps its sessions
        wind, doubled, failed, unfit, rain = [result["response"] for result in results(second)]
        assert station.arguments == [("north", [10, 20])]
        assert wind["result"]["structured_content"] == {"speed": 3}
        assert doubled == {"result": 8}
        assert "the station is closed" in failed["error"]["content"][0]["text"]
        assert failed["error"]["is_error"] is True
        assert "heights" in unfit["error"]["content"][0]["text"]
        assert rain["result"]["content"][0]["text"] == "rain in Rome"

    run(scenario)


def test_progress_is_an_event_of_the_stream() -> None:
    """Reports come while the tool runs, between its call and its result; without events() nobody asks for them."""

    async def scenario() -> None:
        station, call = Station(), calls(("count", {"upto": 3}))
        with Server(answers(call, DONE, call, DONE)) as server:
            async with mcp.Client(station.server) as session:
                models, config = server.client().aio.models, {"tools": [session]}
                stream = await models.generate_content_stream(model="m", contents="hi", config=config)
                found = [
                    event async for event in stream.events() if isinstance(event, Call | CallProgress | Result | Text)
                ]
                again = await models.generate_content_stream(model="m", contents="hi", config=config)
                assert [chunk.text async for chunk in again] == ["", "done"]
        assert [type(event) for event in found] == [Call, CallProgress, CallProgress, CallProgress, Result, Text]
        reports = [event for event in found if isinstance(event, CallProgress)]
        assert [(each.call.name, each.progress, each.total, each.message) for each in reports] == [
            ("count", step, 3, f"step {step}") for step in (1, 2, 3)
        ]

    run(scenario)


@pytest.mark.parametrize("how", ["cancel", "break", "task", "thread"])
def test_a_cancelled_stream_cancels_the_running_tool(how: str) -> None:
    """Also between two events, when nobody waits for the tool: the server is told, and the tool is cancelled there."""

    async def scenario() -> None:
        station = Station()
        with Server(answers([says("one "), calls(("wait", {}))], DONE)) as server:
            async with mcp.Client(station.server) as session:
                models, config = server.client().aio.models, {"tools": [session]}
                stream = await models.generate_content_stream(model="m", contents="hi", config=config)
                await END[how](stream, station)
                async with asyncio.timeout(PATIENCE):
                    await station.cancelled.wait()
                assert stream.is_over
                assert stream.text == "one "
                await session.list_tools(cache_mode="refresh")  # the session itself lives on
            assert len(server.requests) == 1

    run(scenario)


async def by_cancel(stream: Any, station: Station) -> None:
    async for event in stream.events():
        if isinstance(event, CallProgress):
            stream.cancel("enough")


async def by_break(stream: Any, station: Station) -> None:
    async for event in stream.events():
        if isinstance(event, CallProgress):
            break


async def by_task(stream: Any, station: Station) -> None:
    task = asyncio.create_task(stream.collect())
    await station.started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert station.cancelled.is_set()  # before the error left


async def by_thread(stream: Any, station: Station) -> None:
    task = asyncio.create_task(stream.collect())
    await station.started.wait()
    await asyncio.to_thread(stream.cancel)
    await task


END = {"cancel": by_cancel, "break": by_break, "task": by_task, "thread": by_thread}


def test_a_list_in_pages_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a session and by a client of mcp 2, whose arguments differ; a list without an end is an error."""
    endless = False

    async def page(context: Any, params: Any) -> Any:
        number = int((params and params.cursor) or 0)
        tool = mcp.types.Tool(name=f"tool{number}", input_schema={"type": "object"})
        following = str(number + 1) if endless or number < 2 else None
        return mcp.types.ListToolsResult(tools=[tool], next_cursor=following)

    async def scenario() -> None:
        nonlocal endless
        server: Any = LowLevelServer("pages", on_list_tools=page)
        async with mcp.Client(server) as client:
            for each in (client, client.session):
                names = [function.__name__ for function in await mcp_tools.list_tools([each])]
                assert names == ["tool0", "tool1", "tool2"]
            endless = True
            monkeypatch.setattr(mcp_tools, "MAX_PAGES", 5)
            with pytest.raises(UsageError, match="more than 5 pages"):
                await mcp_tools.list_tools([client.session])

    run(scenario)


def test_two_tools_of_one_name_are_refused() -> None:
    """Of two servers, or of a server and a function. Nothing is sent."""

    def wind(place: str) -> str:
        """Return the wind."""
        return place

    async def scenario() -> None:
        with Server(answers(DONE)) as server:
            async with mcp.Client(Station().server) as one, mcp.Client(Station().server) as two:
                for tools in ([one, two], [wind, one]):
                    with pytest.raises(UsageError, match="two of the tools are named 'wind', at least one of them of"):
                        await server.client().aio.models.generate_content_stream(
                            model="m", contents="hi", config={"tools": tools}
                        )
            assert server.requests == []

    run(scenario)


def test_described_tools_are_declared_and_called_by_the_caller(side: Any) -> None:
    """``mcp.types.Tool`` has no session, so its calls are the caller's, sync and async."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = mcp.types.Tool(name="forecast", description="The weather.", input_schema=schema)
    with Server(answers(calls(("forecast", {"city": "Oslo"})))) as server:
        answer = side.ask(server.client(), config={"tools": [tool, print_nothing]})
        (request,) = server.requests
    assert answer.function_calls[0].args == {"city": "Oslo"}
    assert request.json["tools"][0]["functionDeclarations"][0] == {
        "name": "forecast",
        "description": "The weather.",
        "parametersJsonSchema": schema,
    }


def print_nothing() -> None:
    """Do nothing."""


def test_sync_calls_refuse_sessions() -> None:
    """In google-genai's words; the message says what to do."""

    async def scenario() -> None:
        with Server(answers(DONE)) as server:
            client = server.client()
            async with mcp.Client(Station().server) as session:
                chat = client.chats.create(model="m", config={"tools": [session]})
                for ask in (client.models.generate_content, client.models.generate_content_stream):
                    with pytest.raises(UsageError, match=r"MCP sessions are not supported in sync.* client\.aio"):
                        ask(model="m", contents="hi", config={"tools": [session]})
                with pytest.raises(UsageError, match="MCP sessions are not supported in synchronous methods"):
                    chat.send_message("hi")
            assert server.requests == []

    run(scenario)


def test_a_stream_on_a_server_declares_the_tools() -> None:
    """Its calls are answered by whoever reads it, as those of functions are."""

    async def scenario() -> None:
        with Server(lambda connection, request: connection.answer({}, "400 Bad Request")) as server:
            async with mcp.Client(Station().server) as session:
                with pytest.raises(ClientError):
                    await server.client().aio.streams.start(model="m", contents="hi", config={"tools": [session]})
            assert "wind" in listed(server.requests[0])

    run(scenario)
