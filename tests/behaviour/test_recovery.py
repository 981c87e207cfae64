"""Recovery over real connections: tried again, gone on with, begun anew; nothing doubled, nothing lost."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from headwater.errors import ClientError, NotFoundError, RateLimitError, ServerError, StreamError, UsageError
from headwater.streaming import Retry
from tests.support.servers import Connection, Request, Script, Server, refuses, says, scripted, sse, whole

QUICK = Retry(attempts=4, initial_delay=0.01, jitter=0.0)
#: It never says the same twice: where it did, nobody could tell a model that goes on from one that repeats itself.
STORY = " ".join(
    f"On night {number} it was dark and stormy, and the rain fell for {number * 7} hours." for number in range(7)
)


class Model:
    """A model that goes on from the text it is shown, and is cut off after a random number of bytes."""

    def __init__(self, seed: int, cuts: int) -> None:
        self._dice = random.Random(seed)
        self.cuts = cuts
        self.shown: list[str] = []

    def __call__(self, connection: Connection, request: Request) -> None:
        last = request.json["contents"][-1]
        shown = last["parts"][0]["text"] if last["role"] == "model" else ""
        self.shown.append(shown)
        data = b"".join(self._chunks(STORY[len(shown) :]))
        connection.begin()
        if self.cuts:
            self.cuts -= 1
            connection.send(data[: self._dice.randrange(1, len(data))])
            if self._dice.random() < 0.5:
                time.sleep(0.01)  # or the reset overtakes the data
                connection.reset()
            connection.close()
        else:
            connection.send(data)
            connection.end()

    def _chunks(self, rest: str) -> Iterator[bytes]:
        while True:
            size = self._dice.randrange(1, 40)
            event = sse(says(rest[:size], "STOP" if len(rest) <= size else None))
            yield b"%x\r\n%b\r\n" % (len(event), event)
            rest = rest[size:]
            if not rest:
                return


@pytest.mark.parametrize("on_break", ["continue", "restart", "fail"])
def test_random_cuts(side: Any, on_break: Any) -> None:
    """Cut at random bytes up to three times: going on and beginning anew give the text, failing a prefix of it."""
    for seed in range(12):
        model = Model(seed, seed % 4)
        with Server(model) as server:
            stream = side.stream(server.client(), on_break=on_break, retry=QUICK)
            pieces: list[str] = []
            with contextlib.suppress(StreamError):
                while (chunk := side.next(stream)) is not None:
                    if chunk.is_reset:
                        pieces.clear()
                    pieces.append(chunk.text)
            if on_break != "fail" or not seed % 4:
                assert stream.text == STORY, seed
                assert str(stream.ending) == "finished"
            elif stream.ending.error is not None:
                assert str(stream.ending) == "interrupted"
            assert "".join(pieces) == stream.text
            assert STORY.startswith(stream.text)
            assert stream.metrics.attempts == len(server.requests)


def test_going_on_shows_the_model_its_own_text(side: Any) -> None:
    """The request that goes on carries what had come; a model that repeats some of it is not heard twice."""

    def cut(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("It was a dark and stormy night, "))
        connection.close()

    again = says("a dark and stormy night, and the rain fell.", "STOP")
    with Server(scripted(cut, lambda connection, _: connection.stream(again))) as server:
        stream = side.stream(server.client(), on_break="continue", retry=QUICK)
        assert (
            "".join(chunk.text for chunk in side.read(stream)) == "It was a dark and stormy night, and the rain fell."
        )
        last = server.requests[1].json["contents"][-1]
        assert (last["role"], last["parts"][0]["text"]) == ("model", "It was a dark and stormy night, ")


# --- before the first content -----------------------------------------------------------------------------------------


def busy(seconds: str | None = None, delay: str | None = None) -> Script:
    """A script that says to come again."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    body = refuses(429, "RESOURCE_EXHAUSTED", "slow down", *([info] if delay else []))
    headers = {"retry_after": seconds} if seconds else {}
    return lambda connection, _: connection.answer(body, "429 Too Many", **headers)


def error_event(connection: Connection, request: Request) -> None:
    """Answer 200, and then an error."""
    connection.stream(refuses(503, "UNAVAILABLE", "overloaded"))


