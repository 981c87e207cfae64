"""Streams that a server keeps by name: begun, left, found again and stopped, in both colours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from headwater import genai, offline
from headwater.core.answer.ending import EndingKind
from headwater.core.machine.policy import Retry
from headwater.engines.offline import OfflineEngine
from headwater.errors import APIError, NotFoundError, StreamCancelled, StreamInterrupted, UsageError
from headwater.server.http.errors import server_error
from tests.support.live import Held, Live, Scripted
from tests.support.live import says as chunk
from tests.support.servers import Server, says, scripted

ASK = {"model": "m", "contents": "Tell me a story about a river."}
NAME = "a" * 32
#: What tests of cut lines wait between two tries.
SOON = Retry(attempts=4, initial_delay=0.01, jitter=0.0)


@pytest.fixture
def live() -> Iterator[Any]:
    with Live(OfflineEngine(offline.INSTANT)) as live:
        yield live


def held(first: Any = 2) -> Any:
    """A server whose answers stop after ``first`` chunks until they are released, and its engine."""
    engine = Held(first)
    return Live(engine), engine


def events(*entries: Any, start: Any = 1) -> Any:
    """Numbered events as the server sends them: chunks, and (kind, JSON) for the others."""

    pieces = []
    for number, entry in enumerate(entries, start):
        kind, document = entry if isinstance(entry, tuple) else ("chunk", entry)
        pieces.append(f"id: {number}\r\nevent: {kind}\r\ndata: {json.dumps(document)}\r\n\r\n")
    return "".join(pieces).encode()


def sends(*entries: Any, start: Any = 1, cut: Any = b"") -> Any:
    """A script that sends events of the stream ``NAME`` and, where something is left to come, cuts the line."""

    def script(connection: Any, request: Any) -> None:
        connection.begin(headwater_stream=NAME)
        connection.chunk(events(*entries, start=start) + cut)
        if isinstance(entries[-1], tuple):
            connection.end()
        else:
            connection.close()

    return script


END = ("end", {"seconds": 1.0})


# Begin


def test_a_stream_has_its_name_at_once(side: Any, live: Any) -> None:
    """It is known before the first chunk is asked for, and the answer is the one that any other call gets."""
    client = live.client()
    stream = side.call(client, "streams.start", **ASK)
    assert len(stream.name) == 32
    assert stream.position
    side.read(stream)
    assert stream.text == side.ask(client, **ASK).text
    assert stream.ending.kind is EndingKind.FINISHED


def test_it_runs_without_a_reader(side: Any, live: Any) -> None:
    """The answer is whole though nobody has read it."""
    client = live.client()
    name = side.call(client, "streams.start", **ASK).name
    live.until(lambda: not len(live.server.recorder))
    known = side.call(client, "streams.get", name=name)
    assert (known.state, known.is_over, known.name, known.model) == ("finished", True, name, "m")
    assert known.metrics.chunks == known.next - 1 > 0
    assert known.usage.total_token_count > 0


def test_the_same_key_gives_the_same_stream(side: Any, live: Any) -> None:
    """A second start with it reads the answer of the first from its beginning; for another request it is refused."""
    client = live.client()
    first = side.call(client, "streams.start", idempotency_key="k", **ASK)
    second = side.call(client, "streams.start", idempotency_key="k", **ASK)
    assert first.name == second.name
    assert len(side.read(first)) == len(side.read(second)) > 1
    with pytest.raises(APIError, match="another request"):
        side.call(client, "streams.start", model="m", contents="Something else.", idempotency_key="k")


def test_without_a_key_a_start_that_is_sent_again_is_one_start(side: Any) -> None:
    """Every try carries the same key, which the client makes up; so the server begins one answer."""

    def known(connection: Any, request: Any) -> None:
        connection.answer({"name": NAME, "state": "running"}, status="201 Created")

    with Server(scripted(lambda connection, _: connection.reset(), known)) as server:
        stream = side.call(server.client(), "streams.start", retry=SOON, **ASK)
    keys = [request.headers["idempotency-key"] for request in server.requests]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(keys[0]) > 20
    assert stream.name == NAME
    body = server.requests[0].json
    assert (server.requests[0].path, body["model"], body["on_break"]) == ("/v1/streams", "m", "fail")


def test_the_options_of_the_request_are_those_of_its_reader(side: Any) -> None:
    """What has to be said to a gateway is said when the answer begins and when it is read."""

    def known(connection: Any, request: Any) -> None:
        connection.answer({"name": NAME, "state": "running"})

    with Server(scripted(known, sends(says("all", "STOP"), END))) as server:
        config = {"http_options": {"headers": {"x-team": "blue"}, "base_url": f"{server.url}/below"}}
        side.read(side.call(genai.Client(api_key="k"), "streams.start", config=config, **ASK))
    assert [request.headers["x-team"] for request in server.requests] == ["blue", "blue"]
    assert [request.path for request in server.requests] == ["/below/v1/streams", f"/below/v1/streams/{NAME}/events"]


def test_functions_are_declared_and_not_called(side: Any) -> None:
    """The answer may be read by a process that has no such function: the calls are the reader's."""

    def shut() -> str:
        """Shut the door."""
        raise AssertionError("called")

    call = {"functionCall": {"name": "shut", "args": {}}}
    asks = {"candidates": [{"content": {"parts": [call], "role": "model"}, "finishReason": "STOP", "index": 0}]}

    def known(connection: Any, request: Any) -> None:
        connection.answer({"name": NAME, "state": "running"})

    with Server(scripted(known, sends(asks, END))) as server:
        stream = side.call(server.client(), "streams.start", config={"tools": [shut]}, **ASK)
        side.read(stream)
    assert server.requests[0].json["tools"][0]["functionDeclarations"][0]["name"] == "shut"
    assert [call.name for call in stream.response.function_calls] == ["shut"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"on_brake": "fail"}, "did you mean 'on_break'"), ({"config": {"temprature": 1}}, "temprature")],
)
def test_what_is_wrong_is_said_before_anything_is_sent(side: Any, wrong: Any, says: Any) -> None:
    """No answer begins that the caller can not read."""
    with Server(lambda connection, request: None) as server, pytest.raises(UsageError, match=says):
        side.call(server.client(), "streams.start", **ASK, **wrong)
    assert not server.requests


