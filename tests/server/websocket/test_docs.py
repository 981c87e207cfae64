"""The clients on the page about the WebSocket work, also on a connection that breaks all the time."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from headwater import offline
from headwater.engines.base import EngineRequest
from headwater.engines.offline import OfflineEngine
from tests.support.ws_peer import scene, serving

_PAGE = (Path(__file__).parents[3] / "docs" / "websocket.md").read_text(encoding="utf-8")
_PROMPT = "Tell me a story in 400 words."
_PACE = offline.Pace(first=0, rate=3000)


@scene
async def test_python_client_of_the_page_survives_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python client gets the whole answer over a connection that is cut after every 1,000 bytes."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    names: dict[str, Any] = {}
    exec(_code("python"), names)
    async with serving(OfflineEngine(_PACE)) as live, cutting(live.port, 1000) as (port, cuts):
        text = await asyncio.to_thread(names["ask"], f"ws://127.0.0.1:{port}/ws", _PROMPT)
        assert len(cuts) > 2
        assert text == _answer()


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@scene
async def test_javascript_client_of_the_page_survives_cuts() -> None:
    """The JavaScript client gets the whole answer over a connection that is cut after every 1,000 bytes."""
    code = _code("javascript").replace("1000", "10")
    async with serving(OfflineEngine(_PACE)) as live, cutting(live.port, 1000) as (port, cuts):
        call = f'let text = ""; ask("ws://127.0.0.1:{port}/ws", {_PROMPT!r}, (piece) => {{ text += piece; }})'
        check = "if (typeof WebSocket === 'undefined') process.exit(77);"
        end = '.then((end) => console.log([...text].length === end.chars ? text : "lost"));'
        command = ["node", "--experimental-websocket", "-e", check + code + call + end]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
        if done.returncode == 77:
            pytest.skip("this node has no WebSocket")
        assert done.stdout.removesuffix("\n") == _answer(), done.stderr
        assert len(cuts) > 2


def _answer() -> str:
    body = b'{"contents":[{"role":"user","parts":[{"text":"%s"}]}]}' % _PROMPT.encode()
    return offline.answer(EngineRequest("gemini-3.8-flash", body).content, model="gemini-3.8-flash").text


def _code(language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", _PAGE, re.DOTALL)
    assert match is not None
    return match[1]


@asynccontextmanager
async def cutting(port: int, limit: int) -> AsyncIterator[tuple[int, list[int]]]:
    """Pass connections on to ``port``, and break each off when ``limit`` bytes have come back; yield the cuts, too."""
    cuts: list[int] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data if left is None else data[:left])
                await writer.drain()
                if left is not None:
                    left -= len(data)
                    if left <= 0:
                        cuts.append(limit)
                        break
        except OSError:
            pass
        finally:
            writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        up = asyncio.create_task(carry(reader, other_writer, None))
        await carry(other_reader, writer, limit)
        other_writer.transport.abort()
        up.cancel()
        await asyncio.gather(up, return_exceptions=True)

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], cuts
