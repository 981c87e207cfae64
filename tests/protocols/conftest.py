"""What the tests of the protocols share: node with the packages that read them, a server, an application."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from chat_app import chat_app
from scripts import Stage
from served import Served
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from live import Live

HERE = Path(__file__).parent / "node"
INSTALL_PATIENCE = 110
PATIENCE = 100


def _cache() -> Path:
    named = os.environ.get("HEADWATER_PROTOCOL_READERS")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else base / "headwater-protocol-readers"


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """A directory with the packages of node/package-lock.json; the test is skipped where they can not be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not here")
    lock = (HERE / "package-lock.json").read_bytes()
    directory = _cache() / hashlib.sha256(lock).hexdigest()[:12]
    if not (directory / "whole").exists():
        directory.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, directory / name)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            done = subprocess.run(
                command, cwd=directory, capture_output=True, text=True, timeout=INSTALL_PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip("npm took too long")
        if done.returncode != 0:
            pytest.skip(f"npm could not install what reads the protocols: {done.stderr[-300:]}")
        (directory / "whole").touch()
    return directory


@pytest.fixture(scope="session")
def node(node_modules: Path) -> Callable[..., Any]:
    """Run a script of node/ beside its packages; returns the JSON that it prints."""

    def run(script: str, *arguments: str, told: bytes = b"") -> Any:
        path = node_modules / script
        shutil.copy(HERE / script, path)
        bare = {
            name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "GEMINI_", "NODE_"))
        }
        bare = {name: value for name, value in bare.items() if not name.lower().endswith("_proxy")}
        command = ["node", "--no-warnings", str(path), *arguments]
        done = subprocess.run(command, input=told, capture_output=True, timeout=PATIENCE, check=False, env=bare)
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def stage() -> Stage:
    """The engine behind the application."""
    return Stage()


class Front(NamedTuple):
    """Where a front end finds what it speaks to."""

    chats: str
    agent: str


@pytest.fixture(scope="module", params=["own", "server"])
def chat_server(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Front]:
    """The endpoints of chat_app.py over headwater's client; and those of ``headwater serve``, which saves the chats."""
    stage.asked.clear()
    if request.param == "own":
        with (
            Live(stage) as live,
            Served(lambda: chat_app(live.client()), lambda: live.on_loop(stage.release)) as served,
        ):
            yield Front(served.url, f"{served.url}/agent")
        return

    async def let_go(_: Request) -> Response:
        stage.release()
        return Response(None, 204)

    live = Live(stage)
    live.app.router.routes.insert(0, Route("/release/{id}", let_go, methods=["POST"]))
    with live:
        yield Front(live.url, f"{live.url}/api/ag-ui")