def test_without_a_server_there_are_no_named_streams(side: Any) -> None:
    """The offline engine and the Gemini API itself keep none, and the error says who does."""
    with pytest.raises(UsageError, match="headwater serve"):
        side.call(genai.Client(http_options={"base_url": "offline:"}), "streams.start", **ASK)

    def page(connection: Any, request: Any) -> None:
        connection.answer(b"<html>not here</html>", status="404 Not Found", content_type="text/html")

    with Server(page) as server:
        with pytest.raises(NotFoundError, match="must be a headwater server"):
            side.call(server.client(), "streams.start", **ASK)
        with pytest.raises(NotFoundError, match="must be a headwater server"):
            side.read(side.call(server.client(), "streams.attach", name=NAME))


# Read


def test_anybody_can_join_at_any_time(side: Any) -> None:
    """A reader that comes in the middle and one that comes after the end read what the first has read."""
    live, engine = held()
    with live:
        client = live.client()
        first = side.call(client, "streams.start", **ASK)
        assert side.next(first).text == "0 "
        late = side.call(live.client(), "streams.attach", name=first.name)
        assert side.next(late).text == "0 "
        live.on_loop(engine.gate.set)
        side.read(first)
        side.read(late)
        after = side.call(client, "streams.attach", name=first.name)
        side.read(after)
        assert first.text == late.text == after.text == "0 1 end"


def test_a_position_is_enough_to_go_on_elsewhere(side: Any) -> None:
    """Another process goes on right after the chunk that was read last, by the name or by the position alone."""
    live, engine = held()
    with live:
        stream = side.call(live.client(), "streams.start", **ASK)
        side.next(stream)
        name, position = stream.name, stream.position
        side.close(stream)
        live.on_loop(engine.gate.set)
        for rest in (
            side.call(live.client(), "streams.attach", name=name, after=1),
            side.call(live.client(), "streams.attach", name=name, after=position),
            side.call(live.client(), "models.resume_stream", position=position),
        ):
            assert [chunk.text for chunk in side.read(rest)] == ["1 ", "end"]
            assert rest.ending.kind is EndingKind.FINISHED


