"""An engine that resumes an answer that another server began: it yields the chunks after those that are stored."""

# Theory of operation
#
# A server died while it generated an answer. The log has a prefix of it, ``stored``: whole chunks, in order, since a
# record is appended as a whole or not at all. Readers have seen some or all of that prefix, and will see what this
# engine yields appended to it. So the one thing that must hold: stored chunks followed by yielded chunks are an answer
# that the engine could have given in one go. No content appears twice, none is missing, none contradicts the prefix.
#
# There are two ways, tried in this order:
#
# 1. Replay. If nothing is stored, or the engine is repeatable (it answers the same request with the same content: the
#    offline and replay engines), the request is sent again as it was. ``SkipReplayed`` compares the new answer with
#    the stored parts, drops what is equal, and passes on the rest. The comparison is by content and not by chunk,
#    because nothing promises that the same text is cut at the same places again. The resumed answer equals the first
#    one because every stored part was seen again, word for word, before anything is passed on; the first difference
#    raises ``StreamInterrupted``.
# 2. Continuation. The engine is asked for the rest the way a client would ask for it: with the API's continuation
#    token, or by showing the model its own text (``core/wire/gemini_resume.py``). The same joiners apply, and where
#    neither is possible (function calls, several candidates) the answer ends with an error. Asking for the stream by
#    its name, the third way of a client, is not open here: that name is known to the dead server's upstream only.
#
# Replay that fails before it yielded anything falls through to continuation: the engine was less repeatable than it
# claimed, or its upstream forgot. After the first yielded chunk it must not, since readers may have seen that chunk.
#
# What cannot happen: two servers resuming one answer. Whoever resumes has taken over the log's lease first, and a
# server that lost its lease cannot append (``server/streams/takeover.py``).

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from headwater.core.answer.fold import Fold
from headwater.core.answer.joining import Joiner, SkipReplayed
from headwater.core.wire.dialect import BrokenStream
from headwater.core.wire.gemini import Gemini
from headwater.core.wire.gemini_resume import resume
from headwater.core.wire.request import HttpRequest
from headwater.engines.base import Engine, EngineRequest
from headwater.errors import HeadwaterError, StreamInterrupted, UsageError
from headwater.types import CountTokensResponse, GenerateContentResponse, Model

_ANSWERS = Gemini(GenerateContentResponse)


class ResumingEngine:
    """Resumes after ``stored``, the JSON of the chunks that are in the log, with what ``engine`` yields."""

    def __init__(self, engine: Engine, stored: Sequence[bytes]) -> None:
        self.name = engine.name
        self._engine = engine
        self._fold = Fold()
        for data in stored:
            for chunk in _chunks(data):
                self._fold.add(chunk)

    @property
    def is_whole(self) -> bool:
        """Whether the stored chunks are complete: the server died after the last one, before it sealed the log."""
        return self._fold.finish_reason is not None or self._fold.prompt_feedback is not None

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        """Yield the chunks that follow the stored ones.

        Raises:
            StreamInterrupted: if the answer cannot be resumed.
            HeadwaterError: if the engine raises it.
        """
        has_yielded = False
        if self._fold.count == 0 or getattr(self._engine, "is_repeatable", False):
            replay = EngineRequest(request.model, request.body, known=self._fold.count)
            try:
                async for chunk in self._new_chunks(replay, SkipReplayed(self._fold.since_checkpoint)):
                    has_yielded = True
                    yield chunk
                return
            except StreamInterrupted:
                if has_yielded or self._fold.count == 0:
                    raise
        continuation = resume(self._broken(request))
        if continuation is None or continuation.joiner is None:
            raise StreamInterrupted("the server that generated the answer died, and such an answer cannot be resumed")
        rest = EngineRequest(request.model, continuation.request.body or b"")
        try:
            async for chunk in self._new_chunks(rest, continuation.joiner):
                yield chunk
        except UsageError as error:  # the client's request was good: it is this one that the engine cannot send
            raise StreamInterrupted(f"the server that generated the answer died, and {error}") from error

    async def _new_chunks(self, request: EngineRequest, joiner: Joiner) -> AsyncIterator[GenerateContentResponse]:
        """What is new in the answer to ``request``, which starts at the end of the stored part or before it."""
        chunks = self._engine.stream(request)
        try:
            async for produced in chunks:
                for chunk in _chunks(produced.raw):
                    for piece in joiner.feed(chunk):
                        # A chunk without content is passed on only if it is the engine's own and follows the join:
                        # before it, it is the rest of a chunk whose content was stored already.
                        if _has_content(piece) or (piece is chunk and not joiner.pending):
                            yield piece
        finally:
            # Leaving a generator does not close it at once; the engine would generate on for nobody.
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()
        for piece in joiner.flush():
            yield piece

    # Resuming needs the body of the request only; there is no HTTP request, and no stream at the other end.
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
        """Do nothing: the engine belongs to the server, and answers other requests."""


def _chunks(data: bytes) -> list[GenerateContentResponse]:
    found = []
    for result in _ANSWERS.decode(data, {}):
        if isinstance(result, HeadwaterError):
            raise result
        found.append(result)
    return found


def _has_content(chunk: GenerateContentResponse) -> bool:
    if chunk.prompt_feedback is not None:
        return True
    return any(
        candidate.finish_reason is not None or (candidate.content is not None and candidate.content.parts)
        for candidate in chunk.candidates or ()
    )
