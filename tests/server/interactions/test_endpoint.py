"""``/interactions`` over HTTP: every verb, what is stored and what is not, who may read it, how errors look."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.errors import api_error
from headwater.server import Limits
from headwater.types import GenerateContentResponse
from tests.support.interactions import read_events, text_in
from tests.support.live import Held, Live, Scripted, read_until, says

ASKED = {"model": "m", "input": "Tell me a story about a river in 40 words."}
PATH = "/v1/interactions"
CALL = {"functionCall": {"name": "look", "args": {"where": "here"}}, "thoughtSignature": "c2ln"}


def create(live: Live, path: str = PATH, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    reply = live.post(path, ASKED | fields, **(headers or {}))
    assert reply.status == 200, reply.body
    return reply.json


def stream(live: Live, path: str) -> list[dict[str, Any]]:
    reply = live.get(path)
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "text/event-stream"
    return read_events(reply.body)


def code_of(reply: Any) -> tuple[int, str]:
    assert reply.json.keys() == {"error"}
    assert reply.json["error"].keys() == {"message", "code"}
    return reply.status, reply.json["error"]["code"]


@pytest.mark.parametrize("version", ["/v1", "/v1beta", "/v1alpha", "/v1beta1", "", "/v1beta1/projects/p/locations/l"])
def test_an_interaction_is_created_read_and_deleted(version: str) -> None:
    """``POST`` returns the model's steps, ``GET`` those of the input before them."""
    with Live() as live:
        made = create(live, version + "/interactions")
        assert (made["object"], made["status"], made["model"]) == ("interaction", "completed", "m")
        assert made["steps"][0]["type"] == "model_output"
        one = f"{version}/interactions/{made['id']}"
        found = live.get(one + "?stream=false").json
        assert found["steps"][0] == {"type": "user_input", "content": [{"type": "text", "text": ASKED["input"]}]}
        assert found["steps"][1:] == made["steps"]
        assert found["usage"] == made["usage"]
        assert live.request("DELETE", one).json == {}
        assert code_of(live.get(one)) == (404, "not_found")


def test_a_stream_is_what_the_interaction_folds_to() -> None:
    with Live() as live:
        reply = live.post(PATH, ASKED | {"stream": True})
        events = read_events(reply.body)
        assert reply.body.endswith(b"event: done\ndata: [DONE]\n\n")
        found = live.get(f"{PATH}/{events[0]['interaction']['id']}").json
        assert text_in(events) == found["steps"][1]["content"][0]["text"]
        assert events[-1]["interaction"]["status"] == "completed"
        assert stream(live, f"{PATH}/{found['id']}?stream=true") == events
        assert stream(live, f"{PATH}/{found['id']}:stream") == events


def test_every_event_of_a_stored_interaction_can_be_resumed_after() -> None:
    """The rest follows exactly once; after the last event only the mark of the end is left."""
    with Live() as live:
        path = f"{PATH}/{create(live)['id']}"
        events = stream(live, f"{path}?stream=true")
        for number, event in enumerate(events):
            assert stream(live, f"{path}?stream=true&last_event_id={event['event_id']}") == events[number + 1 :]
        assert live.get(f"{path}?stream=true&lastEventId={events[-1]['event_id']}").body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("cursor", ["999.0", "1.99", "0.2", "nonsense", "1.0.0", "-1.0", "9" * 12 + ".0"])
def test_an_unknown_cursor_is_refused(cursor: str) -> None:
    with Live() as live:
        path = f"{PATH}/{create(live)['id']}"
        assert code_of(live.get(f"{path}?stream=true&last_event_id={cursor}")) == (400, "invalid_request")


def test_a_cursor_is_for_streams_and_stream_is_a_flag() -> None:
    with Live() as live:
        path = f"{PATH}/{create(live)['id']}"
        assert code_of(live.get(f"{path}?last_event_id=0.0")) == (400, "invalid_request")
        assert code_of(live.get(f"{path}?stream=maybe")) == (400, "invalid_request")


