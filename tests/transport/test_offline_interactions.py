"""The Interactions API in-process: the same answers as those of a server, stored in the memory of the process."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.core.wire.request import HttpRequest
from headwater.transport import offline_interactions
from headwater.transport.base import WaitInterrupter
from headwater.transport.offline import AsyncOfflineTransport, OfflineTransport
from headwater.transport.offline_interactions import INTERACTIONS, OfflineInteractions
from tests.support.interactions import read_events, text_in
from tests.support.sides import run_async

ASKED = {"model": "m", "input": "Tell me a story about a river in 40 words."}
_SLOW = "first=3600,rate=1"


class Reply:
    """A response, read to its end unless only its first ``pieces`` are asked for."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> tuple[int, str]:
        return self.status, self.json["error"]["code"]


def request(method: str, path: str, body: Any = None, *, pace: str = "instant", pieces: int | None = None) -> Reply:
    """Send one request through the transport."""
    data = None if body is None else json.dumps(body).encode()
    sent = HttpRequest(method, f"offline:{pace}/v1/interactions{path}", {}, data)
    answer = OfflineTransport().open(sent, None, WaitInterrupter())
    read = [answer.read(None)]
    while read[-1] and (pieces is None or len(read) < pieces):
        read.append(answer.read(None))
    answer.close()
    return Reply(answer.status, answer.headers, b"".join(read))


def create(pace: str = "instant", **fields: Any) -> Any:
    reply = request("POST", "", ASKED | fields, pace=pace)
    assert reply.status == 200, reply.body
    return reply.json


def test_an_interaction_is_created_read_streamed_and_deleted() -> None:
    made = create(labels={"a": "b"}, model="models/m")
    assert (made["status"], made["model"], made["labels"]) == ("completed", "m", {"a": "b"})
    found = request("GET", f"/{made['id']}").json
    assert found["steps"][1:] == made["steps"]
    streamed = read_events(request("POST", "", ASKED | {"stream": True}).body)
    assert text_in(streamed) == made["steps"][0]["content"][0]["text"]
    assert request("DELETE", f"/{made['id']}").json == {}
    assert request("GET", f"/{made['id']}").code == (404, "not_found")


def test_coroutines_get_the_same() -> None:
    async def read() -> tuple[int, bytes]:
        sent = HttpRequest("POST", "offline:instant/v1/interactions", {}, json.dumps(ASKED).encode())
        body = await AsyncOfflineTransport().open(sent, None, WaitInterrupter())
        return body.status, await body.read(None)

    status, data = run_async(read())
    assert (status, json.loads(data)["steps"]) == (200, create()["steps"])


def test_every_event_can_be_resumed_after() -> None:
    made = create()
    path = f"/{made['id']}?stream=true"
    events = read_events(request("GET", path).body)
    for number, event in enumerate(events):
        rest = request("GET", f"{path}&last_event_id={event['event_id']}").body
        assert read_events(rest) == events[number + 1 :]
        assert rest.endswith(b"data: [DONE]\n\n")
    assert read_events(request("GET", f"/{made['id']}:stream").body) == events


@pytest.mark.parametrize("cursor", ["999.0", "1.99", "1.5", "nonsense"])
def test_an_unknown_cursor_is_refused(cursor: str) -> None:
    made = create()
    assert request("GET", f"/{made['id']}?stream=true&last_event_id={cursor}").code == (400, "invalid_request")
    assert request("GET", f"/{made['id']}?last_event_id={cursor}").code == (400, "invalid_request")


def test_one_in_the_background_takes_its_time_and_is_cancelled() -> None:
    """Nothing runs for it: it is in progress until its last chunk is due, or until it is cancelled."""
    made = create(_SLOW, background=True)
    assert (made["status"], "steps" in made) == ("in_progress", False)
    path = f"/{made['id']}"
    assert request("GET", path).json["status"] == "in_progress"
    chained = ASKED | {"previous_interaction_id": made["id"]}
    assert request("POST", "", chained).code == (400, "failed_precondition")
    assert b"interaction.created" in request("GET", path + "?stream=true", pieces=1).body
    assert request("POST", path + "/cancel").json["status"] == "cancelled"
    assert read_events(request("GET", path + "?stream=true").body)[-1]["interaction"]["status"] == "cancelled"
    assert request("POST", path + ":cancel").code == (400, "failed_precondition")
    assert request("POST", "", chained).code == (400, "failed_precondition")
    assert create("instant", background=True)["status"] == "in_progress"


def test_functions_are_called_and_answered_by_the_id_of_the_interaction() -> None:
    tool = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
    made = create(input="Look around with the function look.", tools=[tool])
    assert made["status"] == "requires_action"
    (call,) = (step for step in made["steps"] if step["type"] == "function_call")
    result = {"type": "function_result", "call_id": call["id"], "result": "a river"}
    answer = create(input=[result], previous_interaction_id=made["id"], tools=[tool])
    assert (answer["status"], answer["previous_interaction_id"]) == ("completed", made["id"])
    assert "river" in json.dumps(answer["steps"])
    again = create(previous_interaction_id=answer["id"])
    request("DELETE", f"/{made['id']}")
    assert request("POST", "", ASKED | {"previous_interaction_id": again["id"]}).code == (404, "not_found")


def test_what_is_refused_is_not_kept() -> None:
    kept = len(INTERACTIONS._stored)
    assert request("POST", "", {}).code == (400, "invalid_request")
    assert request("POST", "", ASKED | {"model": "nonexistent-model"}).code == (404, "model_not_found")
    made = create(store=False)
    assert request("GET", f"/{made['id']}").code == (404, "not_found")
    assert request("GET", "/nonsense").code == (400, "invalid_request")
    assert request("GET", "/a/b/c").code == (404, "not_found")
    assert len(INTERACTIONS._stored) == kept
    other = create()
    assert request("POST", f"/{other['id']}").code == (404, "not_found")


def test_an_answer_that_is_an_error_has_its_status() -> None:
    """An answer that reached its limit is incomplete, and one after an unknown interaction does not begin."""
    assert create(generation_config={"max_output_tokens": 3})["status"] == "incomplete"
    assert request("POST", "", ASKED | {"previous_interaction_id": "v1_lost"}).code == (404, "not_found")


def test_the_oldest_interactions_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline_interactions, "_MAX_INTERACTIONS", 2)
    monkeypatch.setattr(offline_interactions, "INTERACTIONS", OfflineInteractions())
    made = [create() for _ in range(3)]
    assert [request("GET", f"/{one['id']}").status for one in made] == [404, 200, 200]


def test_a_conversation_has_a_longest_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline_interactions, "MAX_DEPTH", 1)
    first = create()
    second = create(previous_interaction_id=first["id"])
    reply = request("POST", "", ASKED | {"previous_interaction_id": second["id"]})
    assert reply.code == (400, "failed_precondition")
