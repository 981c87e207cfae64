"""What a stream is in a reader's hands: chunks, the answer so far, its end, another try."""

from __future__ import annotations

import pickle
import threading
import time
from typing import Any

import pytest

from headwater.errors import (
    ClientError,
    ConnectError,
    HeadwaterError,
    RateLimitError,
    ServerError,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    UsageError,
)
from tests.support.servers import Connection, Request, Server, refuses, says, scripted, two_then_stall, whole

USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}


def test_stream_knows_its_answer_so_far(side: Any) -> None:
    """text, response, usage_metadata, finish_reason, headers, is_over and repr follow the chunks."""
    go_on = threading.Event()

    def script(connection: Connection, request: Request) -> None:
        connection.begin(x_here="yes")
        connection.event(says("Hello ", usageMetadata={"promptTokenCount": 3}))
        assert go_on.wait(10)
        connection.event(says("world", "STOP", usageMetadata=USAGE))
        connection.end()

    with Server(script) as server:
        stream = side.stream(server.client())
        assert (stream.text, stream.is_over, stream.finish_reason, stream.headers) == ("", False, None, {})
        assert "0 chunks" in repr(stream)
        assert server.requests == []  # nothing is sent before the first chunk is asked for
        assert side.next(stream).text == "Hello "
        assert (stream.text, stream.response.text, stream.usage_metadata.prompt_token_count) == ("Hello ", "Hello ", 3)
        assert (stream.headers["x-here"], stream.is_over, stream.finish_reason) == ("yes", False, None)
        assert "1 chunks" in repr(stream)
        go_on.set()
        assert side.next(stream).text == "world"
        assert side.next(stream) is None
        assert (stream.text, stream.is_over, stream.finish_reason) == ("Hello world", True, "STOP")
        assert stream.usage_metadata.total_token_count == 7
        assert (stream.response.response_id, stream.response.model_version) == ("r1", "test-model")
        assert "test-key" not in repr(stream)
        with pytest.raises(UsageError, match="read to its end"):
            side.read(stream)
        assert side.next(stream) is None
        assert len(server.requests) == 1


def test_collect_is_the_whole_answer(side: Any) -> None:
    """collect() reads to the end and returns one response; asked again it returns the same."""
    with Server(whole) as server:
        stream = side.stream(server.client())
        answer = side.do(stream.collect())
        assert (answer.text, answer.usage_metadata.total_token_count) == ("Hello world", 7)
        assert len(answer.candidates[0].content.parts) == 1
        assert side.do(stream.collect()).text == "Hello world"
        assert len(server.requests) == 1


def test_next_does_not_close(side: Any) -> None:
    """next() and anext() take one chunk, and leave the stream open for the next or for a loop."""
    with Server(two_then_stall) as server:
        stream = side.stream(server.client())
        assert side.next(stream).text == "one "
        assert not stream.is_over
        assert side.next(stream).text == "two "
        assert server.closes.empty()
        side.close(stream)
        server.closed_at()


def test_chunks_have_headers_and_raw_bytes(side: Any) -> None:
    """Each chunk knows the headers of the answer."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin(x_here="yes")
        connection.event(says("a", "STOP"))
        connection.end()

    with Server(script) as server:
        (chunk,) = side.read(side.stream(server.client()))
        assert chunk.sdk_http_response.headers["x-here"] == "yes"


def test_config_may_ask_for_a_stream(side: Any) -> None:
    """generate_content with config={"stream": True} returns the stream."""
    with Server(whole) as server:
        stream = side.ask(server.client(), config={"stream": True})
        assert "".join(chunk.text for chunk in side.read(stream)) == "Hello world"
        assert server.requests[0].target.endswith(":streamGenerateContent?alt=sse")
        assert b"stream" not in server.requests[0].body.replace(b"streamG", b"")


def test_partial_answer_stays_after_an_error(side: Any) -> None:
    """After a break, the stream and its error keep what had come."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("Hel", usageMetadata=USAGE))
        connection.close()

    with Server(script) as server:
        stream = side.stream(server.client())
        with pytest.raises(StreamInterrupted) as caught:
            side.do(stream.collect())
        assert (stream.text, stream.usage_metadata.total_token_count, stream.is_over) == ("Hel", 7, True)
        assert (caught.value.partial.text, caught.value.phase) == ("Hel", "body")
        assert side.read(stream) == []


def test_errors_can_be_pickled(side: Any) -> None:
    """An error travels to another process with its class and fields."""
    with Server(
        lambda connection, _: connection.answer(refuses(429, "RESOURCE_EXHAUSTED", "slow"), "429 Slow")
    ) as server:
        with pytest.raises(RateLimitError) as caught:
            side.ask(server.client())
        copy = pickle.loads(pickle.dumps(caught.value))
        assert type(copy) is RateLimitError
        assert (copy.code, copy.message, str(copy)) == (429, "slow", str(caught.value))


