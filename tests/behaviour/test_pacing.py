"""Pacing over real connections: a server that speaks in bursts, and a reader who does not notice."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from headwater import genai
from headwater.errors import StreamInterrupted
from headwater.streaming import Retry, coalesce, map_text, smooth, tap, throttle
from tests.support.servers import Connection, Request, Script, Server, says

DELAY = 0.3
#: A thread or a timer may be so late (seconds) on a machine that has other things to do.
LATE = 0.25


class Bursts:
    """A script that says ``text`` in bursts, and writes down when each character went out."""

    def __init__(self, text: str, seed: int, *, end: str | None = "STOP") -> None:
        self.text, self._end = text, end
        self._dice = random.Random(seed)
        self.sent: list[float] = []

    def __call__(self, connection: Connection, request: Request) -> None:
        connection.begin()
        rest = self.text
        while rest:
            size = self._dice.choice([1, 3, 40, 200])
            self.sent += [time.monotonic()] * len(rest[:size])
            connection.event(says(rest[:size], self._end if len(rest) <= size else None))
            rest = rest[size:]
            time.sleep(self._dice.choice([0, 0, 0, 0.05, 0.25]))
        if self._end is None:
            connection.reset()
        else:
            connection.end()


STORY = "".join(
    f"Once upon a time there were {number} rivers. 川はながれた。 They ran 👩‍👩‍👧 to the sea, and nobody held them up. "
    for number in range(6)
)


@pytest.mark.parametrize("seed", range(2))
def test_bursts_come_out_evenly_and_in_time(side: Any, seed: int) -> None:
    """The text is the same, in more and smaller pieces, and no character is held longer than the bound."""
    script = Bursts(STORY, seed)
    came: list[tuple[float, str]] = []
    with Server(script) as server:
        stream = side.stream(server.client(), stages=[smooth(delay=DELAY)])
        while (chunk := side.next(stream)) is not None:
            came.append((time.monotonic(), chunk.text))
    assert "".join(text for _, text in came) == stream.text == STORY
    assert max(len(text) for _, text in came) < 120
    assert len(came) > len(set(script.sent))
    assert str(stream.ending) == "finished"
    gone = [at for at, text in came for _ in text]
    assert max(out - into for out, into in zip(gone, script.sent, strict=True)) < DELAY + LATE


@pytest.mark.parametrize(
    "stages",
    [
        [smooth("character", delay=0.1)],
        [smooth("sentence")],
        [coalesce(seconds=0.1)],
        [throttle(0.05)],
        [tap(lambda chunk: None), smooth("line"), throttle(0.02)],
    ],
    ids=["characters", "sentences", "coalesced", "throttled", "several"],
)
def test_any_stages_leave_the_text_alone(side: Any, stages: list[Any]) -> None:
    """Whatever the stages, the text that comes out is the text that was sent, and the answer has all of it."""
    text = STORY[:400]
    with Server(Bursts(text, 4)) as server:
        stream = side.stream(server.client(), stages=stages)
        assert "".join(chunk.text for chunk in side.read(stream)) == text
        assert stream.response.text == text


@pytest.mark.parametrize("stages", [[smooth()], [coalesce(seconds=0.2)]], ids=["smooth", "coalesce"])
def test_a_break_loses_nothing_that_was_held(side: Any, stages: list[Any]) -> None:
    """What a stage holds when the connection breaks comes out before the error."""
    text = STORY[:300]
    with Server(Bursts(text, 5, end=None)) as server:
        stream = side.stream(server.client(), stages=stages)
        pieces = []
        with pytest.raises(StreamInterrupted):  # noqa: PT012
            while True:
                pieces.append(side.next(stream).text)
        assert "".join(pieces) == stream.text
        assert text.startswith(stream.text)


def test_a_connection_is_used_again_after_pacing(side: Any) -> None:
    """A paced stream that was read to its end leaves its connection to the next."""

    def script(connection: Connection, request: Request) -> None:
        connection.stream(says("some words to hold back "), says("and more of them", "STOP"))

    with Server(script) as server:
        client = server.client()
        for _ in range(3):
            pieces = side.read(side.stream(client, stages=[smooth(delay=0.1)]))
            assert "".join(chunk.text for chunk in pieces) == "some words to hold back and more of them"
        assert server.accepted == 1


def test_pacing_goes_with_recovery(side: Any) -> None:
    """A paced stream that breaks and is gone on with comes out whole, in order."""
    first, rest = STORY[:150], STORY[150:300]

    def cut(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says(first))
        time.sleep(0.02)  # or the reset overtakes the data
        connection.reset()

    calls: list[Script] = [cut, lambda connection, request: connection.stream(says(rest, "STOP"))]
    with Server(lambda connection, request: calls.pop(0)(connection, request)) as server:
        stream = side.stream(
            server.client(), stages=[smooth(delay=0.1)], on_break="continue", retry=Retry(initial_delay=0.05)
        )
        assert "".join(chunk.text for chunk in side.read(stream)) == STORY[:300]


def test_pacing_offline(side: Any) -> None:
    """The offline engine's streams are paced like any other."""
    ask = {"contents": "Tell me a story in 60 words."}
    plain = genai.Client(http_options={"base_url": "offline:instant"})
    whole = side.ask(plain, **ask).text
    for pace in ("instant", "first=0.01,rate=300"):
        client = genai.Client(http_options={"base_url": f"offline:{pace}"})
        began = time.monotonic()
        pieces = side.read(side.stream(client, stages=[smooth(delay=0.1)], **ask))
        assert "".join(chunk.text for chunk in pieces) == whole
        assert time.monotonic() - began < 5.0


class Shouting:
    """A stage that changes text."""

    def feed(self, chunk: Any, now: float) -> Any:
        return [map_text(chunk, str.upper)]

    def due(self) -> None:
        return None

    def release(self, now: float) -> Any:
        return []

    finish = release

    def flush(self) -> Any:
        return []


def test_a_stage_changes_what_the_loop_gets_and_not_the_answer(side: Any) -> None:
    with Server(Bursts("hello", 0)) as server:
        stream = side.stream(server.client(), stages=[Shouting])
        chunks = side.read(stream)
    assert "".join(chunk.text for chunk in chunks) == "HELLO"
    assert stream.text == "hello"
