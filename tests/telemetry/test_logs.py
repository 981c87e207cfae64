"""Calls in the log: one record each, loud where it matters, without a word of what was said."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from headwater.core.answer.ending import EndingKind
from headwater.telemetry.logs import NAME, Logs, level_of, log_steps
from tests.support.servers import Server, refuses, scripted, whole
from tests.support.ways_out import WAYS, Way, answers, client_of, each_way, go, soon

LOUD = {"blocked": "WARNING", "malformed_call": "WARNING", "truncated": "WARNING"}
LOUD |= {"stalled": "ERROR", "interrupted": "ERROR", "failed": "ERROR"}


@each_way
def test_each_way_out_is_one_record(way: Way, side: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Its level is that of the ending; what was said and the key are not in it."""
    with caplog.at_level(logging.INFO, NAME):
        go(way, side, Logs())
        (record,) = soon(lambda: caplog.records)
    assert record.levelname == LOUD.get(way.ending, "INFO")
    assert record.call["ending"] == way.ending
    assert record.call["error"] == (way.error or ("StreamCancelled" if way.ending == "cancelled" else None))
    assert record.getMessage().startswith(f"m {way.ending} after ")
    shown = f"{record.getMessage()} {record.call}"
    assert not [word for word in ("secret", "Hello", "test-key", "'hi'") if word in shown]


def test_every_ending_has_a_level() -> None:
    assert {level_of(kind) for kind in EndingKind} == {logging.INFO, logging.WARNING, logging.ERROR}
    assert {way.ending for way in WAYS} <= {kind.value for kind in EndingKind}


def test_a_record_has_the_figures(side: Any, caplog: pytest.LogCaptureFixture) -> None:
    """For a formatter that writes JSON: ``record.call`` is a dict."""
    with Server(answers("STOP")) as server, caplog.at_level(logging.INFO, NAME):
        side.read(side.stream(client_of(server, Logs())))
    (record,) = caplog.records
    call = record.call  # type: ignore[attr-defined]
    known = {"model": "m", "method": "streamGenerateContent", "host": "127.0.0.1", "chunks": 2, "attempts": 1}
    known |= {"characters": 11, "input_tokens": 7, "output_tokens": 10, "thought_tokens": 3, "cached_tokens": 4}
    assert {name: call[name] for name in known} == known
    assert 0 < call["first_chunk"] <= call["total"]
    assert record.getMessage().endswith(": 2 chunks, 11 characters, 10 tokens")


def test_content_is_logged_where_it_is_asked_for(side: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Then the API's own words about an error are told as well."""
    secret = refuses(400, "INVALID_ARGUMENT", "you said: a secret")
    script = scripted(whole, lambda connection, _: connection.answer(secret, "400 Bad Request"))
    with Server(script) as server, caplog.at_level(logging.INFO, NAME):
        client = client_of(server, Logs(content=True))
        side.ask(client)
        side.failure(client, stream=False)
    answered, failed = (record.call for record in caplog.records)  # type: ignore[attr-defined]
    assert answered["text"] == "Hello world"
    assert answered["request"]["contents"][0]["parts"] == [{"text": "hi"}]
    assert failed["message"] == "400 INVALID_ARGUMENT: you said: a secret"


def test_beginnings_and_retries_are_for_debugging(side: Any, caplog: pytest.LogCaptureFixture) -> None:
    script = scripted(lambda connection, _: connection.answer(b"", "503 Service Unavailable"), whole)
    with Server(script) as server, caplog.at_level(logging.DEBUG, NAME):
        side.read(side.stream(client_of(server, Logs())))
    begun, retried, ended = caplog.records
    assert [record.levelname for record in caplog.records] == ["DEBUG", "DEBUG", "INFO"]
    assert begun.getMessage() == "m: request sent"
    assert retried.getMessage().startswith("m: retry in 0.01 s: 503")
    assert (retried.call["error"], retried.call["failures"]) == ("503", 1)  # type: ignore[attr-defined]
    assert ended.call["attempts"] == 2  # type: ignore[attr-defined]


def test_another_logger(caplog: pytest.LogCaptureFixture) -> None:
    with Server(whole) as server, caplog.at_level(logging.INFO, "mine"):
        for logger in ("mine", logging.getLogger("mine")):
            client_of(server, Logs(logger)).models.generate_content(model="m", contents="hi")
    assert [record.name for record in caplog.records] == ["mine", "mine"]


def test_steps_are_logged_without_words(side: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Each step and fact of a call with its time and its size; no key, no text."""
    script = scripted(lambda connection, _: connection.answer(b"", "503 Service Unavailable"), whole)
    with Server(script) as server, caplog.at_level(logging.DEBUG, NAME):
        side.read(side.stream(client_of(server, trace=log_steps())))
    said = [record.getMessage().split(" ", 1)[1] for record in caplog.records]
    assert [words.split()[0] for words in said if not words.startswith(("read", "received"))] == [
        *("open", "opened", "close", "wait", "open", "opened", "chunk", "chunk", "stop"),
    ]
    assert not [word for word in ("Hello", "test-key", "alt=sse") if word in caplog.text]
