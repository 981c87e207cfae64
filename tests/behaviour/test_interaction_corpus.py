"""Every recorded stream of the Interactions API, in every cut and on both sides, gives exactly what it holds."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.core.machine.config import MachineConfig
from headwater.core.machine.machine import Machine
from headwater.core.machine.steps import STEPS, Close, Open, Read, Stop
from headwater.core.wire.interactions import INTERACTIONS
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, HeadwaterError, StreamTruncated
from headwater.types.interactions.base import plain
from tests.support.corpus_cases import Case, pieces
from tests.support.interaction_cases import ONCE, content, facts, read, some_cases, stream_of, told
from tests.support.servers import Connection, Request, Server, head
from tests.support.sides import Sync

REQUEST = HttpRequest("POST", "http://api.test/v1/interactions", {"x-goog-api-key": "secret"}, b'{"model":"m"}')


def play(body: list[bytes], *, status: int = 200, unary: bool = False) -> tuple[list[Any], Machine[Any], Any]:
    """Play a shell on one response: the events, the machine, and the error that it ends with."""
    machine: Machine[Any] = Machine(
        INTERACTIONS, REQUEST, MachineConfig(is_stream=not unary, retry=ONCE, continues=False)
    )
    events: list[Any] = []
    left = iter(body)
    while True:
        step = machine.next_step(0.0)
        match step:
            case Open():
                machine.opened(status, {}, 0.0)
            case Read():
                machine.received(next(left, b""), 0.0)
            case Stop(error):
                return events, machine, error
            case Close():
                pass
            case _:
                assert type(step) not in STEPS
                events.append(step)


def wanted(case: Case) -> dict[str, Any]:
    """What a case should give."""
    names = ("id", "model", "status", "text", "thought_text", "steps", "total_tokens", "ended", "n_events", "event_ids")
    expected = {name: case.expected[name] for name in names if name in case.expected}
    expected["steps"] = [kind or "model_output" for kind in expected["steps"]]
    # Arguments that are not JSON are left as the start of the step had them.
    calls = [{name: call.get(name) for name in ("name", "args", "id")} for call in case.expected["function_calls"]]
    expected["function_calls"] = calls
    if "error" in case.expected:
        expected["error"] = case.expected["error"]
    if expected.get("error", {}).get("message") == "an event is no JSON":  # the end of a body cut it
        del expected["error"]
        expected["ended"] = "cut"
    if case.expected.get("unknown_events") == [None]:  # an event without a type: it is an error
        expected |= {"ended": "error", "error": {"code": 429, "message": "Resource has been exhausted."}}
    return expected


@pytest.mark.parametrize("cut", ["whole", "bytes", "random"])
def test_every_recorded_stream_gives_what_it_holds_however_it_is_cut(cut: str) -> None:
    found = some_cases("sse")
    for case in found:
        events, machine, error = play(list(pieces(case.body, cut, case.id)))
        assert facts(events, machine.snapshot.response, error) == wanted(case), case.id
        assert (error is None) == (case.expected["ended"] == "completed")
        if isinstance(error, HeadwaterError):
            assert plain(error.partial) == plain(machine.snapshot.response)
    print(f"{len(found)} streams as expected, {cut}")


def test_every_recorded_stream_arrives_on_both_sides(side: Sync) -> None:
    found = some_cases("sse")
    left = iter(found)

    def script(connection: Connection, request: Request) -> None:
        case = next(left)
        connection.send(head("200 OK", {"content-type": "text/event-stream", "connection": "close"}))
        for piece in pieces(case.body, "random", case.id):
            connection.send(piece)
        connection.close()

    with Server(script) as server:
        client = server.client()
        for case in found:
            stream = stream_of(side, client, automatic_continuation=False, retry=ONCE)
            events, error = read(side, stream)
            assert facts(events, stream.interaction, error) == wanted(case), case.id
    print(f"{len(found)} streams as expected, {side.name}")


def test_every_recorded_answer_gives_what_it_holds() -> None:
    found = some_cases("json")
    for case in found:
        results, machine, error = play([case.body], status=case.status, unary=True)
        if case.expected.get("http"):
            assert isinstance(error, APIError)
            assert error.code == max(case.expected["http"], 400)
            if case.expected["error"]["code"] is not None:
                assert told(error)["error"] == case.expected["error"]
        else:
            [result] = results
            expected = {name: case.expected[name] for name in content(result)}
            assert content(result) == expected, case.id
            assert content(machine.snapshot.response) == expected
    print(f"{len(found)} answers as expected")


@pytest.mark.slow
def test_every_recorded_stream_cut_at_every_byte_is_a_prefix_and_the_right_error() -> None:
    for case in some_cases("sse"):
        whole, _, _ = play([case.body])
        known = [plain(event) for event in whole]
        for size in range(0, len(case.body), 1 if len(case.body) < 6000 else 7):
            events, machine, error = play([case.body[:size]])
            found = [plain(event) for event in events]
            assert found == known[: len(found)], (case.id, size)
            if machine.snapshot.may_end:
                assert error is None
            elif not isinstance(error, APIError):
                assert isinstance(error, StreamTruncated), (case.id, size, error)
