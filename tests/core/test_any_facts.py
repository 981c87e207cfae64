"""Any facts in any order on a stream with any options: it ends, in a documented way, and its text is never wrong."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core.machine.config import MachineConfig
from headwater.core.machine.machine import Machine
from headwater.core.machine.policy import Deadlines, Retry
from headwater.core.machine.steps import STEPS, Close, Open, Pause, Read, Stop, TransportError, Wait
from headwater.core.stages.base import start_stages
from headwater.core.stages.coalesce import coalesce
from headwater.core.stages.smooth import smooth
from headwater.core.wire.request import HttpRequest
from headwater.errors import (
    APIError,
    BlockedError,
    ConnectError,
    DeadlineExceeded,
    StreamCancelled,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    WireError,
)
from headwater.types import GenerateContentResponse
from tests.support.corpus_cases import ANSWERS
from tests.support.machines import BUSY
from tests.support.peers import asking, document
from tests.support.servers import refuses, sse

DOCUMENTED = (
    APIError,
    ConnectError,
    StreamInterrupted,
    StreamTruncated,
    StreamStalled,
    DeadlineExceeded,
    StreamCancelled,
    WireError,  # redirected too often
)
WORDS = ("river", "stone", "light", "\u6d77\u5cb8", "caf\u00e9", "\U0001f30a\U0001f680", "moon", "ember", "quiet")


class Able:
    """Another end that can go on with its ``text`` by all three roads, as far as a request asks it to."""

    def __init__(self, chance: random.Random, *, keeps: bool, tokens: bool) -> None:
        self.chance = chance
        self.text = " ".join(f"{chance.choice(WORDS)}{number}" for number in range(chance.randint(1, 25)))
        self.keeps, self.tokens = keeps, tokens
        self.streams: dict[str, list[bytes]] = {}

    def answer(self, request: HttpRequest) -> tuple[int, dict[str, str], list[bytes]]:
        name = request.headers.get("Headwater-Stream")
        if name is not None:
            if self.chance.random() < 0.2:
                return 404, {}, [json.dumps(refuses(404, "NOT_FOUND", "not kept")).encode()]
            return 200, {"headwater-stream": name}, self.streams[name][int(request.headers["Headwater-After"]) :]
        name = f"s{len(self.streams)}"
        self.streams[name] = list(map(sse, self._from(*self._start(json.loads(request.body or b"")))))
        return 200, {"headwater-stream": name} if self.keeps else {}, self.streams[name]

    def _start(self, body: dict[str, Any]) -> tuple[int, int]:
        """Where to go on, and how much was shown."""
        if "continuationToken" in body:
            return int(base64.b64decode(body["continuationToken"])), 0
        shown = body["contents"][1:]
        if not shown:
            return 0, 0
        said = len(shown[0]["parts"][0]["text"])
        assert self.text.startswith(shown[0]["parts"][0]["text"]), "it is shown what it has said"
        return said - (self.chance.choice((0, 12, said)) if said >= 12 else 0), said

    def _from(self, at: int, shown: int) -> Iterator[dict[str, Any]]:
        chance = self.chance
        while at < len(self.text):
            size = chance.randint(1, 25)
            piece, at = self.text[at : at + size], at + size
            token = str(min(at, len(self.text))) if self.tokens and chance.random() < 0.4 else None
            is_short = token is not None and at > shown and chance.random() < 0.2
            yield document([{"text": piece}], token=token, finish="CONTINUATION" if is_short else None)
            if is_short:
                return
        yield document([{"text": ""}], finish="STOP")


class Line:
    """A line on which anything may happen, played with a machine by what ``chance`` draws."""

    def __init__(self, machine: Machine[Any], peer: Able, chance: random.Random, evil: float) -> None:
        self.machine, self.peer, self.chance, self.evil = machine, peer, chance, evil
        self.now = 0.0
        self.left = b""
        self.text: list[str] = []
        self.error: Any = None

    def run(self) -> None:
        for _ in range(5000):
            step = self.machine.next_step(self.now)
            if type(step) not in STEPS:
                self._read(step)
            elif isinstance(step, Stop):
                self.error = step.error
                return
            else:
                self._do(step)
            if self.chance.random() < self.evil / 50:
                self.machine.cancel("any time")
        raise AssertionError("the machine goes round in circles")

    def _read(self, chunk: GenerateContentResponse) -> None:
        if chunk.is_reset:
            self.text = []
        self.text.append(chunk.text)
        self.now += self.chance.choice((0.0, 0.0, 5.0))

    def _do(self, step: Any) -> None:
        match step:
            case Wait(seconds):
                self.now += seconds
            case Pause(seconds) if self.chance.random() < 0.5:
                self.now += seconds
                self.machine.waited(self.now)
            case Open(request, timeout):
                self._open(request, timeout)
            case Read(timeout):
                self._fact(timeout)
            case Pause():
                self._fact(None)
            case Close():
                self.left = b""

    def _open(self, request: HttpRequest, timeout: float | None) -> None:
        if self.chance.random() < self.evil:
            self._fail(self.chance.choice(("connect", "stale", "lost", "timeout")), timeout)
            return
        kind = self.chance.random()
        if kind < self.evil / 2:
            status, headers, body = 503, {}, [BUSY]
        elif kind < self.evil:
            status, headers, body = 307, {"location": "/elsewhere"}, []
        else:
            status, headers, body = self.peer.answer(request)
        self.left = b"".join(body)
        self.now += 0.1
        self.machine.opened(status, headers, self.now)

    def _fact(self, timeout: float | None) -> None:
        self.now += 0.01
        if self.chance.random() < self.evil / 3:
            way = self.chance.choice(("lost", "timeout", "end", "error", "ping", "empty"))
            self._go_wrong(way, timeout)
            return
        size = self.chance.randint(1, 400)
        data, self.left = self.left[:size], self.left[size:]
        self.machine.received(data, self.now)

    def _go_wrong(self, way: str, timeout: float | None) -> None:
        between = self.left[:6] == b"data: "  # at the beginning of an event, where another may stand
        if way in ("lost", "timeout"):
            self._fail(way, timeout)
        elif way == "end":
            self.machine.received(b"", self.now)
        elif between:
            empty = {} if self.peer.keeps else document([{"text": ""}])  # what it keeps, it counts
            events = {"error": refuses(503, "UNAVAILABLE", "busy"), "empty": empty}
            self.machine.received(b": ping\n\n" if not events.get(way) else sse(events[way]), self.now)

    def _fail(self, kind: Any, timeout: float | None) -> None:
        self.now += (timeout or 0.0) if kind == "timeout" else 0.0
        self.machine.failed(TransportError(kind, "why"), self.now)


STAGES: tuple[Any, ...] = (None, None, [smooth()], [coalesce(count=3)], [smooth(), coalesce(count=2)])


@settings(max_examples=1500)
@given(
    seed=st.integers(0, 2**32),
    on_break=st.sampled_from(["fail", "continue", "restart"]),
    attempts=st.integers(1, 6),
    keeps=st.booleans(),
    tokens=st.booleans(),
    stages=st.sampled_from(STAGES),
    limits=st.sampled_from([{}, {"total": 60.0}, {"first_content": 3.0, "content_gap": 3.0, "byte_gap": 2.0}]),
    evil=st.sampled_from([0.0, 0.1, 0.3, 0.6]),
)
def test_whatever_happens_the_text_is_right_and_the_end_is_one(
    seed: int,
    on_break: Any,
    attempts: int,
    keeps: bool,
    tokens: bool,
    stages: Any,
    limits: dict[str, float],
    evil: float,
) -> None:
    chance = random.Random(seed)
    peer = Able(chance, keeps=keeps and on_break == "continue", tokens=tokens)
    machine: Machine[Any] = Machine(
        ANSWERS,
        asking(),
        MachineConfig(
            retry=Retry(attempts=attempts, initial_delay=0.1, jitter=0.0),
            deadlines=Deadlines(**limits),
            on_break=on_break,
            stages=start_stages(stages) if stages else None,
        ),
    )
    line = Line(machine, peer, chance, evil)
    line.run()
    given_text, kept = "".join(line.text), machine.snapshot.fold.text
    ending = machine.snapshot.ending
    assert machine.snapshot.is_over
    assert ending is not None
    assert peer.text.startswith(given_text), "a beginning of the answer, nothing doubled, nothing lost"
    assert peer.text.startswith(kept)
    if line.error is None:
        assert (given_text, kept, str(ending)) == (peer.text, peer.text, "finished")
    else:
        assert isinstance(line.error, DOCUMENTED), line.error
        assert not isinstance(line.error, BlockedError)
        assert not ending.is_whole
        assert line.error.attempts == machine.snapshot.attempts
        assert (line.error.partial.text if line.error.partial else "") == kept
        if not isinstance(line.error, StreamCancelled):
            assert given_text == kept, "everything that had come was given before the error"
    if evil == 0.0 and not limits:
        assert line.error is None
