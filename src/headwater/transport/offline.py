"""The offline transport: HTTP answered in-process by the offline engine, byte for byte as the API would.

The base URL sets the pace: ``offline:`` is that of a real model, ``offline:instant`` does not wait at all, and
``offline:first=1,rate=20`` waits a second before the first chunk and then sends 20 tokens per second.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from headwater import offline
from headwater.contract.auth_tokens import auth_token
from headwater.core.machine.steps import TransportError
from headwater.core.wire import sse
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, UsageError, api_error
from headwater.transport.base import Latch, WaitInterrupter
from headwater.transport.offline_caches import CACHES, is_about_caches
from headwater.transport.offline_files import FILES, is_about_files
from headwater.types import GenerateContentRequest, ListModelsResponse
from headwater.types.base import ApiModel, coerce


class _Piece(msgspec.Struct, frozen=True):
    """Some bytes of a body, and how long they take to arrive (seconds)."""

    delay: float
    data: bytes


_END = _Piece(0.0, b"")


class _Response:
    """The offline engine's response to one request: a head, and pieces of a body."""

    def __init__(self, request: HttpRequest) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {"content-type": "application/json; charset=UTF-8"}
        if (reply := FILES.respond(request)) is not None:
            self.status, self.headers = reply.status, reply.headers
            self.pieces = iter([_Piece(0.0, reply.body)])
            return
        if _is_about_interactions(request):
            self.status, self.headers, self.pieces = _interactions_reply(request)
            return
        try:
            pieces = _route(request)
            if _method(request).startswith("stream"):
                self.headers = {"content-type": "text/event-stream"}
            first = next(pieces, None)  # an invalid request is refused before the head is sent
        except APIError as error:
            self.status, first, pieces = error.code, None, iter([_Piece(0.0, msgspec.json.encode(_document(error)))])
        self.pieces = _chain(first, pieces)


class _Timetable:
    """The pieces of a body and when each arrives: its delay counts from when the piece before was taken."""

    def __init__(self, pieces: Iterator[_Piece]) -> None:
        self._pieces = pieces
        self._next: _Piece | None = None
        self._due = 0.0

    def left(self) -> float:
        """Return the seconds until the next piece, or the end, arrives."""
        if self._next is None:
            self._next = next(self._pieces, _END)
            self._due = time.monotonic() + self._next.delay
        return max(0.0, self._due - time.monotonic()) if self._next.delay else 0.0

    def take(self) -> bytes:
        """Return the next piece, ``b""`` at the end."""
        piece, self._next = self._next or _END, None
        return piece.data


class OfflineBody:
    """A response that a thread reads."""

    def __init__(self, response: _Response) -> None:
        self.status, self.headers = response.status, response.headers
        self._pieces = _Timetable(response.pieces)
        self._aborted = Latch()

    def read(self, timeout: float | None) -> bytes:
        """Return the next piece when it is due, ``b""`` at the end."""
        left = self._pieces.left()
        if not self.wait(left if timeout is None else timeout):
            raise TransportError("timeout", f"{timeout:g} s")
        return self._pieces.take()

    def wait(self, seconds: float) -> bool:
        """Return whether a piece has arrived, at the latest after ``seconds``."""
        left = self._pieces.left()
        if self._aborted.wait(min(left, seconds)):
            raise TransportError("aborted", "the read was aborted")
        return left <= seconds

    def close(self) -> None:
        """Release the response."""
        self.abort()

    def abort(self) -> None:
        """End a waiting ``read``."""
        self._aborted.open()


class OfflineTransport:
    """Opens requests to the offline engine."""

    def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> OfflineBody:
        """Return the offline engine's response."""
        return OfflineBody(_Response(request))

    def close(self) -> None:
        """Do nothing: no connections exist."""


class AsyncOfflineBody:
    """A response that a coroutine reads."""

    def __init__(self, response: _Response) -> None:
        self.status, self.headers = response.status, response.headers
        self._pieces = _Timetable(response.pieces)
        self._loop = asyncio.get_running_loop()
        self._aborted = asyncio.Event()

    async def read(self, timeout: float | None) -> bytes:
        """Return the next piece when it is due, ``b""`` at the end."""
        left = self._pieces.left()
        if not await self.wait(left if timeout is None else timeout):
            raise TransportError("timeout", f"{timeout:g} s")
        return self._pieces.take()

    async def wait(self, seconds: float) -> bool:
        """Return whether a piece has arrived, at the latest after ``seconds``."""
        left = self._pieces.left()
        if await self._is_aborted_within(min(left, seconds)):
            raise TransportError("aborted", "the read was aborted")
        return left <= seconds

    async def _is_aborted_within(self, seconds: float) -> bool:
        if seconds <= 0:
            await asyncio.sleep(0)  # a stream without pauses must still let other tasks run
            return self._aborted.is_set()
        try:
            async with asyncio.timeout(seconds):
                return await self._aborted.wait()
        except TimeoutError:
            return False

    def close(self) -> None:
        """Release the response."""
        self.abort()

    def abort(self) -> None:
        """End a waiting ``read``. May be called from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._aborted.set)


class AsyncOfflineTransport:
    """Opens requests to the offline engine from coroutines."""

    async def open(self, request: HttpRequest, timeout: float | None, waiting: WaitInterrupter) -> AsyncOfflineBody:
        """Return the offline engine's answer, prepared in a thread if that may take long."""
        is_quick = offline.is_quick(request.body or b"") and _method(request) != "generateContent"
        is_quick = is_quick and not is_about_files(request) and not _is_about_interactions(request)
        is_quick = is_quick and not is_about_caches(request) and _method(request) not in offline.METHODS
        return AsyncOfflineBody(_Response(request) if is_quick else await asyncio.to_thread(_Response, request))

    async def close(self) -> None:
        """Do nothing: no connections exist."""


