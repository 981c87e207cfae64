r"""The life of one call, decided without doing any of it: what next, and what does this mean.

    NEW ----Open---> OPENING --opened(2xx)--> READING --end--> DONE
     ^                  |  \                     |
     |                  |   opened(3xx): NEW    | failed, cut short, to be continued
     |                  v                       v
     '--Wait-- RESTING <--Close-- BROKEN <------'      (a failure that is final leads to DONE)

A shell asks ``next_step(now)``, does it, and reports what happened: ``opened``, ``received``, ``waited``, ``failed``.
Only ``cancel`` may be called from another thread. The machine never touches a socket, a clock or a random source.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

from headwater.core.clocks import Clocks
from headwater.core.ending import Ending, blocked_error, judge
from headwater.core.events import Reset, Retrying
from headwater.core.fold import Fold
from headwater.core.framing import Framing, Whole
from headwater.core.metrics import Meter, Metrics
from headwater.core.policy import Deadlines, OnBreak, Retry
from headwater.core.recovery import Plan, Recovery
from headwater.core.redirects import REDIRECTS, redirected
from headwater.core.seam import Seam
from headwater.core.stages import Stage
from headwater.core.states import TRANSITIONS, State
from headwater.core.steps import Close, HttpRequest, Open, Pause, Read, Step, Stop, TransportError, Wait
from headwater.core.wire import Wire
from headwater.errors import (
    ConnectError,
    HeadwaterError,
    StreamCancelled,
    StreamError,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    WireError,
)
from headwater.types import GenerateContentResponse

R = TypeVar("R")
E = TypeVar("E", bound=HeadwaterError)

#: An error body is read up to this size.
MAX_REFUSAL_BYTES = 1024 * 1024
_MAX_STALE = 5
_CLOSE = Close()
_STOP = Stop()


class Machine(Generic[R]):
    """One call: a stream of results, or a single one. Lives as long as the call.

    ``framing`` makes the cutter for each body, ``jitter`` gives random numbers in [0, 1) for the back-off. ``after``
    documents of the stream came to somebody else before. ``fold`` is the answer so far, where the results are chunks of
    one. With ``tells``, what becomes of the call (another attempt, a new beginning) is told among the results.
    """

    def __init__(
        self,
        wire: Wire[R],
        request: HttpRequest,
        *,
        framing: Callable[[], Framing],
        retry: Retry | None = None,
        deadlines: Deadlines | None = None,
        on_break: OnBreak = "fail",
        goes_on: bool = True,
        raise_on_block: bool = False,
        on_retry: Callable[[Retrying], object] | None = None,
        stages: Stage | None = None,
        after: int = 0,
        jitter: Callable[[], float] = float,
    ) -> None:
        self.state = State.NEW
        self.attempts = 0
        self.fold = Fold()
        self.meter = Meter()
        self._stamp = self.meter.times.append
        self._awaits_text = True
        self.headers: Mapping[str, str] = {}
        self.tells = False
        self._wire = wire
        self._recovery = Recovery(
            wire, request, retry=retry or Retry(), on_break=on_break, goes_on=goes_on, jitter=jitter
        )
        self._after = after  # documents of the stream that have come
        self._request = self._recovery.request
        self._make_framing = framing
        self._framing: Framing = Whole()
        self._clocks = Clocks(deadlines or Deadlines())
        self._steady = None if self._clocks.steady is None else Read(self._clocks.steady)
        self._raise_on_block = raise_on_block
        self._on_retry = on_retry
        self._stages = stages
        self._seam: Seam | None = None
        self._is_plain = stages is None and on_break != "continue"  # nothing to do with a chunk but to hand it out
        self._ready: deque[R] = deque()
        self._now = 0.0  # when the last fact was told
        self._rest = 0.0
        self._redirects = 0
        self._stale = 0
        self._status = 0
        self._is_refused = False
        self._is_joined = False  # whether the one result took several requests
        self._final = False
        self._taken = 0
        self._grown = 0
        self._outcome: HeadwaterError | None = None
        self._error: HeadwaterError | None = None
        self._cancelled: str | None = None

    def next_step(self, now: float) -> R | Step:
        """Return the next result that is ready, or what to do to get one."""
        if self._cancelled is not None and (self._ready or self.state is not State.DONE or self._stages):
            self._now = now
            self._finish(_cancelled(self._cancelled))
        if self._ready:
            return self._ready.popleft()
        if self._stages is not None and self.state in (State.READING, State.DONE):
            return self._paced(now)
        return self._plain_step(now)

    def opened(self, status: int, headers: Mapping[str, str], now: float) -> None:
        """Take the head of the answer. ``headers`` has lower-case names."""
        self._now = self._clocks.bytes_at = now
        self.headers = headers
        self._status = status
        if status in REDIRECTS and "location" in headers:
            return self._redirect(headers["location"])
        self._is_refused = not 200 <= status < 300
        if not self._is_refused:
            if self.meter.head_at is None:
                self.meter.head_at = now
            self._recovery.stream = self._wire.stream_name(headers)
        self._framing = Whole(limit=MAX_REFUSAL_BYTES) if self._is_refused else self._make_framing()
        return self._go(State.READING)

    def received(self, data: bytes, now: float) -> None:
        """Take bytes of the body; ``b""`` means that the other side ended it."""
        if self.state is not State.READING:
            return None
        self._now = self._clocks.bytes_at = now
        if not data:
            return self._ended()
        self.meter.bytes += len(data)
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

    def waited(self, now: float) -> None:
        """Take it that nothing came during a pause."""
        self._now = now

    def failed(self, error: TransportError, now: float) -> None:
        """Take it that opening or reading failed."""
        problem: HeadwaterError
        if self.state is State.DONE:
            return None
        self._now = now
        if error.kind == "aborted":
            return self._finish(_cancelled(self._cancelled, "the stream was closed while it was read"))
        if self.state is State.READING and self._is_refused:
            return self._refused()  # the head has said what matters
        if error.kind == "timeout":
            problem = self._clocks.expired(now, self._came) or StreamStalled(
                f"nothing came from the API within {error}", clock="connect"
            )
        elif self.state is State.OPENING and error.kind == "stale" and self._may_repeat():
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
        if self._cancelled is None:
            self._cancelled = reason

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, well or not."""
        return self.state is State.DONE

    @property
    def ending(self) -> Ending | None:
        """How the call ended; None while it goes on."""
        if self.state is State.DONE:
            return judge(self.fold, self._outcome)
        if self._cancelled is None:
            return None
        return judge(self.fold, None if self._final else _cancelled(self._cancelled))

    @property
    def metrics(self) -> Metrics:
        """What was measured by now."""
        return self.meter.metrics(self.fold, self.attempts)

    @property
    def position(self) -> str | None:
        """Where the stream stands, to go on from in another process; None where the other end does not keep it."""
        recovery = self._recovery
        if recovery.stream is None:
            return None
        return self._wire.position(recovery.request, recovery.stream, self._after)

    def _plain_step(self, now: float) -> R | Step:
        match self.state:
            case State.READING:
                return self._read(now)
            case State.NEW:
                self._go(State.OPENING)
                self.attempts += 1
                self._status, self._is_refused = 0, False
                self._clocks.attempt(now)
                if self.meter.started is None:
                    self.meter.started = now
                return Open(self._request, self._clocks.left(now))
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

    def _read(self, now: float) -> R | Step:
        """What to wait for in the middle of the answer."""
        grown, clocks = self.fold.grown if self.fold.count else self._taken, self._clocks
        if grown != self._grown:
            self._grown = grown
            clocks.content_at = clocks.bytes_at = now
            if self._steady is not None:
                return self._steady
        else:
            clocks.away(now - self._now)
        expired = clocks.expired(now, self._came, slack=0.0)
        if expired is None:
            return Read(clocks.left(now))
        self._now = now
        self._broke(expired)
        return self.next_step(now)

    def _paced(self, now: float) -> R | Step:
        """The next step where stages hold chunks back."""
        assert self._stages is not None
        due = self._stages.due()
        if due is not None and due <= now:
            self._ready.extend(cast("Any", self._stages.release(now)))
            if self._ready:
                return self._ready.popleft()
            due = self._stages.due()
        if self.state is State.DONE:
            if due is None:
                self._stages = None
                return self._plain_step(now)
            return Wait(max(0.0, due - now))
        step = self._plain_step(now)
        if due is not None and isinstance(step, Read) and (step.timeout is None or due - now < step.timeout):
            return Pause(max(0.0, due - now))
        return step

    def _may_repeat(self) -> bool:
        return self._stale < _MAX_STALE and not self._request.once

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
            self._stamp(self._now)
            if type(result) is not GenerateContentResponse:
                self._ready.append(result)
            elif self._is_plain:
                self.fold.add(cast("GenerateContentResponse", result))
                self._ready.append(result)
            elif not self._take_with_care(cast("GenerateContentResponse", result)):
                return False
            if self._framing.tells_end or self._wire.is_final(result):
                self._ends(result)
        self._after += 1
        if self._awaits_text:
            self._note_first()
        return True

    def _take_with_care(self, chunk: GenerateContentResponse) -> bool:
        """Take a chunk that is to be joined, paced or remembered; return whether the call goes on."""
        try:
            pieces = [chunk] if self._seam is None else self._seam.feed(chunk)
        except StreamInterrupted as error:
            self._finish(error)
            return False
        for piece in pieces:
            self._admit(piece)
        return True

    def _admit(self, chunk: GenerateContentResponse) -> None:
        self.fold.add(chunk)
        if self._recovery.on_break == "continue":
            self._recovery.admit(chunk)
        ready = [chunk] if self._stages is None else self._stages.feed(chunk, self._now)
        self._ready.extend(cast("Any", ready))

    def _note_first(self) -> None:
        """Take down what is measured at the first content."""
        if not self.meter.first_tokens:
            self.meter.first_tokens = self.fold.usage_metadata.candidates_token_count or 0
        if self.fold.text:
            self.meter.text_at = self._now
            self._awaits_text = False

    def _ends(self, result: object) -> None:
        """Take it that the answer may end after ``result``."""
        self._final = True
        is_short = isinstance(result, GenerateContentResponse) and self._recovery.is_to_be_continued(self.fold)
        if self._framing.tells_end:
            self._is_joined = self._is_joined or is_short
            if self._is_joined:  # the one result is put together of several
                self._ready.pop()
        elif is_short:
            for candidate in cast("GenerateContentResponse", result).candidates or ():
                candidate.finish_reason = None  # to the reader this is no end

    def _ended(self) -> None:
        if self._is_refused:
            return self._refused()
        for document in self._framing.flush():
            if not self._take(document, last=True):
                return None
        if self._seam is not None:
            for piece in self._seam.flush():
                self._admit(piece)
        if self._final:
            return self._end_of_answer()
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

    def _end_of_answer(self) -> None:
        """Take it that the answer is whole, or that the API is to be asked for the rest."""
        if self._recovery.is_to_be_continued(self.fold):
            self._recovery.after = self._after
            plan = self._recovery.go_on(self.fold)
            return self._follow(plan) if isinstance(plan, Plan) else self._finish(plan)
        if self._is_joined:
            self._ready.append(cast("R", self.fold.response))
        return self._finish(blocked_error(self.fold) if self._raise_on_block else None)

    def _redirect(self, location: str) -> None:
        self._redirects += 1
        try:
            self._recovery.request = redirected(self._recovery.request, location, self._redirects)
            self._request = redirected(self._request, location, self._redirects)
        except WireError as error:
            return self._finish(error)
        return self._go(State.NEW)

    def _broke(self, error: HeadwaterError) -> None:
        """Take it that the answer stopped before its end."""
        if self._final and isinstance(error, StreamError):
            return self._end_of_answer()  # the finish reason has come; that the body did not end loses nothing
        is_begun = self.fold.grown > 0 or (self._taken > 0 and not self.fold.count)
        bound = self._clocks.bound()
        left = None if bound is None else bound - self._now
        self._recovery.after = self._after
        plan = self._recovery.plan(error, self.fold, is_begun=is_begun, left=left)
        if isinstance(plan, HeadwaterError):
            return self._finish(plan)
        if plan.kind == "again":
            self._ready.clear()  # nothing in it that the reader would miss
        if plan.kind == "anew":
            self._tell(Reset(error))
        else:
            self._tell_retry(Retrying(error, self._recovery.failures, plan.rest))
        return self._follow(plan)

    def _follow(self, plan: Plan) -> None:
        """Prepare the next request."""
        if not plan.is_same:
            self._after = 0
        if plan.kind == "on" and not plan.is_same:
            self.fold.go_on()
        elif plan.kind != "on":
            self.fold = Fold()
            self._grown = 0
        self._request, self._seam, self._rest = plan.request, plan.seam, plan.rest
        if plan.seam is not None:
            self._is_plain = False
        self._final = False
        self._redirects = 0
        self._go(State.BROKEN)

    def _tell_retry(self, retry: Retrying) -> None:
        if self._on_retry is not None:
            self._on_retry(retry)
        if self.tells:
            self._ready.append(cast("R", retry))

    def _tell(self, reset: Reset) -> None:
        """Tell the reader that what it has is void: as an event, or as a chunk that says so."""
        self._ready.clear()
        if self._stages is not None:
            self._stages.flush()
        if self.tells:
            self._ready.append(cast("R", reset))
        else:
            chunk = GenerateContentResponse()
            chunk.__dict__["_is_reset"] = True
            self._ready.append(cast("R", chunk))

    def _came(self) -> str:
        """What has come by now, for a message."""
        fold = self.fold
        if not fold.grown:
            return "nothing had come" if not self._status else "no content had come"
        return f"{len(fold.text)} characters had come" if fold.text else "no text had come"

    def _finish(self, error: HeadwaterError | None) -> None:
        self._go(State.DONE)
        self.meter.ended_at = self._now
        if isinstance(error, StreamCancelled):
            self._ready.clear()
            self._stages = None
        if error is not None:
            self.fold.abandon()
        if self._stages is not None:
            rest = self._stages.finish(self._now) if error is None else self._stages.flush()
            self._ready.extend(cast("Any", rest))
        self._outcome = self._error = self._mark(error) if error else None

    def _mark(self, error: E) -> E:
        error.attempts = self.attempts
        error.partial = self.fold.response if self.fold.count else None
        error.position = self.position
        error.phase = "body" if self._taken else "head" if self._status else "connect"
        return error


def _cancelled(reason: str | None, otherwise: str = "the stream was cancelled") -> StreamCancelled:
    error = StreamCancelled(f"{otherwise}: {reason}" if reason else otherwise)
    error.reason = reason or ""
    return error


def _no_stream(leftover: bytes) -> WireError:
    start = leftover.decode("utf-8", "replace").strip()
    return WireError(f"the answer is not what the Gemini API sends; it begins: {start[:120]!r}")
