"""What every test starts from: a clean environment, and both colours behind one face."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import ssl
import threading
from collections.abc import Coroutine, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from headwater import genai
from headwater.transport.base import tls_context
from servers import PATIENCE, server_context

_SCRUBBED = ("GOOGLE_", "GEMINI_", "SSL_CERT")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(_SCRUBBED) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


class Sync:
    """The sync client, through the calls that both colours have."""

    name = "sync"

    def call(self, client: genai.Client, method: str, **arguments: Any) -> Any:
        """Call ``models.generate_content`` or any other method by its dotted name."""
        return attrgetter(method)(client)(**arguments)

    def stream(self, client: genai.Client, **arguments: Any) -> Any:
        """Return a stream of the answer."""
        return self.call(client, "models.generate_content_stream", **({"model": "m", "contents": "hi"} | arguments))

    def ask(self, client: genai.Client, **arguments: Any) -> Any:
        """Return the whole answer."""
        return self.call(client, "models.generate_content", **({"model": "m", "contents": "hi"} | arguments))

    def chat(self, client: genai.Client, **arguments: Any) -> Any:
        """Return a chat."""
        return client.chats.create(**({"model": "m"} | arguments))

    def do(self, result: Any) -> Any:
        """Return ``result``, once it is there."""
        return result

    def next(self, stream: Any) -> Any:
        """Return the next chunk, None at the end."""
        return next(stream, None)

    def read(self, stream: Any) -> list[Any]:
        """Return all chunks that are left."""
        return list(stream)

    def close(self, stream: Any) -> None:
        """Close the stream, or the client."""
        stream.close()

    def failure(self, client: genai.Client, *, stream: bool = True) -> tuple[list[str], Any]:
        """Return the texts that came, and the error that ended the call."""
        texts: list[str] = []
        with pytest.raises(genai.errors.HeadwaterError) as caught:  # noqa: PT012
            if not stream:
                self.ask(client)
            answer = self.stream(client)
            while (chunk := self.next(answer)) is not None:
                texts.append(chunk.text)
        return texts, caught.value


class Async(Sync):
    """The async client behind the same face: its loop runs in a thread."""

    name = "async"

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def call(self, client: genai.Client, method: str, **arguments: Any) -> Any:
        return self.do(attrgetter(method)(client.aio)(**arguments))

    def chat(self, client: genai.Client, **arguments: Any) -> Any:
        return client.aio.chats.create(**({"model": "m"} | arguments))

    def do(self, result: Any) -> Any:
        if not inspect.isawaitable(result):
            return result
        return asyncio.run_coroutine_threadsafe(_finish(result), self.loop).result(PATIENCE * 3)

    def next(self, stream: Any) -> Any:
        return self.do(anext(stream, None))

    def read(self, stream: Any) -> list[Any]:
        return self.do(_read(stream))

    def close(self, stream: Any) -> None:
        self.do(stream.aio.aclose() if isinstance(stream, genai.Client) else stream.aclose())


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


async def _finish(result: Any) -> Any:
    return await result


async def _read(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


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


def run_async(work: Coroutine[Any, Any, Any]) -> Any:
    """Run ``work`` to its end, but not for ever."""
    return asyncio.run(asyncio.wait_for(work, PATIENCE * 3))


def run_page(name: str) -> None:
    """Run the Python of a page of the docs from top to bottom."""
    page = Path(__file__).parents[1] / "docs" / name
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    exec(compile("\n".join(blocks), str(page), "exec"), {"__name__": "__main__"})
