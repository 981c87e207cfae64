"""The pytest plugin: fixtures that put a server between a test and the network. Loaded by entry point."""

# pytest imports this module in every environment that has headwater, so it imports nothing of headwater by itself.

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from headwater.testing.recorder import CassetteServer
    from headwater.testing.server import ScriptServer

_ENGINE = "headwater_engine"


class HeadwaterServer:
    """A headwater server that runs for a test. ``url`` is where it listens."""

    def __init__(self, url: str) -> None:
        self.url = url


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option that chooses the engine of ``headwater_server``."""
    parser.addini(
        _ENGINE, "the engine of headwater_server: a name, or package.module:factory", default="offline:instant"
    )


@pytest.fixture(scope="session")
def _headwater_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """The address of a server that runs in a thread until the last test is over."""
    from headwater.engines import EngineSettings, make_engine
    from headwater.server import Runner, ServerConfig, app, listen

    engine = make_engine(str(pytestconfig.getini(_ENGINE)), EngineSettings())
    listener = listen("127.0.0.1", 0)
    runner = Runner(app(engine, config=ServerConfig(grace=0.0)))
    thread = threading.Thread(target=runner.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        runner.should_exit = True
        thread.join()


@pytest.fixture
def headwater_server(_headwater_url: str, monkeypatch: pytest.MonkeyPatch) -> HeadwaterServer:
    """A headwater server without waiting; the SDKs of Google and OpenAI find it by their environment variables."""
    _point_sdks(_headwater_url, monkeypatch)
    return HeadwaterServer(_headwater_url)


@pytest.fixture
def headwater_script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ScriptServer]]:
    """``headwater.testing.script`` whose server runs until the test is over and is found by the SDKs."""
    from headwater.testing import script

    with ExitStack() as servers:

        def start(*lines: object) -> ScriptServer:
            server = servers.enter_context(script(*lines))  # type: ignore[arg-type]
            _point_sdks(server.url, monkeypatch)
            return server

        yield start


@pytest.fixture
def headwater_cassette(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., CassetteServer]]:
    """``headwater.testing.cassette`` with a name below ``cassettes/``, next to the test; the SDKs find its server.

    While it records, programs need the keys that they need anyway, so those of the environment stay.
    """
    from headwater.testing import cassette
    from headwater.testing.loopback import base_urls

    with ExitStack() as servers:

        def start(name: str, **options: Any) -> CassetteServer:
            server = servers.enter_context(cassette(request.path.parent / "cassettes" / name, **options))
            for variable, value in base_urls(server.url).items():
                monkeypatch.setenv(variable, value)
            for variable in ("GEMINI_API_KEY", "OPENAI_API_KEY"):
                monkeypatch.setenv(variable, os.environ.get(variable) or "no-key-to-replay")
            return server

        yield start


def _point_sdks(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from headwater.testing.loopback import sdk_environment

    for name, value in sdk_environment(url).items():
        monkeypatch.setenv(name, value)
