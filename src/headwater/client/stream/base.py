"""``BaseStream``: what sync and async streams share, which is everything but waiting."""

# Theory of operation: shells
#
# A shell is the loop that carries out the steps of a machine (``core/machine/machine.py``): it opens, reads, sleeps,
# calls functions, and reports what happened with the time. It decides nothing. The two shells (``sync``, ``aio``)
# differ in waiting alone, and a test compares their public names.
#
# Lifetime. Making a stream sends nothing; the first request goes out when the first chunk is asked for. The body that
# is being read is held in ``_body`` and taken out before it is closed, so that of several who close only one gets it.
#
# Ways to end, all of which close the connection before control returns to the caller:
#
# * The machine says ``Stop``. ``_end`` runs the hooks and raises its error.
# * ``cancel`` or ``close``, from anywhere: ``_stop`` marks the stream as closed, cancels the machine, wakes what waits
#   and closes the body, in this order. The loop, in its own thread, then finds the mark or an aborted read.
# * The loop is left, by ``break`` or by an error of the caller's: its iterator is finalized and closes the stream. That
#   needs reference counting to work at once, so nothing that a stream holds may refer back to it (hooks hold a weak
#   proxy, readers of the answer hold the snapshot). ``__del__`` is the last resort.
# * An exception inside a step, Ctrl-C above all: the shell closes first and raises then.
#
# A stream that failed is freed with its last reference, and the answer in it. An error's traceback refers to all
# frames that it passed, and they to the stream; so no frame on its way, and nothing in the stream, refers to the error.
#
# The hooks of the end run once, whoever comes first: each is taken off the list before it is called, and the list is
# the only thing that is shared.

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

import msgspec

from headwater.client.options.call_options import StreamOptions
from headwater.client.options.observers import ObserverGroup
from headwater.client.stream.hooks import Measure, hooks
from headwater.client.tools.structured import GrowingJson, Items, with_parsed
from headwater.core.answer.ending import Ending
from headwater.core.answer.events import EventTranslator, Translator
from headwater.core.answer.metrics import Metrics
from headwater.core.answer.progress import Progress
from headwater.core.machine.machine import Machine
from headwater.core.machine.steps import Stop, TransportError
from headwater.errors import HeadwaterError, StreamCancelled, UsageError
from headwater.transport.base import WaitInterrupter
from headwater.types import FinishReason, GenerateContentConfig, GenerateContentResponse, UsageMetadata

R = TypeVar("R")

Functions = Mapping[str, Callable[..., Any]]


class StreamParts(msgspec.Struct, Generic[R], frozen=True):
    """What a stream is made of, apart from its transport. Built by ``factory``, the same for sync and async.

    ``on_end`` is called with the stream when it has ended, before the caller's own hook.
    """

    machine: Machine[R]
    options: StreamOptions
    config: GenerateContentConfig | None
    functions: Functions
    observers: ObserverGroup | None
    on_end: Callable[[BaseStream[R]], None] | None = None


