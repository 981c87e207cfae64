"""Encodes the records of a stream as the messages of the WebSocket protocol. Pure.

A record contains pieces: text, thoughts, tool calls, media, other data, and finally the end. Each piece has a number,
its ``seq``, that follows from the log alone, so all readers count alike, also after a reconnect. A message covers the
numbers ``from`` to ``seq`` (only ``seq`` if it covers one): merged text covers several, and pieces that the client did
not subscribe to are covered by the next message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from headwater.contract.streams import StreamEnding
from headwater.json_text import JSON_ERRORS
from headwater.server.streams import record_format
from headwater.server.websocket.errors import BLOCKED, RETRYABLE, code_of, retry_after_ms
from headwater.types import FinishReason

#: A merged message is sent when its text has this many characters.
MERGED_CHARS = 32 * 1024
_TOOLS = frozenset(
    ("functionCall", "functionResponse", "executableCode", "codeExecutionResult", "toolCall", "toolResponse")
)
_MEDIA = frozenset(("inlineData", "fileData"))
_EXTRAS = ("groundingMetadata", "citationMetadata", "urlContextMetadata", "logprobsResult")
_EXTRA_NAMES = frozenset(_EXTRAS)


class OutgoingMessage(NamedTuple):
    """A message to send. ``seq`` 0 means unnumbered: it may be dropped, and takes no room in the window."""

    seq: int
    text: str


class Subscription(msgspec.Struct, frozen=True):
    """What a client gets besides text and the end. ``interval`` is the least time between two usages (seconds)."""

    typed: bool = False
    thought: bool = False
    usage: bool = False
    progress: bool = False
    metrics: bool = False
    interval: float = 0.25


class _Message(msgspec.Struct, omit_defaults=True, kw_only=True, tag_field="type"):
    id: str | None = None
    from_: int = msgspec.field(default=0, name="from")
    seq: int = 0
    replay: bool = False


class TextMessage(_Message, tag="chunk"):
    """Text of the answer."""

    text: str


class PayloadMessage(_Message):
    """Anything but the text of the answer, as the API wrote it."""

    payload: dict[str, Any]


class ThoughtMessage(PayloadMessage, tag="thought"):
    """A piece of the model's thoughts."""


class ToolMessage(PayloadMessage, tag="tool"):
    """A tool call, or its result."""


class MediaMessage(PayloadMessage, tag="media"):
    """An image, a sound or a file."""


class DataMessage(PayloadMessage, tag="data"):
    """Anything else: sources, signatures, other candidates, parts of unknown kinds."""


class UsageFields(msgspec.Struct):
    """Tokens so far."""

    input: int = 0
    output: int = 0
    thought: int = 0
    cached: int = 0
    estimated: bool = False


class UsageMessage(UsageFields, kw_only=True, tag="usage", tag_field="type"):
    """Tokens so far, as a message."""

    id: str


class ProgressMessage(msgspec.Struct, omit_defaults=True, kw_only=True, tag="progress", tag_field="type"):
    """How far the answer is: ``rate`` in tokens per second, ``percent`` and ``eta_s`` relative to the token limit."""

    id: str
    chars: int
    tokens: int
    rate: float
    eta_s: float | None = None
    percent: int | None = None


class CompleteMessage(_Message, tag="complete"):
    """The end of an answer."""

    finish_reason: str
    chars: int
    usage: UsageFields | None = None
    metrics: dict[str, Any] | None = None
    sha256: str | None = None


class ErrorMessage(_Message, tag="error"):
    """The end of a stream by an error. Without ``id`` it is about the connection or a message on it."""

    code: str
    message: str
    phase: str
    retryable: bool
    partial: bool
    retry_after_ms: int | None = None
    chars: int | None = None
    sha256: str | None = None
    stream: str | None = None


class _Chunk(msgspec.Struct):
    candidates: list[dict[str, Any]] | None = None
    usageMetadata: dict[str, Any] | None = None  # noqa: N815 - the API's names
    promptFeedback: dict[str, Any] | None = None  # noqa: N815


_NOTHING = Subscription()
_decode = msgspec.json.Decoder(_Chunk).decode
_encode = msgspec.json.Encoder().encode
_KINDS: dict[str, type[PayloadMessage]] = {"tool": ToolMessage, "media": MediaMessage, "data": DataMessage}


