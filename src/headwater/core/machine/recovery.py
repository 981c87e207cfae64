"""What to do when an answer stops before its end: retry, resume, restart, or give up."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from headwater.core.answer.answer_fold import AnswerFold
from headwater.core.answer.joining import Joiner
from headwater.core.machine.config import MachineConfig
from headwater.core.wire.dialect import BrokenStream, Dialect, answer_rules
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, DeadlineExceeded, HeadwaterError, StreamTruncated
from headwater.types import FinishReason, Part

# Theory of operation
#
# The four ways on. A failure before any content is *retried*: the same request, nothing to join. After content it
# depends on ``on_break``: "fail" ends the call with what arrived, "restart" asks again and voids what arrived (the
# reader is told by a reset), "continue" *resumes*. How an answer can be resumed is the dialect's to say, in the order
# of ``core/wire/gemini_resume.py``: the same stream from the server that stores it, a checkpoint of the API, the
# model's own words. What arrives then is joined to what is there (``core/answer/joining.py``).
#
# What counts as a failure. Not an attempt: a redirect is none, and neither is a request for more at the API's own limit
# (the finish reason CONTINUATION). Failures are counted *in a row*: content that arrives after a failure resets the
# count, so a long answer over a bad line is not given up for breaking often, only for not getting any further.
# "restart" is the exception: each attempt begins at zero, so growth would always look like progress and the call might
# never end; there all failures count.
#
# Whether to try at all is the policy's decision (``Retry.allows``), with one exception: a server that answers 404 or
# 410 to a resume no longer stores the stream. That is not a failure of the service but a fact about the stream, so the
# name is dropped and the next way on is taken, even for codes that are never retried.
#
# A stream that is stored is resumed even before its first content: retrying would make the server produce it twice. A
# name is trusted only as long as the server repeats it: a response that names another stream is refused (``accepts``),
# because its documents would be counted and joined as if they were ours. A response without a name is refused too, but
# the name is kept, since the head may have been cut on the way; the next attempt asks again.
#
# The error to end with is the first of the failures in a row, not the last, once content has arrived: it says why the
# answer is incomplete, while the later ones say only that resuming did not help (they are added to it as a note). A
# deadline is never hidden that way.
#
# What cannot happen. An answer is never joined twice: a plan with a joiner replaces the joiner of the plan before, and
# resuming the same stream keeps it, because the stream continues in the middle of the join. A continuation cannot loop:
# requests for more that bring nothing are limited to ``_MAX_EMPTY_CONTINUATIONS`` in a row, and failures by the policy.

#: This many requests in a row for the rest of an answer may bring nothing.
_MAX_EMPTY_CONTINUATIONS = 3
#: The statuses with which a server refuses to resume a stream that it does not store.
_GONE = (404, 410)


class PartialAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What has arrived of an answer. ``documents`` counts those of its stream, ``is_begun`` tells of any content."""

    fold: AnswerFold
    documents: int
    since_checkpoint: list[Part]
    is_begun: bool


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How the call continues: after ``delay`` seconds, with ``request``.

    ``kind``: ``retry`` before any content, ``resume`` keeps the answer so far, ``restart`` discards it. ``same_stream``
    says that the server continues the very stream that broke; ``after`` documents of the stream have arrived.
    """

    kind: Literal["retry", "resume", "restart"]
    request: HttpRequest
    delay: float = 0.0
    after: int = 0
    joiner: Joiner | None = None
    same_stream: bool = False


class Recovery:
    """Decides for one answer. ``request`` is what was asked, ``stream`` the name under which the server stores it.

    ``after`` documents of the stream were read elsewhere.
    """

    def __init__(
        self,
        dialect: Dialect[Any],
        request: HttpRequest,
        config: MachineConfig,
        *,
        stream: str | None = None,
        after: int = 0,
    ) -> None:
        self.on_break = config.on_break
        self._continues = config.continues
        self.request = dialect.keep(request) if self.on_break == "continue" else request
        self.stream = stream
        self._after = after
        self._dialect = dialect
        self._retry = config.retry
        self._jitter = config.jitter
        self._failures = 0  # in a row, without any progress
        self._grown = 0  # how far the answer was at the last of them
        self._first: HeadwaterError | None = None  # the first of them
        self._same_stream = False  # whether the request that is under way resumes the same stream
        self._is_stored = False  # whether it asks for an answer that the API keeps
        self._refusals = 0  # how often the API refused to hand it out
        self._resumed_at = 0  # the documents, or results, that had arrived when it was sent
        self._empty_continuations = 0
        self._continued_at: int | None = None  # how far the answer was when the API stopped at its limit

    @property
    def failures(self) -> int:
        """The failures in a row, without any progress."""
        return self._failures

    def forget(self) -> None:
        """Let go of the errors, at the end of the call."""
        self._first = None

    def position(self, after: int) -> str | None:
        """Return the place after so many documents of the stream, None if the server does not store it."""
        return None if self.stream is None else self._dialect.position(self.request, self.stream, after)

    def accepts(self, stream: str | None) -> bool:
        """Take the name of the stream in a response; return whether it is the one that was asked for."""
        is_accepted = not self._same_stream or stream == self.stream
        if is_accepted or stream is not None:  # a head without a name may be one that was cut: ask again
            self.stream = stream if is_accepted else None
        return is_accepted

    def plan_continuation(self, answer: PartialAnswer) -> Plan | HeadwaterError:
        """Return how the rest of an answer is asked for if the API stopped at its own limit."""
        grown = answer.fold.grown
        self._empty_continuations = 0 if grown > (self._continued_at or 0) else self._empty_continuations + 1
        self._continued_at = grown
        if self._empty_continuations < _MAX_EMPTY_CONTINUATIONS and (plan := self._resume(None, answer, 0.0)):
            return plan
        return StreamTruncated("the API stopped at its limit again and again without saying more")

    def plan(self, error: HeadwaterError, answer: PartialAnswer, *, time_left: float | None) -> Plan | HeadwaterError:
        """Return how to continue after ``error``, or the error to end with."""
        self._count(error, answer.fold.grown)
        if self._is_gone(error, answer):
            self.stream = None
            self._refusals += 1
        elif not self._retry.allows(error, self._failures):
            return self._given_up(error)
        delay = self._retry.delay(self._failures, error, self._jitter())
        if time_left is not None and delay >= time_left:
            return self._given_up(error)
        if answer.fold.grown == self._continued_at:  # the rest was asked for, and none of it arrived
            return self._resume(error, answer, delay) or self._given_up(error)
        # An error of the API ended the stream for all its readers, so nothing is left of it to resume.
        is_stored = self.on_break == "continue" and self.stream is not None and not isinstance(error, APIError)
        if not answer.is_begun and not is_stored:
            return self._again(error, answer, delay)
        if self.on_break == "restart":
            return self._from_the_start("restart", delay)
        if self.on_break == "continue" or (self._continues and answer.fold.is_at_checkpoint):
            return self._resume(error, answer, delay) or self._given_up(error)
        return error

    def _again(self, error: HeadwaterError, answer: PartialAnswer, delay: float) -> Plan | HeadwaterError:
        """How to ask again before any content: for the answer that the API has begun and keeps, or for another."""
        found = None if answer.fold.stored_name is None else self._resume(error, answer, delay)
        if found is None and not answer_rules(self._dialect).may_repeat(self.request, error):
            return self._given_up(error)
        return found or self._from_the_start("retry", delay)

    def _count(self, error: HeadwaterError, grown: int) -> None:
        if self._first is None or (grown > self._grown and self.on_break != "restart"):
            self._grown, self._failures, self._first = grown, 0, error
        self._failures += 1

    def _is_gone(self, error: HeadwaterError, answer: PartialAnswer) -> bool:
        """Whether ``error`` says that the server no longer stores the stream."""
        if self._is_stored:
            is_refused = isinstance(error, APIError) and 400 <= error.code < 500 and error.code not in self._retry.codes
            return is_refused and answer.fold.count == self._resumed_at
        is_refused = self._same_stream and answer.documents == self._resumed_at
        return is_refused and isinstance(error, APIError) and error.code in _GONE

    def _from_the_start(self, kind: Literal["retry", "restart"], delay: float) -> Plan:
        self._same_stream = self._is_stored = False
        return Plan(kind=kind, request=self.request, delay=delay, after=self._after)

    def _resume(self, error: HeadwaterError | None, answer: PartialAnswer, delay: float) -> Plan | None:
        broken = BrokenStream(
            request=self.request,
            fold=answer.fold,
            stream=self.stream,
            after=answer.documents,
            since_checkpoint=answer.since_checkpoint,
            error=error,
            refusals=self._refusals,
        )
        found = self._dialect.resume(broken)
        if found is None:
            return None
        self._same_stream, self._is_stored = found.same_stream, found.is_stored
        self._resumed_at = answer.fold.count if found.is_stored else answer.documents
        if not found.same_stream:
            self.stream = None
        return Plan(
            kind="resume",
            request=found.request,
            delay=delay,
            after=answer.documents if found.same_stream else 0,
            joiner=found.joiner,
            same_stream=found.same_stream,
        )

    def _given_up(self, error: HeadwaterError) -> HeadwaterError:
        """The error to end with: if resuming failed, the one that made it necessary."""
        first = self._first
        if first is None or first is error or not self._grown or isinstance(error, DeadlineExceeded):
            return error
        first.add_note(f"resuming failed: {error}")
        return first


def needs_continuation(fold: AnswerFold, config: MachineConfig) -> bool:
    """Return whether the API stopped at its own limit and is to be asked for the rest."""
    if not config.continues or fold.finish_reason != FinishReason.CONTINUATION:
        return False
    return fold.prompt_feedback is None and fold.continuation_token is not None and fold.is_single
