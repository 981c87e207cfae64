"""Observers are told of every call, once of each end, and can do it no harm."""

from __future__ import annotations

import contextvars
import logging
from typing import Any

import pytest

from headwater import genai
from headwater.client.options.observers import CallRequest, FinishedCall
from headwater.errors import UsageError
from headwater.streaming import Deadlines, Retry, Retrying
from tests.support.servers import CHUNKED, EVENT, Server, chunk, refuses, scripted, sends, whole
from tests.support.ways_out import Way, answers, client_of, each_way, go, soon

PLACE: contextvars.ContextVar[str] = contextvars.ContextVar("place", default="nowhere")


class Notes:
    """An observer that writes down what it is told."""

    def __init__(self) -> None:
        self.asked: list[CallRequest] = []
        self.places: list[str] = []
        self.retries: list[Retrying] = []
        self.ends: list[str] = []
        self.totals: list[float | None] = []

    def begin(self, request: CallRequest) -> Notes:
        self.asked.append(request)
        self.places.append(PLACE.get())
        return self

    def retrying(self, event: Retrying) -> None:
        self.retries.append(event)

    def ended(self, call: FinishedCall) -> None:
        self.ends.append(str(call.ending))
        self.totals.append(call.metrics.total)


@each_way
def test_each_end_is_told_once(way: Way, side: Any) -> None:
    """Whatever ends a stream, an observer is told once, with the right ending, and with the time that it took."""
    notes = Notes()
    go(way, side, notes)
    assert soon(lambda: notes.ends) == [way.ending]
    assert len(notes.asked) == 1
    assert notes.totals[0] is not None
    assert notes.totals[0] > 0


def test_a_whole_answer_is_a_call_too(side: Any) -> None:
    """``generate_content`` is observed as a stream is; counting tokens is no such call."""
    notes = Notes()
    with Server(whole) as server:
        client = client_of(server, notes)
        side.ask(client)
        side.call(client, "models.count_tokens", model="m", contents="hi")
        side.chat(client)
    assert notes.ends == ["finished"]
    assert [(asked.method, asked.is_stream) for asked in notes.asked] == [("generateContent", False)]


def test_chats_are_observed(side: Any) -> None:
    notes = Notes()
    with Server(whole) as server:
        chat = side.chat(client_of(server, notes))
        side.read(side.do(chat.send_message_stream("hi")))
        side.do(chat.send_message("hi"))
    assert notes.ends == ["finished", "finished"]


def test_a_refused_call_that_is_no_stream(side: Any) -> None:
    notes = Notes()
    with Server(sends(b"")) as server:
        side.failure(client_of(server, notes, retry=Retry(attempts=1)), stream=False)
    assert notes.ends == ["failed"]


def test_nothing_is_told_where_nothing_was_sent(side: Any) -> None:
    """A stream that was never read is no call."""
    notes = Notes()
    with Server(whole) as server:
        side.close(side.stream(client_of(server, notes)))
        assert not server.requests
    assert (notes.asked, notes.ends) == ([], [])


def test_retries_and_new_beginnings_are_told(side: Any) -> None:
    """Before the first content and after it, where the answer begins anew; the call is one."""
    busy = refuses(503, "UNAVAILABLE", "busy")
    broken = sends(CHUNKED + chunk(EVENT), reset=True)
    script = scripted(lambda connection, _: connection.answer(busy, "503 Service Unavailable"), broken, whole)
    notes = Notes()
    with Server(script) as server:
        side.read(side.stream(client_of(server, notes, on_break="restart")))
    assert [type(event.error).__name__ for event in notes.retries] == ["ServerError", "StreamInterrupted"]
    assert notes.ends == ["finished"]
    assert len(notes.asked) == 1


def test_it_begins_in_the_context_of_the_call(side: Any) -> None:
    """A stream that is read elsewhere is still that of the place where it was asked for."""
    notes = Notes()

    def ask(client: genai.Client) -> Any:
        PLACE.set("here")
        if side.name == "sync":
            return side.stream(client)

        async def inside() -> Any:
            PLACE.set("here")
            return await client.aio.models.generate_content_stream(model="m", contents="hi")

        return side.do(inside())

    with Server(whole) as server:
        stream = contextvars.copy_context().run(ask, client_of(server, notes))
        side.read(stream)
    assert (notes.places, PLACE.get()) == (["here"], "nowhere")


