"""The three readers of a stream that are compared: headwater, google-genai, and the floor.

The code for headwater and google-genai is the same, down to the calls; only the import differs. The floor is the
transport library that headwater uses, and nothing on top except finding and decoding events.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from decode import Chunk, EventReader

PACKAGES = {"headwater": "headwater", "google": "google"}
HEADERS = {"Content-Type": "application/json", "x-goog-api-key": "k"}
REQUEST = b'{"contents": [{"parts": [{"text": "hi"}], "role": "user"}]}'
READ_SIZE = 65_536


def stream_url(base: str, model: str) -> str:
    """The URL of a streaming call."""
    return f"{base}/v1beta/models/{model}:streamGenerateContent?alt=sse"


def genai_client(package: str, base: str) -> Any:
    """``from PACKAGE import genai; genai.Client(...)``."""
    genai = importlib.import_module(f"{PACKAGES[package]}.genai")
    return genai.Client(api_key="k", http_options={"base_url": base})


class LibraryReader:
    """headwater or google-genai, sync."""

    def __init__(self, package: str, base: str) -> None:
        self.client = genai_client(package, base)

    def stream(self, model: str) -> Iterator[Any]:
        """The chunks of one call."""
        return self.client.models.generate_content_stream(model=model, contents="hi")

    def interaction(self, model: str) -> Iterator[Any]:
        """The events of one interaction."""
        return self.client.interactions.create(model=model, input="hi", stream=True)

    def close(self) -> None:
        """Close the client."""
        self.client.close()


class AsyncLibraryReader:
    """headwater or google-genai, async."""

    def __init__(self, package: str, base: str) -> None:
        self.client = genai_client(package, base)

    async def stream(self, model: str) -> AsyncIterator[Any]:
        """The chunks of one call."""
        return await self.client.aio.models.generate_content_stream(model=model, contents="hi")

    async def interaction(self, model: str) -> AsyncIterator[Any]:
        """The events of one interaction."""
        return await self.client.aio.interactions.create(model=model, input="hi", stream=True)

    async def close(self) -> None:
        """Close the client."""
        await self.client.aio.aclose()


class FloorReader:
    """Only urllib3 and msgspec."""

    def __init__(self, base: str) -> None:
        import urllib3

        self.base = base
        self.pool = urllib3.PoolManager(maxsize=200, retries=False)

    def stream(self, model: str) -> Iterator[Chunk]:
        """The chunks of one call."""
        url, reader = stream_url(self.base, model), EventReader()
        response = self.pool.request("POST", url, body=REQUEST, headers=HEADERS, preload_content=False)
        while data := response.read1(READ_SIZE):
            yield from reader.feed(data)

    def close(self) -> None:
        """Close the pool."""
        self.pool.clear()


class AsyncFloorReader:
    """Only aiohttp and msgspec."""

    def __init__(self, base: str) -> None:
        import aiohttp

        self.base = base
        connector = aiohttp.TCPConnector(limit=0)
        self.session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))

    async def stream(self, model: str) -> AsyncIterator[Chunk]:
        """The chunks of one call."""
        response = await self.session.post(stream_url(self.base, model), data=REQUEST, headers=HEADERS)
        return self._chunks(response)

    async def _chunks(self, response: Any) -> AsyncIterator[Chunk]:
        reader = EventReader()
        while data := await response.content.readany():
            for chunk in reader.feed(data):
                yield chunk

    async def close(self) -> None:
        """Close the session."""
        await self.session.close()


def sync_reader(name: str, base: str) -> Any:
    """The sync reader of that name."""
    return FloorReader(base) if name == "floor" else LibraryReader(name, base)


def async_reader(name: str, base: str) -> Any:
    """The async reader of that name; to be created inside the loop."""
    return AsyncFloorReader(base) if name == "floor" else AsyncLibraryReader(name, base)
