"""Packages that bring an engine and a log of their own: ``headwater serve`` finds them and runs them."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.serve_process import Process, ask, refused
from tests.support.servers import PATIENCE

CODE = '''
from headwater.engines import EngineRequest
from headwater.log import SqliteLog
from headwater.types import CountTokensResponse, GenerateContentResponse, Model


class Parrot:
    """Repeats the last thing it was told."""

    name = "parrot"

    async def stream(self, request: EngineRequest):
        text = request.content.contents[-1].parts[-1].text
        content = {"role": "model", "parts": [{"text": f"Polly says {text}"}]}
        yield GenerateContentResponse(candidates=[{"content": content, "finish_reason": "STOP"}])

    async def count_tokens(self, request: EngineRequest):
        return CountTokensResponse(total_tokens=1)

    async def models(self):
        return [Model(name="models/parrot")]

    async def aclose(self):
        pass


def make(settings):
    """Repeats what it was told."""
    return Parrot()


def open_shelf(url):
    """Open a log at shelf:PATH."""
    return SqliteLog(url.partition(":")[2])
'''


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder in which a package is installed, as pip would leave it."""
    (tmp_path / "parrots.py").write_text(CODE)
    info = tmp_path / "parrots-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parrots\nVersion: 1.0\n")
    groups = "[headwater.engines]\nparrot = parrots:make\nbroken = parrots:Missing\n"
    (info / "entry_points.txt").write_text(f"{groups}\n[headwater.logs]\nshelf = parrots:open_shelf\n")
    return tmp_path


def say(port: int, path: str, **body: str) -> bytes:
    """What the server answers to a request for a stream."""
    data = json.dumps({"contents": [{"parts": [{"text": "Hello"}]}], **body}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        return bytes(response.read())


def test_an_installed_engine_and_log_serve(site: Path) -> None:
    """The engine answers under its name, and streams are in the log of the URL's scheme."""
    store = site / "streams.db"
    with Process("--engine", "parrot", "--store", f"shelf:{store}", PYTHONPATH=str(site)) as server:
        assert server.lines[0] == "headwater serves the parrot engine, as requested (parrot).\n"
        assert b"Polly says Hello" in say(server.port, "/v1beta/models/m:generateContent")
        assert b'"name"' in say(server.port, "/v1/streams", model="m")
        assert store.exists()
        assert server.end()[0] == 0


def test_an_engine_of_the_current_directory_needs_no_package(site: Path) -> None:
    """For all models or for some, by its import path; a console script does not search that directory by itself."""
    options = ("--engine", "offline:instant", "--model-engine", "bird-*=parrots:Parrot")
    with Process(*options, cwd=site) as server:
        assert ask(server.port, "bird-1", "") == 200
        assert b"Polly says Hello" in say(server.port, "/v1beta/models/bird-1:generateContent")
        assert b"Polly says Hello" not in say(server.port, "/v1beta/models/m:generateContent")


def test_a_log_of_the_current_directory_needs_no_package(site: Path) -> None:
    """Its factory gets all that was said, and may read a place after its name."""
    with Process("--engine", "offline:instant", "--store", "parrots:open_shelf", cwd=site) as server:
        assert b'"name"' in say(server.port, "/v1/streams", model="m")
        assert (site / "open_shelf").exists()


def test_names_that_do_not_exist_list_those_that_do(site: Path) -> None:
    code, errors = refused("--engine", "raven", PYTHONPATH=str(site))
    assert (code, [name for name in ("offline", "broken", "parrot") if name not in errors]) == (2, [])
    code, errors = refused("--store", "drawer:x", PYTHONPATH=str(site))
    assert (code, [name for name in ("memory:", "sqlite:", "shelf:") if name not in errors]) == (2, [])
    code, errors = refused("--engine", "broken", PYTHONPATH=str(site))
    assert (code, "'broken' of parrots cannot be loaded" in errors, "Traceback" in errors) == (2, True, False)


def test_help_lists_installed_engines(site: Path) -> None:
    command = [sys.executable, "-m", "headwater", "serve", "--help"]
    environment = {"PYTHONPATH": str(site)}
    shown = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment).stdout
    assert "parrot                  Repeats what it was told." in shown
