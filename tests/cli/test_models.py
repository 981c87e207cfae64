"""``headwater models``: the list of models."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from headwater import offline as rules
from headwater.engines.offline import OfflineEngine
from tests.support.live import Live


@pytest.fixture
def live() -> Iterator[Any]:
    with Live(OfflineEngine(rules.INSTANT)) as live:
        yield live


def test_it_lists_names_and_limits(run: Any) -> None:
    """One line for each model, which begins with the name that --model takes."""
    result = run("models", "--offline")
    assert (result.returncode, result.stderr) == (0, b"")
    lines = result.stdout.decode().splitlines()
    line = next(line for line in lines if line.startswith("gemini-3.8-flash "))
    assert "Gemini 3.8 Flash (offline)" in line
    assert line.endswith("1,048,576 in, 65,536 out")
    assert len({line.index("1,048,576") for line in lines}) == 1


def test_it_lists_the_models_of_a_server(run: Any, live: Any) -> None:
    """With --json as objects with the API's names; a server on this machine needs no key."""
    result = run("models", "--json", "--base-url", live.url)
    assert (result.returncode, result.stderr) == (0, b"")
    models = [json.loads(line) for line in result.stdout.splitlines()]
    assert models[0]["name"].startswith("models/")
    assert models[0].keys() >= {"displayName", "inputTokenLimit", "outputTokenLimit"}


def test_it_needs_a_key_or_a_server(run: Any) -> None:
    """The messages are those of ``ask``."""
    result = run("models")
    assert (result.returncode, b"GEMINI_API_KEY" in result.stderr) == (2, True)
    assert run("models", "--base-url", "http://127.0.0.1:1").returncode == 1
