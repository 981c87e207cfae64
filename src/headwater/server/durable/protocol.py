"""What a stream allows: creation, appends, producers, closing, forks. Pure: a note and a request in, a note out.

All that a stream is besides its records stands in the note of its log. A note changes together with records only, which
are appended at the offset that it was read at; so two servers can not both go by the same note. Closing and
deleting therefore append a record too, an empty one: a mark, which no reader gets. What readers see ends before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from headwater.server.durable import fields
from headwater.server.durable.fields import refusal

#: So many producers are remembered for each stream: the latest.
PRODUCERS = 200
#: How often a fork may be forked.
DEPTH = 32
#: The record that ends a stream; nothing can be appended that looks like it.
MARK = b""


class LogSegment(msgspec.Struct, frozen=True, array_like=True):
    """A part of a stream that lies in the log of another: what is there under ``key`` from ``first`` to ``upto``."""

    key: str
    first: int
    upto: int


class Fork(msgspec.Struct, frozen=True):
    """Where a stream was forked from: a path, after how many records, and how much of the next one it has."""

    path: str
    after: int
    sub: int
    segments: tuple[LogSegment, ...]
    source: str
    source_id: str


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a stream is besides its records. ``id`` is of this stream only, not of another one at its path later."""

    id: str
    content_type: str
    ttl: int | None = None
    expires_at: str | None = None
    is_made: bool = False
    is_closed: bool = False
    is_deleted: bool = False
    seq: str | None = None
    #: The epoch and the last sequence number of each producer; who wrote last comes last.
    producers: dict[str, tuple[int, int]] = {}
    #: The size of the largest record, and of all together.
    largest: int = 0
    size: int = 0
    fork: Fork | None = None

    @property
    def base(self) -> int:
        """How many records come before the first one in its own log."""
        return self.fork.segments[-1].upto if self.fork is not None else 0

    def tail(self, written: int) -> int:
        """The offset of the end, with so many records and marks in its log."""
        return self.base + written - self.is_closed - self.is_deleted


class Producer(NamedTuple):
    """Who appends, so that a request sent twice is done once."""

    id: str
    epoch: int
    seq: int


class Creation(NamedTuple):
    """A PUT."""

    content_type: str | None
    ttl: int | None = None
    expires_at: str | None = None
    is_closed: bool = False
    forked_from: str | None = None
    fork_after: int | None = None
    fork_sub: int = 0


class Append(NamedTuple):
    """A POST."""

    content_type: str | None
    is_closing: bool = False
    seq: str | None = None
    producer: Producer | None = None


def parse_creation(headers: Mapping[str, str]) -> Creation:
    """Return what a PUT asks for.

    Raises:
        APIError: 400.
    """
    ttl, expires_at = headers.get(fields.TTL), headers.get(fields.EXPIRES_AT)
    if ttl is not None and expires_at is not None:
        raise refusal(400, "Stream-TTL and Stream-Expires-At can not be used together")
    source, after, sub = (
        headers.get(name) for name in (fields.FORKED_FROM, fields.FORK_OFFSET, fields.FORK_SUB_OFFSET)
    )
    if source is None and not (after is None and sub is None):
        raise refusal(400, "Stream-Fork-Offset and Stream-Fork-Sub-Offset need Stream-Forked-From")
    return Creation(
        content_type=headers.get("content-type") or None,
        ttl=None if ttl is None else fields.parse_whole("Stream-TTL", ttl),
        expires_at=None if expires_at is None else _moment(expires_at),
        is_closed=_is_closing(headers),
        forked_from=source,
        fork_after=None if after is None else fields.parse_offset(after),
        fork_sub=0 if sub is None else fields.parse_whole("Stream-Fork-Sub-Offset", sub),
    )


def parse_append(headers: Mapping[str, str]) -> Append:
    """Return what a POST asks for.

    Raises:
        APIError: 400.
    """
    given = [headers.get(name) for name in (fields.PRODUCER_ID, fields.PRODUCER_EPOCH, fields.PRODUCER_SEQ)]
    name, epoch, seq = given
    producer = None
    if name is not None and epoch is not None and seq is not None:
        if not 0 < len(name) <= 256:
            raise refusal(400, "Producer-Id is empty or longer than 256 characters")
        numbers = fields.parse_whole("Producer-Epoch", epoch), fields.parse_whole("Producer-Seq", seq)
        producer = Producer(name, *numbers)
    elif any(value is not None for value in given):
        raise refusal(400, "Producer-Id, Producer-Epoch and Producer-Seq are needed together")
    order = headers.get(fields.SEQ)
    if order is not None and len(order) > 256:
        raise refusal(400, "Stream-Seq is longer than 256 characters")
    return Append(headers.get("content-type") or None, _is_closing(headers), order, producer)


def _is_closing(headers: Mapping[str, str]) -> bool:
    return headers.get(fields.CLOSED, "").lower() == "true"


def _moment(text: str) -> str:
    """A moment as RFC 3339 has it, in UTC, so that the same one is the same text."""
    try:
        moment = datetime.fromisoformat(text)
        if "T" in text.upper() and moment.tzinfo is not None:
            return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        pass
    raise refusal(400, f"Stream-Expires-At: {text[:100]!r} is not a moment like 2030-01-31T12:00:00Z")