def test_after_the_last_event_there_is_a_good_end(side: Any, live: Any) -> None:
    """Who has read all, the end with it or without, gets nothing more and no error."""
    stream = side.call(live.client(), "streams.start", **ASK)
    side.read(stream)
    last = side.call(live.client(), "streams.get", name=stream.name).next
    for after in (stream.position, last - 1, last, last + 5):
        rest = side.call(live.client(), "streams.attach", name=stream.name, after=after)
        assert side.read(rest) == []
        assert rest.ending.kind is EndingKind.FINISHED


def test_a_good_end_needs_no_finish_reason(side: Any) -> None:
    """What the server says of the end counts, also where the last chunk says nothing."""
    with Server(sends(says("all "), says("of it"), END)) as server:
        stream = side.call(server.client(), "streams.attach", name=NAME)
        side.read(stream)
    assert stream.text == "all of it"
    assert stream.ending.kind is EndingKind.FINISHED
    assert len(server.requests) == 1


def test_a_stream_that_nobody_has_is_not_found(side: Any, live: Any) -> None:
    """At once, with a message that says so; and one of another key looks the same."""
    with pytest.raises(NotFoundError, match="there is no such stream"):
        side.read(side.call(live.client(), "streams.attach", name=NAME))
    with pytest.raises(NotFoundError, match="there is no such stream"):
        side.call(live.client(), "streams.get", name=NAME)
    with Live(OfflineEngine(offline.INSTANT), api_keys=["key-of-anna", "key-of-bert"]) as live:
        name = side.call(live.client("key-of-anna"), "streams.start", **ASK).name
        with pytest.raises(NotFoundError, match="there is no such stream"):
            side.read(side.call(live.client("key-of-bert"), "streams.attach", name=name))


@pytest.mark.parametrize(
    ("name", "after"), [("", 0), ("a/b", 0), (None, 0), (NAME, -1), (NAME, True), (NAME, "12"), (NAME, 1.5)]
)
def test_what_is_no_place_in_a_stream_is_refused(side: Any, name: Any, after: Any) -> None:
    """Without a request."""
    with Server(lambda connection, request: None) as server, pytest.raises(UsageError):
        side.call(server.client(), "streams.attach", name=name, after=after)
    assert not server.requests


def test_a_position_of_another_stream_is_refused(side: Any) -> None:
    """It would lead to the wrong place."""
    with Server(sends(says("one"), END)) as server:
        stream = side.call(server.client(), "streams.attach", name=NAME)
        with pytest.raises(UsageError, match="not to"):
            side.call(server.client(), "streams.attach", name="b" * 32, after=stream.position)


# Cut lines


@pytest.mark.parametrize("rest", [b"", b"id: 3\r\nevent: chunk\r\nda"], ids=["between events", "in an event"])
def test_a_cut_line_is_gone_on_with(side: Any, rest: Any) -> None:
    """After the last event that came whole: nothing is lost, nothing comes twice."""
    script = scripted(
        sends(says("one "), says("two "), cut=rest),
        lambda connection, _: connection.reset(),
        sends(says("three", "STOP"), END, start=3),
    )
    with Server(script) as server:
        stream = side.call(server.client(), "streams.attach", name=NAME, retry=SOON)
        texts = [chunk.text for chunk in side.read(stream)]
    assert texts == ["one ", "two ", "three"]
    assert [request.headers["last-event-id"] for request in server.requests] == ["0", "2", "2"]


def test_a_server_that_shuts_down_is_waited_for(side: Any) -> None:
    """It ends the body between two events, refuses for a while, and is there again."""
    busy = {"error": {"code": 503, "message": "the server is shutting down", "status": "UNAVAILABLE"}}

    def leaves(connection: Any, request: Any) -> None:
        connection.begin(headwater_stream=NAME)
        connection.chunk(events(says("one ")))
        connection.end()

    script = scripted(
        leaves,
        lambda connection, _: connection.answer(busy, status="503 Service Unavailable"),
        sends(says("two", "STOP"), END, start=2),
    )
    with Server(script) as server:
        stream = side.call(server.client(), "streams.attach", name=NAME, retry=SOON)
        assert [chunk.text for chunk in side.read(stream)] == ["one ", "two"]