class MessageEncoder:
    """Encodes one stream for one client, which has everything up to number ``after``.

    Without an ``id`` the messages are plain: text and an end, no numbers.
    """

    def __init__(
        self,
        id: str | None,
        *,
        after: int = 0,
        subscription: Subscription = _NOTHING,
        max_tokens: int | None = None,
    ) -> None:
        self._id = id
        self._subscription = subscription
        self._max_tokens = max_tokens
        self._after = after
        self._covered = after  # the last number that a message covered
        self._seq = 0
        self._pieces = 0
        self._held: list[str] = []  # text that is not sent yet
        self._held_size = 0
        self._held_is_thought = False
        self._chars = 0
        self._digest = hashlib.sha256()
        self._usage: dict[str, Any] = {}
        self._sent_usage: UsageFields | None = None
        self._usage_sent_at = self._progress_sent_at = float("-inf")
        self._first_progress: tuple[float, int] | None = None
        self._finish: str | None = None
        self._blocked: str | None = None
        self._replay = False
        self._out: list[OutgoingMessage] = []

    @property
    def seq(self) -> int:
        """The number of the last piece read."""
        return self._seq

    def read(self, page: Sequence[bytes], *, merge: bool = False, replay: bool = False) -> list[OutgoingMessage]:
        """Return the messages of some records. ``merge`` joins adjacent texts into one message."""
        self._replay = replay
        for record in page:
            kind = record[0]
            if kind == record_format.CHUNK:
                for name, value in self._chunk(record):
                    self._add(name, value, merge)
            elif kind == record_format.END:
                self._end(record)
            elif kind == record_format.ERROR:
                self._fail(msgspec.json.decode(record[1:])["error"])
        # Nothing is held over to the next page: a reader at the tail must not wait for the next record.
        self._flush()
        out, self._out = self._out, []
        return out

    def updates(self, now: float) -> list[OutgoingMessage]:
        """Return the usage and progress messages that are due at ``now``."""
        out: list[OutgoingMessage] = []
        # After the finish reason the end follows at once, with the final usage.
        if self._id is None or self._finish is not None:
            return out
        if self._subscription.usage and now - self._usage_sent_at >= self._subscription.interval:
            usage = self._totals()
            if usage is not None and usage != self._sent_usage:
                self._usage_sent_at = now
                out.append(self._usage_message(usage))
        if self._subscription.progress and self._chars and now - self._progress_sent_at >= self._subscription.interval:
            self._progress_sent_at = now
            out.append(self._progress(now))
        return out

    def _chunk(self, record: bytes) -> Iterator[tuple[str, Any]]:
        try:
            chunk = _decode(record[1:])
        except JSON_ERRORS:  # not a response of the API: passed on as it is
            yield "data", {"chunk": record[1:].decode("utf-8", "replace")}
            return
        self._read_metadata(chunk)
        for candidate in chunk.candidates or ():
            # Text of other candidates must not be mixed into the answer's; clients that want it get it whole.
            if candidate.get("index"):
                yield "data", {"candidate": candidate}
                continue
            if reason := candidate.get("finishReason"):
                self._finish = _finish_reason(reason)
            yield from pieces(candidate)

    def _read_metadata(self, chunk: _Chunk) -> None:
        # Later counts replace earlier ones; some chunks have only a few of the fields.
        if chunk.usageMetadata:
            self._usage |= chunk.usageMetadata
        if chunk.promptFeedback and chunk.promptFeedback.get("blockReason"):
            self._blocked = str(chunk.promptFeedback["blockReason"])

    def _add(self, kind: str, value: Any, merge: bool) -> None:
        self._seq += 1
        self._pieces += 1
        is_thought = kind == "thought"
        # Before the check for `after`: count and digest are of the whole answer.
        if kind == "chunk":
            self._chars += len(value)
            self._digest.update(value.encode())
        if self._seq <= self._after:
            return
        if kind == "chunk" or (is_thought and self._subscription.thought):
            self._hold(value, is_thought, merge)
        elif self._subscription.typed and not is_thought:
            self._flush(self._seq - 1)
            self._put(_KINDS[kind](payload=value))

    def _hold(self, text: str, is_thought: bool, merge: bool) -> None:
        """Add text to what is held, after sending that if this text cannot join it."""
        is_full = not merge or self._held_size >= MERGED_CHARS
        if self._held and (is_full or is_thought is not self._held_is_thought):
            self._flush(self._seq - 1)
        self._held_is_thought = is_thought
        self._held.append(text)
        self._held_size += len(text)

    def _flush(self, upto: int | None = None) -> None:
        """Put the held text into a message that covers the numbers up to ``upto``."""
        if not self._held:
            return
        text = self._held[0] if len(self._held) == 1 else "".join(self._held)
        self._held, self._held_size = [], 0
        message = (
            ThoughtMessage(payload={"text": text, "thought": True}) if self._held_is_thought else TextMessage(text=text)
        )
        self._put(message, upto)

    def _put(self, message: _Message, upto: int | None = None) -> None:
        seq = self._seq if upto is None else upto
        if self._id is not None:
            message.id, message.seq, message.replay = self._id, seq, self._replay
            # `from` is omitted if the message covers one number. Skipped pieces are covered by the message after them.
            if self._covered + 1 != seq:
                message.from_ = self._covered + 1
        self._covered = seq
        self._out.append(OutgoingMessage(seq, _encode(message).decode()))

    def _end(self, record: bytes) -> None:
        ending = msgspec.json.decode(record[1:], type=StreamEnding)
        # Whoever cancelled knows why there is no more, so a cancelled stream is never reported as blocked.
        is_cancelled = ending.reason == "cancelled"
        if self._blocked is not None and not self._pieces and not is_cancelled:
            self._put_error("blocked_prompt", f"the prompt was blocked: {self._blocked}")
        elif self._finish in BLOCKED and not is_cancelled:
            self._put_error("blocked_output", f"the answer was blocked: {self._finish}")
        else:
            self._put_complete(ending, is_cancelled=is_cancelled)

    def _put_complete(self, ending: StreamEnding, *, is_cancelled: bool) -> None:
        reason = "cancelled" if is_cancelled else self._finish or "FINISH_REASON_UNSPECIFIED"
        usage = self._totals()
        self._close()
        message = CompleteMessage(finish_reason=reason, chars=self._chars, usage=usage)
        if self._id is not None:
            message.sha256 = self._digest.hexdigest()
        if self._subscription.metrics:
            metrics = {"pieces": self._pieces, "first_s": ending.first_chunk, "total_s": ending.seconds}
            message.metrics = {name: value for name, value in metrics.items() if value is not None}
        self._put_end(message)

    def _fail(self, error: dict[str, Any]) -> None:
        self._put_error(
            code_of(error, has_begun=self._pieces > 0), str(error.get("message", "")), retry_after_ms(error)
        )

    def _put_error(self, code: str, message: str, retry_after: int | None = None) -> None:
        self._close()
        phase = "first" if not self._pieces else "end" if self._finish is not None else "mid"
        failure = ErrorMessage(
            code=code,
            message=message,
            phase="connect" if code == "upstream" and phase == "first" else phase,
            retryable=code in RETRYABLE,
            retry_after_ms=retry_after,
            partial=self._chars > 0,
            chars=self._chars,
        )
        if self._id is not None:
            failure.sha256 = self._digest.hexdigest()
        self._put_end(failure)

    def _close(self) -> None:
        """Send what is held and the last usage, before the end."""
        self._flush()
        usage = self._totals()
        if self._subscription.usage and usage is not None and usage != self._sent_usage and self._id is not None:
            self._out.append(self._usage_message(usage))

    def _put_end(self, message: _Message) -> None:
        self._seq += 1
        if self._seq <= self._after:  # a client that asks again after the end gets it again
            self._covered = self._seq - 1
        self._replay = False
        self._finish = self._finish or "ended"
        self._put(message)

    def _totals(self) -> UsageFields | None:
        return _usage(self._usage) if self._usage else None

    def _usage_message(self, usage: UsageFields) -> OutgoingMessage:
        self._sent_usage = usage
        message = UsageMessage(
            id=self._id or "", input=usage.input, output=usage.output, thought=usage.thought, cached=usage.cached
        )
        return OutgoingMessage(0, _encode(message).decode())

    def _progress(self, now: float) -> OutgoingMessage:
        counted = _count(self._usage.get("candidatesTokenCount"))
        # Four characters per token, rounded up, until the API has counted.
        tokens = counted or -(-self._chars // 4)
        if self._first_progress is None:
            self._first_progress = now, tokens
        seconds, made = now - self._first_progress[0], tokens - self._first_progress[1]
        rate = round(made / seconds, 1) if seconds > 0 else 0.0
        message = ProgressMessage(id=self._id or "", chars=self._chars, tokens=tokens, rate=rate)
        if self._max_tokens:
            message.percent = min(100 * tokens // self._max_tokens, 99)
            if rate:
                message.eta_s = round(max(self._max_tokens - tokens, 0) / rate, 1)
        return OutgoingMessage(0, _encode(message).decode())


def pieces(candidate: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the pieces of a chunk's candidate: each with the type of its message, and its text or payload.

    The order and number of pieces must never change, or resumed clients would count differently.
    """
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict):
            yield from _part_pieces(part)
        else:
            yield "data", {"part": part}
    # Most chunks have none of them, which this check finds out fastest.
    if not _EXTRA_NAMES.isdisjoint(candidate):
        extras = {name: candidate[name] for name in _EXTRAS if candidate.get(name)}
        if extras:
            yield "data", extras


def _part_pieces(part: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    text = part.get("text")
    if not isinstance(text, str):
        if part:
            yield _kind(part), part
        return
    if text:
        yield "thought" if part.get("thought") else "chunk", text
    # What a text part has besides text, a thought signature say, is a piece of its own: text messages have no payload.
    if len(part) > 1:
        rest = {name: value for name, value in part.items() if name not in ("text", "thought")}
        if rest:
            yield "data", rest


def _finish_reason(reason: object) -> str:
    """The name of a finish reason. Some servers write the enum's number."""
    return FinishReason.numbers().get(reason, str(reason)) if isinstance(reason, int) else str(reason)


def _kind(part: dict[str, Any]) -> str:
    names = part.keys()
    return "tool" if names & _TOOLS else "media" if names & _MEDIA else "data"


def _usage(usage: dict[str, Any]) -> UsageFields:
    return UsageFields(
        input=_count(usage.get("promptTokenCount")),
        output=_count(usage.get("candidatesTokenCount")),
        thought=_count(usage.get("thoughtsTokenCount")),
        cached=_count(usage.get("cachedContentTokenCount")),
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
