r"""The life of one call, decided without doing any of it: what next, and what does this mean.

    NEW ----Open---> OPENING --opened(2xx)--> READING --end--> DONE
     ^                  |  \                     |    (with calls: READING, CALLING, CLOSING)
     |                  |   opened(3xx): NEW    | failed, cut short, to be continued
     |                  v                       v
     '--Wait-- BACKOFF <--Close-- CLOSING <-----'      (a failure that is final leads to DONE)

A shell asks ``next_step(now)``, does it, and reports what happened: ``opened``, ``received``, ``waited``, ``failed``.
Only ``cancel`` may be called from another thread. The machine never touches a socket, a clock or a random source.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar, cast

from headwater.core.answer.ending import blocked_error
from headwater.core.answer.events import Reset, Retrying, reset_chunk, results
from headwater.core.answer.fold import Fold
from headwater.core.answer.joining import Joiner, clear_finish_reason
from headwater.core.machine.clocks import Clocks
from headwater.core.machine.function_calling import FunctionCalling
from headwater.core.machine.policy import Deadlines, OnBreak, Retry
from headwater.core.machine.recovery import Plan, Recovery
from headwater.core.machine.redirects import REDIRECTS, follow_redirect
from headwater.core.machine.snapshot import Snapshot
from headwater.core.machine.states import TRANSITIONS, State
from headwater.core.machine.steps import Close, Open, Pause, Read, Step, Stop, TransportError, Wait
from headwater.core.machine.stream_errors import (
    cancelled,
    connection_lost,
    is_partial_document,
    not_a_stream,
    received_text,
    truncated,
)
from headwater.core.stages.base import Stage
from headwater.core.wire.dialect import Dialect, StreamEnd
from headwater.core.wire.framing import Framing, SingleDocument
from headwater.core.wire.request import HttpRequest
from headwater.errors import (
    HeadwaterError,
    StreamCancelled,
    StreamError,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
    WireError,
)
from headwater.types import GenerateContentResponse, Part

R = TypeVar("R")
E = TypeVar("E", bound=HeadwaterError)

#: An error body is read up to this size.
MAX_REFUSAL_BYTES = 1024 * 1024
_MAX_STALE = 5
_CLOSE = Close()
_STOP = Stop()


class Machine(Snapshot, Generic[R]):
    """One call: a stream of results, or a single one. Lives as long as the call.

    ``framing`` makes the cutter for each body, ``jitter`` gives random numbers in [0, 1) for the back-off. ``name`` is
    that of a stream which exists already, ``after`` of whose documents were read elsewhere. ``fold`` is the answer so
    far, where the results are chunks of one. With ``reports_events``, retries, restarts and the results of functions
    are reported among the results.
    """

    def __init__(
        self,
        dialect: Dialect[R],
        request: HttpRequest,
        *,
        framing: Callable[[], Framing],
        retry: Retry | None = None,
        deadlines: Deadlines | None = None,
        on_break: OnBreak = "fail",
        continues: bool = True,
        raise_on_block: bool = False,
        on_retry: Callable[[Retrying], object] | None = None,
        stages: Stage | None = None,
        function_calling: FunctionCalling | None = None,
        after: int = 0,
        name: str | None = None,
        jitter: Callable[[], float] = float,
    ) -> None:
        super().__init__(function_calling)
        self._stamp = self.meter.times.append
        self._awaits_text = True
        self.reports_events = False
        self._dialect = dialect
        self._recover = partial(
            Recovery, dialect, retry=retry or Retry(), on_break=on_break, continues=continues, jitter=jitter
        )
        self._recovery = self._recover(request, start=after)
        self._recovery.stream = self._name = name
        self._after = after  # documents of the stream that have arrived
        self._request = self._recovery.request
        self._make_framing = framing
        self._framing: Framing = SingleDocument()
        self._clocks = Clocks(deadlines or Deadlines())
        self._steady = None if self._clocks.steady is None else Read(self._clocks.steady)
        self._raise_on_block = raise_on_block
        self._on_retry = on_retry
        self._stages = stages
        self._joiner: Joiner | None = None
        #: Whether there is nothing to do with a chunk but to hand it out.
        self._is_plain = stages is None and function_calling is None and on_break != "continue"
        self._ready: deque[R] = deque()
        self._now = 0.0  # when the last fact was told
        self._rest = 0.0
        self._redirects = 0
        self._stale = 0
        self._status = 0
        self._is_refused = False
        self._is_joined = False  # whether the one result took several requests
        self._taken = 0
        self._grown = 0
        self._error: HeadwaterError | None = None

    def next_step(self, now: float) -> R | Step:
        """Return the next result that is ready, or what to do to get one."""
        if self._cancelled is not None and (self._ready or self.state is not State.DONE or self._stages):
            self._now = now
            self._finish(cancelled(self._cancelled))
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
        if status == 204 and self._name is not None:  # nothing comes after ``after``
            return self._end_of_answer()
        self._is_refused = not 200 <= status < 300
        if not self._is_refused:
            if self.meter.head_at is None:
                self.meter.head_at = now
            if not self._recovery.accepts(self._dialect.stream_name(headers)):
                return self._broke(StreamInterrupted("the other end answers with another stream than it was asked for"))
        self._framing = SingleDocument(limit=MAX_REFUSAL_BYTES) if self._is_refused else self._make_framing()
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
            return self._finish(cancelled(self._cancelled, "the stream was closed while it was read"))
        if self.state is State.READING and self._is_refused:
            return self._refused()  # the head has said what matters
        if error.kind == "timeout":
            problem = self._clocks.expired(now, self._came) or StreamStalled(
                f"nothing came from the API within {error}", clock="connect", elapsed=self._clocks.elapsed(now)
            )
        elif self.state is State.OPENING and error.kind == "stale" and self._may_repeat():
            self._stale += 1  # nobody has seen the request: take another connection
            return self._go(State.NEW)
        else:
            problem = connection_lost(error, is_answered=self.state is State.READING)
        problem.__cause__ = error
        return self._broke(problem)

    def answered(self, parts: list[Part], now: float) -> None:
        """Take what the functions answered to the calls of a ``Run``, in their order."""
        if self.state is not State.CALLING or self._cancelled is not None:
            return None  # cancelled in the meantime: what has come is the answer with the calls
        assert self._function_calling is not None
        self._recovery = self._recover(
            self._function_calling.next_request(self._dialect, self._recovery.request, self.fold, parts)
        )
        self._clocks.begin_turn(now)
        self.meter.end_turn(self.fold, now - self._now)
        self._now = now
        if expired := self._clocks.expired(now, self._came):
            return self._finish(expired)
        self._taken = self._stale = 0
        self._is_joined = False
        if self.reports_events:
            self._ready.extend(cast("Any", results(parts)))
        return self._follow(Plan(kind="retry", request=self._recovery.request, rest=0.0))

    def cancel(self, reason: str = "") -> None:
        """End the call at its next step. May be called from any thread, any number of times."""
        if self._cancelled is None:
            self._cancelled = reason

    @property
    def position(self) -> str | None:
        """Where the reader stands, to go on from in another process; None where the other end does not keep the stream.

        Nor is there one while stages may hold back a part of what came.
        """
        unread = sum(isinstance(result, GenerateContentResponse) and not result.is_reset for result in self._ready)
        return None if self._stages is not None else self._position(self._after - unread)

    @property
    def name(self) -> str | None:
        """The name under which the other end keeps the stream; None where it does not, or has not said so yet."""
        return self._name or self._recovery.stream

    def _position(self, after: int) -> str | None:
        stream = self._recovery.stream
        return None if stream is None else self._dialect.position(self._recovery.request, stream, after)

    def _plain_step(self, now: float) -> R | Step:
        match self.state:
            case State.READING:
                return self._read(now)
            case State.NEW:
                self._go(State.OPENING)
                self.attempts += 1
                self._status, self._is_refused = 0, False
                self._clocks.begin_attempt(now)
                if self.meter.started is None:
                    self.meter.started = now
                return Open(self._request, self._clocks.time_left(now))
            case State.CALLING:
                assert self._function_calling is not None
                return self._function_calling.take_calls()
            case State.CLOSING:
                self._go(State.BACKOFF)
                return _CLOSE
            case State.BACKOFF:
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
            clocks.skip(now - self._now)
        expired = clocks.expired(now, self._came, slack=0.0)
        if expired is None:
            return Read(clocks.time_left(now))
        self._now = now
        self._refused() if self._is_refused else self._broke(expired)
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
            return Pause(max(0.0, due - now), step.timeout)
        return step

    def _may_repeat(self) -> bool:
        return self._stale < _MAX_STALE and not self._request.once

    def _go(self, state: State) -> None:
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"no way from {self.state} to {state}")
        self.state = state

    def _take(self, document: bytes, *, last: bool = False) -> bool:
        """Decode a document into ready results; return whether the call goes on."""
        for result in self._dialect.decode(document, self.headers):
            if isinstance(result, HeadwaterError):
                self._broke(self._cut_short(document) or result if last and type(result) is WireError else result)
                return False
            if type(result) is StreamEnd:
                self._over(result.error)
                return False
            self._taken += 1
            self._stamp(self._now)
            may_end = self._framing.ends_with_body or self._dialect.is_final(result)  # before the reader's view of it
            if type(result) is not GenerateContentResponse:
                self._ready.append(result)
            elif self._is_plain:
                self.fold.add(cast("GenerateContentResponse", result))
                self._ready.append(result)
            elif not self._take_with_care(cast("GenerateContentResponse", result)):
                return False
            if may_end:
                self._ends(result)
        self._after += 1
        if self._awaits_text:
            self._awaits_text = self.meter.awaits_text(self.fold, self._now)
        return True

    def _take_with_care(self, chunk: GenerateContentResponse | None) -> bool:
        """Take a chunk that is to be joined or paced (None: the last has come); return whether the call goes on."""
        try:
            pieces = self._recovery.join(chunk, self._joiner)
        except StreamInterrupted as error:
            self._finish(error)
            return False
        for piece in pieces:
            self._admit(piece)
        return True

    def _admit(self, chunk: GenerateContentResponse) -> None:
        self.fold.add(chunk)
        if self._function_calling is not None:
            self._function_calling.add_history(chunk)
        if self.fold.finish_reason is not None and self._recovery.needs_continuation(self.fold):
            clear_finish_reason(chunk)
        ready = [chunk] if self._stages is None else self._stages.feed(chunk, self._now)
        self._ready.extend(cast("Any", ready))

    def _ends(self, result: object) -> None:
        """Take it that the answer may end after ``result``."""
        self._final = self.fold.is_ended
        is_short = isinstance(result, GenerateContentResponse) and self._recovery.needs_continuation(self.fold)
        if self._framing.ends_with_body:
            self._is_joined = self._is_joined or is_short
            if self._is_joined:  # the one result is put together of several
                self._ready.pop()
        elif is_short:
            clear_finish_reason(cast("GenerateContentResponse", result))

    def _ended(self) -> None:
        if self._is_refused:
            return self._refused()
        for document in self._framing.flush():
            if not self._take(document, last=True):
                return None
        if self._final:
            return self._end_of_answer()
        leftover = self._framing.leftover
        if not leftover:
            return self._broke(truncated(is_begun=self._taken > 0))
        return self._broke(self._cut_short(leftover) or not_a_stream(leftover))

    def _refused(self) -> None:
        """Take it that the API refused the request; what has come of the body says why."""
        self._broke(self._dialect.refusal(self._status, self.headers, b"".join(self._framing.flush())))

    def _cut_short(self, rest: bytes) -> StreamTruncated | None:
        """The error when ``rest``, the end of a stream, is half a document; None when it is none at all."""
        if self._framing.ends_with_body or self._final:
            return None
        return truncated(is_begun=self._taken > 0) if self._taken or is_partial_document(rest) else None

    def _end_of_answer(self) -> None:
        """Take it that the answer is whole, or that the API is to be asked for the rest."""
        if self._recovery.needs_continuation(self.fold):
            self._recovery.after = self._after
            plan = self._recovery.plan_continuation(self.fold)
            return self._follow(plan) if isinstance(plan, Plan) else self._finish(plan)
        if self._joiner is not None and not self._take_with_care(None):
            return None
        if self._function_calling is not None and self._function_calling.wants_calls(self.fold):
            if self._framing.ends_with_body:
                self._ready.clear()  # it is not the one result yet
            elif self._stages is not None:
                self._ready.extend(cast("Any", self._stages.flush()))
            return self._go(State.CALLING)
        if self._is_joined:
            self._ready.append(cast("R", self.response))
        return self._finish(blocked_error(self.fold) if self._raise_on_block else None)

    def _over(self, error: HeadwaterError | None) -> None:
        """Take it that the other end says that there is no more."""
        if error is None:
            self._end_of_answer()
        else:
            self._finish(error)

    def _redirect(self, location: str) -> None:
        self._redirects += 1
        try:
            self._recovery.request = follow_redirect(self._recovery.request, location, self._redirects)
            self._request = follow_redirect(self._request, location, self._redirects)
        except WireError as error:
            return self._finish(error)
        return self._go(State.NEW)

    def _broke(self, error: HeadwaterError) -> None:
        """Take it that the answer stopped before its end."""
        if self._final and isinstance(error, StreamError):
            return self._end_of_answer()  # the finish reason has come; that the body did not end loses nothing
        is_begun = self.fold.grown > 0 or (self._taken > 0 and not self.fold.count)
        bound = self._clocks.latest_attempt()
        left = None if bound is None else bound - self._now
        self._recovery.after = self._after
        plan = self._recovery.plan(error, self.fold, is_begun=is_begun, left=left)
        if isinstance(plan, HeadwaterError):
            return self._finish(plan)
        if plan.kind == "retry":
            self._ready.clear()  # nothing in it that the reader would miss
        retrying = Retrying(error, self._recovery.failures, plan.rest)
        if self._on_retry is not None:
            self._on_retry(retrying)
        if plan.kind == "restart":
            self._tell(Reset(error))
        elif self.reports_events:
            self._ready.append(cast("R", retrying))
        return self._follow(plan)

    def _follow(self, plan: Plan) -> None:
        """Prepare the next request."""
        if plan.kind != "resume":
            self.fold = Fold()
            self._grown = self._taken = 0
        elif not plan.same_stream:
            self.fold.begin_continuation()
        self._request, self._rest, self._after = plan.request, plan.rest, plan.after
        if not plan.same_stream:  # the same stream goes on in the middle of the joiner
            self._joiner = plan.joiner
            self._is_plain = self._is_plain and plan.joiner is None
        self._final = False
        self._redirects = 0
        self._go(State.CLOSING)

    def _tell(self, reset: Reset) -> None:
        """Tell the reader that what it has is void: as an event, or as a chunk that says so."""
        self._ready.clear()
        if self._stages is not None:
            self._stages.flush()
        if self.reports_events:
            self._ready.append(cast("R", reset))
        else:
            self._ready.append(cast("R", reset_chunk()))

    def _came(self) -> str:
        return received_text(self.fold, is_answered=self._status > 0)

    def _finish(self, error: HeadwaterError | None) -> None:
        self._go(State.DONE)
        self.meter.ended_at = self._now
        if isinstance(error, StreamCancelled) and self._cancelled is not None:  # stopped elsewhere: what came is read
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
        error.partial = self.partial
        error.position = self._position(self._after)  # that of ``partial``
        error.phase = "body" if self._taken else "head" if self._status else "connect"
        return error
