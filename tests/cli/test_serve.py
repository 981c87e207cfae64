"""``headwater serve`` as a process: what it says, what it refuses, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import urllib.request
from datetime import datetime
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest

from tests.support.live import ASK, read_all, read_until
from tests.support.serve_process import Process, ask, refused
from tests.support.servers import PATIENCE


def test_it_says_what_it_runs_and_the_line_to_try_works() -> None:
    """Three lines: which engine and why, the address, and a command that gets a stream; at the end exit code 0."""
    with Process("--pace", "instant") as server:
        assert server.lines[0].startswith("headwater serves the offline engine, ")
        assert "GEMINI_API_KEY is not set" in server.lines[0]
        assert server.lines[2].startswith("Try: curl -N 'http://127.0.0.1:")
        answer = subprocess.run(server.lines[2][5:], shell=True, capture_output=True, text=True, timeout=PATIENCE)
        assert answer.stdout.startswith('data: {"candidates"')
        code, errors = server.end()
    assert code == 0
    [line] = [json.loads(text) for text in errors.splitlines()]
    assert datetime.fromisoformat(line.pop("time"))
    assert line.pop("request")
    assert line | {"ms": 0, "bytes": 0} == {
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/v1beta/models/gemini-3.8-flash:streamGenerateContent",
        "status": 200,
        "ms": 0,
        "bytes": 0,
        "model": "gemini-3.8-flash",
        "engine": "offline",
    }


def test_settings_come_from_the_environment() -> None:
    """Every setting can be a variable; lists have commas. A key in the environment chooses the gemini engine."""
    settings = {
        "HEADWATER_API_KEYS": "first-key-of-the-test, second-key-of-the-test",
        "HEADWATER_HOST": "0.0.0.0",
        "HEADWATER_ACCESS_LOG": "0",
    }
    settings |= {"HEADWATER_MODEL_ENGINES": "a-*=offline:instant,b-*=offline:instant", "GEMINI_API_KEY": "canary-key"}
    with Process(**settings) as server:
        assert server.lines[0] == "headwater serves the gemini engine, because GEMINI_API_KEY is set.\n"
        assert "YOUR-KEY" in server.lines[2]
        for key, status in {"first-key-of-the-test": 200, "second-key-of-the-test": 200, "three": 401}.items():
            assert ask(server.port, "a-1", key) == status
        code, errors = server.end(signal.SIGINT)
    assert (code, errors) == (0, "")
    assert not any(word in line for line in server.lines for word in ("first-key", "canary-key", "second-key"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "API keys are needed"),
        (["--host", "::"], "API keys are needed"),
        (["--host", "no.such.host.invalid", "--api-key", "a-key-for-the-test"], "not an address to listen on"),
        (["--engine", "anthropic"], "there is no engine 'anthropic'"),
        (["--engine", "replay:/nowhere"], "no recorded exchanges"),
        (["--engine", "gemini"], "no API key"),
        (["--upstream", "http://example.org"], "https://"),
        (["--upstream", "http://127.0.0.1@example.org"], "https://"),
        (["--upstream", "http://[::1"], "https://"),
        (["--api-key", "a-long-enough-key", "--api-key", "fifteen-letters"], "an API key has 15 characters"),
        (["--model-engine", "x"], "PATTERN=ENGINE"),
        (["--pace", "fast"], "says no pace"),
        (["--port", "99999"], "port"),
    ],
)
def test_what_cannot_work_is_refused_at_once(arguments: list[str], words: str) -> None:
    """A wrong setting ends the command with exit code 2 and a sentence that says what is wrong."""
    code, errors = refused(*arguments)
    assert code == 2
    assert words in errors
    assert "Traceback" not in errors


ENGINES = """
[engines.local]
kind = "openai"
url = "http://127.0.0.1:9/v1"
{default}
[engines.words]
kind = "offline"
pace = "instant"
models = ["words-*"]
"""


def test_engines_of_a_file_answer_for_their_models(tmp_path: Path) -> None:
    """One that cannot be reached is one line in the log, and rests; the others answer. Options name engines, too."""
    path = tmp_path / "engines.toml"
    path.write_text(ENGINES.format(default="default = true"))
    with Process("--engines", str(path), "--model-engine", "more-*=words") as server:
        assert server.lines[0] == f"headwater serves the local engine, the default of {path}.\n"
        assert [ask(server.port, model, "any-key") for model in ("words-1", "more-1", "other")] == [200, 200, 503]
        _, errors = server.end()
    assert errors.count("the engine local does not answer: cannot reach 127.0.0.1:9") == 1


@pytest.mark.parametrize(
    ("default", "arguments", "words"),
    [
        ("", [], "has no default engine: say default = true in one, or use --engine NAME"),
        ("default = true", ["--model-engine", "words-*=offline"], "two engines for 'words-*': words in "),
        ("", ["--engine", "words"], "engines.local is never asked: give it models = [...] or default = true"),
        ("", ["--engine", "openai:http://127.0.0.1:1", "--model-engine", "a=openai:http://127.0.0.1:2"], "never asked"),
        ("default = ", [], "is not TOML"),
    ],
)
def test_wrong_engines_are_one_line(tmp_path: Path, default: str, arguments: list[str], words: str) -> None:
    path = tmp_path / "engines.toml"
    path.write_text(ENGINES.format(default=default))
    code, errors = refused("--engines", str(path), *arguments)
    assert (code, errors.count("\n")) == (2, 1)
    assert words in errors


def test_the_key_of_one_engine_is_not_another_ones() -> None:
    """The gemini engine has no key here, although one is set for the server of the openai engine."""
    arguments = ["--engine", "openai:http://127.0.0.1:1", "--model-engine", "gemini-*=gemini"]
    code, errors = refused(*arguments, HEADWATER_ENGINE_KEY="a-key-for-the-other")
    assert (code, "the gemini engine has no API key" in errors) == (2, True)


def test_two_servers_without_names_are_refused() -> None:
    """Or a stored stream might be resumed by the other."""
    code, errors = refused("--engine", "openai:http://127.0.0.1:1", "--model-engine", "a=openai:http://127.0.0.1:2")
    assert (code, "two engines are called 'openai'" in errors) == (2, True)


def test_a_port_that_is_taken() -> None:
    """A taken port is named, and what to do about it."""
    with Process() as server:
        code, errors = refused("--port", str(server.port))
        assert (code, f"port {server.port} on 127.0.0.1 is taken" in errors) == (2, True)


def test_without_the_extra(tmp_path: Path) -> None:
    """Where a package of the server is not installed, the command names it and says how to install it."""
    (tmp_path / "starlette").mkdir()
    (tmp_path / "starlette" / "__init__.py").write_text("raise ModuleNotFoundError('no', name='starlette')")
    code, errors = refused(PYTHONPATH=str(tmp_path))
    assert (code, "the server needs starlette, which is not installed: " in errors) == (2, True)
    assert " -m pip install " in errors
    (wanted,) = {line.partition(";")[0].strip() for line in requires("headwater") or () if "starlette" in line}
    assert f"'{wanted}'" in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_streams_in_order(number: int) -> None:
    """After a signal nothing is accepted, a short answer is still whole, and a long one ends with 503 in the stream."""
    with Process("--pace", "first=0,rate=60", "--grace", "0.3") as server:
        stream = server.stream()
        read_until(stream, b"data: ")
        code, _ = server.end(number)
        rest = read_all(stream)
        stream.close()
        assert code == 0
        assert b'"status":"UNAVAILABLE"' in rest
        assert rest.endswith(b"0\r\n\r\n")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))
    with Process("--pace", "first=0,rate=2000", "--grace", "20") as server:
        stream = server.stream()
        read_until(stream, b"data: ")
        assert server.end(number)[0] == 0
        assert b'"finishReason":"STOP"' in read_all(stream)
        stream.close()


def test_a_second_signal_hurries() -> None:
    """Who presses Ctrl-C twice does not wait for the grace period; the stream still gets its error."""
    with Process("--pace", "first=0,rate=5", "--grace", "60") as server:
        stream = server.stream()
        read_until(stream, b"data: ")
        server.process.send_signal(signal.SIGINT)
        assert server.process.stderr is not None
        told = server.process.stderr.readline()
        while not told.startswith("Stopping"):  # the access log
            told = server.process.stderr.readline()
        assert told == "Stopping: 1 answer runs, at most 60 s. Ctrl-C again stops at once.\n"
        while server_accepts(server.port):
            pass
        assert server.end(signal.SIGINT)[0] == 0
        assert b'"status":"UNAVAILABLE"' in read_all(stream)
        stream.close()


def server_accepts(port: int) -> bool:
    """Whether new connections are taken."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionError:
        return False
    return True


