"""The offline engine: the storyteller, at the pace of a real model. No key, no network, no model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from headwater import story
from headwater.engines.base import EngineRequest
from headwater.engines.registry import EngineSettings, is_number
from headwater.transport.offline import parse_pace
from headwater.types import CountTokensResponse, GenerateContentResponse, Model


class OfflineEngine:
    """Tells stories. ``pace`` says how fast."""

    name = "offline"
    is_repeatable = True

    def __init__(self, pace: story.Pace = story.REALISTIC) -> None:
        self._pace = pace

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        """Yield the chunks of the answer, each in its time."""
        if not request.is_stream:
            answer = story.answer(request.content, model=request.model)
            await asyncio.sleep(self._pace.first)
            yield answer
            return
        for number, beat in enumerate(story.tell(request.content, model=request.model, pace=self._pace)):
            await asyncio.sleep(beat.delay if number >= request.known else 0)
            yield beat.chunk

    async def count_tokens(self, request: EngineRequest) -> CountTokensResponse:
        """Return how many tokens the request has."""
        return story.count_tokens(request.content)

    async def models(self) -> list[Model]:
        """Return a few models by their usual names."""
        return story.models()

    async def aclose(self) -> None:
        """Do nothing: there are no connections."""


def from_settings(settings: EngineSettings) -> OfflineEngine:
    """Return the engine at the pace that its argument or the settings ask for (``instant``, ``first=0.3,rate=100``)."""
    pace = settings.pace or ""
    # A bare number is the pace of the replay engine, which may run on the same server under other model names.
    return OfflineEngine(parse_pace(settings.argument or ("" if is_number(pace) else pace)))
