"""What the tests of the protocols share: node with the packages that read them, a server, an application."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.chat_app import chat_app
from tests.support.live import Live
from tests.support.packages import installed
from tests.support.scripts import Stage
from tests.support.served import Served

HERE = Path(__file__).parent / "node"
PATIENCE = 100


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """A directory with the packages of node/package-lock.json; the test is skipped if they cannot be installed."""
    return installed(HERE, "headwater-protocol-readers", "HEADWATER_PROTOCOL_READERS")


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
