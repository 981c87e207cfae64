"""The access log: which requests have a line, what is in it, and how it looks."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.server.http.access_log import TerminalFormatter
from headwater.server.run import log_to_stderr
from tests.support.live import ASK, Live
from tests.support.ws_peer import dial, scene, serving

KEY = "canary-0123456789abcdef"
PATH = "/v1beta/models/m:generateContent"


class Lines(logging.Handler):
    """Collects records of the access log, as JSON and for people."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[dict[str, Any]] = []
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.fields.append(json.loads(record.getMessage()))
        self.texts.append(TerminalFormatter().format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    logger, handler = logging.getLogger("headwater.access"), Lines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_line_says_when_who_what_and_how(lines: Lines) -> None:
    """Time, client, request, outcome, a hash of the key and the id that the response has too."""
    with Live(api_keys=[KEY]) as live:
        reply = live.post(f"{PATH}?key={KEY}", x_goog_api_key=KEY)
        live.until(lambda: bool(lines.fields))
    (line,) = lines.fields
    assert abs((datetime.now(UTC) - datetime.fromisoformat(line["time"])).total_seconds()) < 120
    assert (line["client"], line["method"], line["path"], line["status"]) == ("127.0.0.1", "POST", PATH, 200)
    assert (line["bytes"], line["model"], line["engine"]) == (len(reply.body), "m", "offline")
    assert re.fullmatch("[0-9a-f]{8}", line["key"])
    assert re.fullmatch("[0-9a-f]{16}", line["request"])
    assert reply.headers["x-request-id"] == line["request"]
    assert "canary" not in json.dumps(line)
    words = rf"\d\d:\d\d:\d\d 127\.0\.0\.1 POST {PATH} 200 [\d.]+ ms [\d,]+ bytes key=\w+ model=m engine=offline \w+"
    assert re.fullmatch(words, lines.texts[0])


@pytest.mark.parametrize(("given", "is_kept"), [("proxy-1.2_A", True), ("x" * 65, False), ("a b", False), ("", False)])
def test_id_of_a_proxy_is_kept(lines: Lines, given: str, is_kept: bool) -> None:
    """An id that is none is replaced; each refusal has one as well."""
    with Live() as live:
        replies = [live.get(path, x_request_id=given) for path in ("/v1/streams", "/nothing")]
        live.until(lambda: len(lines.fields) == 2)
    ids = [reply.headers["x-request-id"] for reply in replies]
    assert [line["request"] for line in lines.fields] == ids
    assert (ids == [given, given]) is is_kept


def test_failure_of_the_server_has_an_id_and_its_status(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> bytes:
        raise ZeroDivisionError

    with Live() as live:
        monkeypatch.setattr(live.server.auth, "identify", fail)
        reply = live.get("/v1/streams")
        live.until(lambda: bool(lines.fields))
    assert (reply.status, lines.fields[0]["status"]) == (500, 500)
    assert reply.headers["x-request-id"] == lines.fields[0]["request"]


@pytest.mark.parametrize("mount", ["", "/below"])
def test_health_checks_have_no_line(lines: Lines, mount: str) -> None:
    """Unless they are refused; other paths that end like it have one."""
    with Live(mount=mount) as live:
        for path in ("/healthz", "/v1/durable/healthz"):
            live.get(mount + path)
        live.get(f"{mount}/healthz", host="evil.example")
        live.until(lambda: len(lines.fields) == 2)
    assert [(line["path"], line["status"]) for line in lines.fields] == [
        (f"{mount}/v1/durable/healthz", 404),
        (f"{mount}/healthz", 421),
    ]


def test_line_for_people_shows_no_control_characters(lines: Lines) -> None:
    """What is in a path cannot move the cursor or begin a line of its own."""
    with Live() as live:
        live.get("/v1/%1b%5b2J%0aGET%20%c2%9b%e2%80%ae")
        live.until(lambda: bool(lines.texts))
    assert lines.fields[0]["path"] == "/v1/\x1b[2J\nGET \x9b\u202e"
    assert r"/v1/\x1b[2J\nGET \x9b\u202e" in lines.texts[0]


@scene
async def test_websocket_has_an_id_too(lines: Lines) -> None:
    """The handshake's response has the id of the line that the connection gets at its end."""
    async with serving() as live:
        async with dial(live) as peer:
            await peer.greet()
        live.until(lambda: bool(lines.fields))
    assert (lines.fields[0]["method"], lines.fields[0]["client"]) == ("WEBSOCKET", "127.0.0.1")
    assert re.fullmatch("[0-9a-f]{16}", lines.fields[0]["request"])


@pytest.mark.parametrize("is_terminal", [True, False])
def test_only_a_terminal_gets_lines_for_people(monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
    """A file or a pipe gets JSON."""
    ours, theirs = pty.openpty() if is_terminal else os.pipe()
    names = ("headwater", "uvicorn.error", "headwater.access")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    with os.fdopen(theirs, "w", buffering=1) as stderr:
        monkeypatch.setattr("sys.stderr", stderr)
        log_to_stderr("warning", access_log=True)
        monkeypatch.undo()
        try:
            with Live() as live:
                live.post(PATH, ASK)
                line = os.read(ours, 10_000).decode()
        finally:
            for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
                logger.handlers, logger.propagate = handlers, propagate
                logger.setLevel(level)
    os.close(ours)
    assert line.startswith("{") is not is_terminal
    assert f"POST {PATH} 200" in line or json.loads(line)["path"] == PATH
