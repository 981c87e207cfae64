"""The replay engine: plays recorded exchanges at a given pace.

A directory has cases: ``<source>/<case>/meta.json``, next to the recorded body that its ``response_file`` names. The
model's name chooses the case: ``source/case``, or ``source--case`` and ``replay--source--case`` where a slash is not
allowed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import msgspec

from headwater.core.answer.fold import Fold
from headwater.core.wire.framing import DocumentStream, SingleDocument
from headwater.core.wire.gemini import Gemini
from headwater.engines.base import EngineRequest
from headwater.engines.registry import EngineSettings, is_number
from headwater.errors import HeadwaterError, UsageError, api_error
from headwater.types import CountTokensResponse, GenerateContentResponse, Model

_ANSWERS = Gemini(GenerateContentResponse)
_COUNTS = Gemini(CountTokensResponse)


class Case(msgspec.Struct, frozen=True):
    """The description of one recorded exchange."""

    id: str
    response_file: str
    http_status: int = 200
    method: str = "streamGenerateContent"


class ReplayEngine:
    """Plays the cases below ``directory``, waiting ``pace`` seconds before each chunk.

    Raises:
        UsageError: if there are no cases.
    """

    name = "replay"
    is_repeatable = True

    def __init__(self, directory: str | Path, *, pace: float = 0.0) -> None:
        self._root = Path(directory)
        self._pace = pace
        self._cases = {_key(case.id): case for case in _read_cases(self._root)}
        if not self._cases:
            raise UsageError(f"there are no recorded exchanges in {str(directory)!r}: <source>/<case>/meta.json")

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        """Yield the chunks of the case, folded into one if the client did not ask for a stream."""
        results = self._results(self._case(request.model))
        if request.is_stream:
            for number, result in enumerate(results):
                yield await self._next(result, self._pace if number >= request.known else 0)
            return
        fold = Fold()
        for result in results:
            chunk = await self._next(result, self._pace)
            fold.add(chunk)
        if fold.count:
            yield chunk if fold.count == 1 else fold.response

    async def count_tokens(self, request: EngineRequest) -> CountTokensResponse:
        """Return the recorded count; 0 if the case is not a ``countTokens`` call."""
        case = self._case(request.model)
        if case.method != "countTokens":
            return CountTokensResponse(total_tokens=0)
        body = await asyncio.to_thread(self._body, case)
        _refuse(case, body)
        result = _COUNTS.decode(body, {})[0]
        if isinstance(result, HeadwaterError):
            raise result
        return result

    async def models(self) -> list[Model]:
        """Return a model for each case."""
        methods = ["generateContent", "streamGenerateContent", "countTokens"]
        return [
            Model(name=f"models/{key}", display_name=case.id, supported_actions=methods)
            for key, case in self._cases.items()
        ]

    async def aclose(self) -> None:
        """Do nothing: there are no connections."""

    def _case(self, model: str) -> Case:
        case = self._cases.get(_key(model.removeprefix("replay--").removeprefix("replay/")))
        if case is None:
            raise api_error(404, f"there is no recorded exchange {model!r}", status="NOT_FOUND")
        return case

    def _body(self, case: Case) -> bytes:
        return (self._root / case.id / case.response_file).read_bytes()

    def _results(self, case: Case) -> list[GenerateContentResponse | HeadwaterError]:
        body = self._body(case)
        _refuse(case, body)
        framing = DocumentStream() if case.method.startswith("stream") else SingleDocument()
        documents = framing.feed(body) + framing.flush()
        return [result for document in documents for result in _ANSWERS.decode(document, {})]

    async def _next(self, result: GenerateContentResponse | HeadwaterError, pause: float) -> GenerateContentResponse:
        await asyncio.sleep(pause)
        if isinstance(result, HeadwaterError):
            raise result
        return result


def from_settings(settings: EngineSettings) -> ReplayEngine:
    """Return the engine for the directory in its argument; the pace of the settings is in seconds for each chunk.

    Raises:
        UsageError: if no directory is named, or it has no recorded exchanges.
    """
    if not settings.argument:
        raise UsageError("the replay engine needs the directory of its recorded exchanges: replay:DIR")
    pace = settings.pace or ""
    # Anything but a number is the pace of the offline engine, which may run on the same server.
    return ReplayEngine(settings.argument, pace=float(pace) if is_number(pace) else 0.0)


def _refuse(case: Case, body: bytes) -> None:
    """Raise the recorded error, if the case is one.

    Raises:
        APIError: if the recorded status is an error; a body without Google's shape becomes its message.
    """
    if case.http_status < 400:
        return
    error = _ANSWERS.refusal(case.http_status, {}, body)
    if isinstance(error.details, dict) and "error" in error.details:
        raise error
    text = body.decode("utf-8", "replace")
    raise api_error(case.http_status, text or "no body", status=HTTPStatus(case.http_status).phrase)


def _read_cases(root: Path) -> list[Case]:
    decoder = msgspec.json.Decoder(Case)
    return [decoder.decode(path.read_bytes()) for path in sorted(root.glob("*/*/meta.json"))]


def _key(name: str) -> str:
    return name.replace("/", "--")
