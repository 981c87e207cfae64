"""The gemini engine works on uvloop, whose transports are not asyncio's: that is how ``headwater serve`` runs it."""

from __future__ import annotations

import sys

import pytest

from headwater.engines.base import EngineRequest
from headwater.engines.gemini import GeminiEngine
from tests.support.servers import Server, whole

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop")


def test_the_gemini_engine_passes_on_what_came() -> None:
    """Every chunk keeps the bytes that it came as, on uvloop too."""
    uvloop = pytest.importorskip("uvloop")

    async def read(url: str) -> list[bytes]:
        engine = GeminiEngine(api_key="k", http_options={"base_url": url})
        try:
            return [chunk.raw async for chunk in engine.stream(EngineRequest("m", b'{"contents":[]}'))]
        finally:
            await engine.aclose()

    with Server(whole) as server:
        chunks = uvloop.run(read(server.url))
    assert [b"Hello " in chunks[0], b"STOP" in chunks[1], len(chunks)] == [True, True, 2]
