"""``--interactions native``: an upstream's own interactions, passed through and kept for readers that come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from headwater.engines.gemini import GeminiEngine
from tests.support.interactions import read_events, text_in
from tests.support.live import Live
from tests.support.servers import Connection, Request, Server

KEY = "upstream-key-0123456789"
PATH = "/v1/interactions"
ASKED = {"model": "m", "input": "Tell me a story about a river in 40 words."}
#: As the real service sends them: no ids but on text, keys in an order of their own.
EVENTS = [
    b'{"interaction":{"id":"v1_Chd0","object":"interaction","model":"m"},"event_type":"interaction.created"}',
    b'{"index":0, "step":{"type":"model_output","new":1},"event_type":"step.start"}',
    b'{"index":0,"delta":{"text":"\xc3\xa4","type":"text"},"event_id":"v1_MF90","event_type":"step.delta"}',
    b'{"index":0,"event_type":"step.stop"}',
    b'{"interaction":{"id":"v1_Chd0","status":"completed"},"event_type":"interaction.completed"}',
]


def frames(*events: bytes) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (json.loads(one)["event_type"].encode(), one) for one in events)


DONE = b"event: done\ndata: [DONE]\n\n"


def upstream(body: bytes, status: str = "200 OK", kind: str = "text/event-stream", seen: Any = None) -> Server:
    """An upstream that gives every request the same answer."""

    def answer(connection: Connection, request: Request) -> None:
        assert request.headers["x-goog-api-key"] == KEY
        if seen is not None:
            seen.append((request.method, request.target, request.body))
        connection.answer(body, status, content_type=kind)

    return Server(answer)


def native(url: str, **settings: Any) -> Live:
    engine = GeminiEngine(api_key=KEY, http_options={"base_url": url}, native_interactions=True)
    return Live(engine, **settings)


def code_of(reply: Any) -> tuple[int, str]:
    return reply.status, reply.json["error"]["code"]


@pytest.fixture
def pair() -> Iterator[tuple[Live, Live]]:
    """A server that passes on to another one, which maps."""
    with Live() as behind, native(behind.url) as front:
        yield behind, front


def test_bytes_pass_and_every_reader_resumes() -> None:
    """Events keep their bytes; only those without an id get one. The request arrives as it was sent."""
    seen: list[Any] = []
    body = json.dumps({**ASKED, "stream": True, "anything": {"new": 1}}, indent=1).encode()
    with upstream(frames(*EVENTS) + DONE, seen=seen) as behind, native(behind.url) as live:
        reply = live.post(PATH, body)
        assert [(method, target.rpartition("/")[2], sent) for method, target, sent in seen] == [
            ("POST", "interactions", body)
        ]
        got = read_events(reply.body)
        assert [event["event_id"] for event in got] == ["1.0", "2.0", "v1_MF90", "4.0", "5.0"]
        assert EVENTS[2] in reply.body
        assert EVENTS[1][:-1] + b',"event_id":"2.0"}' in reply.body
        assert reply.body.endswith(DONE)
        one = f"{PATH}/v1_Chd0?stream=true"
        for number, event in enumerate(got):
            rest = live.get(f"{one}&last_event_id={event['event_id']}").body
            assert read_events(rest) == got[number + 1 :]
        assert read_events(live.get(one).body) == got
        assert code_of(live.get(f"{one}&last_event_id=lost")) == (400, "invalid_request")
        assert len(seen) == 1


def test_every_verb_is_passed_on(pair: Any) -> None:
    behind, front = pair
    made = front.post(PATH, ASKED).json
    assert made == behind.get(f"{PATH}/{made['id']}").json | {"steps": made["steps"]}
    assert front.get(f"{PATH}/{made['id']}?stream=false").json == behind.get(f"{PATH}/{made['id']}").json
    streamed = read_events(front.get(f"{PATH}/{made['id']}?stream=true").body)
    assert text_in(streamed) == made["steps"][0]["content"][0]["text"]
    rest = read_events(front.get(f"{PATH}/{made['id']}?stream=true&last_event_id={streamed[3]['event_id']}").body)
    assert rest == streamed[4:]
    chained = front.post(PATH, {**ASKED, "stream": True, "previous_interaction_id": made["id"]})
    assert read_events(chained.body)[-1]["interaction"]["status"] == "completed"
    assert code_of(front.request("POST", f"{PATH}/{made['id']}/cancel")) == (400, "failed_precondition")
    interaction = read_events(chained.body)[0]["interaction"]["id"]
    assert front.request("DELETE", f"{PATH}/{interaction}").status == 200
    for server in (front, behind):
        assert code_of(server.get(f"{PATH}/{interaction}")) == (404, "not_found")
        assert code_of(server.get(f"{PATH}/{interaction}?stream=true")) == (404, "not_found")


def test_interactions_of_one_upstream_belong_to_the_keys_that_made_them() -> None:
    """The upstream knows one key for all; here each client has its own, and sees nothing of the others."""
    with Live() as behind, native(behind.url, api_keys=["first-key", "second-key"]) as front:
        made = front.post(PATH, ASKED, x_goog_api_key="first-key").json
        streamed = front.post(PATH, ASKED | {"stream": True}, x_goog_api_key="first-key")
        other = read_events(streamed.body)[0]["interaction"]["id"]
        for interaction in (made["id"], other):
            path = f"{PATH}/{interaction}"
            assert front.get(path, x_goog_api_key="first-key").status == 200
            for method, verb in (("GET", ""), ("GET", "?stream=true"), ("DELETE", ""), ("POST", "/cancel")):
                assert code_of(front.request(method, path + verb, x_goog_api_key="second-key")) == (404, "not_found")
            chained = front.post(PATH, ASKED | {"previous_interaction_id": interaction}, x_goog_api_key="second-key")
            assert code_of(chained) == (404, "not_found")


@pytest.mark.parametrize("store", ["never", "default"])
def test_what_is_not_stored_is_passed_on_and_forgotten(store: str) -> None:
    with Live() as behind, native(behind.url, interactions_store=store) as front:
        fields = {} if store == "never" else {"store": False}
        for more in ({}, {"stream": True}):
            reply = front.post(PATH, ASKED | fields | more)
            assert reply.status == 200
            interaction = read_events(reply.body)[0]["interaction"]["id"] if more else reply.json["id"]
            assert code_of(front.get(f"{PATH}/{interaction}")) == (404, "not_found")


@pytest.mark.parametrize("fields", [{}, {"stream": True}, {"stream": True, "store": False}])
def test_a_refusal_keeps_its_code_and_does_not_tell_the_key(fields: dict[str, Any]) -> None:
    """In both shapes that the service has."""
    new = json.dumps({"error": {"message": f"no {KEY}", "code": "prohibited_content"}}).encode()
    old = json.dumps([{"error": {"code": 400, "message": f"bad {KEY}", "status": "INVALID_ARGUMENT"}}]).encode()
    for body, code in ((new, "prohibited_content"), (old, "invalid_request")):
        with upstream(body, "400 Bad Request", "application/json") as behind, native(behind.url) as live:
            reply = live.post(PATH, ASKED | fields)
            assert code_of(reply) == (400, code)
            assert KEY not in reply.body.decode()
            live.until(lambda: len(live.server.registry.retention) == 0)


def test_an_error_in_the_stream_and_a_cut_are_the_last_event() -> None:
    """Also as the bare line of JSON that the service has sent. Nothing looks complete that is not."""
    error = b'{"error":{"message":"slow down","code":"service_unavailable"},"event_type":"error"}'
    bare = b'{"error":{"message":"slow down","code":"service_unavailable"}}\n'
    for body in (frames(*EVENTS[:3], error), frames(*EVENTS[:3]) + bare, frames(*EVENTS[:3])):
        with upstream(body) as behind, native(behind.url) as live:
            reply = live.post(PATH, ASKED | {"stream": True})
            events = read_events(reply.body)
            assert events[-1]["error"]["code"] == "service_unavailable"
            assert b"[DONE]" not in reply.body
            again = live.get(f"{PATH}/v1_Chd0?stream=true&last_event_id=v1_MF90")
            assert read_events(again.body) == events[3:]


def test_an_empty_answer_to_a_deletion_is_an_empty_object() -> None:
    """The service has answered both ways. Any other empty body is an error."""

    def answer(connection: Connection, request: Request) -> None:
        created = {"id": "v1_Chd0", "status": "completed", "steps": []}
        connection.answer(created if request.method == "POST" else b"")

    with Server(answer) as behind, native(behind.url) as live:
        assert live.post(PATH, ASKED).json["id"] == "v1_Chd0"
        assert live.get(f"{PATH}/v1_Chd0").status >= 500
        assert live.request("DELETE", f"{PATH}/v1_Chd0").json == {}
        assert code_of(live.get(f"{PATH}/v1_Chd0")) == (404, "not_found")


@pytest.mark.parametrize("fields", [{}, {"stream": True}])
def test_the_time_to_wait_is_passed_on(fields: dict[str, Any]) -> None:
    def answer(connection: Connection, request: Request) -> None:
        refused = {"error": {"message": "slow", "code": "rate_limit_exceeded"}}
        connection.answer(refused, "429 Too Many Requests", retry_after="7")

    with Server(answer) as behind, native(behind.url) as live:
        reply = live.post(PATH, ASKED | fields)
        assert code_of(reply) == (429, "rate_limit_exceeded")
        assert reply.headers["retry-after"] == "7"


def test_a_repeated_request_is_passed_on_once() -> None:
    seen: list[Any] = []
    with upstream(frames(*EVENTS) + DONE, seen=seen) as behind, native(behind.url) as live:
        first, second = (live.post(PATH, ASKED | {"stream": True}, idempotency_key="k") for _ in range(2))
        assert read_events(first.body) == read_events(second.body)
        assert len(seen) == 1


def test_agents_are_the_upstreams(pair: Any) -> None:
    """A request without a model goes to the upstream, which decides."""
    _, front = pair
    assert code_of(front.post(PATH, {"agent": "deep-research", "input": "a"})) == (400, "invalid_request")
    for body in (b"nonsense", {"model": "m" * 1000, "input": "a"}, {"agent": "../a", "input": "a"}):
        assert code_of(front.post(PATH, body)) == (400, "invalid_request")
    assert front.post(PATH, ASKED | {"model": "models/m", "agent": None}).status == 200
    assert code_of(front.get(f"{PATH}/nonsense")) == (404, "not_found")


def test_a_stopped_stream_says_so() -> None:
    """One that was stopped on this server is not complete; its events so far stay."""

    def slow(connection: Connection, request: Request) -> None:
        connection.begin(content_type="text/event-stream")
        connection.chunk(frames(*EVENTS[:3]))
        connection.stall()

    with Server(slow) as behind, native(behind.url) as live:
        connection = live.connect()
        body = json.dumps(ASKED | {"stream": True}).encode()
        connection.sendall(
            b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (PATH.encode(), len(body), body)
        )
        live.until(lambda: any(one.first_chunk is not None for one in live.server.recorder.generations))
        (running,) = live.server.recorder.generations
        live.on_loop(running.cancel)
        live.until(lambda: len(live.server.recorder) == 0)
        events = read_events(live.get(f"{PATH}/v1_Chd0?stream=true").body)
        assert events[-1]["error"]["code"] == "cancelled"
