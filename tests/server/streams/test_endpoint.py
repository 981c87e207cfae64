"""``/v1/streams`` over HTTP: begin, look, list, read from anywhere, stop, forget; and the other endpoints' way in."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from headwater.log.sqlite.log import SqliteLog
from headwater.server import Limits
from tests.support.live import ASK, Held, Live, Reply, Scripted, post_bytes, read_all, read_until, says
from tests.support.ws_peer import dial, serving
from tests.support.ws_peer import scene as socket_scene

PATH = "/v1/streams"
TEXT = [says("Once "), says("upon "), says("a time.", "STOP")]


def begin(live: Live, body: Any = None, **headers: str) -> Reply:
    return live.post(PATH, {"model": "m", **ASK} if body is None else body, **headers)


def events(body: bytes) -> list[tuple[int, str, Any]]:
    """The id, the kind and the data of each event."""
    found = []
    for block in body.split(b"\r\n\r\n"):
        fields = dict(line.split(b": ", 1) for line in block.split(b"\r\n") if line)
        if fields:
            found.append((int(fields[b"id"]), fields[b"event"].decode(), json.loads(fields[b"data"])))
    return found


def text_of(found: list[tuple[int, str, Any]]) -> str:
    return "".join(data["candidates"][0]["content"]["parts"][0]["text"] for _, kind, data in found if kind == "chunk")


def until(live: Live, name: str, state: str) -> Any:
    """What is known of a stream, once it is in this state."""
    while (known := live.get(f"{PATH}/{name}").json)["state"] != state:
        assert known["state"] == "running", known
    return known


def test_stream_is_begun_read_and_looked_at() -> None:
    """Its name and place come at once; its events are numbered from 1 and end once; its state says how it went."""
    with Live(Scripted(lambda _: TEXT)) as live:
        reply = begin(live)
        name = reply.json["name"]
        assert (reply.status, reply.headers["location"]) == (201, f"{PATH}/{name}")
        assert (reply.json["model"], reply.json["on_break"]) == ("m", "fail")
        heard = live.get(f"{PATH}/{name}/events")
        assert heard.headers["content-type"].startswith("text/event-stream")
        found = events(heard.body)
        assert [(number, kind) for number, kind, _ in found] == [(1, "chunk"), (2, "chunk"), (3, "chunk"), (4, "end")]
        assert text_of(found) == "Once upon a time."
        assert (found[-1][2]["reason"], found[-1][2]["chunks"]) == ("finished", 3)
        known = until(live, name, "finished")
        assert (known["next"], known["metrics"]["chunks"]) == (4, 3)
        assert events(live.get(f"{PATH}/{name}/events").body) == found


def test_engine_gets_the_request_without_what_is_ours() -> None:
    """The body of the Gemini API goes to the engine, the model and our own fields do not."""
    seen: list[Any] = []

    def script(request: Any) -> Any:
        seen.append((request.model, json.loads(request.body)))
        return TEXT

    with Live(Scripted(script)) as live:
        reply = begin(live, {"model": "models/x", "engine": "scripted", "on_break": "continue", **ASK})
        until(live, reply.json["name"], "finished")
        assert seen == [("x", ASK)]
        assert (reply.json["engine"], reply.json["on_break"]) == ("scripted", "continue")
        for after, numbers in ((0, [1, 2, 3, 4]), (2, [3, 4])):  # the request lies in the log, and is no event
            body = live.get(f"{PATH}/{reply.json['name']}/events?after={after}").body
            assert [number for number, _, _ in events(body)] == numbers


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        {"contents": []},
        {"model": "../x"},
        {"model": 1},
        {"model": "m", "on_break": "restart"},
        {"model": "m", "engine": 1},
    ],
)
def test_what_makes_no_sense_is_refused(body: Any) -> None:
    """A body that is no request is 400, and nothing is begun."""
    held = Held()
    with Live(held) as live:
        assert begin(live, body).status == 400
        assert begin(live, {"model": "m", "engine": "nobody", **ASK}).status == 404
        assert begin(live, idempotency_key="x" * 257).status == 400
        assert held.running == 0


def test_reader_goes_on_where_it_was() -> None:
    """From any place, by header or query, each event comes once; after the end a browser is told to stop."""
    held = Held(first=3)
    with Live(held) as live:
        name = begin(live).json["name"]
        connection = live.connect()
        connection.sendall(b"GET %b/%b/events HTTP/1.1\r\nHost: localhost\r\n\r\n" % (PATH.encode(), name.encode()))
        assert b"id: 3" in read_until(connection, b'"2 "')
        connection.close()
        live.on_loop(lambda: held.gate and held.gate.set())
        for where in ({"last_event_id": "2"}, {}):
            path = f"{PATH}/{name}/events" + ("" if where else "?after=2")
            assert [number for number, _, _ in events(live.get(path, **where).body)] == [3, 4, 5]
        for after in ("5", "6"):
            assert live.get(f"{PATH}/{name}/events", last_event_id=after).status == 204
        assert live.get(f"{PATH}/{name}/events?after=x").status == 400


def test_silence_is_filled() -> None:
    """The head of the events comes at once, and while the engine is silent a blank line now and then."""
    with Live(Held(first=0), limits=Limits(keep_alive=0.05)) as live:
        name = begin(live).json["name"]
        connection = live.connect()
        connection.sendall(b"GET %b/%b/events HTTP/1.1\r\nHost: localhost\r\n\r\n" % (PATH.encode(), name.encode()))
        data = b""
        while data.count(b"2\r\n\r\n\r\n") < 4:
            data += connection.recv(1000)
        assert data.startswith(b"HTTP/1.1 200")


def test_error_is_the_last_event() -> None:
    """An answer that fails ends with the error as an event, and its state says so."""
    with Live(Scripted(lambda _: [says("a"), ValueError("secret")])) as live:
        name = begin(live).json["name"]
        found = events(live.get(f"{PATH}/{name}/events").body)
        assert [(number, kind) for number, kind, _ in found] == [(1, "chunk"), (2, "failed")]
        assert found[-1][2]["error"]["code"] == 500
        known = until(live, name, "failed")
        assert (known["code"], known["next"], known["metrics"]["chunks"]) == (500, 2, 1)


def test_stop_keeps_what_was_said() -> None:
    """A stop ends the engine, and every reader gets the end; a second one changes nothing."""
    held = Held(first=2)
    with Live(held) as live:
        name = begin(live).json["name"]
        live.until(lambda: held.running == 1)
        known = live.request("POST", f"{PATH}/{name}/stop").json
        assert (known["state"], held.cancelled) == ("cancelled", 1)
        found = events(live.get(f"{PATH}/{name}/events").body)
        assert (text_of(found), found[-1][1], found[-1][2]["reason"]) == ("0 1 ", "end", "cancelled")
        assert live.request("POST", f"{PATH}/{name}/stop").json == known


def test_forgotten_stream_is_gone() -> None:
    """After a DELETE the engine has stopped, the name is unknown, and its readers are told."""
    held = Held()
    with Live(held) as live:
        name = begin(live).json["name"]
        connection = live.connect()
        connection.sendall(b"GET %b/%b/events HTTP/1.1\r\nHost: localhost\r\n\r\n" % (PATH.encode(), name.encode()))
        read_until(connection, b'"0 "')
        assert live.request("DELETE", f"{PATH}/{name}").status == 204
        assert held.cancelled == 1
        assert read_until(connection, b"0\r\n\r\n").count(b"event: ") == 1
        for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/stop"), ("DELETE", ""), ("POST", "/links")):
            assert live.request(method, f"{PATH}/{name}{path}").status == 404
        assert live.get(PATH).json == {"streams": []}


def test_same_key_is_the_same_stream() -> None:
    """The same idempotency key is answered with the stream that runs, or has ended; another request under it is not."""
    runs: list[int] = []

    def script(_: Any) -> Any:
        runs.append(1)
        return TEXT

    with Live(Scripted(script)) as live:
        first = begin(live, idempotency_key="k")
        name = first.json["name"]
        until(live, name, "finished")
        again = begin(live, idempotency_key="k")
        assert (first.status, again.status, again.json["name"], again.json["state"]) == (201, 200, name, "finished")
        assert begin(live, {"model": "m", "contents": []}, idempotency_key="k").status == 422
        assert len(runs) == 1


def test_own_streams_are_listed() -> None:
    """The newest first, in pages."""
    with Live(Scripted(lambda _: TEXT)) as live:
        names = [begin(live).json["name"] for _ in range(3)][::-1]
        page = live.get(f"{PATH}?pageSize=2").json
        assert [stream["name"] for stream in page["streams"]] == names[:2]
        rest = live.get(f"{PATH}?pageSize=2&pageToken={page['nextPageToken']}").json
        assert [stream["name"] for stream in rest["streams"]] == names[2:]
        assert "nextPageToken" not in rest
        assert live.get(f"{PATH}?pageToken=x").status == 400


def test_stream_is_its_keys_own() -> None:
    """Another key gets for a stream what it gets for a name that never was; without a key nothing is said at all."""
    with Live(Held(), api_keys=["one", "two"]) as live:
        name = begin(live, x_goog_api_key="one").json["name"]
        for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/stop"), ("DELETE", ""), ("POST", "/links")):
            replies = [
                live.request(method, f"{PATH}/{asked}{path}", x_goog_api_key="two") for asked in (name, "x" * 32)
            ]
            assert replies[0][::2] == replies[1][::2]
            assert replies[0].status == 404
            assert live.request(method, f"{PATH}/{name}{path}").status == 401
        assert live.get(PATH, x_goog_api_key="two").json == {"streams": []}
        assert live.get(f"{PATH}/{name}", x_goog_api_key="one").json["state"] == "running"
        live.request("POST", f"{PATH}/{name}/stop", x_goog_api_key="one")


def test_gemini_endpoint_reads_a_stream() -> None:
    """A Gemini client reads any stream of its key, from any place, through the header; it sees no end and no id."""
    with Live(Scripted(lambda _: TEXT), api_keys=["one", "two"]) as live:
        name = begin(live, {"model": "m", "on_break": "continue", **ASK}, x_goog_api_key="one").json["name"]
        path = "/v1beta/models/m:streamGenerateContent?alt=sse"
        for after in range(4):
            where = {"headwater_stream": name, "headwater_after": str(after), "x_goog_api_key": "one"}
            reply = live.post(path, ASK, **where)
            assert reply.body.count(b"data: ") == 3 - after
            assert reply.headers["headwater-stream"] == name
            assert b"id: " not in reply.body
        assert live.post(path, ASK, headwater_stream=name, x_goog_api_key="two").status == 404


@socket_scene
async def test_websocket_resumes_a_stream() -> None:
    """A WebSocket follows a stream that was begun over HTTP, and stops it."""
    held = Held(first=2)
    async with serving(held) as live, dial(live) as peer:
        name = (await asyncio.to_thread(begin, live, {"model": "m", "on_break": "continue", **ASK})).json["name"]
        await peer.greet()
        await peer.say(type="resume", stream=name, after=0)
        assert (await peer.hear())["stream"] == name
        while (heard := await peer.hear()).get("seq", 0) < 2:
            assert heard["type"] == "chunk"
        await peer.say(type="cancel", stream=name)
        assert (await peer.hear_end())[-1]["finish_reason"] == "cancelled"
        assert held.cancelled == 1


def test_kept_stream_of_a_gemini_client_is_a_stream_too() -> None:
    """What a Gemini client asked to keep can be read as events; it is stopped when nobody reads it for its time."""
    held = Held(first=2)
    with Live(held) as live:
        connection = live.connect()
        path = "/v1beta/models/m:streamGenerateContent?alt=sse"
        connection.sendall(post_bytes(path, ASK, headwater_keep="0.3"))
        head = read_until(connection, b'"1 "')
        name = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"headwater-stream")).split(b": ")[
            1
        ]
        assert live.get(f"{PATH}/{name.decode()}").json["state"] == "running"
        connection.close()
        live.until(lambda: held.cancelled == 1 and not len(live.server.registry.retention))
        assert live.get(f"{PATH}/{name}").status == 404  # type: ignore[str-bytes-safe]


def test_shutdown_ends_streams_and_their_readers() -> None:
    """At shutdown a stream ends with an error, which its readers still get."""
    with Live(Held(), grace=0.1) as live:
        name = begin(live).json["name"]
        connection = live.connect()
        connection.sendall(b"GET %b/%b/events HTTP/1.1\r\nHost: localhost\r\n\r\n" % (PATH.encode(), name.encode()))
        read_until(connection, b'"0 "')
        live.stop()
        rest = read_all(connection)
        assert b"event: failed" in rest
        assert b"SHUTDOWN" in rest
        assert rest.endswith(b"0\r\n\r\n")


def test_stream_can_be_read_as_a_durable_stream_and_not_written() -> None:
    """Under the same name it is a JSON stream of its chunks, closed at its end, for its key alone, and read-only."""
    with Live(Scripted(lambda _: TEXT), api_keys=["one", "two"], durable_streams=True) as live:
        name = begin(live, {"model": "m", "on_break": "continue", **ASK}, x_goog_api_key="one").json["name"]
        live.get(f"{PATH}/{name}/events", x_goog_api_key="one")
        reply = live.get(f"/v1/durable/{name}", x_goog_api_key="one")
        texts = [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in reply.json]
        assert (reply.status, "".join(texts)) == (200, "Once upon a time.")
        assert reply.headers["stream-closed"] == "true"
        assert live.get(f"/v1/durable/{name}", x_goog_api_key="two").status == 404
        wrote = live.post(f"/v1/durable/{name}", [1], x_goog_api_key="one", content_type="application/json")
        assert 400 <= wrote.status < 500
        assert live.request("DELETE", f"/v1/durable/{name}", x_goog_api_key="one").status >= 400
        assert live.get(f"{PATH}/{name}", x_goog_api_key="one").json["state"] == "finished"


def test_revoked_key_reads_no_longer() -> None:
    """When a key is revoked its streams end with an error, and its readers of any stream are let go."""
    with Live(Held(), api_keys=["one", "two"]) as live:
        name = begin(live, x_goog_api_key="one").json["name"]
        connection = live.connect()
        connection.sendall(
            b"GET %b/%b/events HTTP/1.1\r\nHost: localhost\r\nx-goog-api-key: one\r\n\r\n"
            % (PATH.encode(), name.encode())
        )
        read_until(connection, b'"0 "')
        live.on_loop(lambda: live.server.auth.revoke("one"))
        rest = read_until(connection, b"0\r\n\r\n")
        assert b"event: failed" in rest
        assert b"UNAUTHENTICATED" in rest
        assert live.get(f"{PATH}/{name}/events", x_goog_api_key="one").status == 401


def test_reader_of_another_servers_stream_is_let_go_at_shutdown(tmp_path: Path) -> None:
    """Its events stop without an end, the body is whole, and another server has the rest."""
    held = Held()
    logs = [SqliteLog(str(tmp_path / "answers.db"), is_shared=True) for _ in range(2)]
    with Live(held, log=logs[0]) as one, Live(Held(), log=logs[1]) as two:
        name = begin(one).json["name"]
        connection = two.connect()
        connection.sendall(b"GET %b/%b/events HTTP/1.1\r\nHost: localhost\r\n\r\n" % (PATH.encode(), name.encode()))
        read_until(connection, b'"0 "')
        two.stop()
        rest = read_all(connection)
        assert b"event" not in rest
        assert rest.endswith(b"0\r\n\r\n")
        assert held.running == 1
        one.on_loop(lambda: held.gate and held.gate.set())
        assert [number for number, _, _ in events(one.get(f"{PATH}/{name}/events?after=1").body)] == [2, 3]
