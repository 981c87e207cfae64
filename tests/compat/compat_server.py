"""The server that the official SDKs are tried against, in a process of its own that ends with its standard input.

``gemini-*`` is told by the offline engine. The model ``odd`` answers with the characters that some readers take for
the end of a line, and with a silence in the middle that the server fills with blank lines. The port and what ``odd``
answers are printed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import AsyncIterator

import msgspec

from headwater import offline
from headwater.engines.base import EngineRequest
from headwater.engines.offline import OfflineEngine
from headwater.server import Limits, Runner, ServerConfig, app, listen
from headwater.types import GenerateContentResponse

KEEP_ALIVE = 0.05
SILENCE = 0.4
PIECES = ("one\u2028two", "\u2029three\u0085", "four \U0001f30a\r\n\n", "end")


class OddEngine(OfflineEngine):
    """Answers with ``PIECES``, the last two after a silence."""

    name = "odd"

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        """Yield a chunk for each piece."""
        for number, piece in enumerate(PIECES):
            if number == 2:
                await asyncio.sleep(SILENCE)
            yield _chunk(piece, is_last=number == len(PIECES) - 1)


def _chunk(text: str, *, is_last: bool) -> GenerateContentResponse:
    """A chunk whose bytes hold the characters themselves, not escapes of them."""
    candidate: dict[str, object] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if is_last:
        candidate["finishReason"] = "STOP"
    raw = json.dumps({"candidates": [candidate], "modelVersion": "odd"}, ensure_ascii=False).encode()
    chunk = msgspec.json.decode(raw, type=GenerateContentResponse)
    chunk.__dict__["_raw"] = raw
    return chunk


def main() -> None:
    """Serve until standard input ends."""
    config = ServerConfig(limits=Limits(keep_alive=KEEP_ALIVE), grace=0.0)
    application = app(OfflineEngine(offline.INSTANT), engines={"odd": OddEngine(offline.INSTANT)}, config=config)
    listener = listen("127.0.0.1", 0)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print(json.dumps([listener.getsockname()[1], PIECES]), flush=True)
    Runner(application).run(sockets=[listener])


if __name__ == "__main__":
    main()