def test_another_stream_in_the_place_of_the_one_is_no_rest(side: Any) -> None:
    """What answers under another name is not joined to what came."""

    def other(connection: Any, request: Any) -> None:
        connection.begin(headwater_stream="b" * 32)
        connection.chunk(events(says("other"), END, start=2))
        connection.end()

    with Server(scripted(sends(says("one ")), other)) as server:
        stream = side.call(server.client(), "streams.attach", name=NAME, retry=SOON)
        with pytest.raises(StreamInterrupted):
            side.read(stream)
    assert stream.text == "one "


def test_a_stream_that_is_forgotten_meanwhile_ends_with_an_error(side: Any) -> None:
    """What came stays, and the error says that nothing more is there."""
    gone = {"error": {"code": 404, "message": "there is no such stream", "status": "NOT_FOUND"}}
    script = scripted(sends(says("one ")), lambda connection, _: connection.answer(gone, status="404 Not Found"))
    with Server(script) as server:
        stream = side.call(server.client(), "streams.attach", name=NAME, retry=SOON)
        with pytest.raises(StreamInterrupted) as caught:
            side.read(stream)
    assert stream.text == caught.value.partial.text == "one "
    assert "there is no such stream" in caught.value.__notes__[0]
    assert len(server.requests) == 2


# Ends


def test_leaving_does_not_stop_it(side: Any) -> None:
    """Closed and cancelled streams were only left: the answer goes on."""
    live, engine = held()
    with live:
        client = live.client()
        stream = side.call(client, "streams.start", **ASK)
        side.next(stream)
        side.close(stream)
        other = side.call(client, "streams.attach", name=stream.name)
        side.next(other)
        other.cancel()
        assert other.ending.kind is EndingKind.CANCELLED
        assert side.call(client, "streams.get", name=stream.name).state == "running"
        live.on_loop(engine.gate.set)
        live.until(lambda: not engine.running)
        assert engine.cancelled == 0


def test_a_stop_ends_it_for_all_its_readers(side: Any) -> None:
    """The loop of each ends with what was produced, and says that it was stopped; so it does for who comes later."""
    live, engine = held()
    with live:
        client = live.client()
        readers = [side.call(client, "streams.start", **ASK)]
        name = readers[0].name
        side.next(readers[0])
        readers.append(side.call(client, "streams.attach", name=name))
        side.next(readers[1])
        known = side.call(client, "streams.stop", name=name)
        assert (known.state, engine.cancelled) == ("cancelled", 1)
        readers.append(side.call(client, "streams.attach", name=name))
        for reader in readers:
            side.read(reader)
            assert reader.text == "0 1 "
            assert (reader.ending.kind, reader.ending.reason) == (EndingKind.CANCELLED, "stopped")
        assert side.call(client, "streams.stop", name=name).state == "cancelled"  # harmless


def test_a_stop_elsewhere_raises_where_that_is_asked_for(side: Any) -> None:
    """``raise_on_cancel`` means every cancel: after what was produced, the loop raises."""
    with Server(sends(says("one "), says("two "), ("end", {"reason": "cancelled"}))) as server:
        stream = side.call(server.client(), "streams.attach", name=NAME, raise_on_cancel=True)
        texts = [side.next(stream).text, side.next(stream).text]
        with pytest.raises(StreamCancelled) as caught:
            side.next(stream)
    assert (texts, caught.value.reason) == (["one ", "two "], "stopped")


def test_the_error_that_ended_it_is_every_readers(side: Any) -> None:
    """It is raised after what came, and not asked for again: it would be the same."""
    lost = server_error(503, "UNAVAILABLE", "LOST", "the server that produced this answer died: send the request again")
    with Live(Scripted(lambda request: [chunk("one "), lost])) as live:
        stream = side.call(live.client(), "streams.start", **ASK)
        for reader in (stream, side.call(live.client(), "streams.attach", name=stream.name)):
            with pytest.raises(APIError, match="died") as caught:
                side.read(reader)
            assert (caught.value.code, reader.text, caught.value.attempts) == (503, "one ", 1)
        known = side.call(live.client(), "streams.get", name=stream.name)
        assert (known.state, known.code) == ("failed", 503)
