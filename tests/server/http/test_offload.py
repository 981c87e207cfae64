"""Large requests: what costs time in proportion to their size is not done on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from headwater.server.http import offload
from tests.support.live import ASK, Live
from tests.support.sides import run_async
from tests.support.ws_peer import dial, scene, serving

_COUNT = 2000
_AG_UI = {
    "threadId": "t",
    "runId": "r",
    "state": {},
    "tools": [],
    "context": [],
    "forwardedProps": {},
    "messages": [{"id": f"m{n}", "role": "user", "content": f"word {n}"} for n in range(_COUNT)],
}
_UI = [{"id": f"m{n}", "role": "user", "parts": [{"type": "text", "text": f"word {n}"}]} for n in range(_COUNT)]
_LARGE = {"contents": [{"role": "user", "parts": [{"text": "word " * 20_000}]}]}
_INTERACTION = {"model": "m", "input": "word " * 20_000}
_CHAT = {
    "id": "c",
    "leaf": f"m{_COUNT - 1}",
    "messages": [
        {
            "id": f"m{n}",
            "role": "user",
            "parent": f"m{n - 1}" if n else None,
            "contents": [{"role": "user", "parts": [{"text": f"word {n}"}]}],
        }
        for n in range(_COUNT)
    ],
}

Action = Callable[[Live], Any]


def _answer(live: Live, path: str = "/v1/chats/c/answers", **headers: str) -> Any:
    return live.post(path, {"message": {"parts": [{"text": "x " * 20_000}]}, "model": "m"}, **headers)


WORK: dict[str, tuple[str, Action]] = {
    "AG-UI": ("server.protocols.ag_ui.read_run", lambda live: live.post("/api/ag-ui", _AG_UI)),
    "useChat body": ("server.protocols.ai_sdk.read_request", lambda live: live.post("/api/chat", _ui())),
    "useChat messages": ("server.protocols.ai_sdk.read_conversation", lambda live: live.post("/api/chat", _ui())),
    "chat": ("server.chats.endpoint.convert_json", lambda live: live.post("/v1/chats", _CHAT)),
    "messages of a chat": ("server.chats.service.check_messages", lambda live: live.post("/v1/chats", _CHAT)),
    "answer": ("server.chats.endpoint.parse_json", _answer),
    "prompt from a chat": ("server.chats.service.contents_for_model", _answer),
    "digest": ("server.streams.registry.request_digest", _answer),
    "Markdown": ("server.chats.exports.markdown", lambda live: live.get("/v1/chats/c/export?format=markdown")),
    "messages of useChat": ("server.chats.endpoint.ui_chat", lambda live: live.get("/v1/chats/c/export?format=ai-sdk")),
    "stream": ("server.streams.endpoint._parse_start", lambda live: live.post("/v1/streams", {"model": "m", **_LARGE})),
    "interaction": (
        "server.interactions.endpoint.read_create",
        lambda live: live.post("/v1/interactions", _INTERACTION),
    ),
    "interactions before": ("server.interactions.stored.prior_turns", lambda live: _continue(live)),
    "cursor of an interaction": ("server.interactions.stored.feed", lambda live: _resume(live)),
    "tokens": (
        "server.gemini.endpoint._count_tokens_body",
        lambda live: live.post("/v1beta/models/m:countTokens", _LARGE),
    ),
}


def _continue(live: Live) -> Any:
    made = live.post("/v1/interactions", _INTERACTION).json
    return live.post("/v1/interactions", {**_INTERACTION, "previous_interaction_id": made["id"]})


def _resume(live: Live) -> Any:
    made = live.post("/v1/interactions", {"model": "m", "input": "Tell me a story about a river in 4000 words."}).json
    events = live.get(f"/v1/interactions/{made['id']}?stream=true").body.split(b'"event_id":"')
    cursor = events[200].partition(b'"')[0].decode()
    return live.get(f"/v1/interactions/{made['id']}?stream=true&last_event_id={cursor}")


def _ui() -> dict[str, Any]:
    return {"id": "u", "messages": _UI, "trigger": "submit-message"}


@pytest.mark.parametrize("name", WORK)
def test_large_request_is_handled_off_the_event_loop(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a request or a chat is large, it is parsed and converted in a thread."""
    place, action = WORK[name]
    with Live() as live:
        assert live.post("/v1/chats", _CHAT).status == 201
        on_loop: list[bool] = []
        watch(f"headwater.{place}", on_loop, monkeypatch)
        assert action(live).status in (200, 201)
    assert on_loop
    assert not any(on_loop)


@scene
@pytest.mark.parametrize("work", ["read_message", "to_request"])
async def test_large_message_is_handled_off_the_event_loop(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on a WebSocket: a message of thousands of turns is parsed and converted in a thread."""
    on_loop: list[bool] = []
    async with serving() as live, dial(live) as peer:
        await peer.greet()
        watch(f"headwater.server.websocket.connection.{work}", on_loop, monkeypatch)
        await peer.generate(contents=["word"] * 5000)
        await peer.hear_end()
    assert on_loop[:1] == [False]


def watch(place: str, on_loop: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Record of each call of a function whether it runs on an event loop."""
    from pkgutil import resolve_name

    module, _, attribute = place.rpartition(".")
    original = getattr(resolve_name(module), attribute)

    def call(*args: Any, **options: Any) -> Any:
        on_loop.append(asyncio._get_running_loop() is not None)
        return original(*args, **options)

    monkeypatch.setattr(place, call)


def test_small_work_needs_no_thread() -> None:
    """A small request is handled where it is, and an error comes out of either place."""

    async def run() -> None:
        def is_on_loop() -> bool:
            return asyncio._get_running_loop() is not None

        assert await offload.run_sized(100, is_on_loop)
        assert not await offload.run_sized(10_000_000, is_on_loop)
        for size in (100, 10_000_000):
            with pytest.raises(ValueError, match="invalid literal"):
                await offload.run_sized(size, int, "x")

    run_async(run())
    assert len(str(ASK)) < offload._SMALL