def _chain(first: _Piece | None, rest: Iterator[_Piece]) -> Iterator[_Piece]:
    if first is not None:
        yield first
    yield from rest


def _method(request: HttpRequest) -> str:
    return urlsplit(request.url).path.rpartition("/")[2].partition(":")[2]


def _route(request: HttpRequest) -> Iterator[_Piece]:
    """The pieces of the response.

    Raises:
        APIError: if the request is refused.
    """
    path = urlsplit(request.url).path
    pace = parse_pace(path.partition("/")[0])
    if (document := CACHES.respond(request)) is not None:
        return _json(document)
    name, _, method = path.rpartition("/")[2].partition(":")
    model = unquote(name)
    match request.method, method:
        case "GET", "" if path.endswith("/models"):
            return _whole(ListModelsResponse(models=offline.list_models()))
        case "GET", "" if path.endswith("/tunedModels"):
            return _whole(ListModelsResponse())
        case "GET", "":
            known = [entry for entry in offline.list_models() if entry.name == f"models/{model}"]
            if known:
                return _whole(known[0])
        case "POST", "countTokens":
            return _whole(offline.count_tokens(_read_prompt(request, model)[0]))
        case "POST", "generateContent":
            prompt, cached = _read_prompt(request, model)
            return _whole(offline.answer(prompt, model=model, cached=cached), pace.first)
        case "POST", "streamGenerateContent":
            return _stream(*_read_prompt(request, model), model, pace)
        case "POST", "" if path.endswith("/auth_tokens"):
            return _json(auth_token(request.body or b"", time.time(), secrets.token_urlsafe(24)))
        case "POST", _ if method in offline.METHODS:
            return _json(offline.call_method(method, request.body or b"", model=model))
    raise _refusal(404, f"the offline engine has nothing at {path.partition('/')[2]}", "NOT_FOUND")


def _whole(answer: ApiModel, delay: float = 0.0) -> Iterator[_Piece]:
    return iter([_Piece(delay, msgspec.json.encode(answer))])


def _json(document: Any) -> Iterator[_Piece]:
    return iter([_Piece(0.0, msgspec.json.encode(document))])


def _stream(request: GenerateContentRequest, cached: int, model: str, pace: offline.Pace) -> Iterator[_Piece]:
    for timed in offline.stream(request, model=model, pace=pace, cached=cached):
        yield _Piece(timed.delay, sse.encode(msgspec.json.encode(timed.chunk)))


def _is_about_interactions(request: HttpRequest) -> bool:
    return "/interactions" in request.url


def _interactions_reply(request: HttpRequest) -> tuple[int, Mapping[str, str], Iterator[_Piece]]:
    # Imported here: the mapping of another API is not needed by who only speaks Gemini's.
    from headwater.transport.offline_interactions import INTERACTIONS

    pace = parse_pace(urlsplit(request.url).path.partition("/")[0])
    reply = INTERACTIONS.respond(request, pace, _read)
    return reply.status, reply.headers, (_Piece(delay, data) for delay, data in reply.pieces)


def _read_prompt(request: HttpRequest, model: str) -> tuple[GenerateContentRequest, int]:
    """The prompt, after the cache that it names, and how many of its tokens are that cache's."""
    if not is_about_caches(request):  # as nearly always
        return _read(request.body), 0
    document = _decode(request.body)
    cache = CACHES.fill(document, model)
    return _to_prompt(document), cache.tokens if cache is not None else 0


def _read(data: bytes | None) -> GenerateContentRequest:
    return _to_prompt(_decode(data))


def _decode(data: bytes | None) -> Any:
    try:
        return msgspec.json.decode(data or b"{}")
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _unreadable(error) from error


def _to_prompt(document: Any) -> GenerateContentRequest:
    try:
        body = coerce(document, GenerateContentRequest, "the request")
    except (UsageError, RecursionError) as error:
        raise _unreadable(error) from error
    assert isinstance(body, GenerateContentRequest)
    FILES.inline(body)
    return body


def _document(error: APIError) -> Any:
    details = {"code": error.code, "message": error.message, "status": error.status}
    return error.details or {"error": details}


def _unreadable(error: Exception) -> APIError:
    return _refusal(400, f"Invalid JSON payload received. {error}", "INVALID_ARGUMENT")


def _refusal(code: int, message: str, status: str) -> APIError:
    details = {"error": {"code": code, "message": message, "status": status}}
    return api_error(code, message, status=status, details=details)


def parse_pace(text: str) -> offline.Pace:
    """Return the pace that the base URL sets after ``offline:``.

    Raises:
        UsageError: if ``text`` is not a pace.
    """
    if text == "instant":
        return offline.INSTANT
    try:
        pairs = [piece.partition("=") for piece in text.split(",") if piece]
        values = {name: float(value) for name, _, value in pairs}
        if not values.keys() <= {"first", "rate"} or not all(0 <= value < math.inf for value in values.values()):
            raise ValueError
    except ValueError:
        raise UsageError(
            f"'offline:{text}' says no pace: write 'offline:', 'offline:instant' or 'offline:first=0.3,rate=100'"
        ) from None
    return offline.Pace(**values)
