"""Sync and async behind one face, and short ways to run a coroutine or a page of the docs."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Coroutine
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from headwater import genai
from tests.support.servers import PATIENCE


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
        chunks: list[Any] = self.do(_read(stream))
        return chunks

    def close(self, stream: Any) -> None:
        self.do(stream.aio.aclose() if isinstance(stream, genai.Client) else stream.aclose())


async def _finish(result: Any) -> Any:
    return await result


async def _read(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


def run_async(work: Coroutine[Any, Any, Any]) -> Any:
    """Run ``work`` to its end, but not for ever."""
    return asyncio.run(asyncio.wait_for(work, PATIENCE * 3))


def run_page(name: str) -> None:
    """Run the Python of a page of the docs from top to bottom."""
    page = Path(__file__).parents[2] / "docs" / name
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    exec(compile("\n".join(blocks), str(page), "exec"), {"__name__": "__main__"})