class Faulty(Notes):
    """Raises wherever it can."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def _may_raise(self, where: str) -> None:
        if where == self.where:
            raise ZeroDivisionError(where)

    def begin(self, request: CallRequest) -> Notes:
        self._may_raise("begin")
        return super().begin(request)

    def retrying(self, event: Retrying) -> None:
        self._may_raise("retrying")

    def ended(self, call: FinishedCall) -> None:
        self._may_raise("ended")


@pytest.mark.parametrize("where", ["begin", "retrying", "ended"])
def test_what_an_observer_raises_harms_nobody(where: str, side: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is in the log; the call goes on, and the other observers are told."""
    notes = Notes()
    script = scripted(sends(b""), whole)
    with Server(script) as server, caplog.at_level(logging.ERROR, "headwater"):
        client = client_of(server, Faulty(where), notes)
        assert [chunk.text for chunk in side.read(side.stream(client))] == ["Hello ", "world"]
    assert notes.ends == ["finished"]
    assert [record.exc_info and record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


def test_an_end_in_the_middle_of_an_observers_work_waits() -> None:
    """A signal or the garbage collector may end a call while an observer holds a lock: the next is told after it."""
    told: list[str] = []
    client = genai.Client(http_options={"base_url": "offline:instant"})

    class Holding(Notes):
        def ended(self, call: FinishedCall) -> None:
            told.append("first begins")
            other.close()
            told.append("first ends")

    class Telling(Notes):
        def ended(self, call: FinishedCall) -> None:
            told.append("second")

    other = client.models.generate_content_stream(model="m", contents="hi", observers=[Telling()])
    next(other)
    client.models.generate_content_stream(model="m", contents="hi", observers=[Holding()]).collect()
    assert told == ["first begins", "first ends", "second"]


def test_a_call_that_is_closed_at_its_beginning_ends() -> None:
    """An observer that is told of the end of a call was told of its beginning, and the other way round."""
    client = genai.Client(http_options={"base_url": "offline:instant"})

    class Closing(Notes):
        def begin(self, request: CallRequest) -> Notes:
            stream.close()
            return super().begin(request)

    closing, notes = Closing(), Notes()
    stream = client.models.generate_content_stream(model="m", contents="hi", observers=[closing, notes])
    assert list(stream) == []
    assert (closing.ends, notes.ends) == (["cancelled"], ["cancelled"])


def test_an_observer_that_asks_is_not_told_of_its_own_calls() -> None:
    client = genai.Client(http_options={"base_url": "offline:instant"})

    class Curious(Notes):
        def ended(self, call: FinishedCall) -> None:
            super().ended(call)
            client.models.generate_content(model="m", contents="What was that?", observers=[self])

    curious = Curious()
    client.models.generate_content(model="m", contents="hi", observers=[curious])
    assert (len(curious.asked), curious.ends) == (1, ["finished"])


def test_a_call_goes_before_its_client(side: Any) -> None:
    """Its options replace the client's; watchers and observers are added, those of the client first."""
    steps: list[str] = []
    notes, more = Notes(), Notes()
    with Server(answers("SAFETY")) as server:
        client = client_of(server, notes, raise_on_block=True, trace=lambda now, what: steps.append("client"))
        trace: Any = lambda now, what: steps.append("call")  # noqa: E731
        side.read(side.stream(client, observers=[more], raise_on_block=False, trace=trace))
        assert len(side.read(side.stream(client, raise_on_block=False))) == 2
        side.failure(client)
    assert (notes.ends, more.ends) == (["blocked"] * 3, ["blocked"])
    assert steps[:4] == ["client", "call"] * 2


def test_what_is_for_streams_alone_does_not_trouble_calls(side: Any) -> None:
    """A client's ``on_break`` or ``on_end`` is for its streams."""
    ends: list[str] = []
    options: Any = {"on_break": "continue", "on_end": lambda stream: ends.append(str(stream.ending))}
    with Server(whole) as server:
        client = client_of(server, **options)
        assert side.ask(client).text == "Hello world"
        side.read(side.stream(client))
    assert ends == ["finished"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"observer": []}, "'observers'"),
        ({"observers": Notes()}, "observers must be a list of observers"),
        ({"observers": ["notes"]}, "observers must be a list of observers"),
        ({"deadlines": 3}, "deadlines must be a Deadlines"),
    ],
)
def test_wrong_options_are_told_when_the_client_is_made(options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        genai.Client(api_key="k", options=options)
    with pytest.raises(UsageError, match=message):
        genai.Client(api_key="k").models.generate_content_stream(model="m", contents="hi", **options)


def test_the_options_of_a_client_bound_its_calls(side: Any) -> None:
    """Clocks are options too."""

    def silent(connection: Any, request: Any) -> None:
        connection.stall()

    with Server(silent) as server:
        client = client_of(server, deadlines=Deadlines(total=0.1), retry=Retry(attempts=1))
        for stream in (True, False):
            assert side.failure(client, stream=stream)[1].deadline == "total"


GOOGLE = "https://generativelanguage.googleapis.com/v1beta"


@pytest.mark.parametrize(
    ("url", "model", "method", "place"),
    [
        (
            f"{GOOGLE}/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
            "gemini-2.5-flash",
            "streamGenerateContent",
            ("generativelanguage.googleapis.com", 443),
        ),
        (f"{GOOGLE}/tunedModels/mine:generateContent", "tunedModels/mine", "generateContent", None),
        ("http://127.0.0.1:8000/v1/projects/p/locations/l/publishers/google/models/m:generateContent", "m", None,
         ("127.0.0.1", 8000)),
        ("https://h/v1/projects/p/locations/l/endpoints/12:generateContent", "endpoints/12", None, ("h", 443)),
        ("offline:instant/v1beta/models/m%20n:generateContent", "m n", "generateContent", (None, None)),
    ],
)  # fmt: skip
def test_what_is_asked_is_read_from_the_url(url: str, model: str, method: str | None, place: Any) -> None:
    asked = CallRequest(url=url, body=b"{}", is_stream=True, is_vertex=False)
    assert asked.model == model
    assert method in (None, asked.method)
    assert place in (None, (asked.host, asked.port))


def test_what_is_asked_says_neither_the_key_nor_the_words() -> None:
    """Not even by accident, in the log of an observer."""
    notes = Notes()
    with Server(whole) as server:
        client = client_of(server, notes)
        client.models.generate_content(model="m", contents="a secret", config={"temperature": 0.5, "top_k": 3})
    assert notes.asked[0].settings == {"temperature": 0.5, "topK": 3}
    assert notes.asked[0].document["contents"][0]["parts"] == [{"text": "a secret"}]
    shown = repr(notes.asked[0])
    assert "secret" not in shown
    assert "test-key" not in shown
