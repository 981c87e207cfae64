"""The published JavaScript SDK, ``@google/genai``, works against headwater's server.

It needs ``node`` and ``npm``; the package is installed into a cache directory at the first run (README.md).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

INSTALL_PATIENCE = 100
PATIENCE = 60
pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None, reason="node and npm are not here"
)


def _cache() -> Path:
    named = os.environ.get("HEADWATER_OFFICIAL_JAVASCRIPT")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(base) / "headwater-official-javascript"


@pytest.fixture(scope="module")
def sdk() -> Path:
    """A directory with ``@google/genai`` in its ``node_modules``."""
    directory = _cache()
    if not (directory / "node_modules" / "@google" / "genai").exists():
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "package.json").write_text('{"name": "official", "private": true}')
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "@google/genai"]
        try:
            done = subprocess.run(
                command, cwd=directory, capture_output=True, text=True, timeout=INSTALL_PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip("npm took too long")
        if done.returncode != 0:
            pytest.skip(f"npm could not install @google/genai: {done.stderr[-300:]}")
    return directory


@pytest.fixture(scope="module")
def tries(sdk: Path, served: Any) -> dict[str, Any]:
    """What came of every try in ``official_javascript.mjs``."""
    command = ["node", "--no-warnings", str(Path(__file__).with_name("official_javascript.mjs")), served.url, str(sdk)]
    bare = {n: v for n, v in os.environ.items() if not n.startswith(("GOOGLE_", "GEMINI_", "NODE_"))}
    bare = {name: value for name, value in bare.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=bare)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _came(tries: dict[str, Any], name: str) -> Any:
    found = tries[name]
    assert not (isinstance(found, dict) and "failed" in found), found["failed"]
    return found


def test_a_story_comes_in_chunks(tries: dict[str, Any]) -> None:
    answer = _came(tries, "stream")
    assert answer["chunks"] > 3
    assert len(answer["text"].split()) > 60
    assert answer["finish"] == "STOP"
    assert answer["tokens"] > 80


def test_a_story_comes_whole(tries: dict[str, Any]) -> None:
    answer = _came(tries, "whole")
    assert len(answer["text"].split()) > 60
    assert answer["finish"] == "STOP"


def test_a_chat_remembers(tries: dict[str, Any]) -> None:
    chat = _came(tries, "chat")
    assert len(chat["first"].split()) > 60
    assert "Ada" in chat["second"]
    assert chat["turns"] >= 4


def test_tokens_are_counted(tries: dict[str, Any]) -> None:
    assert 0 < _came(tries, "countTokens") < 10


def test_models_are_listed_and_found(tries: dict[str, Any]) -> None:
    models = _came(tries, "models")
    assert len(models["names"]) == len(set(models["names"])) > 2
    assert models["one"] == "models/gemini-2.5-flash"


def test_a_function_is_called(tries: dict[str, Any]) -> None:
    assert _came(tries, "functionCall") == [["get_weather", {"city": "Oslo"}]]


def test_an_image_is_looked_at(tries: dict[str, Any]) -> None:
    assert "PNG image" in _came(tries, "image")["text"]


def test_no_character_and_no_blank_line_cuts_an_event(served: Any, tries: dict[str, Any]) -> None:
    """U+2028, U+2029 and U+0085 arrive, and the blank lines of a silence do not."""
    assert _came(tries, "oddCharacters") == served.odd


def test_errors_have_their_status(tries: dict[str, Any]) -> None:
    errors = _came(tries, "errors")
    assert (errors["unknown"]["kind"], errors["unknown"]["status"]) == ("ApiError", 404)
    assert (errors["unknownStream"]["kind"], errors["unknownStream"]["status"]) == ("ApiError", 404)
    assert (errors["senseless"]["kind"], errors["senseless"]["status"]) == ("ApiError", 400)
    assert "NOT_FOUND" in errors["unknown"]["message"]


def test_a_file_goes_up_is_used_and_goes_away(tries: dict[str, Any]) -> None:
    file = _came(tries, "files")
    assert file["same"]
    assert (file["size"], file["mime"]) == (18, "text/plain")
    assert file["text"]
    assert file["gone"]["status"] in (403, 404)


def test_embeddings_and_caches(tries: dict[str, Any]) -> None:
    """The methods beside ``generateContent``."""
    assert _came(tries, "embeddings") == [7, 7]
    cached = _came(tries, "caches")
    assert "river" in cached["text"]
    assert cached["listed"]
    assert cached["cached"] > 10
    assert cached["gone"]["status"] == 403
