"""A script decides what happens to a client, over a real socket and for any API that it speaks."""

from __future__ import annotations

import json
import threading
import urllib.request
from typing import Any

import pytest

from headwater import genai
from headwater.errors import HeadwaterError, UsageError
from headwater.genai import errors
from headwater.testing import (
    ScriptServer,
    again,
    assert_streams,
    block,
    call,
    cut,
    error,
    finish,
    garbage,
    malformed_call,
    pause,
    redirect,
    reorder,
    say,
    script,
    slow_head,
    stall,
    think,
    truncate,
)
from tests.support.sides import Sync


def client(server: ScriptServer, **options: Any) -> genai.Client:
    once = {"retry_options": {"attempts": 1}}
    return genai.Client(api_key="any", http_options={"base_url": server.url} | once | options)


def read(side: Sync, server: ScriptServer, **options: Any) -> tuple[Any, HeadwaterError | None]:
    """Read a stream to its end; return it and its error."""
    stream = side.stream(client(server, **options))
    try:
        side.read(stream)
    except HeadwaterError as problem:
        return stream, problem
    return stream, None


@pytest.mark.parametrize(
    ("lines", "text", "kind", "ending"),
    [
        (("Hel", "lo"), "Hello", None, "finished"),
        ((say("Hel", "lo"), finish("MAX_TOKENS")), "Hello", None, "max_tokens"),
        ((think("I see."), "Hello"), "Hello", None, "finished"),
        ((reorder("lo", "Hel"),), "Hello", None, "finished"),
        (("Hel", again(), "lo"), "HelHello", None, "finished"),
        ((pause(0.01), "Hel", pause(0.01), "lo"), "Hello", None, "finished"),
        ((slow_head(0.01), "Hello"), "Hello", None, "finished"),
        ((redirect(), "Hello"), "Hello", None, "finished"),
        (("Hel", cut()), "Hel", errors.StreamInterrupted, "interrupted"),
        (("Hel", cut("close")), "Hel", errors.StreamInterrupted, "interrupted"),
        (("Hel", cut("inside")), "Hel", errors.StreamInterrupted, "interrupted"),
        (("Hel", truncate()), "Hel", errors.StreamTruncated, "truncated"),
        (("Hel", truncate(done=True)), "Hel", errors.StreamTruncated, "truncated"),
        ((cut(),), "", errors.ConnectError, "failed"),
        (("Hel", garbage(b"data: {oops\n\n")), "Hel", errors.WireError, "failed"),
        (("Hel", error(503, "busy")), "Hel", errors.ServerError, "failed"),
        ((error(429, retry_after=2),), "", errors.RateLimitError, "failed"),
        ((error(401),), "", errors.AuthenticationError, "failed"),
        (("Hel", block()), "Hel", None, "blocked"),
        ((block(),), "", None, "blocked"),
        ((malformed_call(),), "", None, "malformed_call"),
    ],
)
def test_stream_ends_as_the_script_says(side: Sync, lines: Any, text: str, kind: Any, ending: str) -> None:
    with script(*lines) as server:
        stream, problem = read(side, server)
    assert type(problem) is (kind or type(None))
    assert_streams(stream.text, text)
    assert stream.ending.kind == ending
    assert server.said == text


def test_a_refusal_says_when_to_retry() -> None:
    with script(error(429, "slow down", retry_after=2)) as server, pytest.raises(errors.RateLimitError) as caught:
        client(server).models.generate_content(model="m", contents="hi")
    assert caught.value.retry_after == 2
    assert caught.value.message == "slow down"


def test_each_list_is_an_attempt_and_the_last_one_stays() -> None:
    retrying = {"retry_options": {"attempts": 3, "initial_delay": 0.0}}
    with script([error(503)], [cut()], ["Hel", "lo"]) as server:
        for _ in range(2):
            answer = client(server, **retrying).models.generate_content_stream(model="m", contents="hi").collect()
            assert answer.text == "Hello"
    assert len(server.requests) == 4
    assert server.requests[0].json["contents"][0]["parts"] == [{"text": "hi"}]
    assert server.requests[0].headers["x-goog-api-key"] == "any"
    assert server.requests[0].path.endswith("/models/m:streamGenerateContent?alt=sse")


def test_a_client_that_gives_up_is_noticed() -> None:
    with script("Hel", stall()) as server:
        stream = client(server, timeout=50).models.generate_content_stream(model="m", contents="hi")
        with pytest.raises(errors.StreamStalled):
            stream.collect()
        server.wait_for_close()
        stream = client(server).models.generate_content_stream(model="m", contents="hi")
        assert next(stream).text == "Hel"
        server.wait_for_requests(2)
        stream.cancel()
        server.wait_for_close()


def test_what_does_not_happen_is_said() -> None:
    with script("Hello") as server:
        with pytest.raises(AssertionError, match=r"0 requests arrived in 0 s, not 1"):
            server.wait_for_requests(1, within=0)
        with pytest.raises(AssertionError, match="has not closed the connection within 0 s"):
            server.wait_for_close(within=0)


