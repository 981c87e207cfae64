"""The published google-genai, unmodified, works against headwater's server.

It needs google-genai in this environment, or HEADWATER_OFFICIAL_PYTHON: the path of a Python that has it (README.md).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 90


def _official_python() -> str | None:
    named = os.environ.get("HEADWATER_OFFICIAL_PYTHON")
    if named:
        return named
    has_it = importlib.util.find_spec("google") is not None and importlib.util.find_spec("google.genai") is not None
    return sys.executable if has_it else None


PYTHON = _official_python()
pytestmark = pytest.mark.skipif(PYTHON is None, reason="google-genai is not here (tests/compat/README.md)")


@pytest.fixture(scope="module")
def tries(served: Any) -> dict[str, Any]:
    """What came of every try in ``official_python.py``."""
    assert PYTHON is not None
    command = [PYTHON, "-W", "ignore", Path(__file__).with_name("official_python.py"), served.url]
    bare = {n: v for n, v in os.environ.items() if not n.startswith(("GOOGLE_", "GEMINI_", "PYTHON"))}
    bare = {name: value for name, value in bare.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=bare)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def came(request: pytest.FixtureRequest, tries: dict[str, Any]) -> Any:
    """What came of the try that the test is named after."""
    found = tries[request.node.originalname.removeprefix("test_")]
    assert not (isinstance(found, dict) and "failed" in found), found["failed"]
    return found


def _check_answer(answer: dict[str, Any]) -> None:
    assert len(answer["text"].split()) > 60
    assert answer["finish"] == "STOP"
    assert answer["total_tokens"] > 80
    assert len(answer["models"]) == 1
    assert answer["ids"] == 1


@pytest.mark.parametrize("name", ["stream", "async_stream"])
def test_a_story_comes_in_chunks(tries: dict[str, Any], name: str) -> None:
    _check_answer(tries[name])
    assert tries[name]["chunks"] > 3


@pytest.mark.parametrize("name", ["unary", "async_unary"])
def test_a_story_comes_whole(tries: dict[str, Any], name: str) -> None:
    _check_answer(tries[name])


def test_async_at_once(came: Any) -> None:
    """Ten streams of one client run at once."""
    assert len(came) == 10
    assert {answer["text"] for answer in came} == {came[0]["text"]}


def test_left_early(came: Any) -> None:
    """A stream that is left leaves a client that can go on."""
    assert came["first"]
    _check_answer(came["then"])


def test_chat(came: Any) -> None:
    assert len(came["first"].split()) > 60
    assert "Ada" in came["second"]
    assert (came["roles"][0], came["roles"][-1]) == ("user", "model")


def test_count_tokens(came: Any) -> None:
    assert 0 < came["short"] < came["long"]


def test_model_list(came: Any) -> None:
    """Models come in pages, each once."""
    assert came["first_page"] == 2
    assert len(came["names"]) == len(set(came["names"])) > 2
    assert "models/gemini-2.5-flash" in came["names"]


def test_model_get(came: Any) -> None:
    assert came["name"] == "models/gemini-2.5-flash"
    assert came["input"] > 1000
    assert "generateContent" in came["actions"]


def _check_error(error: Any, code: int, status: str) -> None:
    assert (error["kind"], error["code"], error["status"]) == ("ClientError", code, status)
    if "message" in error:
        assert error["message"]
        assert error["inner"]["code"] == code


@pytest.mark.parametrize("way", ["unary", "stream", "get"])
def test_an_unknown_model_is_a_404(tries: dict[str, Any], way: str) -> None:
    _check_error(tries["error_404"][way], 404, "NOT_FOUND")


@pytest.mark.parametrize("way", ["unary", "stream"])
def test_a_senseless_request_is_a_400(tries: dict[str, Any], way: str) -> None:
    _check_error(tries["error_400"][way], 400, "INVALID_ARGUMENT")


def test_async_error_404(came: Any) -> None:
    """The async side, which reads errors in its own way, sees the same."""
    _check_error(came, 404, "NOT_FOUND")


def test_function_call(came: Any) -> None:
    assert [name for name, _ in came["calls"]] == ["get_weather"]
    assert came["calls"][0][1] == {"city": "Oslo"}
    assert came["after"]


def test_automatic_function_call(came: Any) -> None:
    """The SDK's own loop calls the function and gets an answer to its result."""
    assert came["seen"] == ["Oslo"]
    assert came["text"]


def test_json_schema(came: Any) -> None:
    assert isinstance(came["name"], str)
    assert 1 <= came["rating"] <= 5


def test_typed_schema(came: Any) -> None:
    """A pydantic type makes the round trip."""
    assert came
    assert set(came) == {"Recipe"}


def test_inline_image(came: Any) -> None:
    assert len(came["text"].split()) >= 3
    assert "png" in came["text"].lower()


@pytest.mark.parametrize("name", ["odd_characters", "async_odd_characters"])
def test_no_character_and_no_blank_line_cuts_an_event(served: Any, tries: dict[str, Any], name: str) -> None:
    """U+2028, U+2029 and U+0085 arrive, and the blank lines of a silence do not."""
    assert tries[name] == served.odd


def test_files(came: Any) -> None:
    """A file goes up, is asked about and goes away."""
    assert came["same"]
    assert came["listed"]
    assert (came["size"], came["mime"]) == (18, "text/plain")
    assert came["state"].endswith("ACTIVE")
    assert came["text"]
    assert came["gone"]["code"] in (403, 404)


def test_embeddings(came: Any) -> None:
    """Vectors of the size that was asked for; equal words make them near."""
    assert came["sizes"] == [3072] * 3
    assert came["near"] > 0.5 > abs(came["far"])
    assert came["short"] == [7]
    assert came["counts"] == [1, 2]
    assert "".join(came["tokens"]) == "What is your name?"
    assert came["refused"]["code"] == 400


def test_caches(came: Any) -> None:
    """A cache is made, used, kept for longer, listed and deleted."""
    assert "river" in came["text"]
    assert came["cached"] == came["total"] > 10
    assert came["later"]
    assert came["listed"]
    assert came["gone"]["code"] == 403
