"""What every test starts from: a clean environment, and both sides of the client behind one face."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from headwater.transport.base import tls_context
from tests.support.servers import PATIENCE, server_context
from tests.support.sides import Async, Sync

# Wall time says nothing on a machine that is busy with other work: there, examples are slow to make and slow to run.
# CI runs the same examples each time: a change is judged by what it changed.
settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("busy machine")

_SCRUBBED = ("GOOGLE_", "GEMINI_", "SSL_CERT")
#: A test with one of these starts a browser, or Node with packages from npm.
_SLOW_FIXTURES = {"chromium", "node_modules", "project", "sdk"}


def pytest_configure() -> None:
    """Have Ctrl-C interrupt: a shell that starts the tests in the background ignores it, and so would every child."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser or Node as slow."""
    for item in items:
        if isinstance(item, pytest.Function) and _SLOW_FIXTURES.intersection(item.fixturenames):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(_SCRUBBED) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _data_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what programs keep for their user out of the home of whoever runs the tests."""
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def authority() -> Any:
    """A certificate authority that nobody knows."""
    import trustme  # which takes long to load

    return trustme.CA()


@pytest.fixture
def known(authority: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """The context of a server whose authority ``SSL_CERT_FILE`` names."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    tls_context.cache_clear()
    yield server_context(authority)
    tls_context.cache_clear()


@pytest.fixture(params=["sync", "async"])
def side(request: pytest.FixtureRequest) -> Iterator[Sync]:
    """One of the two colours."""
    if request.param == "sync":
        yield Sync()
        return
    started = threading.Event()
    loop: list[asyncio.AbstractEventLoop] = []
    stop: list[asyncio.Event] = []

    async def run() -> None:
        loop.append(asyncio.get_running_loop())
        stop.append(asyncio.Event())
        started.set()
        await stop[0].wait()

    thread = threading.Thread(target=lambda work=run: asyncio.run(work()))
    thread.start()
    assert started.wait(PATIENCE)
    yield Async(loop[0])
    loop[0].call_soon_threadsafe(stop[0].set)
    thread.join(PATIENCE)
