"""``Intake``: from the bytes of a body to results that are ready for the reader."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Generic, TypeVar, cast

from headwater.core.answer.joining import Joiner, clear_finish_reason, has_token
from headwater.core.machine.config import MachineConfig
from headwater.core.machine.pacing import Pacer
from headwater.core.machine.recovery import PartialAnswer, needs_continuation
from headwater.core.machine.snapshot import Snapshot
from headwater.core.machine.stream_errors import is_partial_document, not_a_stream, truncated
from headwater.core.wire.dialect import Dialect, StreamEnd, answer_rules
from headwater.core.wire.framing import Framing, SingleDocument
from headwater.errors import HeadwaterError, StreamInterrupted, StreamTruncated, WireError
from headwater.types import GenerateContentResponse, Part

R = TypeVar("R")

#: Why the intake takes no more: an error that the call may recover from, or the end, final even if it has an error.
Stopped = HeadwaterError | StreamEnd


class Intake(Generic[R]):
    """Takes the bodies of one call, one after another. Lives as long as the call.

    ``ready`` are the results for the reader; ``results`` counts those of the current answer, ``documents`` those of its
    stream. ``joiner`` removes from a continued answer what the reader has already.
    """

    def __init__(self, dialect: Dialect[R], snapshot: Snapshot, config: MachineConfig, ready: deque[R]) -> None:
        self.ready = ready
        self.results = 0
        self.documents = config.after
        self.joiner: Joiner | None = None
        self.pacer = None if config.stages is None else Pacer(config.stages, ready)
        self._dialect = dialect
        self._snapshot = snapshot
        self._config = config
        self._function_calling = config.function_calling
        self._rules = answer_rules(dialect)
        self._is_foldable = self._rules.is_foldable
        self._framing: Framing = SingleDocument()
        self._stamp = snapshot.meter.times.append
        self._awaits_text = True
        self._is_merged = False  # whether the one result is made of several
        self._unreplayed: list[Part] = []  # arrived before the last checkpoint was sent again, and follows it
        #: Whether a chunk only has to be counted and handed out: the short way, which most streams take throughout.
        self._is_plain = config.stages is None and config.function_calling is None and config.on_break != "continue"

    @property
    def growth(self) -> int:
        """What grows whenever content arrives."""
        fold = self._snapshot.fold
        return fold.grown if fold.count else self.results

    @property
    def partial(self) -> PartialAnswer:
        """What has arrived of the answer, as recovery has to know it."""
        fold = self._snapshot.fold
        since = [*self._unreplayed, *fold.since_checkpoint]
        return PartialAnswer(fold=fold, documents=self.documents, since_checkpoint=since, is_begun=self.growth > 0)

    def open_body(self) -> None:
        """Begin another body."""
        dialect = self._dialect
        self._framing = dialect.stream_framing() if self._config.is_stream else dialect.single_framing()

    def close_body(self) -> None:
        """Drop what is left of the body: an event that was cut may be megabytes of an image."""
        self._framing = SingleDocument()

    def feed(self, data: bytes, now: float) -> Stopped | None:
        """Take bytes of the body; return why there is no more to take, None if there may be."""
        try:
            documents = self._framing.feed(data)
        except WireError as error:
            return StreamEnd(error.with_traceback(None))  # whose frames hold the buffer that was too large
        for document in documents:
            stopped = self._take(document, now)
            if stopped is not None:
                return stopped
        return None

    def end_body(self, now: float) -> Stopped:
        """Take the end of the body; return whether it is that of the answer."""
        for document in self._framing.flush():
            stopped = self._take(document, now, is_last=True)
            if stopped is not None:
                return stopped
        if self._snapshot.may_end:
            return StreamEnd()
        leftover = self._framing.leftover
        if not leftover:
            return truncated(is_begun=self.results > 0, end=self._rules.end_name)
        return self._truncation(leftover) or not_a_stream(leftover, self._dialect.api_name)

    def flush_joiner(self, now: float) -> StreamEnd | None:
        """Hand out what the joiner held back; return the error if the answer ended before it could be joined."""
        return None if self.joiner is None else self._join(None, now)

    def suspend_for_calls(self) -> None:
        """Record that the answer is complete and asks for functions, so that another will follow."""
        if self._framing.ends_with_body:
            self.ready.clear()  # it is not the one result yet
        elif self.pacer is not None:
            self.pacer.flush()  # the reader does not wait for the functions to see what led to them

    def begin_answer(self) -> None:
        """Record that another answer begins from nothing."""
        self._unreplayed = []
        self.results = 0

    def begin_turn(self) -> None:
        """Record that the next answer is another one: it follows the results of functions."""
        self._is_merged = False

    def use_joiner(self, joiner: Joiner | None) -> None:
        """Join what follows to what has arrived."""
        self.joiner = joiner
        self._is_plain = self._is_plain and joiner is None

    def finish(self) -> None:
        """Record that the answer is complete."""
        if self._is_merged:
            self.ready.append(cast("R", self._snapshot.response))

    def _take(self, document: bytes, now: float, *, is_last: bool = False) -> Stopped | None:
        """Decode a document into ready results; return why there is no more to take, None if there may be."""
        dialect, snapshot = self._dialect, self._snapshot
        for result in dialect.decode(document, snapshot.headers):
            if isinstance(result, HeadwaterError):
                return self._explain(result, document, is_last=is_last)
            if type(result) is StreamEnd:
                return result
            self.results += 1
            self._stamp(now)
            # Asked before the result is handed on: on the way to the reader its finish reason may be removed.
            may_end = self._framing.ends_with_body or dialect.is_final(result)
            if type(result) is not GenerateContentResponse and not self._is_foldable:
                self.ready.append(result)
            elif self._is_plain:
                chunk: Any = result  # a cast would cost more than the branch
                snapshot.fold.add(chunk)
                self.ready.append(chunk)
            elif (stopped := self._join(cast("GenerateContentResponse", result), now)) is not None:
                return stopped
            if may_end:
                self._record_possible_end(result)
        self.documents += 1
        if self._awaits_text:
            self._awaits_text = snapshot.meter.awaits_text(snapshot.fold, now)
        return None

    def _join(self, chunk: GenerateContentResponse | None, now: float) -> StreamEnd | None:
        """Take a chunk that may have to be joined or paced; None: there are no more."""
        try:
            new = self._new_chunks(chunk)
        except StreamInterrupted as error:
            return StreamEnd(
                error.with_traceback(None)
            )  # asking again would bring the same answer, which cannot be joined either
        for entry in new:
            self._admit(entry, now)
        return None

    def _new_chunks(self, chunk: GenerateContentResponse | None) -> Iterable[GenerateContentResponse]:
        """What is new in a chunk.

        Raises:
            StreamInterrupted: if it cannot be joined to what was there before.
        """
        joiner = self.joiner
        if joiner is None:
            return () if chunk is None else (chunk,)
        if chunk is None:
            return joiner.flush()
        new = joiner.feed(chunk)
        if any(map(has_token, new)):
            self._unreplayed = joiner.pending
        return new

    def _admit(self, chunk: GenerateContentResponse, now: float) -> None:
        fold = self._snapshot.fold
        fold.add(chunk)
        if self._function_calling is not None:
            self._function_calling.add_history(chunk)
        if fold.finish_reason is not None and needs_continuation(fold, self._config):
            clear_finish_reason(chunk)
        if self.pacer is None:
            self.ready.append(cast("R", chunk))
        else:
            self.pacer.feed(chunk, now)

    def _record_possible_end(self, result: object) -> None:
        """Record that the answer may end after ``result``."""
        fold = self._snapshot.fold
        self._snapshot.may_end = fold.is_ended
        is_answer = self._is_foldable or isinstance(result, GenerateContentResponse)
        is_short = is_answer and needs_continuation(fold, self._config)
        if self._framing.ends_with_body:
            self._is_merged = self._is_merged or is_short
            if self._is_merged:
                self.ready.pop()  # ``finish`` puts the one result together
        elif is_short:
            clear_finish_reason(cast("GenerateContentResponse", result))

    def _explain(self, error: HeadwaterError, document: bytes, *, is_last: bool) -> HeadwaterError:
        """The error of a document: the last one of a body may be unreadable because it was cut."""
        if is_last and type(error) is WireError:
            return self._truncation(document) or error
        return error

    def _truncation(self, rest: bytes) -> StreamTruncated | None:
        """The error if ``rest``, the end of a body, is half a document; None if it is not the beginning of one."""
        if self._framing.ends_with_body or self._snapshot.may_end:
            return None
        if not self.results and not is_partial_document(rest):
            return None
        return truncated(is_begun=self.results > 0, end=self._rules.end_name)