class BaseStream(Generic[R]):
    """An answer that is being received. Made by ``generate_content_stream``; over when its loop ends or it is stopped.

    Nothing is sent before the first chunk is asked for.
    """

    #: The class that streams seem to have, if not their own: under google-genai's name they are generators.
    _pretended: type | None = None

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self)._pretended or type(self)

    def __init__(self, parts: StreamParts[R], transport: object) -> None:
        observers, options = parts.observers, parts.options
        # A transport may have a time of its own: one that plays a script waits for nothing.
        self._clock: Callable[[], float] = getattr(transport, "clock", time.monotonic)
        self._machine = parts.machine
        self._snapshot = parts.machine.snapshot
        self._options = options
        self._config = parts.config
        self._functions = parts.functions
        self._observers = observers
        at_end = (observers.end if observers else None, parts.on_end, cast("Any", options.get("on_end")))
        self._at_end = [hook for hook in at_end if hook is not None]
        self._hooks = hooks(self, options, self._text_of)
        self._closed = False
        self._is_cancelled = False
        self._body: Any = None  # a Body or an AsyncBody
        self._has_ended = False
        self._is_read = False  # whether a loop has seen the end
        self._waiting = WaitInterrupter()
        self._measure: Measure | None = None
        self._growing: GrowingJson | None = None
        token = options.get("cancel")
        if token is not None:
            token.add(self)

    @property
    def text(self) -> str:
        """The text of the answer so far, without thoughts."""
        return self._snapshot.fold.text

    @property
    def response(self) -> Any:
        """The answer so far as one response: its text merged, its usage the latest.

        If functions were called, it is the last answer, and its ``automatic_function_calling_history`` has the rest.
        """
        return with_parsed(self._snapshot.response, self._config)

    @property
    def usage_metadata(self) -> UsageMetadata:
        """The tokens so far, as counted by the API, of all requests that the answer took."""
        return self._snapshot.usage_metadata

    @property
    def partial(self) -> Any:
        """The JSON of the answer so far: one object that grows in place, None before it begins.

        Raises:
            ParseError: if the text is not JSON.
        """
        if self._growing is None:
            snapshot = self._snapshot
            self._growing = GrowingJson(lambda: snapshot.fold)
        return self._growing.reader().value

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the model stopped; None before it has, or if the answer was cut short."""
        return self._snapshot.fold.finish_reason

    @property
    def ending(self) -> Ending | None:
        """How the stream ended, in one word; None while it runs."""
        return self._snapshot.ending

    @property
    def metrics(self) -> Metrics:
        """What has been measured so far: times, counts, gaps."""
        return self._snapshot.metrics

    @property
    def gaps(self) -> list[float]:
        """The seconds between the arrivals of chunks, in order."""
        return self._snapshot.meter.gaps()

    @property
    def progress(self) -> Progress:
        """How far the answer is, relative to ``target_words`` or ``max_output_tokens`` if one of them is known."""
        return self._measured().progress(self._clock())

    @property
    def name(self) -> str | None:
        """The name under which the server stores the stream; None if it does not, or has not said so yet."""
        return self._machine.name

    @property
    def position(self) -> str | None:
        """Where the reader stands, for ``resume_stream`` in another process; None if the stream is not stored."""
        return self._machine.position

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the HTTP response, with lower-case names; empty before it arrives."""
        return self._snapshot.headers

    @property
    def is_over(self) -> bool:
        """Whether the stream has ended, well or not."""
        return self._closed or self._snapshot.is_over

    def __repr__(self) -> str:
        state = "closed" if self._closed else self._snapshot.state.value
        return f"<{type(self).__name__} {state}, {self._snapshot.fold.count} chunks>"

    def cancel(self, reason: str = "") -> None:
        """Stop the stream, even while the model is silent. May be called from any thread, task or signal handler.

        Its loop ends (or raises ``StreamCancelled``, with ``raise_on_cancel``); ``text``, ``response`` and
        ``usage_metadata`` keep what had arrived; the connection is closed at once.
        """
        if not (self._closed or self._has_ended):  # also if everything has arrived and the reader has not seen it yet
            self._is_cancelled = True
            self._stop(reason)

    def close(self) -> None:
        """End the stream and close its connection at once. May be called from any thread, any number of times.

        A running loop over the stream ends; ``text`` and ``response`` keep what had arrived.
        """
        if not self._closed:
            self._stop("")

    def __del__(self) -> None:
        if getattr(self, "_body", None) is not None:
            self.close()

    def _measured(self) -> Measure:
        if self._measure is None:
            limit = self._config.max_output_tokens if self._config is not None else None
            self._measure = Measure(self._snapshot, limit, self._options.get("target_words"))
        return self._measure

    def _progress_with(self, chunk: Any) -> Progress:
        """How far the answer is, ``chunk`` included."""
        measure, now = self._measured(), self._clock()
        if type(chunk) is GenerateContentResponse:
            measure.take(chunk, now)
        return measure.progress(now)

    def as_chunk(self, result: Any) -> GenerateContentResponse:
        """Return a result as a chunk of ``generate_content_stream``, which it is already unless the API is another."""
        chunk: GenerateContentResponse = result
        return chunk

    @staticmethod
    def _text_of(result: Any) -> str | None:
        """The text of a result, None if it has none."""
        text: str | None = result.text if getattr(result, "candidates", None) else None
        return text

    def _opening(self) -> None:
        """Record that a request is about to be sent."""
        if self._observers is not None:
            self._observers.begin(self)

    def _stop(self, reason: str) -> None:
        self._closed = True  # first: whoever is woken below looks at it
        self._snapshot.meter.stop(self._clock())
        self._machine.cancel(reason)
        self._waiting.end()
        self._release_body()
        self._end(None)

    def _release_body(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()

    @property
    def _reading(self) -> Any:
        """The body that is being read.

        Raises:
            TransportError: if another thread has released it.
        """
        if (body := self._body) is None:
            raise TransportError("aborted", "the stream was closed")
        return body

    def _end(self, error: HeadwaterError | None) -> None:
        """Run the hooks of the end, once; raise ``error``, unless the caller closed the stream."""
        self._has_ended = True
        while self._at_end:
            try:
                hook = self._at_end.pop(0)
            except IndexError:  # another thread was faster
                break
            hook(self)
        if error is not None and (self._raises_cancel or not isinstance(error, StreamCancelled)):
            try:
                raise error
            finally:
                del error  # its traceback refers to this frame, so this frame may not refer to it

    @property
    def _raises_cancel(self) -> bool:
        """Whether the loop raises if the stream was cancelled, here or where it is produced."""
        return (self._is_cancelled or not self._closed) and self._options.get("raise_on_cancel", False)

    def _check_closed(self) -> None:
        """Raise what the loop of a closed stream raises, once; return if it just ends."""
        if self._raises_cancel:
            step = self._machine.next_step(self._clock())
            if type(step) is Stop and step.error is not None:
                try:
                    raise step.error
                finally:
                    del step  # as in ``_end``

    @property
    def _is_whole(self) -> bool:
        return self.ending is not None and self.ending.is_whole

    def _items(self, path: str | Sequence[str], kind: Any) -> Items:
        snapshot = self._snapshot
        return Items(lambda: snapshot.fold, path, kind, self._config)

    def _translator(self) -> Translator:
        """Return what turns the results of a machine that reports events into events."""
        return EventTranslator(lambda: self._snapshot.fold)

    def _begin_loop(self, *, reports_events: bool) -> None:
        """Record that a loop begins, and whether it wants retries and restarts among the results.

        Raises:
            UsageError: if the stream has been read to its end: a loop would do nothing, without a word.
        """
        if self._is_read:
            raise UsageError(
                "the stream was read to its end, and its chunks are not kept: use stream.text, stream.response or "
                "stream.collect(), or make the call again"
            )
        self._machine.reports_events = reports_events
