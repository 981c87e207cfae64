"""An engine that goes on with an answer of which a part is there: whoever began it is gone.

An engine that says the same again says it, and what is there is left out. Any other is asked for the rest in the ways
that a client has (``core/wire/gemini_resume.py``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from headwater.core.answer.fold import Fold
from headwater.core.answer.joining import Joiner, SkipReplayed
from headwater.core.wire.dialect import BrokenStream
from headwater.core.wire.gemini import Gemini
from headwater.core.wire.gemini_resume import resume
from headwater.core.wire.request import HttpRequest
from headwater.engines.base import Engine, EngineRequest
from headwater.errors import HeadwaterError, StreamInterrupted
from headwater.types import CountTokensResponse, GenerateContentResponse, Model

_ANSWERS = Gemini(GenerateContentResponse)


class ResumingEngine:
    """Goes on after ``said``, the JSON of the chunks that are there, with what ``engine`` says."""

    def __init__(self, engine: Engine, said: Sequence[bytes]) -> None:
        self.name = engine.name
        self._engine = engine
        self._fold = Fold()
        for data in said:
            for chunk in _chunks(data):
                self._fold.add(chunk)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing but the end."""
        return self._fold.finish_reason is not None or self._fold.prompt_feedback is not None

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        """Yield the chunks that are not there yet.

        Raises:
            HeadwaterError: what the engine raises; StreamInterrupted, where there is no way to go on.
        """
        has_begun = False
        if self._fold.count == 0 or getattr(self._engine, "is_repeatable", False):
            again = EngineRequest(request.model, request.body, known=self._fold.count)
            try:
                async for chunk in self._rest(again, SkipReplayed(self._fold.since_checkpoint)):
                    has_begun = True
                    yield chunk
                return
            except StreamInterrupted:
                if has_begun or self._fold.count == 0:
                    raise
        found = resume(self._broken(request))
        if found is None or found.joiner is None:
            raise StreamInterrupted(
                "the server that produced the answer died, and nobody can go on with such an answer"
            )
        onward = EngineRequest(request.model, found.request.body or b"")
        async for chunk in self._rest(onward, found.joiner):
            yield chunk

    async def _rest(self, request: EngineRequest, joiner: Joiner) -> AsyncIterator[GenerateContentResponse]:
        """What is new in an answer that begins at the join or before it."""
        chunks = self._engine.stream(request)
        try:
            async for produced in chunks:
                for chunk in _chunks(produced.raw):
                    for piece in joiner.feed(chunk):
                        if _says_something(piece) or (piece is chunk and not joiner.pending):
                            yield piece
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()
        for piece in joiner.flush():
            yield piece

    def _broken(self, request: EngineRequest) -> BrokenStream:
        fold = self._fold
        return BrokenStream(
            request=HttpRequest("POST", "", {}, request.body),
            fold=fold,
            stream=None,
            after=fold.count,
            since_checkpoint=fold.since_checkpoint,
            error=None,
        )

    async def count_tokens(self, request: EngineRequest) -> CountTokensResponse:
        """Return how many tokens the request has."""
        return await self._engine.count_tokens(request)

    async def models(self) -> list[Model]:
        """Return the models of the engine."""
        return await self._engine.models()

    async def aclose(self) -> None:
        """Do nothing: the engine is not ours."""


def _chunks(data: bytes) -> list[GenerateContentResponse]:
    found = []
    for result in _ANSWERS.decode(data, {}):
        if isinstance(result, HeadwaterError):
            raise result
        found.append(result)
    return found


def _says_something(chunk: GenerateContentResponse) -> bool:
    if chunk.prompt_feedback is not None:
        return True
    return any(
        candidate.finish_reason is not None or (candidate.content is not None and candidate.content.parts)
        for candidate in chunk.candidates or ()
    )
