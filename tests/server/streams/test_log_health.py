"""A log that cannot be written: the server says so, and so do the streams that it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from headwater.errors import LogError
from headwater.log.memory import MemoryLog
from tests.support.live import ASK, Held, Live, read_all, read_until
from tests.support.ws_peer import dial, scene, serving


class FullLog(MemoryLog):
    """A log whose disk can be full."""

    is_full = False

    async def append(self, key: str, records: Sequence[bytes], **options: Any) -> int:
        if self.is_full:
            raise LogError("the disk is full")
        return await super().append(key, records, **options)


def _health(live: Live) -> str:
    status: str = live.get("/healthz").json["status"]
    return status


def test_readers_of_a_stream_that_a_full_disk_stops_are_told() -> None:
    """They are disconnected, and told why when they come back; with room again the stream gets its end."""
    log, engine = FullLog(), Held(first=2)
    with Live(engine, log=log, lease=0.6) as live:
        assert _health(live) == "ok"
        path = f"/v1/streams/{live.post('/v1/streams', {'model': 'm', **ASK}).json['name']}/events"
        reader = live.connect()
        reader.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert b"id: 2\r\n" in read_until(reader, b"id: 2\r\n")
        log.is_full = True
        live.on_loop(lambda: engine.gate and engine.gate.set())
        assert b"id: 3" not in read_all(reader)  # it ends, without an end of the stream
        assert _health(live) == "degraded"
        refused = live.get(path, last_event_id="2")
        assert (refused.status, refused.json["error"]["details"][0]["reason"]) == (503, "LOG")
        assert b"id: 2" in live.get(path).body  # what is stored can be read
        log.is_full = False
        live.until(lambda: not live.server.recorder.health.is_degraded)
        assert b"event: failed" in live.get(path, last_event_id="2").body
        assert _health(live) == "ok"


@scene
async def test_websocket_is_told_too() -> None:
    """A stream on a WebSocket ends with an error, and the connection stays."""
    log, engine = FullLog(), Held(first=2)
    async with serving(engine, log=log) as live, dial(live) as peer:
        await peer.greet()
        await peer.generate(prompt="x", id="a")
        await peer.hear_until("chunk")
        log.is_full = True
        live.on_loop(lambda: engine.gate and engine.gate.set())
        end = (await peer.hear_end())[-1]
        assert (end["type"], end["code"], end["id"]) == ("error", "internal", "a")
        assert "could not store" in end["message"]
        await peer.say(type="ping", n=1)
        assert (await peer.hear())["type"] == "pong"


@pytest.mark.parametrize("is_started", [True, False])
def test_health_is_that_of_the_latest_write(is_started: bool) -> None:
    """A lease that cannot be renewed, or a stream that cannot be started, shows that the log cannot be written."""
    log = FullLog()
    with Live(log=log, lease=0.6 if is_started else 60.0) as live:
        log.is_full = True
        if not is_started:
            assert live.post("/v1/streams", {"model": "m", **ASK}).status == 503
        live.until(lambda: live.server.recorder.health.is_degraded)
        assert _health(live) == "degraded"
        log.is_full = False
        if is_started:
            live.until(lambda: not live.server.recorder.health.is_degraded)
