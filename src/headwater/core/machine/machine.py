r"""The machine: the life of one call, decided without I/O.

NEW ----Open---> OPENING --opened(2xx)--> READING --end--> DONE
^                  |  \                     |    (with calls: READING, CALLING, CLOSING)
|                  |   opened(3xx): NEW    | failed, cut short, to be continued
|                  v                       v
'--Wait-- BACKOFF <--Close-- CLOSING <-----'      (a failure that is final leads to DONE)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from headwater.core.answer.ending import blocked_error
from headwater.core.answer.events import CallProgress, Reset, Retrying, function_results
from headwater.core.machine.clocks import Clocks
from headwater.core.machine.config import MachineConfig
from headwater.core.machine.intake import Intake, Stopped
from headwater.core.machine.pacing import pause_until
from headwater.core.machine.recovery import Plan, Recovery, needs_continuation
from headwater.core.machine.redirects import REDIRECTS, follow_redirect
from headwater.core.machine.refusals import Refusal
from headwater.core.machine.secrets import mask_secrets
from headwater.core.machine.snapshot import Snapshot
from headwater.core.machine.states import TRANSITIONS, State
from headwater.core.machine.steps import Close, Open, Step, Stop, TransportError, Wait
from headwater.core.machine.stream_errors import (
    cancelled,
    connection_lost,
    drop_tracebacks,
    opening_timed_out,
    without_traceback,
)
from headwater.core.wire.dialect import Dialect, StreamEnd, answer_rules
from headwater.core.wire.request import HttpRequest
from headwater.errors import HeadwaterError, StreamCancelled, StreamError, StreamInterrupted, WireError
from headwater.types import GenerateContentResponse, Part

# Theory of operation
#
# Two parties take turns. A shell asks ``next_step(now)`` and gets a result for the reader, or a step to do; it does the
# step and reports what happened (``opened``, ``received``, ``waited``, ``failed``, ``answered``) and when. These
# arguments hold all that the machine knows of time, so a test with a fake clock plays any course of events, and the
# sync and the async shell cannot differ in what they decide (docs/decisions/0001). Each part has one owner: ``Intake``
# the body that is read and what is ready, ``Refusal`` the body of an error status, ``Recovery`` what to do about a
# failure, ``Clocks`` the deadlines, ``Snapshot`` what others may look at; the machine has the states, and the order.
#
# Invariants:
# * Every change of state goes through ``_enter``, which knows the table. DONE is final; ``snapshot.error`` is the
#   outcome.
# * Nothing of a machine that is done refers to the error that was raised: its traceback refers to the stream, and a
#   cycle would keep both, with all that arrived, until a garbage collection. Hence the copy in the snapshot.
# * What arrived before a failure reaches the reader before the failure does: ``next_step`` empties ``_ready`` first.
#   Three things void it on purpose: a cancel, a retry before any content, a restart.
# * No connection is left behind: a failed attempt leads through CLOSING, whose step is ``Close``; a redirect leads to
#   the next ``Open``, before which shells release what they hold.
#
# The order that matters:
# * In ``next_step`` a cancel comes first, even before ready results: whoever stopped the call wants no more of it.
# * The finish reason is the end of an answer, not the end of the body. Once it has arrived, an error of the stream
#   loses nothing (``_interrupted``). Before it, a clean end of the body is a truncation: a gateway that gives up ends a
#   chunked body properly, so that RFC 9112, section 8, has nothing to complain of.
# * At the end of an answer, more is asked for (the API's own limit), else what the joiner holds is handed out, then
#   functions are called, then the call is done. Each of these makes the later ones wait for another answer.
#
# What cannot happen: bytes taken outside of READING (a shell that reports after a cancel is not heard), anything after
# DONE, functions run twice for one ``Run``. Only ``cancel`` is for other threads. It writes one attribute, which takes
# effect at the next step, so the machine needs no lock.

R = TypeVar("R")

#: A connection of the pool that turns out to be closed is replaced without counting as a failure, this many times.
_MAX_STALE = 5
_DEFAULTS = MachineConfig()


class Machine(Generic[R]):
    """One call: a stream of results, or a single one. Lives as long as the call.

    ``snapshot`` is what is known of it at any moment. If ``reports_events`` is set, retries, restarts and the results
    of functions are reported among the results.
    """

    def __init__(self, dialect: Dialect[R], request: HttpRequest, config: MachineConfig = _DEFAULTS) -> None:
        self._rules = answer_rules(dialect)
        self.snapshot = Snapshot(config.function_calling, self._rules.new_fold())
        self.reports_events = False
        self._dialect = dialect
        self._config = config
        self._recovery = Recovery(dialect, request, config, stream=config.name, after=config.after)
        self._request = self._recovery.request
        self._clocks = Clocks(config.deadlines, config.timeout)
        self._ready: deque[R] = deque()
        self._intake = Intake(dialect, self.snapshot, config, self._ready)
        self._pacer = self._intake.pacer
        self._function_calling = config.function_calling
        self._refusal: Refusal | None = None
        self._now = 0.0  # when the last fact was reported
        self._delay = 0.0
        self._redirects = 0
        self._stale = 0
        self._error: HeadwaterError | None = None  # to be raised by the step that ends the call

    def next_step(self, now: float) -> R | Step:
        """Return the next result that is ready, or what to do to get one."""
        snapshot = self.snapshot
        if snapshot.cancel_reason is not None and (self._ready or snapshot.state is not State.DONE or self._pacer):
            self._now = now
            self._finish(cancelled(snapshot.cancel_reason))
        if self._ready:
            return self._ready.popleft()
        if self._pacer is not None and snapshot.state in (State.READING, State.DONE):
            return self._paced_step(now)
        return self._plain_step(now)

    def opened(self, status: int, headers: Mapping[str, str], now: float) -> None:
        """Take the head of the response. ``headers`` has lower-case names."""
        snapshot = self.snapshot
        self._now = self._clocks.bytes_at = now
        snapshot.status, snapshot.headers = status, headers
        if status in REDIRECTS and "location" in headers:
            return self._redirect(headers["location"])
        if status == 204 and self._config.name is not None:  # the stored stream has nothing after ``after``
            return self._answer_ended()
        if not 200 <= status < 300:
            self._refusal = Refusal(self._dialect, status, headers)
            return self._enter(State.READING)
        if snapshot.meter.head_at is None:
            snapshot.meter.head_at = now
        if not self._recovery.accepts(self._dialect.stream_name(headers)):
            return self._interrupted(StreamInterrupted("the server answers with another stream than was asked for"))
        self._intake.open_body()
        return self._enter(State.READING)

    def received(self, data: bytes, now: float) -> None:
        """Take bytes of the body; ``b""`` means that the other side ended it."""
        if self.snapshot.state is not State.READING:
            return
        self._now = self._clocks.bytes_at = now
        self.snapshot.meter.bytes += len(data)
        if self._refusal is not None:
            if not self._refusal.feed(data):
                self._interrupted(self._refusal.error())
            return
        stopped = self._intake.feed(data, now) if data else self._intake.end_body(now)
        if stopped is not None:
            self._stopped(stopped)

    def waited(self, now: float) -> None:
        """Record that a pause elapsed without data."""
        self._now = now

    def failed(self, error: TransportError, now: float) -> None:
        """Record that opening or reading failed."""
        drop_tracebacks(error)
        state = self.snapshot.state
        if state is State.DONE:
            return None
        self._now = now
        if error.kind == "aborted":
            return self._finish(cancelled(self.snapshot.cancel_reason, "the stream was closed while it was read"))
        if state is State.READING and self._refusal is not None:
            return self._interrupted(self._refusal.error())  # the head has said what matters
        if error.kind == "stale" and state is State.OPENING and self._stale < _MAX_STALE and not self._request.once:
            self._stale += 1  # an idle connection that the server had closed, so it has not seen the request
            return self._enter(State.NEW)
        problem: HeadwaterError = connection_lost(error, self._request.url, is_answered=state is State.READING)
        if error.kind == "timeout":
            expired = self._clocks.expired(now, self.snapshot.received_text)
            problem = expired or opening_timed_out(error, self._request.url, self._clocks.elapsed(now))
        problem.__cause__ = error
        return self._interrupted(problem)

    def answered(self, parts: list[Part], now: float) -> None:
        """Take what the functions of a ``Run`` returned, in their order."""
        snapshot = self.snapshot
        if snapshot.state is not State.CALLING or snapshot.cancel_reason is not None:
            return None  # cancelled in the meantime: the answer with the calls is what remains
        assert self._function_calling is not None
        request = self._function_calling.next_request(self._dialect, self._recovery.request, snapshot.fold, parts)
        self._recovery = Recovery(self._dialect, request, self._config)
        self._clocks.begin_turn(now)
        snapshot.meter.end_turn(snapshot.fold, now - self._now)
        self._now = now
        if expired := self._clocks.expired(now, snapshot.received_text):
            return self._finish(expired)
        self._stale = 0
        self._intake.begin_turn()
        if self.reports_events:
            self._ready.extend(cast("Any", function_results(parts)))
        return self._begin_attempt(Plan(kind="retry", request=self._recovery.request))

    def progressed(self, progress: CallProgress) -> None:
        """Take what a function of a ``Run`` reports before it returns, for a reader of events."""
        if self.snapshot.state is State.CALLING and self._function_calling is not None:
            self._ready.append(cast("R", progress))
            self._function_calling.progressed()

    def cancel(self, reason: str = "") -> None:
        """End the call at its next step. May be called from any thread, any number of times."""
        if self.snapshot.cancel_reason is None:
            self.snapshot.cancel_reason = reason

    @property
    def is_open(self) -> bool:
        """Whether the server has accepted the request, or the call is over."""
        state = self.snapshot.state
        return state is State.DONE or (state is State.READING and self._refusal is None)

    @property
    def name(self) -> str | None:
        """The name under which the server stores the stream; None if it does not, or has not said so yet."""
        return self._config.name or self._recovery.stream

    @property
    def position(self) -> str | None:
        """Where the reader stands, to resume in another process; None if the server does not store the stream.

        Nor is there a position while stages may hold back a part of what arrived.
        """
        unread = sum(isinstance(result, GenerateContentResponse) and not result.is_reset for result in self._ready)
        return None if self._pacer is not None else self._recovery.position(self._intake.documents - unread)

    def _plain_step(self, now: float) -> R | Step:
        match self.snapshot.state:
            case State.READING:
                return self._read_step(now)
            case State.NEW:
                return self._open_step(now)
            case State.CALLING:
                assert self._function_calling is not None
                return self._function_calling.take_calls()
            case State.CLOSING:
                self._enter(State.BACKOFF)
                return Close()
            case State.BACKOFF:
                self._enter(State.NEW)
                return Wait(self._delay)
            case State.DONE:
                error, self._error = self._error, None
                return Stop(error)
            case State.OPENING:
                raise RuntimeError("the shell was asked to open and has not reported the result")

    def _open_step(self, now: float) -> Step:
        self._enter(State.OPENING)
        self._refusal = None
        self._clocks.begin_attempt(now)
        self.snapshot.begin_attempt(now)
        return Open(self._request, self._clocks.time_left(now))

    def _read_step(self, now: float) -> R | Step:
        """What to wait for in the middle of the answer."""
        read = self._clocks.next_read(self._intake.growth, now, self._now)
        if read is not None:
            return read
        self._now = now
        expired = self._clocks.expired(now, self.snapshot.received_text, slack=0.0)
        self._interrupted(self._refusal.error() if self._refusal is not None else cast("HeadwaterError", expired))
        return Machine.next_step(self, now)  # not an override, which would report the step twice

    def _paced_step(self, now: float) -> R | Step:
        """The next step if stages may hold chunks back."""
        assert self._pacer is not None
        due = self._pacer.release(now)
        if self._ready:
            return self._ready.popleft()
        if self.snapshot.state is not State.DONE:
            return cast("R | Step", pause_until(due, self._plain_step(now), now))
        if due is not None:
            return Wait(max(0.0, due - now))
        self._pacer = None
        return self._plain_step(now)

    def _enter(self, state: State) -> None:
        if state not in TRANSITIONS[self.snapshot.state]:
            raise RuntimeError(f"no transition from {self.snapshot.state} to {state}")
        self.snapshot.state = state
        if state is State.CLOSING or state is State.DONE:
            self._intake.close_body()

    def _redirect(self, location: str) -> None:
        self._redirects += 1
        try:
            self._recovery.request = follow_redirect(self._recovery.request, location, self._redirects)
            self._request = follow_redirect(self._request, location, self._redirects)
        except WireError as error:
            return self._finish(error)
        return self._enter(State.NEW)

    def _stopped(self, stopped: Stopped) -> None:
        """Act upon what the intake stopped for."""
        if not isinstance(stopped, StreamEnd):
            self._interrupted(stopped)
        elif stopped.error is None:
            self._answer_ended()
        else:
            self._finish(stopped.error)

    def _answer_ended(self) -> None:
        """Act upon the end of the answer: continue it, run its function calls, or finish."""
        snapshot, intake = self.snapshot, self._intake
        if needs_continuation(snapshot.fold, self._config):
            plan = self._recovery.plan_continuation(intake.partial)
            return self._begin_attempt(plan) if isinstance(plan, Plan) else self._finish(plan)
        if diverged := intake.flush_joiner(self._now):
            return self._finish(diverged.error)
        if self._function_calling is not None and self._function_calling.wants_calls(snapshot.fold):
            intake.suspend_for_calls()
            return self._enter(State.CALLING)
        intake.finish()
        return self._finish(blocked_error(snapshot.fold) if self._config.raise_on_block else None)

    def _interrupted(self, error: HeadwaterError) -> None:
        """Act upon an answer that stopped before its end."""
        mask_secrets(error, self._request)  # here and in ``_finish``, through which all errors leave
        if self.snapshot.may_end and isinstance(error, StreamError):
            return self._answer_ended()  # the finish reason has arrived, so nothing is missing but the end of the body
        plan = self._recovery.plan(error, self._intake.partial, time_left=self._clocks.time_for_attempts(self._now))
        if isinstance(plan, HeadwaterError):
            return self._finish(plan)
        if plan.kind == "retry":
            self._ready.clear()  # without content, so the reader misses nothing
        retrying = Retrying(error, self._recovery.failures, plan.delay)
        if self._config.on_retry is not None:
            self._config.on_retry(retrying)
        if plan.kind == "restart":
            self._void(Reset(error))
        elif self.reports_events:
            self._ready.append(cast("R", retrying))
        return self._begin_attempt(plan)

    def _begin_attempt(self, plan: Plan) -> None:
        """Prepare the next request."""
        snapshot, intake = self.snapshot, self._intake
        if plan.kind != "resume":
            snapshot.fold = self._rules.new_fold()
            self._clocks.growth = 0
            intake.begin_answer()
        elif not plan.same_stream:
            snapshot.fold.begin_continuation()
        self._request, self._delay, intake.documents = plan.request, plan.delay, plan.after
        if not plan.same_stream:  # the same stream continues in the middle of a join
            intake.use_joiner(plan.joiner)
        snapshot.may_end = False
        self._redirects = 0
        self._enter(State.CLOSING)

    def _void(self, reset: Reset) -> None:
        """Tell the reader that what arrived is void: by an event, or by a chunk that says so."""
        self._ready.clear()
        if self._pacer is not None:
            self._pacer.discard()
        self._ready.append(cast("R", reset if self.reports_events else self._rules.reset()))

    def _finish(self, error: HeadwaterError | None) -> None:
        snapshot = self.snapshot
        self._enter(State.DONE)
        snapshot.meter.ended_at = self._now
        if isinstance(error, StreamCancelled) and snapshot.cancel_reason is not None:
            # Cancelled here. A stream that was stopped at the server has no reason: all that arrived is still read.
            self._ready.clear()
            self._pacer = None
        if self._pacer is not None:
            self._pacer.finish(self._now) if error is None else self._pacer.flush()
        if error is not None:
            mask_secrets(error, self._request)
            if (announcement := self._rules.announcement(error)) is not None:
                self._ready.append(announcement)
            snapshot.fold.abandon()
            phase = "body" if self._intake.results else "head" if snapshot.status else "connect"
            snapshot.annotate(error, position=self._recovery.position(self._intake.documents), phase=phase)
            snapshot.error = without_traceback(error)
        self._recovery.forget()
        self._error = error
