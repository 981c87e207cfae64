"""MCP sessions as tools of interactions: listed, declared and called, in whole answers, streams and chats."""

from __future__ import annotations

from typing import Any

import mcp
import pytest
from mcp.server import MCPServer

from headwater.errors import UsageError
from tests.support.servers import Connection, Request, Server
from tests.support.sides import run_async

CALL = {"type": "function_call", "id": "c1", "name": "wind", "arguments": {"place": "Rome"}}
ANSWER = {"type": "model_output", "content": [{"type": "text", "text": "It is calm."}]}


def station(asked: list[str]) -> MCPServer:
    server: MCPServer = MCPServer("station")

    def wind(place: str) -> str:
        """Return the wind at a place."""
        asked.append(place)
        return "calm"

    server.tool()(wind)
    return server


def script(connection: Connection, request: Request) -> None:
    """Ask for the wind, then answer; whole or as a stream."""
    has_result = "function_result" in str(request.json["input"])
    name, step = ("v1_b", ANSWER) if has_result else ("v1_a", CALL)
    status = "completed" if has_result else "requires_action"
    if not request.json.get("stream"):
        connection.answer({"id": name, "status": status, "steps": [step]})
        return
    connection.stream(
        {"event_type": "interaction.created", "interaction": {"id": name, "status": "in_progress"}},
        {"event_type": "step.start", "index": 0, "step": step},
        {"event_type": "step.stop", "index": 0},
        {"event_type": "interaction.completed", "interaction": {"id": name, "status": status}},
    )


@pytest.mark.parametrize("form", ["create", "stream", "chat"])
def test_a_session_is_a_tool(form: str) -> None:
    asked: list[str] = []

    async def use(server: Server) -> Any:
        group = server.client().aio.interactions
        async with mcp.Client(station(asked)) as session:
            arguments: dict[str, Any] = {"model": "m", "tools": [session]}
            if form == "create":
                return (await group.create(input="Wind?", **arguments)).output_text
            if form == "stream":
                return (await (await group.create(input="Wind?", stream=True, **arguments)).collect()).output_text
            return (await group.chat(**arguments).send_message("Wind?")).output_text

    with Server(script) as server:
        assert run_async(use(server)) == "It is calm."
    assert asked == ["Rome"]
    first, second = (request.json for request in server.requests)
    [tool] = first["tools"]
    assert (tool["type"], tool["name"], tool["description"]) == ("function", "wind", "Return the wind at a place.")
    assert tool["parameters"]["required"] == ["place"]
    assert second["tools"] == first["tools"]
    assert second["previous_interaction_id"] == "v1_a"
    assert "calm" in str(second["input"])


def test_a_session_is_refused_in_sync_calls() -> None:
    """It belongs to an event loop."""

    async def use(server: Server) -> None:
        async with mcp.Client(station([])) as session:
            with pytest.raises(UsageError, match=r"use client\.aio"):
                server.client().interactions.create(model="m", input="x", tools=[session])

    with Server(script) as server:
        run_async(use(server))
    assert server.requests == []


def test_the_description_of_a_tool_is_declared_and_left_to_the_program() -> None:
    tool = mcp.types.Tool(name="wind", description="The wind.", input_schema={"type": "object"})
    with Server(script) as server:
        interaction = server.client().interactions.create(model="m", input="Wind?", tools=[tool])
    assert interaction.status == "requires_action"
    assert server.requests[0].json["tools"] == [
        {"type": "function", "name": "wind", "description": "The wind.", "parameters": {"type": "object"}}
    ]
