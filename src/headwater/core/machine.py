r"""The life of one call, decided without doing any of it: what next, and what does this mean.

    NEW ----Open---> OPENING --opened(2xx)--> READING --end--> DONE
     ^                  |  \                     |
     |                  |   opened(3xx): NEW    | failed, cut short
     |                  v                       v
     '--Wait-- RESTING <--Close-- BROKEN <------'      (a failure that is final leads to DONE)

A shell asks ``next_step(now)``, does it, and reports what happened: ``opened``, ``received``, ``failed``. Only
``cancel`` may be called from another thread. The machine never touches a socket, a clock or a random source.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Generic, TypeVar, cast
from urllib.parse import SplitResult, urljoin, urlsplit

from headwater.core.fold import Fold
from headwater.core.framing import Framing, Whole
from headwater.core.policy import Deadlines, Retry
from headwater.core.steps import Close, HttpRequest, Open, Read, Step, Stop, TransportError, Wait
from headwater.core.wire import Wire
from headwater.errors import (
    ConnectError,
    HeadwaterError,
    StreamCancelled,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    WireError,
)
from headwater.types import GenerateContentResponse

R = TypeVar("R")

#: An error body is read up to this size.
MAX_REFUSAL_BYTES = 1024 * 1024
_MAX_REDIRECTS = 5
_MAX_STALE = 5
_REDIRECTS = (301, 302, 307, 308)
_CLOSE = Close()
_STOP = Stop()


class State(Enum):
    """Where a call stands."""

    NEW = "new"
    OPENING = "opening"
    READING = "reading"
    BROKEN = "broken"
    RESTING = "resting"
    DONE = "done"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.NEW: frozenset({State.OPENING, State.DONE}),
    State.OPENING: frozenset({State.READING, State.NEW, State.BROKEN, State.DONE}),
    State.READING: frozenset({State.BROKEN, State.DONE}),
    State.BROKEN: frozenset({State.RESTING, State.DONE}),
    State.RESTING: frozenset({State.NEW, State.DONE}),
    State.DONE: frozenset({State.DONE}),
}


class Machine(Generic[R]):
    """One call: a stream of results, or a single one. Lives as long as the call.

    ``framing`` makes the cutter for each body, ``jitter`` gives random numbers in [0, 1) for the back-off. ``fold`` is
    the answer so far, where the results are chunks of one.
    """

    def __init__(
        self,
        wire: Wire[R],
        request: HttpRequest,
        *,
        framing: Callable[[], Framing],
        retry: Retry | None = None,
        deadlines: Deadlines | None = None,
        jitter: Callable[[], float] = float,
    ) -> None:
        self.state = State.NEW
        self.attempts = 0
        self.fold = Fold()
        self.headers: Mapping[str, str] = {}
        self._wire = wire
        self._request = request
        self._make_framing = framing
        self._framing: Framing = Whole()
        self._retry = retry or Retry()
        self._deadlines = deadlines or Deadlines()
        self._jitter = jitter
        self._read = Read(self._deadlines.idle)
        self._ready: deque[R] = deque()
        self._rest = 0.0
        self._failures = 0
        self._redirects = 0
        self._stale = 0
        self._status = 0
        self._is_refused = False
        self._final = False
        self._taken = 0
        self._error: HeadwaterError | None = None
        self._cancelled: str | None = None

    def next_step(self, now: float) -> R | Step:
        """Return the next result that is ready, or what to do to get one."""
        if self._cancelled is not None and (self._ready or self.state is not State.DONE):
            self._finish(StreamCancelled(self._cancelled or "the stream was cancelled"))
        if self._ready:
            return self._ready.popleft()
        match self.state:
            case State.READING:
                return self._read
            case State.NEW:
                self._go(State.OPENING)
                self.attempts += 1
                self._status, self._is_refused = 0, False
                return Open(self._request, self._deadlines.head)
            case State.BROKEN:
                self._go(State.RESTING)
                return _CLOSE
            case State.RESTING:
                self._go(State.NEW)
                return Wait(self._rest)
            case State.DONE:
                error, self._error = self._error, None
                return Stop(error) if error else _STOP
            case State.OPENING:
                raise RuntimeError("the shell was asked to open and has not said what came of it")

    def opened(self, status: int, headers: Mapping[str, str], now: float) -> None:
        """Take the head of the answer. ``headers`` has lower-case names."""
        self.headers = headers
        self._status = status
        if status in _REDIRECTS and "location" in headers:
            return self._redirect(headers["location"])
        self._is_refused = not 200 <= status < 300
        self._framing = Whole(limit=MAX_REFUSAL_BYTES) if self._is_refused else self._make_framing()
        return self._go(State.READING)

    def received(self, data: bytes, now: float) -> None:
        """Take bytes of the body; ``b""`` means that the other side ended it."""
        if self.state is not State.READING:
            return None
        if not data:
            return self._ended()
        try:
            documents = self._framing.feed(data)
        except WireError as error:
            if self._is_refused:
                return self._refused()  # an error page of megabytes: its beginning says enough
            return self._finish(error)
        for document in documents:
            if not self._take(document):
                return None
        return None

    def failed(self, error: TransportError, now: float) -> None:
        """Take it that opening or reading failed."""
        problem: HeadwaterError
        if self.state is State.DONE:
            return None
        if error.kind == "aborted":
            return self._finish(StreamCancelled("the stream was closed while it was read"))
        if self.state is State.READING and self._is_refused:
            return self._refused()  # the head has said what matters
        if error.kind == "timeout":
            problem = StreamStalled(f"nothing came from the API within {error}")
        elif error.kind == "stale" and self.state is State.OPENING and self._stale < _MAX_STALE:
            self._stale += 1  # nobody has seen the request: take another connection
            return self._go(State.NEW)
        elif self.state is State.OPENING:
            problem = ConnectError(f"no answer from the API: {error}")
        else:
            problem = StreamInterrupted(f"the connection was lost in the middle of the answer: {error}")
        problem.__cause__ = error
        return self._broke(problem)

    def cancel(self, reason: str = "") -> None:
        """End the call at its next step. May be called from any thread, any number of times."""
        self._cancelled = reason

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, well or not."""
        return self.state is State.DONE

    def _go(self, state: State) -> None:
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"no way from {self.state} to {state}")
        self.state = state

    def _take(self, document: bytes, *, last: bool = False) -> bool:
        """Decode a document into ready results; return whether the call goes on."""
        for result in self._wire.decode(document, self.headers):
            if isinstance(result, HeadwaterError):
                self._broke(self._cut_short(document) or result if last and type(result) is WireError else result)
                return False
            self._taken += 1
            if type(result) is GenerateContentResponse:
                self.fold.add(cast("GenerateContentResponse", result))
            if self._framing.tells_end or self._wire.is_final(result):
                self._final = True
            self._ready.append(result)
        return True

    def _ended(self) -> None:
        if self._is_refused:
            return self._refused()
        for document in self._framing.flush():
            if not self._take(document, last=True):
                return None
        if self._final:
            return self._finish(None)
        leftover = self._framing.leftover
        return self._broke(self._cut_short(leftover) or _no_stream(leftover) if leftover else self._truncated())

    def _refused(self) -> None:
        """Take it that the API refused the request; what has come of the body says why."""
        self._broke(self._wire.refusal(self._status, self.headers, b"".join(self._framing.flush())))

    def _cut_short(self, rest: bytes) -> StreamTruncated | None:
        """The error when ``rest``, the end of a stream, is half a document; None when it is none at all."""
        if self._framing.tells_end or self._final:
            return None
        return self._truncated() if self._taken or rest.lstrip()[:1] in (b"{", b"[") else None

    def _truncated(self) -> StreamTruncated:
        if self._taken:
            return StreamTruncated("the answer ended without a finish reason, so its end may be missing")
        return StreamTruncated("the API ended the stream before its first chunk")

    def _redirect(self, location: str) -> None:
        self._redirects += 1
        try:
            url, new = _resolve(self._request.url, location)
        except ValueError:
            return self._finish(WireError(f"the API redirects to {location[:200]!r}, which is no URL"))
        old = urlsplit(self._request.url)
        same = (new.scheme, new.netloc) == (old.scheme, old.netloc) or (
            (old.scheme, new.scheme) == ("http", "https") and new.hostname == old.hostname
        )
        if self._redirects > _MAX_REDIRECTS or not same:
            where = (
                "too many times" if same else f"to another host, {new.scheme}://{new.netloc}, and the key stays here"
            )
            return self._finish(WireError(f"the API redirects {where}; set base_url to where it should go"))
        request = self._request
        self._request = HttpRequest(request.method, url, request.headers, request.body)
        return self._go(State.NEW)

    def _broke(self, error: HeadwaterError) -> None:
        self._failures += 1  # not attempts: a redirect is no failure
        if not self._taken and self._retry.allows(error, self._failures):
            self._rest = self._retry.delay(self._failures, error, self._jitter())
            self._go(State.BROKEN)
        else:
            self._finish(error)

    def _finish(self, error: HeadwaterError | None) -> None:
        self._go(State.DONE)
        if isinstance(error, StreamCancelled):
            self._ready.clear()
        self._error = self._mark(error) if error else None

    def _mark(self, error: E) -> E:
        error.attempts = self.attempts
        error.partial = self.fold.response if self.fold.count else None
        error.phase = "body" if self._taken else "head" if self._status else "connect"
        return error


E = TypeVar("E", bound=HeadwaterError)


def _resolve(base: str, location: str) -> tuple[str, SplitResult]:
    url = urljoin(base, location)
    return url, urlsplit(url)


def _no_stream(leftover: bytes) -> WireError:
    start = leftover.decode("utf-8", "replace").strip()
    return WireError(f"the answer is not what the Gemini API sends; it begins: {start[:120]!r}")