def is_same(note: Note, asked: Creation) -> bool:
    """Return whether a stream that is there already is the one that is asked for."""
    fork = note.fork
    is_type = asked.content_type is None and fork is not None
    is_type |= fields.media_type(asked.content_type or fields.BINARY) == fields.media_type(note.content_type)
    is_life = (asked.ttl, asked.expires_at) == (note.ttl, note.expires_at)
    if fork is not None and asked.ttl is None and asked.expires_at is None:
        is_life = True  # it has its life from its source
    is_fork = asked.forked_from == (fork.path if fork is not None else None)
    if fork is not None:
        is_fork &= asked.fork_after in (None, fork.after) and asked.fork_sub == fork.sub
    return is_type and is_life and is_fork and asked.is_closed == note.is_closed


def forked(source: Note, key: str, tail: int, asked: Creation, path: str) -> Fork:
    """Return what a fork has of its source.

    Raises:
        APIError: 400, the source does not reach that far; 409, it is of another content type, or too deep.
    """
    if asked.content_type is not None and fields.media_type(asked.content_type) != fields.media_type(
        source.content_type
    ):
        raise refusal(409, f"a fork is of its source's content type, {source.content_type}")
    after = tail if asked.fork_after is None else asked.fork_after
    if after > tail:
        raise refusal(400, "the fork's offset is behind the end of its source")
    segments = list(source.fork.segments) if source.fork is not None else []
    segments.append(LogSegment(key, source.base, after))
    kept = tuple(LogSegment(one.key, one.first, min(one.upto, after)) for one in segments if one.first < after)
    if len(kept) > DEPTH:
        raise refusal(409, f"a fork is forked {DEPTH} times at most")
    return Fork(path, after, asked.fork_sub, kept or (LogSegment(key, 0, 0),), key, source.id)


def begin(identifier: str, asked: Creation, source: Note | None, fork: Fork | None) -> Note:
    """Return the note of a new stream, without anything in it yet."""
    content_type = asked.content_type or (source.content_type if source is not None else fields.BINARY)
    ttl, expires_at = asked.ttl, asked.expires_at
    if source is not None and ttl is None and expires_at is None:
        ttl, expires_at = source.ttl, source.expires_at
    largest = source.largest if source is not None else 0
    return Note(identifier, content_type, ttl, expires_at, largest=largest, fork=fork)


def fill(note: Note, records: list[bytes], *, is_closed: bool) -> tuple[Note, list[bytes]]:
    """Return the note of a stream with records added, and what goes into its log: the records, and perhaps a mark."""
    sizes = [len(record) for record in records]
    changed = replace(
        note,
        is_made=True,
        is_closed=is_closed,
        largest=max(note.largest, *sizes) if sizes else note.largest,
        size=note.size + sum(sizes),
    )
    return changed, records + [MARK] * is_closed


class AppendResult(NamedTuple):
    """What an append changes; ``note`` is None where nothing is left to be done."""

    note: Note | None
    records: list[bytes]
    #: The highest sequence number of the producer.
    seq: int | None = None


def append(note: Note, tail: int, asked: Append, record: bytes | None, most: int) -> AppendResult:
    """Return what an append changes. ``record`` is None for one that does nothing but close.

    Raises:
        APIError: 400 for a new epoch that does not begin at 0; 403 for a producer that has been replaced; 409 for a
            gap, an order that does not rise, a closed stream; 413 for more than ``most`` bytes in all.
    """
    producer = asked.producer
    known = note.producers.get(producer.id) if producer is not None else None
    if producer is not None and _is_repeated(producer, known):
        return AppendResult(None, [], known[1] if known is not None else None)
    if note.is_closed:
        if record is None and producer is None:
            return AppendResult(None, [])
        headers = {fields.CLOSED: "true", fields.NEXT_OFFSET: fields.show_offset(tail)}
        raise refusal(409, "the stream is closed", headers)
    if asked.seq is not None and note.seq is not None and asked.seq.encode() <= note.seq.encode():
        raise refusal(409, f"Stream-Seq {asked.seq!r} does not come after {note.seq!r}")
    if record is not None and note.size + len(record) > most:
        raise refusal(413, f"a stream holds {most:,} bytes at most")
    changed, records = fill(note, [] if record is None else [record], is_closed=asked.is_closing)
    producers = note.producers
    if producer is not None:
        others = [item for item in producers.items() if item[0] != producer.id]
        producers = dict([*others[1 - PRODUCERS :], (producer.id, (producer.epoch, producer.seq))])
    changed = replace(
        changed,
        seq=note.seq if asked.seq is None else asked.seq,
        producers=producers,
    )
    return AppendResult(changed, records, producer.seq if producer is not None else None)


def _is_repeated(producer: Producer, known: tuple[int, int] | None) -> bool:
    """Whether this was done before; else it is the next one.

    Raises:
        APIError: it is neither.
    """
    epoch, last = known or (producer.epoch, -1)
    if producer.epoch < epoch:
        headers = {fields.PRODUCER_EPOCH: str(epoch)}
        raise refusal(403, "another producer of this id has begun a later epoch", headers)
    if producer.epoch > epoch:
        if producer.seq != 0:
            raise refusal(400, "a new epoch begins with Producer-Seq 0")
        return False
    if producer.seq > last + 1:
        headers = {fields.EXPECTED_SEQ: str(last + 1), fields.RECEIVED_SEQ: str(producer.seq)}
        raise refusal(409, f"Producer-Seq {producer.seq} came before {last + 1}", headers)
    return producer.seq <= last


def delete(note: Note) -> tuple[Note, list[bytes]]:
    """Return the note of a stream that is gone but for its forks, and its mark."""
    return replace(note, is_deleted=True), [MARK]
