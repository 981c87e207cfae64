"""``headwater record``, ``replay``, ``inspect`` and ``diff``."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from headwater import genai
from headwater.testing import Cassette, cassette, pause, script

PROGRAM = """
from headwater import genai
print(genai.Client(api_key="a-secret-key").models.generate_content_stream(model="m", contents="hi").collect().text)
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return [sys.executable, str(path)]


def test_a_program_is_recorded_and_replayed(run: Any, program: list[str], tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    with script("Hel", "lo") as api:
        for count in (1, 0):
            result = run("record", "--to", str(tape), "--upstream", api.url, "--", *program)
            assert (result.returncode, result.stdout) == (0, b"Hello\n")
            assert result.stderr.decode() == f"exchanges recorded in {tape}: {count}\n"
    assert len(api.requests) == 1
    assert len(Cassette(tape).exchanges) == 1


def test_the_exit_code_is_the_programs(run: Any, tmp_path: Path) -> None:
    failing = [sys.executable, "-c", "raise SystemExit(7)"]
    assert run("record", "--to", str(tmp_path / "tape"), "--", *failing).returncode == 7
    result = run("record", "--", "no-such-program")
    assert b"cannot run no-such-program: No such file" in result.stderr


def record(directory: Path, *lines: Any) -> None:
    with script(*lines) as api, cassette(directory, upstream=api.url) as server:
        client = genai.Client(api_key="any", http_options={"base_url": server.url})
        client.models.generate_content_stream(model="m", contents="hi").collect()


def test_exchanges_are_listed_and_compared(run: Any, tmp_path: Path) -> None:
    record(tmp_path / "one", "Hel", "lo")
    record(tmp_path / "same", "Hel", pause(0.01), "lo")
    record(tmp_path / "other", "Hello")
    listed = run("inspect", str(tmp_path / "one")).stdout.decode()
    assert re.fullmatch(
        r"   1  POST /v1/models/m:streamGenerateContent\?alt=sse -> 200, \d pieces, \d+ bytes in \d\.\d\d s, whole\n",
        listed,
    )
    assert '"text": "lo"' in run("inspect", "--bodies", str(tmp_path / "one")).stdout.decode()
    result = run("diff", str(tmp_path / "one"), str(tmp_path / "same"))
    assert (result.returncode, result.stdout) == (0, b"")
    result = run("diff", str(tmp_path / "one"), str(tmp_path / "other"))
    assert result.returncode == 1
    assert '"text": "Hello"' in result.stdout.decode()
    assert b"there is no recorded exchange in" in run("inspect", str(tmp_path / "nothing")).stderr


def test_a_cassette_is_served(start: Any, tmp_path: Path) -> None:
    record(tmp_path / "tape", "Hel", "lo")
    server = start("replay", "--port", "0", str(tmp_path / "tape"), env={})
    said = server.stderr.readline().decode()
    (url,) = re.findall(r"Replaying \S+ on (\S+) ", said)
    client = genai.Client(api_key="any", http_options={"base_url": url})
    assert client.models.generate_content_stream(model="m", contents="hi").collect().text == "Hello"
    server.send_signal(signal.SIGINT)
    assert server.wait(20) == 130
