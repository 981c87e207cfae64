"""An engine for the page's tests: it plays what it was told to for the words that it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import msgspec

from headwater.engines.base import Request
from headwater.types import GenerateContentResponse, Model
from live import Held, says


class Talker(Held):
    """Answers the last words of the user with ``answers[words]``: pieces, ``pace`` seconds apart, or an error.

    It stops before a piece that is None until ``resume``.
    """

    name = "talker"

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Iterable[str | GenerateContentResponse | Exception | None]] = {}
        self.asked: list[Any] = []
        self.pace = 0.0
        self.resumed: asyncio.Event | None = None

    async def stream(self, request: Request) -> AsyncIterator[GenerateContentResponse]:
        body = msgspec.json.decode(request.body)
        self.asked.append(body)
        for piece in self.answers[body["contents"][-1]["parts"][-1]["text"]]:
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                self.resumed = asyncio.Event()
                await self.resumed.wait()
                continue
            await asyncio.sleep(self.pace)
            yield says(piece) if isinstance(piece, str) else piece
        yield says("", "STOP")

    async def models(self) -> list[Model]:
        return [Model(name="models/gemini-2.5-flash"), Model(name="models/other")]

    def resume(self, on_loop: Callable[[Callable[[], Any]], Any]) -> None:
        """Go on with what waits; ``on_loop`` calls a function on the server's event loop."""
        assert self.resumed is not None
        on_loop(self.resumed.set)


def thinks(text: str) -> GenerateContentResponse:
    """Return a chunk that is a thought."""
    parts = [{"text": text, "thought": True}]
    return GenerateContentResponse(candidates=[{"content": {"role": "model", "parts": parts}}])