# --- another try ----------------------------------------------------------------------------------------------------

QUICK = {"attempts": 3, "initial_delay": 0.01, "max_delay": 0.02, "jitter": 0.0}


def refuse(code: int, **headers: str) -> Any:
    return lambda connection, _: connection.answer(refuses(code, "UNAVAILABLE", "later"), f"{code} Later", **headers)


def error_first(connection: Connection, request: Request) -> None:
    """Answer 200, and then with an error as the first event."""
    connection.stream(refuses(503, "UNAVAILABLE", "overloaded"))


def cut_first(connection: Connection, request: Request) -> None:
    """Answer with a head, and break."""
    connection.begin()
    connection.close()


def empty(connection: Connection, request: Request) -> None:
    """Answer with nothing."""
    connection.stream()


@pytest.mark.parametrize(
    "failure", [refuse(503), refuse(429), refuse(500), error_first, cut_first, empty], ids=lambda it: it.__name__
)
def test_failure_before_the_content_is_tried_again(side: Any, failure: Any) -> None:
    """With retry_options, what fails before the first content is tried again, and the reader sees one answer."""
    with Server(scripted(failure, failure, whole)) as server:
        stream = side.stream(server.client(retry_options=QUICK))
        assert [chunk.text for chunk in side.read(stream)] == ["Hello ", "world"]
        assert len(server.requests) == 3
        assert len({request.body for request in server.requests}) == 1


def test_stall_before_the_head_is_tried_again(side: Any) -> None:
    """With retry_options, a request that gets no answer in time is tried again."""
    with Server(scripted(lambda connection, _: connection.stall(), whole)) as server:
        assert side.ask(server.client(retry_options=QUICK, timeout=150)).text == "Hello world"
        server.closed_at()


def test_attempts_end(side: Any) -> None:
    """The last failure is raised when the attempts are used up; it says how many there were."""
    with Server(refuse(503)) as server:
        with pytest.raises(ServerError) as caught:
            side.read(side.stream(server.client(retry_options=QUICK)))
        assert (len(server.requests), caught.value.attempts) == (3, 3)


def test_without_options_nothing_is_tried_again(side: Any) -> None:
    """Without retry_options a failure is raised at once."""
    with Server(refuse(503)) as server:
        with pytest.raises(ServerError):
            side.ask(server.client())
        assert len(server.requests) == 1


def test_only_the_given_codes_are_tried_again(side: Any) -> None:
    """http_status_codes says which answers are tried again; a 400 never is by itself."""
    with Server(refuse(400)) as server:
        with pytest.raises(ClientError):
            side.ask(server.client(retry_options=QUICK))
        assert len(server.requests) == 1
        with pytest.raises(ClientError):
            side.ask(server.client(retry_options={**QUICK, "http_status_codes": [400]}))
        assert len(server.requests) == 4


def test_after_content_nothing_is_tried_again(side: Any) -> None:
    """A break after the first chunk is raised, whatever the retry_options are: the chunks are not repeated."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("Hel"))
        connection.close()

    with Server(script) as server:
        stream = side.stream(server.client(retry_options=QUICK))
        assert side.next(stream).text == "Hel"
        with pytest.raises(StreamInterrupted):
            side.next(stream)
        assert len(server.requests) == 1


def test_the_server_says_how_long_to_rest(side: Any) -> None:
    """The delay of RetryInfo is kept, also where it is longer than the back-off."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.3s"}

    def slow(connection: Connection, request: Request) -> None:
        connection.answer(refuses(429, "RESOURCE_EXHAUSTED", "slow", info), "429 Slow")

    with Server(scripted(slow, whole)) as server:
        started = time.monotonic()
        assert side.ask(server.client(retry_options=QUICK)).text == "Hello world"
        assert time.monotonic() - started >= 0.3


def test_retry_options_of_a_call(side: Any) -> None:
    """retry_options may be given for one call."""
    with Server(scripted(refuse(503), whole)) as server:
        assert side.ask(server.client(), config={"http_options": {"retry_options": QUICK}}).text == "Hello world"


@pytest.mark.parametrize(
    "failure", [cut_first, empty, lambda connection, _: connection.close(), lambda connection, _: connection.stall()]
)
def test_unary_call_breaks_in_words(side: Any, failure: Any) -> None:
    """A unary call that breaks is a StreamError, or a WireError for what is no answer."""
    kinds = (StreamInterrupted, StreamTruncated, ConnectError, StreamStalled, HeadwaterError)
    with Server(failure) as server, pytest.raises(kinds) as caught:
        side.ask(server.client(timeout=300))
    assert str(caught.value)