@pytest.mark.parametrize(
    ("script", "least"),
    [
        (busy(), 0.0),
        (busy(seconds="1"), 1.0),
        (busy(delay="0.3s"), 0.3),
        (error_event, 0.0),
        (lambda connection, _: connection.answer(b"", "500 No"), 0.0),
        (lambda connection, _: connection.close(), 0.0),
        (lambda connection, _: connection.stream(), 0.0),
    ],
    ids=["429", "Retry-After", "RetryInfo", "error event", "500", "no head", "empty stream"],
)
def test_failures_that_may_pass_are_tried_again(side: Any, script: Script, least: float) -> None:
    """What may be better next time is tried again, not before the time that the other end asks for."""
    told: list[Any] = []
    with Server(scripted(script, whole)) as server:
        began = time.monotonic()
        stream = side.stream(server.client(), retry=QUICK, on_retry=told.append)
        assert "".join(chunk.text for chunk in side.read(stream)) == "Hello world"
        assert least <= time.monotonic() - began < least + 2
        assert (len(server.requests), stream.metrics.attempts, len(told)) == (2, 2, 1)
        assert told[0].delay >= least


@pytest.mark.parametrize("status", ["400 Bad", "401 Who", "403 No", "404 None", "413 Large", "501 Never"])
def test_what_does_not_get_better_is_asked_once(side: Any, status: str) -> None:
    """An error that will be the same next time is raised at once."""
    script = scripted(lambda connection, _: connection.answer(refuses(int(status[:3]), "X", "no"), status), whole)
    with Server(script) as server:
        with pytest.raises((ClientError, ServerError)):
            side.read(side.stream(server.client(), retry=QUICK))
        assert len(server.requests) == 1


def test_attempts_are_counted(side: Any) -> None:
    """After so many attempts the last error is raised; it knows how many there were."""
    with Server(busy()) as server:
        with pytest.raises(RateLimitError) as caught:
            side.read(side.stream(server.client(), retry=Retry(attempts=3, initial_delay=0.0)))
        assert (len(server.requests), caught.value.attempts) == (3, 3)


def test_unary_calls_are_tried_again(side: Any) -> None:
    """A unary call has the same retries."""
    with Server(scripted(busy(), whole)) as server:
        assert side.ask(server.client(), retry=QUICK).text == "Hello world"
        assert len(server.requests) == 2


# --- after content ----------------------------------------------------------------------------------------------------


def test_a_finish_reason_makes_the_break_harmless(side: Any) -> None:
    """A connection that breaks after the finish reason loses nothing, and nothing is asked again."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("all", "STOP"))
        time.sleep(0.02)
        connection.reset()

    for on_break in ("fail", "continue", "restart"):
        with Server(script) as server:
            stream = side.stream(server.client(), on_break=on_break, retry=QUICK)
            assert [chunk.text for chunk in side.read(stream)] == ["all"]
            assert (str(stream.ending), len(server.requests)) == ("finished", 1)


def test_a_continuation_is_asked_for(side: Any) -> None:
    """An answer that the API stops at its own limit is gone on with; the reader sees one answer."""

    def script(connection: Connection, request: Request) -> None:
        token = request.json.get("continuationToken")
        if token is None:
            first = says("one ", "CONTINUATION")
            first["candidates"][0]["continuationToken"] = "dG9rZW4="
            connection.stream(first)
        else:
            connection.stream(says("two", "STOP"))

    with Server(script) as server:
        stream = side.stream(server.client(), retry=QUICK)
        chunks = side.read(stream)
        assert (chunks[0].text, chunks[0].finish_reason) == ("one ", None)
        assert (stream.text, str(stream.ending), len(server.requests)) == ("one two", "finished", 2)


def test_a_position_that_is_none(side: Any) -> None:
    """A text that is no position is refused, and one that the other end does not keep is a NotFoundError."""
    with Server(lambda connection, _: connection.answer(refuses(404, "NOT_FOUND", "not kept"), "404 None")) as server:
        client = server.client()
        with pytest.raises(UsageError, match="position"):
            side.call(client, "models.resume_stream", position="nonsense")
        assert server.accepted == 0
        from headwater.core.wire.gemini_resume import position
        from headwater.core.wire.request import HttpRequest

        known = position(HttpRequest("POST", f"{server.url}/v1beta/models/m:streamGenerateContent?alt=sse", {}), "a", 3)
        with pytest.raises(NotFoundError):
            side.read(side.call(client, "models.resume_stream", position=known))
        assert server.requests[0].headers["headwater-after"] == "3"