def test_leaving_a_stalled_server_ends_it_at_once() -> None:
    got: list[BaseException] = []

    def read_it() -> None:
        try:
            client(server).models.generate_content_stream(model="m", contents="hi").collect()
        except errors.StreamError as problem:
            got.append(problem)

    with script("Hel", stall()) as server:
        reader = threading.Thread(target=read_it)
        reader.start()
        server.wait_for_requests(1)
    reader.join(10)
    assert len(got) == 1


@pytest.mark.parametrize("at", [0, 1, 50, 150])
def test_a_cut_after_so_many_bytes_lets_no_more_through(at: int) -> None:
    with script("Hello", "world", cut("close", at=at)) as server:
        body = b""
        try:
            with urllib.request.urlopen(_asked(server, "/v1beta/models/m:streamGenerateContent?alt=sse")) as response:
                while data := response.read1(64):
                    body += data
        except OSError:
            pass
        except Exception as problem:  # http.client.IncompleteRead is no OSError
            assert type(problem).__name__ == "IncompleteRead"  # noqa: PT017
    assert len(body) == at


def test_one_answer_has_all_that_a_stream_would() -> None:
    with script("Hel", call("get_weather", city="Paris"), "lo") as server:
        answer = client(server).models.generate_content(model="m", contents="hi")
        parts = answer.candidates[0].content.parts
    assert [part.text for part in parts] == ["Hel", None, "lo"]
    assert parts[1].function_call.args == {"city": "Paris"}


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (("Hel", cut("close")), errors.StreamInterrupted),
        (("Hel", error(503)), errors.ServerError),
        ((garbage(b"<html>"),), errors.WireError),
        ((pause(0.0), stall(0.0)), errors.ConnectError),
    ],
)
def test_one_answer_breaks_too(lines: Any, kind: Any) -> None:
    with script(*lines) as server, pytest.raises(kind):
        client(server).models.generate_content(model="m", contents="hi")


def test_chat_completions_are_spoken_too() -> None:
    with script(think("I see."), "Hel", "lo", call("f", a=1)) as server:
        events = _chat(server, stream=True)
        whole = _chat(server)
    assert events[-1] == b"[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Hello"
    assert deltas[1] == {"reasoning_content": "I see."}
    assert deltas[4]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["usage"]["total_tokens"] == 8
    message = whole["choices"][0]["message"]
    assert message["content"] == "Hello"
    assert message["tool_calls"][0]["function"]["name"] == "f"


def test_chat_completions_break_too() -> None:
    with script("Hel", error(503, "busy")) as server:
        assert json.loads(_chat(server, stream=True)[2])["error"]["message"] == "busy"
    with script("Hel", block()) as server:
        assert json.loads(_chat(server, stream=True)[2])["choices"][0]["finish_reason"] == "content_filter"
    with script(error(429, "slow")) as server, pytest.raises(urllib.error.HTTPError) as caught:
        _chat(server)
    assert json.load(caught.value)["error"]["message"] == "slow"


def test_other_paths_are_refused_by_name() -> None:
    with script("Hello") as server, pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(_asked(server, "/v1/embeddings"))
    assert json.load(caught.value)["error"]["message"] == "the script has no answer for /v1/embeddings"


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: script(7), "not of 7"),
        (lambda: error(200), "not the status of an error"),
        (lambda: cut("gently"), "a connection is cut by"),
        (lambda: pause(-1), r"pause\(-1\) is not a number of seconds"),
    ],
)
def test_mistakes_in_a_script_are_said_at_once(write: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        write()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Hello, ", "after 'Hello, ' 5 characters were lost: got '', expected 'world'"),
        ("Helworld", "4 characters were lost"),
        ("Hello, world, world", "7 characters were said twice"),
        ("Hello, Hello, world", "7 characters were said twice"),
        ("Hello, world and more", "9 characters were added"),
        ("Hallo, world", "the text differs"),
    ],
)
def test_a_text_that_differs_is_explained(text: str, message: str) -> None:
    assert_streams(["Hello, ", "world"], "Hello, world")
    with pytest.raises(AssertionError, match=message):
        assert_streams(text, "Hello, world")


def _asked(server: ScriptServer, path: str, **body: Any) -> urllib.request.Request:
    return urllib.request.Request(server.url + path, json.dumps(body).encode(), {"content-type": "application/json"})


def _chat(server: ScriptServer, **body: Any) -> Any:
    """Return the events of a streamed completion, or one that is not streamed."""
    with urllib.request.urlopen(_asked(server, "/v1/chat/completions", model="m", messages=[], **body)) as response:
        data = response.read()
    if not body.get("stream"):
        return json.loads(data)
    return [line.removeprefix(b"data: ") for line in data.split(b"\n\n") if line]
