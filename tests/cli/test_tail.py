"""``headwater tail``: a stream of a server, followed from the command line."""

import json
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from headwater import offline
from headwater.engines.offline import OfflineEngine
from tests.support.live import ASK, Held, Live


def begun(live: Any) -> Any:
    """The name of a stream that was begun on the server."""
    return live.post("/v1/streams", ASK | {"model": "m"}).json["name"]


@pytest.fixture
def live() -> Iterator[Any]:
    with Live(OfflineEngine(offline.INSTANT)) as live:
        yield live


def test_it_writes_the_answer(run: Any, live: Any) -> None:
    """In a pipe the output is the answer's text and nothing else, with ``--after`` without its beginning."""
    name = begun(live)
    stream = live.client().streams.attach(name)
    texts = [chunk.text for chunk in stream]
    result = run("tail", "--base-url", live.url, "--", name)
    assert (result.returncode, result.stdout.decode(), result.stderr) == (0, stream.text, b"")
    result = run("tail", "--after", "2", "--", name, env={"GOOGLE_GEMINI_BASE_URL": live.url})
    assert (result.returncode, result.stdout.decode(), result.stderr) == (0, "".join(texts[2:]), b"")


def test_it_writes_the_chunks(run: Any, live: Any) -> None:
    """With ``--json``, each chunk on a line of its own, as the server sent it."""
    name = begun(live)
    result = run("tail", "--json", "--base-url", live.url, "--", name)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines == [json.loads(chunk.raw) for chunk in live.client().streams.attach(name)]
    assert len(lines) > 1


def test_it_leaves_at_ctrl_c_and_says_how_to_come_back(start: Any) -> None:
    """The stream continues, and the note has the place where the reader was."""
    engine = Held(2)
    with Live(engine) as live:
        name = begun(live)
        process = start("tail", "--plain", "--base-url", live.url, "--", name, env={})
        assert process.stdout.read(4) == b"0 1 "
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
        assert process.returncode == 130
        assert f"the stream continues; to follow it again: headwater tail --after 2 -- {name}" in told.decode()
        assert engine.running == 1


def test_it_says_that_a_stream_was_stopped(start: Any) -> None:
    """The exit code is that of an answer that was cut off."""
    with Live(Held(2)) as live:
        name = begun(live)
        process = start("tail", "--base-url", live.url, "--", name, env={})
        assert process.stdout.read(4) == b"0 1 "
        live.client().streams.stop(name)
        _, told = process.communicate(timeout=20)
        assert (process.returncode, told) == (4, b"headwater: the stream was stopped\n")


def test_a_stream_that_is_not_there_is_an_error(run: Any, live: Any) -> None:
    """So is an invalid name, and an address without a server."""
    result = run("tail", "--base-url", live.url, "a" * 32)
    assert (result.returncode, result.stdout) == (1, b"")
    assert b"there is no such stream" in result.stderr
    assert run("tail", "--base-url", live.url, "a/b").returncode == 2
    result = run("tail", "--base-url", "offline:", "a" * 32)
    assert (result.returncode, b"headwater serve" in result.stderr) == (2, True)


def test_without_a_server_it_says_so_at_once(run: Any) -> None:
    """One line, the same as that of ``chats list``, and no waiting for a server that never answered."""
    result = run("tail", "--base-url", "http://127.0.0.1:1", "a" * 32)
    words = "no headwater server answers at http://127.0.0.1:1: start one with `headwater serve`, or set --base-url"
    assert (result.returncode, result.stderr.decode()) == (1, f"headwater: {words}\n")


class Flaky:
    """Forwards to a server, but drops the first three requests for events."""

    def __init__(self, url: Any) -> None:
        dropped: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path.partition("?")[0].endswith("/events") and len(dropped) < 3:
                    dropped.append(self.path)
                    self.close_connection = True
                    return
                request = urllib.request.Request(url + self.path, headers={"accept": self.headers.get("accept", "*/*")})
                with urllib.request.urlopen(request) as answer:
                    data = answer.read()
                self.send_response(200)
                for field, value in answer.headers.items():
                    if field.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(field, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def flaky(live: Any) -> Iterator[Any]:
    flaky = Flaky(live.url)
    yield flaky
    flaky.server.shutdown()
    flaky.server.server_close()


def test_a_wait_is_one_line_that_is_redrawn(terminal: Any, run: Any, live: Any, flaky: Any) -> None:
    """At a terminal each retry replaces the line of the one before, and the answer replaces the last."""
    name = begun(live)
    screen = terminal("tail", "--plain", "--base-url", flaky.url, "--", name, stdin=subprocess.DEVNULL)
    assert screen.wait() == 0, screen.seen
    told, _, text = screen.seen.rpartition("\r ")
    # The first request used a connection again, whose loss is not worth a word.
    assert told.count("retrying in") == 2
    assert "\n" not in told
    answer = run("tail", "--base-url", live.url, "--", name).stdout.decode()
    assert text.lstrip(" \r").replace("\r\n", "\n").rstrip("\n") == answer.rstrip("\n")


def test_a_wait_is_said_once_in_a_pipe(run: Any, live: Any, flaky: Any) -> None:
    """A log should not fill with the lines of an outage."""
    result = run("tail", "--base-url", flaky.url, "--", begun(live))
    assert (result.returncode, result.stderr.count(b"retrying in"), result.stderr.count(b"\n")) == (0, 1, 1)
