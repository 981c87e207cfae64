"""Interactions on servers that share a log: read, resumed and continued on any of them, also when one has died."""

from __future__ import annotations

import json
from typing import Any

from headwater import offline
from headwater.engines.base import EngineRequest
from headwater.engines.offline import OfflineEngine
from headwater.log.base import tail
from headwater.protocols.interactions.create_request import read_create
from headwater.protocols.interactions.encoder import Cursor
from headwater.server.interactions.stored import KIND
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.retention import RetentionPolicy
from tests.support.interactions import Event, read_events, text_in
from tests.support.nodes import Node, Store, joined, scene

_SLOW = offline.Pace(first=0.0, rate=500.0)
_STORY = "Tell me a story about a river in 300 words."


async def begin(node: Node, **fields: Any) -> str:
    """Create a stored interaction as the endpoint does, and return its id."""
    body = json.dumps({"model": "m", **fields}).encode()
    request = read_create(body)
    prior = await node.server.interactions.prior_turns("", request)
    header = StreamHeader("", "m", on_break="continue", kind=KIND)
    started = await node.registry.start(
        b"", EngineRequest("m", request.gemini_body(prior)), header, RetentionPolicy(), stored_body=body
    )
    return f"v1_{started.name}"


async def read(node: Node, interaction: str, after: str | None = None) -> list[Event]:
    """Return the events of an interaction after a cursor, to its end, from one of the servers."""
    cursor = None if after is None else Cursor.parse(after)
    found = await node.server.interactions.find("", interaction)
    encoding = await node.server.interactions.encoding(found, cursor)
    start = found.stream.header.start + (cursor.record if cursor else 0)
    body = b"".join([encoding.encode(page.records) async for page in tail(node.log, found.stream.name, start)])
    return read_events(body)


@scene
async def test_an_interaction_goes_on_on_another_server_and_is_resumed_there(store: Store) -> None:
    """The conversation before it is read again from the log; readers resume exactly, wherever and whenever."""
    async with joined(store, *(OfflineEngine(_SLOW) for _ in range(3))) as nodes:
        first = await begin(nodes[0], input="Hi")
        await nodes[0].until(lambda state: state.is_sealed, first.removeprefix("v1_"))
        interaction = await begin(nodes[0], input=_STORY, previous_interaction_id=first)
        name = interaction.removeprefix("v1_")
        await nodes[0].until(lambda state: state.next > 20, name)
        await nodes[0].die()
        events = await read(nodes[1], interaction)
        assert [event["event_type"] for event in events].count("interaction.completed") == 1
        whole = await begin(nodes[1], input=_STORY, previous_interaction_id=first)
        assert text_in(events) == text_in(await read(nodes[2], whole))
        for number in range(0, len(events), 19):
            assert await read(nodes[2], interaction, events[number]["event_id"]) == events[number + 1 :]
        assert (await nodes[2].log.state(name)).is_sealed


@scene
async def test_an_interaction_whose_conversation_is_gone_ends_with_that(store: Store) -> None:
    """A server that takes it over cannot ask the engine for the rest without the turns before it."""
    async with joined(store, *(OfflineEngine(_SLOW) for _ in range(2))) as nodes:
        first = await begin(nodes[0], input="Hi")
        await nodes[0].until(lambda state: state.is_sealed, first.removeprefix("v1_"))
        interaction = await begin(nodes[0], input=_STORY, previous_interaction_id=first)
        await nodes[0].until(lambda state: state.next > 20, interaction.removeprefix("v1_"))
        await nodes[1].registry.drop(first.removeprefix("v1_"))
        await nodes[0].die()
        events = await read(nodes[1], interaction)
        assert events[-1]["error"]["code"] == "not_found"
        assert text_in(events)
