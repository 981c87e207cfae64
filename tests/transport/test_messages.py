"""Errors of connections name the host and say why, in the same words for sync and async."""

from __future__ import annotations

import logging
import socket
from typing import Any

import pytest

from headwater import genai
from headwater.errors import ConnectError, StreamStalled
from headwater.streaming import Deadlines
from tests.support.servers import Connection, Request, Server, says


def _client(url: str, **options: Any) -> genai.Client:
    known = {"base_url": url, "retry_options": {"attempts": 1}}
    return genai.Client(api_key="test-key", http_options=known | options)


def _stalls(connection: Connection, request: Request) -> None:
    connection.stall()


def test_an_unknown_name_is_told(side: Any) -> None:
    """The name that does not resolve is in the message, and no number."""
    with pytest.raises(ConnectError) as caught:
        side.ask(_client("http://nowhere.invalid"))
    assert str(caught.value) in (
        "cannot reach nowhere.invalid: name not known",
        "cannot reach nowhere.invalid: the name server does not answer",  # on a machine without a network
    )


def test_a_refused_connection_is_told(side: Any) -> None:
    """The host with its port, without user and password."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectError) as caught:
        side.ask(_client(f"http://user:secret@127.0.0.1:{port}"))
    assert str(caught.value) == f"cannot reach 127.0.0.1:{port}: connection refused"


def test_a_refusing_proxy_is_told(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the proxy that cannot be reached."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(ConnectError, match=r"cannot reach example\.org: the proxy: connection refused"):
        side.ask(_client("http://example.org"))


def test_a_connection_that_says_nothing_is_told(side: Any) -> None:
    """A connection that is closed instead of an answer names the host too."""

    def script(connection: Connection, request: Request) -> None:
        connection.close()

    with Server(script) as server, pytest.raises(ConnectError, match=rf"no answer from 127\.0\.0\.1:{server.port}: "):
        side.ask(server.client())


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (200, "(http_options.timeout=200; `timeout` is in milliseconds); nothing had arrived"),
        (1000, "(http_options.timeout=1000); nothing had arrived"),
    ],
)
def test_a_timeout_names_the_option(side: Any, milliseconds: int, said: str) -> None:
    """And its unit, where seconds may have been meant."""
    with Server(_stalls) as server, pytest.raises(StreamStalled) as caught:
        side.ask(_client(server.url, timeout=milliseconds))
    assert str(caught.value).startswith(f"timed out: nothing arrived from the API for {milliseconds / 1000:g} s {said}")


def test_a_timeout_names_the_deadline(side: Any) -> None:
    """``deadlines`` takes precedence over the option, in the message too."""
    with Server(_stalls) as server, pytest.raises(StreamStalled) as caught:
        side.ask(_client(server.url, timeout=100), deadlines=Deadlines(byte_gap=0.2))
    assert "(Deadlines(byte_gap=0.2))" in str(caught.value)


def test_an_exception_of_a_function_is_logged(side: Any, caplog: pytest.LogCaptureFixture) -> None:
    """At WARNING, with its traceback; the model is told its type. A wrong argument of the model's is not logged."""

    def lookup(city: str) -> str:
        """Look a city up."""
        raise KeyError(city)

    def script(connection: Connection, request: Request) -> None:
        asked = request.json["contents"]
        if len(asked) > 1:
            connection.answer(says("sorry", "STOP"))
            return
        calls = [{"functionCall": {"name": "lookup", "args": args}} for args in ({"city": "Rome"}, {"town": "Rome"})]
        connection.answer({"candidates": [{"content": {"role": "model", "parts": calls}, "finishReason": "STOP"}]})

    with caplog.at_level(logging.WARNING, logger="headwater"), Server(script) as server:
        side.ask(server.client(), config={"tools": [lookup]})
        told = [part["functionResponse"]["response"] for part in server.requests[1].json["contents"][-1]["parts"]]
    assert told[0] == {"error": "KeyError: 'Rome'"}
    assert "town" in told[1]["error"]
    (record,) = [record for record in caplog.records if record.name == "headwater"]
    assert (record.levelname, record.getMessage()) == ("WARNING", "the function lookup raised KeyError")
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError
    assert record.exc_info[2] is not None
