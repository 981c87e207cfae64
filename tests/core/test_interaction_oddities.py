"""Events that are not what the API promises, in any place: nothing is raised that is not headwater's."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import msgspec
import pytest

from headwater.core.answer.interaction_chunks import chunk_of, response_of
from headwater.core.answer.interaction_events import InteractionTranslator
from headwater.core.machine.config import MachineConfig
from headwater.core.machine.function_calling import FunctionCalling
from headwater.core.machine.machine import Machine
from headwater.core.machine.steps import STEPS, Open, Pause, Read, Run, Stop, Wait
from headwater.core.stages.base import start_stages
from headwater.core.stages.interaction_stage import EventStage
from headwater.core.wire.interactions import INTERACTIONS
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, HeadwaterError
from headwater.streaming import smooth
from headwater.types import FunctionResponse, Part
from headwater.types.interactions.base import plain
from tests.core.test_interaction_joining import HEAD, TAIL, Events, answer, is_text, marked
from tests.support.interaction_cases import SOON

REQUEST = HttpRequest("POST", "http://api.test/v1/interactions", {}, b'{"model":"m"}')
JUNK: list[Any] = [None, 0, -1, 3.5, "", "x", [], [1], {}, {"type": "text"}, True, ["a", None, {}], {"type": ["x"]}]
FIELDS = ("type", "text", "index", "event_id", "delta", "content", "steps", "usage", "error", "status")


def changed(value: Any, chance: random.Random) -> Any:
    """A value with junk in some places, and some places without anything."""
    if chance.random() < 0.06:
        return chance.choice(JUNK)
    if isinstance(value, dict):
        found = {name: changed(entry, chance) for name, entry in value.items() if chance.random() > 0.03}
        return found | ({chance.choice(FIELDS): chance.choice(JUNK)} if chance.random() < 0.03 else {})
    return [changed(entry, chance) for entry in value] if isinstance(value, list) else value


def body_of(events: Events) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


def machine_of(chance: random.Random) -> Machine[Any]:
    stages = EventStage(start_stages([smooth(delay=0.01)])) if chance.random() < 0.3 else None
    calling = FunctionCalling(3, keeps_history=False) if chance.random() < 0.3 else None
    config = MachineConfig(retry=SOON, on_break="continue", stages=stages, function_calling=calling)
    machine: Machine[Any] = Machine(INTERACTIONS, REQUEST, config)
    machine.reports_events = True
    return machine


def results(machine: Machine[Any], bodies: Iterator[bytes]) -> Iterator[Any]:
    """Play a shell, for a bounded number of steps."""
    now, body = 0.0, iter(())
    for _ in range(3000):
        now += 0.001
        match machine.next_step(now):
            case Open():
                body = iter([next(bodies)])
                machine.opened(200, {}, now)
            case Read():
                machine.received(next(body, b""), now)
            case Run(calls):
                given = [FunctionResponse(id=call.id, name=call.name, response={"result": "x"}) for call in calls]
                machine.answered([Part(function_response=each) for each in given], now)
            case Pause(seconds):
                now += seconds
                machine.waited(now)
            case Wait(seconds):
                now += seconds
            case Stop(error):
                assert error is None or isinstance(error, HeadwaterError)
                return
            case result if type(result) not in STEPS:
                yield result
    raise AssertionError("the call does not end")


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_whatever_arrives_is_read_or_refused(start: int) -> None:
    for seed in range(start, start + 100):
        chance = random.Random(seed)
        events = [changed(event, chance) for event in marked(HEAD + answer() + TAIL, is_text)]
        whole, cut = body_of(events), body_of(events[: chance.randrange(len(events))])
        machine = machine_of(chance)
        snapshot = machine.snapshot
        translator = InteractionTranslator(lambda snapshot=snapshot: snapshot.fold)  # type: ignore[misc]
        for result in results(machine, chain([cut], repeat(whole, 20), repeat(b""))):
            list(translator.events(result))
            if hasattr(result, "event_type"):
                chunk_of(result, snapshot.fold)
                assert plain(result) is not None
        assert snapshot.ending is not None
        assert isinstance(snapshot.fold.text, str)
        assert isinstance(snapshot.response.output_text, str)
        assert isinstance(plain(snapshot.response), dict)
        response_of(snapshot.response, snapshot.fold.finish_reason)


@pytest.mark.parametrize("code", [{"a": 1}, ["safety"], None, True, 3.5, "²", "99999", "", -1, 10**30])
def test_an_error_with_an_odd_code_is_an_error(code: object) -> None:
    """Whatever a proxy puts there."""
    data = msgspec.json.encode({"event_type": "error", "error": {"code": str(code) if code == 10**30 else code}})
    [error] = INTERACTIONS.decode(data, {})
    assert isinstance(error, APIError)
    assert 400 <= error.code < 600
