"""Streams in a log: made, written, read, deleted. Who asks sees those of their own key only."""

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

#: About how many bytes one answer has.
PAGE_BYTES = 1024 * 1024
#: A larger body is parsed in a thread.
_SMALL = 64 * 1024


class ReadOnlyStream(NamedTuple):
    """A log of another kind that is shown as a JSON stream, to be read only. ``message`` hides a record with None."""

    key: str
    message: Callable[[bytes], bytes | None]


class ReadOnlySource(Protocol):
    """Where streams stand that others write: the answers of engines."""

    async def find(self, who: bytes, path: str) -> ReadOnlyStream | None:
        """Return the log that is shown to ``who`` at ``path``; None where there is none, or it is not theirs."""


class OpenedStream(NamedTuple):
    """A stream as it was when it was looked up. ``written``: records and marks in its log."""

    key: str
    note: Note
    written: int
    shown: ReadOnlyStream | None = None

    @property
    def tail(self) -> int:
        """The offset of its end."""
        return self.note.tail(self.written) if self.shown is None else self.written


class ReadResult(NamedTuple):
    """A part of a stream. ``is_tail``: there was no more; ``is_closed``: and there will be none."""

    records: list[bytes]
    next: int
    is_tail: bool
    is_closed: bool


class DurableStreams:
    """All streams of one server. ``most`` is how many bytes one of them may hold."""

    def __init__(self, log: Log, *, most: int, shelf: ReadOnlySource | None = None) -> None:
        self._log = log
        self._most = most
        self._shelf = shelf
        self._forks = Forks(log)
        self._lives = Expiry(log)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def find(self, who: bytes, path: str) -> OpenedStream:
        """Return the stream at ``path``.

        Raises:
            APIError: 404, there is none, or it is not theirs; 410, it was deleted, and only its forks keep it.
        """
        shown = await self._shelf.find(who, path) if self._shelf is not None else None
        if shown is not None:
            return await self._show(shown)
        found = await self._look(_key(who, path))
        if found is None or not found.note.is_made:
            raise _unknown()
        if found.note.is_deleted:
            raise refusal(410, "the stream has been deleted")
        return found

    async def create(self, who: bytes, path: str, asked: Creation, body: bytes) -> tuple[OpenedStream, bool]:
        """Return the stream that was asked for, and whether it is new.

        Raises:
            APIError: 400; 404 and 409 for a source that can not be forked; 409 for one that is there and different.
        """
        if self._shelf is not None and await self._shelf.find(who, path) is not None:
            raise _read_only()
        key = _key(who, path)
        async with self._lock(key):
            while True:
                there = await self._look(key)
                if there is not None and there.note.is_made:
                    if there.note.is_deleted or not protocol.is_same(there.note, asked):
                        raise refusal(409, "there is a stream at this path already, and a different one")
                    return there, False
                if there is not None:
                    await self._log.drop(key)  # whoever began it did not come to the end
                made = await self._make(key, who, asked, body)
                if made is not None:
                    return made, True

    async def append(self, who: bytes, path: str, asked: Append, body: bytes) -> tuple[OpenedStream, AppendResult]:
        """Return the stream after an append, and what that changed.

        Raises:
            APIError: as ``find`` and ``protocol.append``; 400 for a body that is empty, or no JSON where it must be.
        """
        if not body and not asked.is_closing:
            raise refusal(400, "the body is empty")
        async with self._lock(_key(who, path)):
            while True:
                found = await self.find(who, path)
                if found.shown is not None:
                    raise _read_only()
                record = await self._record(found.note, asked, body)
                done = protocol.append(found.note, found.tail, asked, record, self._most)
                if done.note is not None:
                    written = await self._write(found, done.note, done.records)
                    if written is None:
                        continue
                    found = OpenedStream(found.key, done.note, written)
                await self._lives.renew(found.note)
                return found, done

    async def delete(self, who: bytes, path: str) -> None:
        """Delete a stream. One that has forks is kept for them, out of reach.

        Raises:
            APIError: as ``find``.
        """
        async with self._lock(_key(who, path)):
            found = await self.find(who, path)
            if found.shown is not None:
                raise _read_only()
            await self._delete(found)

    async def read(self, found: OpenedStream, after: int, most: int = PAGE_BYTES) -> ReadResult:
        """Return what comes after ``after`` records: about ``most`` bytes at once.

        Raises:
            APIError: 404, the stream has gone meanwhile.
        """
        records: list[bytes] = []
        size, limit = 0, max(1, min(PAGE_RECORDS, most // max(1, found.note.largest)))
        is_tail = is_closed = False
        while not is_tail and size < most and len(records) < PAGE_RECORDS:
            page, is_own = await self._page(found, after, limit)
            got = page.records
            if is_own:
                is_closed = page.is_end or MARK in got
                is_tail = is_closed or len(got) < limit
                got = got[: got.index(MARK)] if MARK in got else got
            after += len(got)
            records += got if found.shown is None else filter(None, map(found.shown.message, got))
            size += sum(map(len, got))
        return ReadResult(records, after, is_tail, is_closed)

    async def wait(self, found: OpenedStream, after: int, timeout: float) -> None:
        """Return when there may be something after ``after``, or the end, or the time is up."""
        try:
            await self._log.wait(found.key, after - found.note.base, timeout)
        except UnknownStreamError:
            raise _unknown() from None

    async def renew(self, found: OpenedStream) -> None:
        """Let the stream's time to live begin anew, since it was read."""
        await self._lives.renew(found.note)

    async def clean(self) -> None:
        """Let go of the streams that have expired and that nobody asked for since."""
        async for key in self._lives.over():
            async with self._lock(key):
                await self._look(key)

    def _lock(self, key: str) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

    async def _show(self, shown: ReadOnlyStream) -> OpenedStream:
        try:
            state = await self._log.state(shown.key)
        except UnknownStreamError:
            raise _unknown() from None
        identifier = hashlib.sha256(shown.key.encode()).hexdigest()[:16]
        return OpenedStream(
            shown.key, Note(identifier, JSON, is_made=True, is_closed=state.is_sealed), state.next, shown
        )

    async def _look(self, key: str) -> OpenedStream | None:
        """The stream under a key, also one that is not made yet or deleted; one that has expired is deleted first."""
        found = await self._stored(key)
        if found is not None and found.note.is_made and await self._lives.is_over(found.note):
            if not found.note.is_deleted:
                await self._delete(found)
            found = await self._stored(key)
        return found

    async def _stored(self, key: str) -> OpenedStream | None:
        try:
            state = await self._log.state(key)
        except UnknownStreamError:
            return None
        return OpenedStream(key, msgspec.json.decode(state.note, type=Note), state.next)

    async def _make(self, key: str, who: bytes, asked: Creation, body: bytes) -> OpenedStream | None:
        """Make a stream; None where somebody else did meanwhile."""
        source = None if asked.forked_from is None else await self._source(who, asked.forked_from)
        fork = prefix = None
        if source is not None:
            fork = protocol.forked(source.note, source.key, source.tail, asked, asked.forked_from or "")
            prefix = await self._prefix(source, fork)
        note = protocol.begin(secrets.token_hex(8), asked, source.note if source is not None else None, fork)
        first = await _parse(body, note.content_type)
        records = [record for record in (prefix, first) if record]
        filled, written = protocol.fill(note, records, is_closed=asked.is_closed)
        if filled.size > self._most:
            raise refusal(413, f"a stream holds {self._most:,} bytes at most")
        made = None
        if fork is not None:
            await self._forks.add(fork.source_id, note.id)
        try:
            await self._lives.begin(key, note)
            made = await self._store(key, note, filled, written)
        finally:
            if made is None:
                await self._lives.end(note)
                await self._release(fork, note.id)
        return made

    async def _store(self, key: str, note: Note, filled: Note, written: list[bytes]) -> OpenedStream | None:
        """Write a new stream: at once where it is empty, else as one that is not there until it is whole."""
        first = note if written else filled
        try:
            await self._log.create(key, writer=WRITER, lease=FOREVER, note=msgspec.json.encode(first))
        except ConflictError:
            return None
        if not written:
            return OpenedStream(key, filled, 0)
        count = await self._write(OpenedStream(key, note, 0), filled, written)
        return None if count is None else OpenedStream(key, filled, count)

    async def _write(self, found: OpenedStream, note: Note, records: list[bytes]) -> int | None:
        """Append to a stream as it was found; None where it is another one by now."""
        try:
            return await self._log.append(found.key, records, at=found.written, note=msgspec.json.encode(note))
        except (ConflictError, UnknownStreamError):
            return None

    async def _source(self, who: bytes, path: str) -> OpenedStream:
        found = await self._look(_key(who, path))
        if found is None or not found.note.is_made:
            raise refusal(404, "there is no stream to fork from")
        if found.note.is_deleted:
            raise refusal(409, "the stream to fork from has been deleted")
        return found

    async def _prefix(self, source: OpenedStream, fork: Fork) -> bytes | None:
        """What a fork has of the record that it was forked in the middle of."""
        if not fork.sub:
            return None
        records = (await self.read(source, fork.after, 1)).records
        part = codec.first_part(records[0], source.note.content_type, fork.sub) if records else None
        if part is None:
            raise refusal(400, "Stream-Fork-Sub-Offset reaches over what was appended there")
        return part

    async def _record(self, note: Note, asked: Append, body: bytes) -> bytes | None:
        if not body:
            return None
        if asked.content_type is None:
            raise refusal(400, "a Content-Type is needed")
        if fields.media_type(asked.content_type) != fields.media_type(note.content_type):
            raise refusal(409, f"the content type of the stream is {note.content_type}")
        record = await _parse(body, note.content_type)
        if not record:
            raise refusal(400, "an empty array has no message")
        return record

    async def _page(self, found: OpenedStream, after: int, limit: int) -> tuple[Page, bool]:
        """Some records from the log that has them, and whether that is the stream's own."""
        segments = found.note.fork.segments if found.note.fork is not None else ()
        try:
            for segment in segments:
                if after < segment.upto:
                    limit = min(limit, segment.upto - after)
                    return await self._log.read(segment.key, after - segment.first, limit), False
            return await self._log.read(found.key, after - found.note.base, limit), True
        except UnknownStreamError:
            raise _unknown() from None

    async def _delete(self, found: OpenedStream) -> None:
        if not await self._forks.close(found.note.id):
            await self._drop(found)
            return
        await self._lives.end(found.note)
        current: OpenedStream | None = found
        while current is not None and current.note.id == found.note.id:
            if await self._write(current, *protocol.delete(current.note)) is not None:
                return
            current = await self._stored(found.key)

    async def _drop(self, found: OpenedStream) -> None:
        await self._log.drop(found.key)
        await self._lives.end(found.note)
        await self._forks.drop(found.note.id)
        await self._release(found.note.fork, found.note.id)

    async def _release(self, fork: Fork | None, identifier: str) -> None:
        """Let go of the source of a fork that is no more."""
        if fork is None or not await self._forks.remove(fork.source_id, identifier):
            return
        source = await self._stored(fork.source)
        if source is not None and source.note.id == fork.source_id:
            await self._drop(source)


def _key(who: bytes, path: str) -> str:
    """Each key has its own paths, so nobody can learn of a stream that is not theirs, or be in its way."""
    digest = hashlib.sha256(len(who).to_bytes(2) + who + path.encode("utf-8", "surrogatepass")).hexdigest()
    return f"durable:{digest}"


async def _parse(body: bytes, content_type: str) -> bytes:
    if len(body) < _SMALL:
        return codec.to_record(body, content_type)
    return await asyncio.to_thread(codec.to_record, body, content_type)


def _unknown() -> Exception:
    return refusal(404, "there is no such stream")


def _read_only() -> Exception:
    return refusal(405, "this stream can only be read", {"allow": "GET, HEAD"})
