"""The offline engine: rules and word lists at the pace of a real model. No key, no network, no language model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

import msgspec

from headwater import offline
from headwater.engines.base import EngineRequest, NativeMethods, UpstreamCall
from headwater.engines.registry import EngineSettings, is_number
from headwater.transport.offline import parse_pace
from headwater.types import CountTokensResponse, GenerateContentResponse, Model

T = TypeVar("T")


class OfflineEngine:
    """Answers without a model. ``pace`` says how fast.

    Whatever may take more than a few milliseconds is done in a thread: a request decides how long it takes to read it
    and to prepare its answer, and the event loop has leases to renew and other streams to serve meanwhile. The chunks
    themselves are quick to make.
    """

    name = "offline"
    is_repeatable = True
    #: The server's own caches do for this engine.
    keeps_caches = False

    def __init__(self, pace: offline.Pace = offline.REALISTIC) -> None:
        self._pace = pace
        self.methods: NativeMethods = self

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        """Yield the chunks of the answer, each in its time."""
        if not request.is_stream:
            answer = await asyncio.to_thread(
                lambda: offline.answer(request.content, model=request.model, cached=request.cached_tokens)
            )
            await asyncio.sleep(self._pace.first)
            yield answer
            return

        def prepare() -> Iterator[offline.TimedChunk]:
            cached = request.cached_tokens
            return offline.stream(request.content, model=request.model, pace=self._pace, cached=cached)

        for number, timed in enumerate(await _prepared(request, prepare)):
            await asyncio.sleep(timed.delay if number >= request.known else 0)
            yield timed.chunk

    async def count_tokens(self, request: EngineRequest) -> CountTokensResponse:
        """Return how many tokens the request has."""
        return await _prepared(request, lambda: offline.count_tokens(request.content))

    async def call(self, call: UpstreamCall) -> bytes:
        """Return vectors by hashing, or a list of tokens.

        Raises:
            APIError: 400, if the request makes no sense.
        """
        model, _, method = call.path.rpartition("/")[2].partition(":")
        body = call.body or b""
        # In a thread even if the request is small: a vector of a thousand words takes milliseconds.
        document = await asyncio.to_thread(offline.call_method, method, body, model=model)
        return await asyncio.to_thread(msgspec.json.encode, document)

    async def models(self) -> list[Model]:
        """Return a few models by their usual names."""
        return offline.list_models()

    async def aclose(self) -> None:
        """Do nothing: there are no connections."""


async def _prepared(request: EngineRequest, prepare: Callable[[], T]) -> T:
    return prepare() if offline.is_quick(request.body) else await asyncio.to_thread(prepare)


def from_settings(settings: EngineSettings) -> OfflineEngine:
    """Return the engine at the pace that its argument or the settings ask for (``instant``, ``first=0.3,rate=100``)."""
    pace = settings.pace or ""
    # A bare number is the pace of the replay engine, which may run on the same server under other model names.
    return OfflineEngine(parse_pace(settings.argument or ("" if is_number(pace) else pace)))
