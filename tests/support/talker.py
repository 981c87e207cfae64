"""An engine for the page's tests: it plays what it was told to for the words that it is asked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import msgspec

from headwater.engines.base import EngineRequest
from headwater.types import GenerateContentResponse, Model
from tests.support.live import Held, says


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

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
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


def paragraph(rng: random.Random, number: int) -> str:
    """Return a piece of an answer: prose, a list, a table or code."""
    words = some_words(rng, 40)
    match number % 5:
        case 0:
            return f"## Part {number}\n\n{words}.\n\n"
        case 1:
            return "".join(f"- {word}\n" for word in words.split()[:12]) + "\n"
        case 2:
            return "| a | b |\n|---|---|\n" + "".join(f"| {word} | 1 |\n" for word in words.split()[:10]) + "\n"
        case 3:
            return "```python\n" + "".join(f"x{line} = {line}\n" for line in range(25)) + "```\n\n"
    return f"{words}.\n\n"


def some_words(rng: random.Random, count: int) -> str:
    """Return words with some Markdown in them."""
    return " ".join(rng.choice(["river", "**stone**", "`sea`", "hill", "*rain*", "valley"]) for _ in range(count))