def test_the_client_of_an_official_sdk_finds_its_way() -> None:
    """google-genai, unmodified, streams, counts, lists and uploads, where it is installed."""
    official: Any = pytest.importorskip("google.genai")
    with Process("--pace", "instant") as server:
        options = {"base_url": f"http://127.0.0.1:{server.port}"}
        client = official.Client(api_key="k", http_options=options)
        assert [chunk.text for chunk in client.models.generate_content_stream(model="m", contents="Tell me a story.")]
        assert client.models.count_tokens(model="m", contents="x").total_tokens
        assert list(client.models.list())
        file = client.files.upload(file=__file__, config={"mime_type": "text/plain"})
        assert client.files.get(name=file.name).size_bytes == Path(__file__).stat().st_size
        client.files.delete(name=file.name)


def test_named_answers_are_in_a_file_unless_told_otherwise(tmp_path: Path) -> None:
    """Without ``--store`` answers are in an SQLite file in the data directory, which two servers on a machine share."""
    where = {"HEADWATER_STORE": "", "XDG_DATA_HOME": str(tmp_path)}
    body = json.dumps({"model": "m", **ASK}).encode()
    with Process("--pace", "instant", **where) as first, Process("--pace", "instant", **where) as second:
        with urllib.request.urlopen(f"http://127.0.0.1:{first.port}/v1/streams", body, PATIENCE) as reply:
            name = json.load(reply)["name"]
        with urllib.request.urlopen(f"http://127.0.0.1:{second.port}/v1/streams/{name}/events", None, PATIENCE) as read:
            assert b"event: end" in read.read()
    assert (tmp_path / "headwater" / "headwater.db").exists()
