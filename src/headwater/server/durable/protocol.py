"""The rules of the Durable Streams protocol: creation, appends, producers, closing, forks. Pure.

Section names in this room are those of PROTOCOL.md (https://github.com/durable-streams/durable-streams).

Theory of operation
-------------------

A stream is one log. Its records are the appends, one record each; everything else that the protocol says about a stream
(content type, lifetime, closed, producers, fork) is in the log's note (``Note``). Each function here takes a note and a
request and returns the new note and the records to append. ``streams.py`` does the I/O.

*A note only changes together with a record.* ``Log.append(at=...)`` is a compare-and-swap on the number of records. A
writer reads the note at N records, decides, and appends at N. If another server was faster, the append fails and the
writer starts over with the new note. This meets "Concurrency Requirements" (validation and append are serialized) and
"Atomicity Requirements" (the producer's state is committed with its data) of "Idempotent Producers" without a lock that
servers would have to share. A note that changed without a record would break it: two servers could then both decide by
the old one.

*Marks.* Closing ("Close Stream") and soft deletion ("Soft-delete and lifecycle") change the note without adding data,
so they append an empty record, ``MARK``. No append can look like it, since empty bodies ("Append to Stream") and empty
arrays ("Empty Arrays") are refused. Readers never see a mark; ``Note.tail`` subtracts it. A stream has at most one mark
for each of the two, and nothing but the second mark follows the first: ``append`` refuses a closed stream, and
``streams.py`` a deleted one.

*Creation.* A stream with a body needs two writes: one creates the log (``is_made`` false), one fills it and sets
``is_made``. Until then the stream is not visible, so a creator that dies in between leaves no half-filled stream; the
next creation drops the log and starts over. A stream without a body is created with one write.

*Offsets* ("Offsets") are numbers of records, in a fixed width so that they sort as text. A fork has the offsets of its
source up to the fork offset ("Offsets and forked streams"). ``Note.base`` is how many records come before the first one
of its own log.

*Producers* ("Validation Logic"): the note has the epoch and the last sequence number of each producer. A lower epoch is
fenced off with 403. A higher one has to start at 0. Within an epoch a number up to the last is a duplicate and succeeds
without a write, the next is accepted, and a gap is 409. Duplicates are detected before the stream is checked for being
closed, so the request that closed it succeeds again when it is retried ("Stream Closure with Idempotent Producers").
Only the last ``MAX_PRODUCERS`` writers are remembered ("Producer State Cleanup").

*Forks* ("Stream forking") copy nothing. ``Fork.segments`` says which log has which range; a fork of a fork lists the
logs directly, so a read never walks a chain. A sub-offset lies inside a record, so the part of that record before it is
the fork's own first record. The fork starts open, with no producers and no ``Stream-Seq`` ("Producer state and fork
boundaries"). A deleted stream that has forks stays as long as they do (``forks.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from headwater.server.durable import fields
from headwater.server.durable.fields import refusal

#: How many producers of a stream are remembered, the most recent ones.
MAX_PRODUCERS = 200
#: How many logs a fork may be made of: the length of a chain of forks.
MAX_FORK_DEPTH = 32
#: The empty record that closing and deleting append. No append can look like it.
MARK = b""


class LogSegment(msgspec.Struct, frozen=True, array_like=True):
    """Records that a fork shares: of the log ``key``, whose first offset is ``first``, those before ``upto``."""

    key: str
    first: int
    upto: int


class Fork(msgspec.Struct, frozen=True):
    """The origin of a fork: the source's path, the fork offset and the sub-offset into the record after it."""

    path: str
    after: int
    sub: int
    segments: tuple[LogSegment, ...]
    source: str
    source_id: str


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of a stream besides its records. ``id`` is unique, also among streams that have the same path in turn.

    Stored as JSON, so the names of the fields stay.
    """

    id: str
    content_type: str
    ttl: int | None = None
    expires_at: str | None = None
    is_made: bool = False
    is_closed: bool = False
    is_deleted: bool = False
    seq: str | None = None
    #: The epoch and the last sequence number of each producer, the most recent writer last.
    producers: dict[str, tuple[int, int]] = {}
    #: The bytes of the largest record, and of all records.
    largest: int = 0
    size: int = 0
    fork: Fork | None = None

    @property
    def base(self) -> int:
        """How many records come before the first one of its own log."""
        return self.fork.segments[-1].upto if self.fork is not None else 0

    def tail(self, written: int) -> int:
        """Return the tail offset, with ``written`` records and marks in its own log."""
        return self.base + written - self.is_closed - self.is_deleted


class Producer(NamedTuple):
    """The producer headers of an append, which make a retry idempotent."""

    id: str
    epoch: int
    seq: int


class Creation(NamedTuple):
    """The headers of a PUT."""

    content_type: str | None
    ttl: int | None = None
    expires_at: str | None = None
    is_closed: bool = False
    forked_from: str | None = None
    fork_after: int | None = None
    fork_sub: int = 0


class Append(NamedTuple):
    """The headers of a POST."""

    content_type: str | None
    is_closing: bool = False
    seq: str | None = None
    producer: Producer | None = None


def parse_creation(headers: Mapping[str, str]) -> Creation:
    """Return the request of a PUT.

    Raises:
        APIError: 400, if a header is invalid.
    """
    ttl, expires_at = headers.get(fields.TTL), headers.get(fields.EXPIRES_AT)
    if ttl is not None and expires_at is not None:
        raise refusal(400, "Stream-TTL and Stream-Expires-At cannot be used together")
    source, after, sub = (
        headers.get(name) for name in (fields.FORKED_FROM, fields.FORK_OFFSET, fields.FORK_SUB_OFFSET)
    )
    if source is None and not (after is None and sub is None):
        raise refusal(400, "Stream-Fork-Offset and Stream-Fork-Sub-Offset need Stream-Forked-From")
    return Creation(
        content_type=headers.get("content-type") or None,
        ttl=None if ttl is None else fields.parse_integer("Stream-TTL", ttl),
        expires_at=None if expires_at is None else _timestamp(expires_at),
        is_closed=_is_closing(headers),
        forked_from=source,
        fork_after=None if after is None else fields.parse_offset(after),
        fork_sub=0 if sub is None else fields.parse_integer("Stream-Fork-Sub-Offset", sub),
    )


def parse_append(headers: Mapping[str, str]) -> Append:
    """Return the request of a POST.

    Raises:
        APIError: 400, if a header is invalid.
    """
    producer = _parse_producer(headers)
    seq = headers.get(fields.SEQ)
    if seq is not None and len(seq) > 256:
        raise refusal(400, "Stream-Seq is longer than 256 characters")
    return Append(headers.get("content-type") or None, _is_closing(headers), seq, producer)


def _parse_producer(headers: Mapping[str, str]) -> Producer | None:
    values = [headers.get(name) for name in (fields.PRODUCER_ID, fields.PRODUCER_EPOCH, fields.PRODUCER_SEQ)]
    name, epoch, seq = values
    if name is None or epoch is None or seq is None:
        if any(value is not None for value in values):
            raise refusal(400, "Producer-Id, Producer-Epoch and Producer-Seq are needed together")
        return None
    if not 0 < len(name) <= 256:
        raise refusal(400, "Producer-Id is empty or longer than 256 characters")
    return Producer(name, fields.parse_integer("Producer-Epoch", epoch), fields.parse_integer("Producer-Seq", seq))


def _is_closing(headers: Mapping[str, str]) -> bool:
    return headers.get(fields.CLOSED, "").lower() == "true"


def _timestamp(text: str) -> str:
    """An RFC 3339 timestamp in UTC: equal times become equal texts, which ``matches`` compares."""
    try:
        moment = datetime.fromisoformat(text)
        if "T" in text.upper() and moment.tzinfo is not None:
            return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        pass
    raise refusal(400, f"Stream-Expires-At: {text[:100]!r} is not a timestamp like 2030-01-31T12:00:00Z")


def matches(note: Note, creation: Creation) -> bool:
    """Return whether an existing stream is the one that a PUT asks for ("Create Stream": 200 then, else 409)."""
    fork = note.fork
    if creation.content_type is None and fork is not None:
        is_type = True  # a fork inherits the type when the request names none
    else:
        is_type = fields.media_type(creation.content_type or fields.BINARY) == fields.media_type(note.content_type)
    is_lifetime = (creation.ttl, creation.expires_at) == (note.ttl, note.expires_at)
    if fork is not None and creation.ttl is None and creation.expires_at is None:
        is_lifetime = True  # inherited from the source, too
    return is_type and is_lifetime and _is_fork(fork, creation) and creation.is_closed == note.is_closed


def _is_fork(fork: Fork | None, creation: Creation) -> bool:
    """Whether the fork headers match ("Idempotent fork creation")."""
    if fork is None or creation.forked_from is None:
        return fork is None and creation.forked_from is None
    is_offset = creation.fork_after in (None, fork.after) and creation.fork_sub == fork.sub
    return creation.forked_from == fork.path and is_offset


def fork_of(source: Note, key: str, tail: int, creation: Creation, path: str) -> Fork:
    """Return what a fork shares with its source, the stream at ``path`` with the log ``key``.

    Raises:
        APIError: 400, if the offset is beyond the source's tail; 409, if the content type differs or the chain of forks
            is too long.
    """
    wanted = creation.content_type
    if wanted is not None and fields.media_type(wanted) != fields.media_type(source.content_type):
        raise refusal(409, f"a fork has the content type of its source, {source.content_type}")
    after = tail if creation.fork_after is None else creation.fork_after
    if after > tail:
        raise refusal(400, "the fork's offset is beyond the end of its source")
    segments = list(source.fork.segments) if source.fork is not None else []
    segments.append(LogSegment(key, source.base, after))
    shared = tuple(LogSegment(one.key, one.first, min(one.upto, after)) for one in segments if one.first < after)
    if len(shared) > MAX_FORK_DEPTH:
        raise refusal(409, f"a chain of forks has at most {MAX_FORK_DEPTH} streams")
    # A fork at offset 0 shares nothing, but `base` needs a segment.
    return Fork(path, after, creation.fork_sub, shared or (LogSegment(key, 0, 0),), key, source.id)


def begin(identifier: str, creation: Creation, source: Note | None, fork: Fork | None) -> Note:
    """Return the note of a new stream that has no records yet."""
    content_type = creation.content_type or (source.content_type if source is not None else fields.BINARY)
    ttl, expires_at = creation.ttl, creation.expires_at
    # "Fork creation headers": without a lifetime of its own a fork gets the source's.
    if source is not None and ttl is None and expires_at is None:
        ttl, expires_at = source.ttl, source.expires_at
    largest = source.largest if source is not None else 0
    return Note(identifier, content_type, ttl, expires_at, largest=largest, fork=fork)


def fill(note: Note, records: list[bytes], *, is_closed: bool) -> tuple[Note, list[bytes]]:
    """Return the note with ``records`` added, and what to append to the log: they, and a mark if that closes it."""
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
    """The effect of an append. ``note`` is None if nothing has to be written: the request is a duplicate."""

    note: Note | None
    records: list[bytes]
    #: The highest accepted sequence number of the producer.
    seq: int | None = None


def append(note: Note, tail: int, request: Append, record: bytes | None, max_bytes: int) -> AppendResult:
    """Return the effect of an append. ``record`` is None if the request only closes the stream.

    Raises:
        APIError: 400, if a new epoch does not start at 0; 403, if the producer was fenced off by a later epoch; 409, if
            there is a gap, the ``Stream-Seq`` does not increase or the stream is closed; 413, if the stream would
            exceed ``max_bytes``.
    """
    producer = request.producer
    last = note.producers.get(producer.id) if producer is not None else None
    # First of all, also for a closed stream: the retry of the request that closed it has to succeed.
    if producer is not None and _is_duplicate(producer, last):
        return AppendResult(None, [], last[1] if last is not None else None)
    if note.is_closed:
        return _append_to_closed(tail, request, record)
    # "Append to Stream": compared byte by byte; one sequence for the whole stream.
    if request.seq is not None and note.seq is not None and request.seq.encode() <= note.seq.encode():
        raise refusal(409, f"Stream-Seq {request.seq!r} does not come after {note.seq!r}")
    if record is not None and note.size + len(record) > max_bytes:
        raise refusal(413, f"a stream holds at most {max_bytes:,} bytes")
    changed, records = fill(note, [] if record is None else [record], is_closed=request.is_closing)
    changed = replace(
        changed,
        seq=note.seq if request.seq is None else request.seq,
        producers=_with_producer(note.producers, producer),
    )
    return AppendResult(changed, records, producer.seq if producer is not None else None)


def _append_to_closed(tail: int, request: Append, record: bytes | None) -> AppendResult:
    """Closing again, with nothing to append, succeeds; all else is 409 with the final offset ("Close Stream")."""
    if record is None and request.producer is None:
        return AppendResult(None, [])
    headers = {fields.CLOSED: "true", fields.NEXT_OFFSET: fields.format_offset(tail)}
    raise refusal(409, "the stream is closed", headers)


def _with_producer(producers: dict[str, tuple[int, int]], producer: Producer | None) -> dict[str, tuple[int, int]]:
    """The producers after one of them wrote: it moves to the end, and the first one may be forgotten."""
    if producer is None:
        return producers
    others = [item for item in producers.items() if item[0] != producer.id]
    return dict([*others[1 - MAX_PRODUCERS :], (producer.id, (producer.epoch, producer.seq))])


def _is_duplicate(producer: Producer, known: tuple[int, int] | None) -> bool:
    """Whether this append was done before ("Validation Logic"); otherwise it is the next one.

    Raises:
        APIError: if it is neither.
    """
    # A producer that is not known may start in any epoch: its state may have been cleaned up.
    epoch, last = known or (producer.epoch, -1)
    if producer.epoch < epoch:
        headers = {fields.PRODUCER_EPOCH: str(epoch)}
        raise refusal(403, "a producer with this id has started a later epoch", headers)
    if producer.epoch > epoch:
        if producer.seq != 0:
            raise refusal(400, "a new epoch starts with Producer-Seq 0")
        return False
    if producer.seq > last + 1:
        headers = {fields.EXPECTED_SEQ: str(last + 1), fields.RECEIVED_SEQ: str(producer.seq)}
        raise refusal(409, f"Producer-Seq {producer.seq} arrived before {last + 1}", headers)
    return producer.seq <= last


def delete(note: Note) -> tuple[Note, list[bytes]]:
    """Return the note of a stream that was deleted but still has forks, and the mark to append."""
    return replace(note, is_deleted=True), [MARK]
