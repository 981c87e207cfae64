"""Durable streams in a log: create, append, read, delete. ``protocol.py`` has the rules, this module the I/O.

Every write is a loop: look the stream up, let ``protocol`` decide, append at the position that was read, and start over
if another server was faster. The lock of a key only spares requests to this server such rounds; correctness does not
depend on it. Each principal has its own name space.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from typing import NamedTuple, Protocol
from weakref import WeakValueDictionary

import msgspec

from headwater.errors import ConflictError, UnknownStreamError
from headwater.log.base import PAGE_RECORDS, Log, Page
from headwater.server.durable import codec, fields, protocol
from headwater.server.durable.expiry import Expiry
from headwater.server.durable.fields import JSON, refusal
from headwater.server.durable.forks import FOREVER, WRITER, Forks
from headwater.server.durable.protocol import MARK, Append, AppendResult, Creation, Fork, Note

#: About how many bytes one response has.
PAGE_BYTES = 1024 * 1024
#: A larger body is parsed in a thread.
_INLINE_PARSE_BYTES = 64 * 1024


class ReadOnlyStream(NamedTuple):
    """A log of another kind, read as a JSON stream. ``message`` returns the message of a record, or None to skip it."""

    key: str
    message: Callable[[bytes], bytes | None]


class ReadOnlySource(Protocol):
    """Finds streams that are written elsewhere: the answers of engines."""

    async def find(self, principal: bytes, path: str) -> ReadOnlyStream | None:
        """Return the log to show to ``principal`` at ``path``, or None if ``principal`` has no such stream."""


class OpenedStream(NamedTuple):
    """A stream as it was when it was looked up. ``written`` counts the records and marks in its own log."""

    key: str
    note: Note
    written: int
    source: ReadOnlyStream | None = None

    @property
    def tail(self) -> int:
        """The tail offset."""
        return self.note.tail(self.written) if self.source is None else self.written


class ReadResult(NamedTuple):
    """A part of a stream. ``is_tail`` means that it reaches the tail, ``is_closed`` that nothing will follow."""

    records: list[bytes]
    next: int
    is_tail: bool
    is_closed: bool


class DurableStreams:
    """All durable streams of a server. A stream may hold up to ``max_bytes``."""

    def __init__(self, log: Log, *, max_bytes: int, read_only: ReadOnlySource | None = None) -> None:
        self._log = log
        self._max_bytes = max_bytes
        self._read_only = read_only
        self._forks = Forks(log)
        self._expiry = Expiry(log)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def find(self, principal: bytes, path: str) -> OpenedStream:
        """Return the stream at ``path``.

        Raises:
            APIError: 404, if ``principal`` has no such stream; 410, if it was deleted but still has forks.
        """
        source = await self._read_only.find(principal, path) if self._read_only is not None else None
        if source is not None:
            return await self._open_read_only(source)
        stream = await self._look_up(_key(principal, path))
        if stream is None or not stream.note.is_made:
            raise _unknown()
        if stream.note.is_deleted:
            raise refusal(410, "the stream has been deleted")
        return stream

    async def create(self, principal: bytes, path: str, creation: Creation, body: bytes) -> tuple[OpenedStream, bool]:
        """Return the stream that the request describes, and whether it is new.

        Raises:
            APIError: 400, if the body or the fork is invalid; 404 or 409, if the source cannot be forked; 409, if a
                different stream exists at ``path``.
        """
        if self._read_only is not None and await self._read_only.find(principal, path) is not None:
            raise _not_writable()
        key = _key(principal, path)
        async with self._lock(key):
            while True:
                existing = await self._look_up(key)
                if existing is not None and existing.note.is_made:
                    # "Soft-delete and lifecycle": the path of a deleted stream that has forks stays taken.
                    if existing.note.is_deleted or not protocol.matches(existing.note, creation):
                        raise refusal(409, "a different stream exists at this path")
                    return existing, False
                if existing is not None:
                    await self._log.drop(key)  # its creator died before the stream was filled
                stream = await self._make(key, principal, creation, body)
                if stream is not None:
                    return stream, True

    async def append(
        self, principal: bytes, path: str, request: Append, body: bytes
    ) -> tuple[OpenedStream, AppendResult]:
        """Return the stream after an append, and the effect of the append.

        Raises:
            APIError: as ``find`` and ``protocol.append``; 400, if the body is empty or not valid for the content type.
        """
        if not body and not request.is_closing:
            raise refusal(400, "the body is empty")
        async with self._lock(_key(principal, path)):
            while True:
                stream = await self.find(principal, path)
                if stream.source is not None:
                    raise _not_writable()
                record = await self._record(stream.note, request, body)
                result = protocol.append(stream.note, stream.tail, request, record, self._max_bytes)
                if result.note is not None:
                    written = await self._write(stream, result.note, result.records)
                    if written is None:
                        continue
                    stream = OpenedStream(stream.key, result.note, written)
                await self._expiry.renew(stream.note)
                return stream, result

    async def delete(self, principal: bytes, path: str) -> None:
        """Delete a stream. If it has forks, its data is kept for them, but it cannot be opened any more.

        Raises:
            APIError: as ``find``.
        """
        async with self._lock(_key(principal, path)):
            stream = await self.find(principal, path)
            if stream.source is not None:
                raise _not_writable()
            await self._delete(stream)

    async def read(self, stream: OpenedStream, after: int, max_bytes: int = PAGE_BYTES) -> ReadResult:
        """Return what follows the first ``after`` records, about ``max_bytes`` at once.

        Raises:
            APIError: 404, if the stream is gone by now.
        """
        records: list[bytes] = []
        size, limit = 0, max(1, min(PAGE_RECORDS, max_bytes // max(1, stream.note.largest)))
        is_tail = is_closed = False
        while not is_tail and size < max_bytes and len(records) < PAGE_RECORDS:
            page, is_own = await self._page(stream, after, limit)
            new = page.records
            if is_own:  # a segment of the source ends at the fork offset, which says nothing about this stream's end
                is_closed = page.is_end or MARK in new
                is_tail = is_closed or len(new) < limit
                new = new[: new.index(MARK)] if MARK in new else new
            after += len(new)
            records += new if stream.source is None else filter(None, map(stream.source.message, new))
            size += sum(map(len, new))
        return ReadResult(records, after, is_tail, is_closed)

    async def wait(self, stream: OpenedStream, after: int, timeout: float) -> None:
        """Return when there may be something after ``after``, or the end, or after ``timeout`` seconds."""
        try:
            await self._log.wait(stream.key, after - stream.note.base, timeout)
        except UnknownStreamError:
            raise _unknown() from None

    async def renew(self, stream: OpenedStream) -> None:
        """Restart the TTL of a stream because it was read."""
        await self._expiry.renew(stream.note)

    async def clean(self) -> None:
        """Delete streams that have expired and that no request has looked up since."""
        async for key in self._expiry.expired():
            async with self._lock(key):
                await self._look_up(key)

    def _lock(self, key: str) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

    async def _open_read_only(self, source: ReadOnlyStream) -> OpenedStream:
        try:
            state = await self._log.state(source.key)
        except UnknownStreamError:
            raise _unknown() from None
        identifier = hashlib.sha256(source.key.encode()).hexdigest()[:16]
        note = Note(identifier, JSON, is_made=True, is_closed=state.is_sealed)
        return OpenedStream(source.key, note, state.next, source)

    async def _look_up(self, key: str) -> OpenedStream | None:
        """The stream under a key, even if not filled yet or deleted. One that has expired is deleted first."""
        stream = await self._stored(key)
        if stream is not None and stream.note.is_made and await self._expiry.is_expired(stream.note):
            if not stream.note.is_deleted:
                await self._delete(stream)
            stream = await self._stored(key)
        return stream

    async def _stored(self, key: str) -> OpenedStream | None:
        try:
            state = await self._log.state(key)
        except UnknownStreamError:
            return None
        return OpenedStream(key, msgspec.json.decode(state.note, type=Note), state.next)

    # Creation

    async def _make(self, key: str, principal: bytes, creation: Creation, body: bytes) -> OpenedStream | None:
        """Create a stream, or return None if another server was faster."""
        source = None if creation.forked_from is None else await self._source(principal, creation.forked_from)
        fork = prefix = None
        if source is not None:
            fork = protocol.fork_of(source.note, source.key, source.tail, creation, creation.forked_from or "")
            prefix = await self._prefix(source, fork)
        note = protocol.begin(secrets.token_hex(8), creation, source.note if source is not None else None, fork)
        records = [record for record in (prefix, await _parse(body, note.content_type)) if record]
        filled, written = protocol.fill(note, records, is_closed=creation.is_closed)
        if filled.size > self._max_bytes:
            raise refusal(413, f"a stream holds at most {self._max_bytes:,} bytes")
        return await self._store_whole(key, note, filled, written)

    async def _store_whole(self, key: str, note: Note, filled: Note, written: list[bytes]) -> OpenedStream | None:
        """Store a new stream and what belongs to it, or undo all of it.

        The source learns of its fork first, since it may be deleted at any time. The lifetime starts before the stream
        is visible, since a stream without the lifetime that its note names counts as expired.
        """
        stream = None
        if note.fork is not None:
            await self._forks.add(note.fork.source_id, note.id)
        try:
            await self._expiry.start(key, note)
            stream = await self._store(key, note, filled, written)
        finally:
            if stream is None:
                await self._expiry.end(note)
                await self._release(note.fork, note.id)
        return stream

    async def _store(self, key: str, note: Note, filled: Note, written: list[bytes]) -> OpenedStream | None:
        """Write a new stream: in one step if it is empty, otherwise invisible (not ``is_made``) until it is filled."""
        first = note if written else filled
        try:
            await self._log.create(key, writer=WRITER, lease=FOREVER, note=msgspec.json.encode(first))
        except ConflictError:
            return None
        if not written:
            return OpenedStream(key, filled, 0)
        count = await self._write(OpenedStream(key, note, 0), filled, written)
        return None if count is None else OpenedStream(key, filled, count)

    async def _source(self, principal: bytes, path: str) -> OpenedStream:
        """The stream to fork ("Fork creation errors"). Read-only streams cannot be forked."""
        stream = await self._look_up(_key(principal, path))
        if stream is None or not stream.note.is_made:
            raise refusal(404, "the stream to fork from does not exist")
        if stream.note.is_deleted:
            raise refusal(409, "the stream to fork from has been deleted")
        return stream

    async def _prefix(self, source: OpenedStream, fork: Fork) -> bytes | None:
        """The part of a record that comes before the sub-offset of a fork."""
        if not fork.sub:
            return None
        records = (await self.read(source, fork.after, 1)).records
        part = codec.first_part(records[0], source.note.content_type, fork.sub) if records else None
        if part is None:
            raise refusal(400, "Stream-Fork-Sub-Offset is beyond what was appended there")
        return part

    # Appends and reads

    async def _write(self, stream: OpenedStream, note: Note, records: list[bytes]) -> int | None:
        """Append to a stream as it was looked up, or return None if it has changed since."""
        try:
            return await self._log.append(stream.key, records, at=stream.written, note=msgspec.json.encode(note))
        except (ConflictError, UnknownStreamError):
            return None

    async def _record(self, note: Note, request: Append, body: bytes) -> bytes | None:
        if not body:
            return None
        if request.content_type is None:
            raise refusal(400, "a Content-Type is needed")
        if fields.media_type(request.content_type) != fields.media_type(note.content_type):
            raise refusal(409, f"the content type of the stream is {note.content_type}")
        record = await _parse(body, note.content_type)
        if not record:  # "Empty Arrays"
            raise refusal(400, "an empty array contains no message")
        return record

    async def _page(self, stream: OpenedStream, after: int, limit: int) -> tuple[Page, bool]:
        """Some records from the log that has them, and whether that is the stream's own log."""
        segments = stream.note.fork.segments if stream.note.fork is not None else ()
        try:
            for segment in segments:
                if after < segment.upto:
                    limit = min(limit, segment.upto - after)
                    return await self._log.read(segment.key, after - segment.first, limit), False
            return await self._log.read(stream.key, after - stream.note.base, limit), True
        except UnknownStreamError:
            raise _unknown() from None

    # Deletion

    async def _delete(self, stream: OpenedStream) -> None:
        # Closing the fork set decides the race with a fork that is being created: see `Forks`.
        if not await self._forks.close(stream.note.id):
            await self._drop(stream)
            return
        await self._expiry.end(stream.note)
        current: OpenedStream | None = stream
        while current is not None and current.note.id == stream.note.id:
            if await self._write(current, *protocol.delete(current.note)) is not None:
                return
            current = await self._stored(stream.key)

    async def _drop(self, stream: OpenedStream) -> None:
        await self._log.drop(stream.key)
        await self._expiry.end(stream.note)
        await self._forks.drop(stream.note.id)
        await self._release(stream.note.fork, stream.note.id)

    async def _release(self, fork: Fork | None, identifier: str) -> None:
        """Remove a fork from its source; a deleted source without further forks goes too, and so on up the chain."""
        if fork is None or not await self._forks.remove(fork.source_id, identifier):
            return
        source = await self._stored(fork.source)
        if source is not None and source.note.id == fork.source_id:
            await self._drop(source)


def _key(principal: bytes, path: str) -> str:
    """The key of a log. Each principal has its own paths, so none can detect or block another's streams."""
    owned = len(principal).to_bytes(2) + principal + path.encode("utf-8", "surrogatepass")
    return f"durable:{hashlib.sha256(owned).hexdigest()}"


async def _parse(body: bytes, content_type: str) -> bytes:
    if len(body) < _INLINE_PARSE_BYTES:
        return codec.to_record(body, content_type)
    return await asyncio.to_thread(codec.to_record, body, content_type)


def _unknown() -> Exception:
    return refusal(404, "there is no such stream")


def _not_writable() -> Exception:
    return refusal(405, "this stream is read-only", {"allow": "GET, HEAD"})