def test_a_background_interaction_runs_without_a_reader_and_is_cancelled() -> None:
    """It is read while it runs, from the beginning and after a cursor; cancelling it ends its readers well."""
    engine = Held(3)
    with Live(engine) as live:
        made = create(live, background=True)
        assert (made["status"], "steps" in made) == ("in_progress", False)
        path = f"{PATH}/{made['id']}"
        live.until(lambda: engine.running == 1)
        connection = live.connect()
        connection.sendall(f"GET {path}?stream=true&last_event_id=0.0 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert b'"2 "' in read_until(connection, b'"2 "')
        running = live.get(path).json
        assert (running["status"], running["steps"][1]["content"][0]["text"]) == ("in_progress", "0 1 2 ")
        cancelled = live.request("POST", path + "/cancel").json
        assert (cancelled["status"], cancelled["steps"]) == ("cancelled", running["steps"])
        assert b'"status":"cancelled"' in read_until(connection, b"[DONE]")
        assert code_of(live.request("POST", path + ":cancel")) == (400, "failed_precondition")
        assert engine.cancelled == 1


def test_a_background_interaction_can_be_streamed_at_once() -> None:
    """It starts before the model does, and goes on without its reader."""
    engine = Held(0)
    with Live(engine) as live:
        body = json.dumps(ASKED | {"background": True, "stream": True}).encode()
        connection = live.connect()
        connection.sendall(
            b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (PATH.encode(), len(body), body)
        )
        head = read_until(connection, b"status_update")
        assert b"interaction.created" in head
        connection.close()
        live.until(lambda: engine.gate is not None)
        live.on_loop(lambda: engine.gate and engine.gate.set())
        live.until(lambda: engine.running == 0)
        assert engine.cancelled == 0


@pytest.mark.parametrize("is_stream", [False, True])
def test_what_is_not_stored_is_gone_with_its_reader(is_stream: bool) -> None:
    """The engine stops when the client disconnects, and nothing is found later."""
    engine = Held(1)
    with Live(engine) as live:
        body = json.dumps(ASKED | {"store": False, "stream": is_stream}).encode()
        connection = live.connect()
        connection.sendall(
            b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (PATH.encode(), len(body), body)
        )
        live.until(lambda: engine.running == 1)
        connection.close()
        live.until(lambda: engine.cancelled == 1)
        live.until(lambda: len(live.server.registry.retention) == 0)


@pytest.mark.parametrize("fields", [{}, {"stream": True}])
def test_an_interaction_that_is_not_stored_is_not_found(fields: dict[str, Any]) -> None:
    with Live() as live:
        reply = live.post(PATH, ASKED | {"store": False} | fields)
        interaction = read_events(reply.body)[0]["interaction"]["id"] if fields else reply.json["id"]
        assert code_of(live.get(f"{PATH}/{interaction}")) == (404, "not_found")
        chained = live.post(PATH, ASKED | {"previous_interaction_id": interaction})
        assert code_of(chained) == (404, "not_found")


@pytest.mark.parametrize(
    ("store", "wish", "is_kept"),
    [
        ("default", None, True),
        ("default", False, False),
        ("allowed", None, False),
        ("allowed", True, True),
        ("never", None, False),
        ("never", True, False),
    ],
)
def test_the_operator_decides_what_is_stored(store: str, wish: bool | None, is_kept: bool) -> None:
    with Live(interactions_store=store) as live:
        made = create(live, **({} if wish is None else {"store": wish}))
        assert live.get(f"{PATH}/{made['id']}").status == (200 if is_kept else 404)
        background = live.post(PATH, ASKED | {"background": True})
        assert background.status == (400 if store == "never" else 200)
        if store == "never":
            assert code_of(live.post(PATH, ASKED | {"previous_interaction_id": made["id"]})) == (404, "not_found")


def test_interactions_belong_to_their_keys() -> None:
    """To another key an interaction does not exist; a key that is not valid is an error in this API's shape."""
    with Live(api_keys=["first-key", "second-key"]) as live:
        made = create(live, headers={"x_goog_api_key": "first-key"})
        path = f"{PATH}/{made['id']}"
        assert live.get(path, x_goog_api_key="first-key").status == 200
        for method, place in (
            ("GET", path),
            ("GET", path + "?stream=true"),
            ("DELETE", path),
            ("POST", path + "/cancel"),
        ):
            assert code_of(live.request(method, place, x_goog_api_key="second-key")) == (404, "not_found")
        chained = live.post(PATH, ASKED | {"previous_interaction_id": made["id"]}, x_goog_api_key="second-key")
        assert code_of(chained) == (404, "not_found")
        refused = live.post(PATH, ASKED)
        assert code_of(refused) == (401, "authentication")
        assert refused.headers["www-authenticate"] == "Bearer"


def test_a_stream_that_is_no_interaction_is_not_found() -> None:
    with Live() as live:
        name = live.post("/v1/streams", {"model": "m", "contents": [{"parts": [{"text": "Hi"}]}]}).json["name"]
        assert code_of(live.get(f"{PATH}/v1_{name}")) == (404, "not_found")
        assert code_of(live.get(f"{PATH}/nonsense")) == (400, "invalid_request")
        assert code_of(live.get(f"{PATH}/live")) == (501, "unimplemented")


def test_what_the_server_does_not_have_says_so() -> None:
    with Live() as live:
        for path in ("/v1/agents", "/v1beta/agents/a", "/v1/webhooks", "/v1beta/environments/e/files"):
            for method in ("GET", "POST", "DELETE"):
                assert code_of(live.request(method, path)) == (501, "unimplemented")


def test_a_repeated_request_gets_the_interaction_that_it_created() -> None:
    with Live() as live:
        first, second = (create(live, headers={"idempotency_key": "k"}) for _ in range(2))
        assert first == second
        assert create(live)["id"] != first["id"]
        other = live.post(PATH, ASKED | {"input": "other"}, idempotency_key="k")
        assert other.status == 422
        assert code_of(live.post(PATH, ASKED, idempotency_key="k" * 1000)) == (400, "invalid_request")


def refusing(error: Exception, *before: GenerateContentResponse) -> Scripted:
    return Scripted(lambda _: [*before, error])


@pytest.mark.parametrize("fields", [{}, {"stream": True}, {"store": False}, {"store": False, "stream": True}])
def test_a_refusal_before_the_first_chunk_has_a_status_and_is_not_kept(fields: dict[str, Any]) -> None:
    quota = {
        "error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "7s"}]}
    }
    with Live(refusing(api_error(429, "slow", status="RESOURCE_EXHAUSTED", details=quota))) as live:
        reply = live.post(PATH, ASKED | fields)
        assert code_of(reply) == (429, "rate_limit_exceeded")
        assert reply.headers["retry-after"] == "7"
        live.until(lambda: len(live.server.registry.retention) == 0)


def test_a_model_that_does_not_exist_is_not_found() -> None:
    with Live(refusing(api_error(404, "no such model", status="NOT_FOUND"))) as live:
        assert code_of(live.post(PATH, ASKED)) == (404, "model_not_found")
        assert code_of(live.post(PATH, ASKED | {"stream": True})) == (404, "model_not_found")


def test_an_error_in_the_middle_is_the_last_event() -> None:
    """Without a mark of the end. Afterwards the interaction has failed, and says why; what it said stays."""
    engine = refusing(api_error(503, "overloaded", status="UNAVAILABLE"), says("begun"))
    with Live(engine) as live:
        body = live.post(PATH, ASKED | {"stream": True}).body
        events = read_events(body)
        assert events[-1]["error"] == {"message": "overloaded", "code": "service_unavailable"}
        assert b"[DONE]" not in body
        path = f"{PATH}/{events[0]['interaction']['id']}"
        found = live.get(path).json
        assert (found["status"], found["errors"]) == ("failed", [events[-1]["error"]])
        assert stream(live, f"{path}?stream=true&last_event_id={events[-1]['event_id']}") == []
        assert code_of(live.post(PATH, ASKED)) == (503, "service_unavailable")


def test_a_reader_of_a_deleted_interaction_is_told() -> None:
    """Its last event says that it was cancelled, or that it is not found any more; and the engine stops."""
    engine = Held(1)
    with Live(engine) as live:
        path = f"{PATH}/{create(live, background=True)['id']}"
        connection = live.connect()
        connection.sendall(f"GET {path}?stream=true HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        read_until(connection, b"step.delta")
        assert live.request("DELETE", path).status == 200
        rest = read_until(connection, b"0\r\n\r\n")
        ends = (b'"code":"not_found"', b'"status":"cancelled"')
        assert sum(rest.count(end) for end in ends) == 1
        live.until(lambda: engine.cancelled == 1)
        assert code_of(live.get(path)) == (404, "not_found")


def test_pages_of_allowed_origins_may_send_what_sdks_send() -> None:
    """The AI SDK names a revision of this API, in browsers as well."""
    with Live(origins=["https://page.example"]) as live:
        asked = {"origin": "https://page.example", "access_control_request_method": "POST"}
        reply = live.request("OPTIONS", PATH, access_control_request_headers="api-revision", **asked)
        assert "api-revision" in reply.headers["access-control-allow-headers"]


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT"])
def test_a_blocked_answer_is_400_with_its_reason(reason: str) -> None:
    with Live(Scripted(lambda _: [says("a", reason)])) as live:
        assert code_of(live.post(PATH, ASKED)) == (400, reason.lower())


class Recording(Scripted):
    """Keeps what it was asked, and calls a function when it is asked to look."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

        def script(request: Any) -> list[Any]:
            self.asked.append(json.loads(request.body))
            if self.asked[-1]["contents"][-1]["parts"][-1].get("text") == "look":
                content = {"role": "model", "parts": [{"text": "I look."}, CALL]}
                return [GenerateContentResponse(candidates=[{"content": content, "finish_reason": "STOP"}])]
            return [says(f"answer {len(self.asked)}", "STOP")]

        super().__init__(script)


def test_a_conversation_is_continued_by_the_id_of_its_last_interaction() -> None:
    """The engine gets the chunks as they came: the signature on its part, and no id that the model did not give."""
    engine = Recording()
    with Live(engine) as live:
        first = create(live, input="one", system_instruction="Be brief.")
        second = create(live, input="look", previous_interaction_id=first["id"])
        (call,) = (step for step in second["steps"] if step["type"] == "function_call")
        assert second["status"] == "requires_action"
        answer = {"type": "function_result", "call_id": call["id"], "result": "blue"}
        third = create(live, input=answer, previous_interaction_id=second["id"], tools=[])
        assert third["status"] == "completed"
        model = {"role": "model", "parts": [{"text": "I look."}, CALL]}
        assert engine.asked[-1] == {
            "contents": [
                {"role": "user", "parts": [{"text": "one"}]},
                {"role": "model", "parts": [{"text": "answer 1"}]},
                {"role": "user", "parts": [{"text": "look"}]},
                model,
                {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"result": "blue"}}}]},
            ]
        }
        # The steps of all three say the same to a server that stores nothing.
        steps = [*live.get(f"{PATH}/{first['id']}").json["steps"], *live.get(f"{PATH}/{second['id']}").json["steps"]]
        create(live, input=[*steps, answer], store=False)
        assert engine.asked[-1]["contents"] == engine.asked[-2]["contents"]


def test_a_conversation_that_lost_a_part_is_not_continued() -> None:
    with Live(Recording()) as live:
        first = create(live, input="one")
        second = create(live, input="two", previous_interaction_id=first["id"])
        live.request("DELETE", f"{PATH}/{first['id']}")
        reply = live.post(PATH, ASKED | {"previous_interaction_id": second["id"]})
        assert code_of(reply) == (404, "not_found")
        assert first["id"] in reply.json["error"]["message"]


def test_a_conversation_is_not_larger_than_a_request() -> None:
    """The turns before a request are at most as many bytes as a client may send at once."""
    with Live(Recording(), limits=Limits(max_body=1000)) as live:
        first = create(live, input="x" * 500)
        second = create(live, input="y" * 500, previous_interaction_id=first["id"])
        reply = live.post(PATH, ASKED | {"previous_interaction_id": second["id"]})
        assert code_of(reply) == (400, "failed_precondition")
        assert "1,000 bytes" in reply.json["error"]["message"]


def test_only_what_has_ended_with_an_answer_is_continued() -> None:
    engine = Held(0)
    with Live(engine) as live:
        made = create(live, background=True)
        chained = ASKED | {"previous_interaction_id": made["id"]}
        assert code_of(live.post(PATH, chained)) == (400, "failed_precondition")
        live.request("POST", f"{PATH}/{made['id']}/cancel")
        assert code_of(live.post(PATH, chained)) == (400, "failed_precondition")


def test_the_stream_below_an_interaction_has_its_links_and_formats() -> None:
    """An interaction is a stored stream: it is read in any format, and by a link without a key."""
    with Live(api_keys=["a-key"]) as live:
        made = create(live, headers={"x_goog_api_key": "a-key"})
        name = made["id"].removeprefix("v1_")
        assert live.get(f"/v1/streams/{name}", x_goog_api_key="a-key").json["state"] == "finished"
        link = live.post(f"/v1/streams/{name}/links", {"seconds": 60}, x_goog_api_key="a-key").json["url"]
        assert b"event: end" in live.get(link + "&format=text").body
        events = read_events(live.get(link + "&format=interactions").body)
        assert events[0]["interaction"]["id"] == made["id"]
        assert text_in(events) == made["steps"][0]["content"][0]["text"]


def test_quotas_count_interactions() -> None:
    engine = Held(1)
    with Live(engine, limits=Limits(max_streams=1)) as live:
        create(live, background=True)
        for fields in ({}, {"stream": True}, {"store": False}, {"store": False, "stream": True}):
            assert code_of(live.post(PATH, ASKED | fields)) == (429, "rate_limit_exceeded")


def test_a_body_beyond_the_limit_is_refused() -> None:
    with Live(limits=Limits(max_body=1000)) as live:
        assert code_of(live.post(PATH, ASKED | {"input": "x" * 2000})) == (413, "invalid_request")
        assert code_of(live.post(PATH, b"{")) == (400, "invalid_request")
