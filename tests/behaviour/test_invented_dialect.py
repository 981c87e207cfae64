"""A dialect of an API that does not exist: everything a stream can do, it does, and the machine does not know of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.client.options.call_options import StreamOptions
from headwater.client.request.settings import Settings
from headwater.client.stream.aio import AsyncCaller
from headwater.client.stream.sync import Caller
from headwater.contract.chats import SavedChat
from headwater.core.answer.ending import EndingKind
from headwater.core.machine.config import MachineConfig
from headwater.core.machine.function_calling import FunctionCalling
from headwater.core.machine.machine import Machine
from headwater.core.machine.policy import Deadlines, Retry
from headwater.core.machine.steps import Close, Open, Pause, Read, Run, Stop, TransportError, Wait
from headwater.core.stages.base import start_stages
from headwater.core.stages.coalesce import coalesce
from headwater.core.wire.dialect import Dialect
from headwater.core.wire.gemini import Gemini
from headwater.core.wire.saved_chats import SavedChatDialect
from headwater.core.wire.server_streams import ServerStreamDialect
from headwater.errors import (
    ConnectError,
    DeadlineExceeded,
    NotFoundError,
    ServerError,
    StreamCancelled,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    WireError,
)
from headwater.types import GenerateContentConfig, GenerateContentResponse, Part
from tests.support.heron import HERON, netstring, talk
from tests.support.servers import Connection, Request, Server

#: Checked by mypy: these satisfy the protocol.
DIALECTS: list[Dialect[Any]] = [
    HERON,
    Gemini(GenerateContentResponse),
    ServerStreamDialect(),
    SavedChatDialect(SavedChat),
]
HELLO, WORLD, DONE = netstring("say", "Hello "), netstring("say", "world"), netstring("done", "bored", 2)
Late = StreamStalled | DeadlineExceeded
TRICE = Retry(attempts=3, initial_delay=1.0, jitter=0.0)


class Play:
    """A machine that speaks Heron, on a fake clock."""

    def __init__(self, **options: Any) -> None:
        self.now = 0.0
        self.last: Any = None
        self.machine = Machine(HERON, talk(), MachineConfig(**{"retry": TRICE} | options))

    def step(self) -> Any:
        """The next step; waiting moves the clock."""
        step = self.machine.next_step(self.now)
        self.now += step.seconds if isinstance(step, Wait) else 0.0
        return step

    def open(self, status: int = 200, **headers: str) -> dict[str, Any]:
        """Answer the next request, and return what it asks."""
        while not isinstance(step := self.step(), Open):
            assert isinstance(step, Close | Wait), step
        self.machine.opened(status, {name.replace("_", "-"): value for name, value in headers.items()}, self.now)
        body: dict[str, Any] = json.loads(step.request.body or b"{}")
        return body

    def hear(self, *pieces: bytes) -> str:
        """Let ``pieces`` arrive, and return the text that the reader gets."""
        for piece in pieces:
            self.machine.received(piece, self.now)
        text = ""
        while not isinstance(step := self.step(), Read | Close | Stop | Run | Pause):
            text += step.text
        self.last = step
        return text

    def lose(self) -> None:
        """Lose the connection."""
        self.machine.failed(TransportError("lost", "reset"), self.now)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: type(dialect).__name__)
def test_every_dialect_has_the_whole_protocol(dialect: Dialect[Any]) -> None:
    """And nothing that is shared between two bodies."""
    missing = [name for name in vars(Dialect) if not name.startswith("_") and not hasattr(dialect, name)]
    assert not missing
    assert dialect.stream_framing() is not dialect.stream_framing()
    assert dialect.single_framing().ends_with_body


def test_a_stream_from_beginning_to_end() -> None:
    play = Play()
    assert play.open(heron_ticket="t1") == {"talk": [["user", "hi"]], "skip": 0}
    assert play.hear(netstring("muse", "hm"), HELLO[:7], HELLO[7:] + WORLD[:1], WORLD[1:], DONE) == "Hello world"
    assert play.machine.snapshot.fold.thought_text == "hm"
    assert play.hear(b"") == ""
    assert play.last == Stop()
    snapshot = play.machine.snapshot
    assert snapshot.ending is not None
    assert (snapshot.ending.kind, snapshot.usage_metadata.candidates_token_count) == (EndingKind.FINISHED, 2)


def test_its_position_is_its_own() -> None:
    play = Play()
    play.open(heron_ticket="a b")
    play.hear(HELLO, WORLD)
    assert play.machine.position == "heron/a%20b/2"


def test_a_refusal_is_read_by_its_own_rules_and_tried_again() -> None:
    play = Play()
    play.open(503)
    play.hear(b"busy: come back later", b"")
    assert play.step() == Wait(1.0)
    play.open()
    assert play.hear(HELLO, WORLD, DONE, b"") == "Hello world"
    assert (play.last, play.machine.snapshot.attempts, play.now) == (Stop(), 2, 1.0)


def test_a_refusal_that_no_try_can_change_is_raised_at_once() -> None:
    play = Play()
    play.open(400)
    play.hear(b"lost: no such pond", b"")
    error = play.last.error
    assert isinstance(error, NotFoundError)
    assert (error.message, error.status, error.attempts) == ("no such pond", "LOST", 1)


def test_an_error_in_the_stream_ends_it_and_keeps_what_arrived() -> None:
    play = Play()
    play.open()
    assert play.hear(HELLO, netstring("oops", 500, "fell into the pond")) == "Hello "
    assert isinstance(play.last.error, ServerError)
    assert play.last.error.partial.text == "Hello "


def test_an_answer_that_breaks_is_resumed_by_its_own_rule() -> None:
    """By characters, not by tokens, documents or words: the machine does not know the difference."""
    play = Play(on_break="continue")
    play.open(heron_ticket="t1")
    assert play.hear(HELLO, netstring("say", "wo")) == "Hello wo"
    play.lose()
    while not isinstance(step := play.step(), Open):
        pass
    assert (step.request.headers["heron-ticket"], step.request.headers["heron-keep"]) == ("t1", "yes")
    assert json.loads(step.request.body or b"")["skip"] == len("Hello wo")
    play.machine.opened(200, {"heron-ticket": "t1"}, play.now)
    assert play.hear(netstring("say", "rld"), DONE, b"") == "rld"
    assert play.machine.snapshot.fold.text == "Hello world"
    assert play.last == Stop()


def test_an_answer_that_it_cannot_resume_ends_with_what_broke_it() -> None:
    play = Play(on_break="continue")
    play.open()  # without a ticket
    play.hear(HELLO)
    play.lose()
    play.hear()
    assert isinstance(play.last.error, StreamInterrupted)


def test_a_restart_voids_what_arrived() -> None:
    play = Play(on_break="restart")
    play.open()
    play.hear(HELLO)
    play.lose()
    reset = play.step()
    assert reset.is_reset
    play.open()
    assert play.hear(HELLO, WORLD, DONE, b"") == "Hello world"
    assert play.machine.snapshot.response.text == "Hello world"


def test_a_clean_end_without_a_reason_is_a_truncation() -> None:
    play = Play(retry=Retry(attempts=1))
    play.open()
    play.hear(HELLO, WORLD[:9], b"")
    assert isinstance(play.last.error, StreamTruncated)


def test_the_other_side_may_say_that_it_is_over() -> None:
    play = Play()
    play.open()
    assert play.hear(HELLO, netstring("fin")) == "Hello "
    assert play.last == Stop()


def test_what_is_something_else_is_named_by_its_api() -> None:
    play = Play()
    play.open()
    play.hear(b"<html>Please log in</html>", b"")
    assert isinstance(play.last.error, WireError)
    assert "what the Heron API sends; it begins: '<html>" in str(play.last.error)


@pytest.mark.parametrize(
    ("limits", "arrives", "kind", "clock"),
    [
        ({"first_content": 5.0}, b"", StreamStalled, "first_content"),
        ({"content_gap": 5.0}, HELLO, StreamStalled, "content_gap"),
        ({"byte_gap": 5.0}, HELLO, StreamStalled, "byte_gap"),
        ({"total": 5.0}, HELLO, DeadlineExceeded, "total"),
    ],
)
def test_every_deadline_holds(limits: dict[str, float], arrives: bytes, kind: type[Late], clock: str) -> None:
    none = dict.fromkeys(("first_content", "content_gap", "byte_gap", "total"))
    play = Play(deadlines=Deadlines(**none | limits), retry=Retry(attempts=1))
    play.open()
    play.hear(*([arrives] if arrives else []))
    assert play.last == Read(5.0)
    play.now += 5.0
    play.machine.failed(TransportError("timeout", "5 s"), play.now)
    play.hear()
    assert type(play.last.error) is kind
    assert play.last.error.deadline == clock


def test_functions_are_called_and_their_results_told() -> None:
    play = Play(function_calling=FunctionCalling(3))
    play.open()
    play.hear(netstring("do", "look", {"at": "pond"}), DONE, b"")
    assert isinstance(play.last, Run)
    assert (play.last.calls[0].name, play.last.calls[0].args) == ("look", {"at": "pond"})
    result = Part.from_function_response(name="look", response={"fish": 3})
    play.machine.answered([result], play.now)
    assert play.open()["talk"] == [["user", "hi"], ["model", "do look"], ["user", 'done {"fish": 3}']]
    assert play.hear(netstring("say", "Three."), DONE, b"") == "Three."


def test_stages_pace_it() -> None:
    play = Play(stages=start_stages([coalesce(count=2)]))
    play.open()
    assert play.hear(HELLO) == ""
    assert play.hear(WORLD) == "Hello world"
    assert play.hear(DONE, b"") == ""
    assert play.last == Stop()


def test_a_cancel_ends_it() -> None:
    play = Play()
    play.open()
    play.hear(HELLO)
    play.machine.cancel("enough")
    error = play.step().error
    assert isinstance(error, StreamCancelled)
    assert (error.reason, error.partial.text) == ("enough", "Hello ")


def stream_of(side: Any, server: Server, **options: Any) -> Any:
    """A stream of the shell of this side, over a real socket."""
    settings = Settings(api_key="k", http_options={"base_url": server.url})
    caller = Caller(settings) if side.name == "sync" else AsyncCaller(settings)
    given: StreamOptions = {"retry": Retry(attempts=3, initial_delay=0.0, jitter=0.0), **options}  # type: ignore[typeddict-item]
    return caller.stream(talk(server.url), GenerateContentConfig(), given, dialect=HERON)


def test_a_shell_streams_retries_and_resumes_it(side: Any) -> None:
    """Refused, then cut in the middle, then resumed: one answer for the reader."""

    def script(connection: Connection, request: Request) -> None:
        if len(server.requests) == 1:
            connection.answer(b"busy: come back later", "503 Service Unavailable")
            return
        connection.begin(content_type="text/heron", heron_ticket="t7")
        skip = request.json["skip"]
        if not skip:
            connection.chunk(HELLO + netstring("say", "wo"))
            connection.reset()
            return
        assert request.headers["heron-ticket"] == "t7"
        connection.chunk(netstring("say", "Hello world"[skip:]) + DONE)
        connection.end()

    with Server(script) as server:
        stream = stream_of(side, server, on_break="continue")
        text = "".join(chunk.text for chunk in side.read(stream))
        assert text == stream.text == "Hello world"
        assert (len(server.requests), stream.metrics.attempts, stream.ending.kind) == (3, 3, EndingKind.FINISHED)


def test_a_shell_times_it_out_and_lets_the_connection_go(side: Any) -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.chunk(HELLO)
        connection.stall()

    with Server(script) as server:
        stream = stream_of(side, server, deadlines=Deadlines(content_gap=0.2), retry=Retry(attempts=1))
        assert side.next(stream).text == "Hello "
        with pytest.raises(StreamStalled) as caught:
            side.next(stream)
        assert caught.value.deadline == "content_gap"
        assert caught.value.partial is not None
        server.closed_at()


def test_a_shell_says_that_nobody_is_there(side: Any) -> None:
    with Server(lambda connection, request: None) as server:
        pass
    stream = stream_of(side, server, retry=Retry(attempts=1))
    with pytest.raises(ConnectError, match=r"cannot reach 127\.0\.0\.1:"):
        side.next(stream)
