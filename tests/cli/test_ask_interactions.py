"""``headwater ask --interactions``: the conversation is kept by the API, and continued by an id."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import offline
from headwater.engines.offline import OfflineEngine
from tests.support.live import Live


@pytest.fixture
def live() -> Iterator[Live]:
    with Live(OfflineEngine(offline.INSTANT)) as server:
        yield server


@pytest.fixture
def ask(run: Any, live: Live, tmp_path: Path) -> Any:
    """Ask the server; conversations are kept in a folder of the test."""

    def ask(*arguments: str, **options: Any) -> Any:
        env = {"XDG_DATA_HOME": str(tmp_path), "GEMINI_API_KEY": "k"}
        return run("ask", "--base-url", live.url, *arguments, env=env, **options)

    return ask


def test_an_interaction_is_continued(ask: Any) -> None:
    """With ``-c`` whatever the last one was, and by its id."""
    first = ask("--interactions", "--json", "--system", "Be brief.", "Tell me a story in 20 words.")
    assert first.returncode == 0, first.stderr
    events = [json.loads(line) for line in first.stdout.splitlines()]
    assert (events[0]["event_type"], events[-1]["event_type"]) == ("interaction.created", "interaction.completed")
    name = events[0]["interaction"]["id"]
    second = ask("-c", "--stats", "What is 2 + 3?")
    assert (second.returncode, b"5" in second.stdout) == (0, True), second.stderr
    # The whole conversation counts, though only its last turn was sent.
    assert int(second.stderr.split(b" tokens in")[0].split()[-1]) > 20
    assert b"interaction v1_" in second.stderr
    third = ask("--previous", name, "--schema", "name: str", "Invent a person.")
    assert (third.returncode, list(json.loads(third.stdout))) == (0, ["name"]), third.stderr


def test_files_are_contents(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 8)
    (tmp_path / "n.txt").write_text("a note", "utf-8")
    result = ask(
        "--interactions",
        "-f",
        str(tmp_path / "p.png"),
        "-f",
        str(tmp_path / "n.txt"),
        "-f",
        "gs://a/b.pdf",
        "What is it?",
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()


def test_what_is_unknown_or_contradicts_is_told(ask: Any) -> None:
    result = ask("--previous", "v1_unknown", "Hello")
    assert (result.returncode, result.stdout) == (1, b"")
    assert b"Invalid interaction name: interactions/v1_unknown" in result.stderr
    result = ask("-c", "--previous", "v1_a", "Hello")
    assert (result.returncode, b"--continue and --previous cannot be combined" in result.stderr) == (2, True)
    assert ask("Hello").returncode == 0
    result = ask("-c", "--interactions", "Hello")
    assert (result.returncode, b"continue it without --interactions" in result.stderr) == (2, True)


def test_the_offline_engine_answers(run: Any, offline: Any, tmp_path: Path) -> None:
    env = {**offline, "XDG_DATA_HOME": str(tmp_path)}
    result = run("ask", "--offline", "--interactions", "Tell me a story in 20 words.", env=env)
    assert (result.returncode, len(result.stdout.split())) == (0, 20), result.stderr
    result = run("ask", "--offline", "-c", "And then?", env=env)
    assert (result.returncode, b"only as long as a command runs" in result.stderr) == (2, True)
