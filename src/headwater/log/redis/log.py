"""The log in Redis or Valkey Streams: many servers write and read the same logs.

Each log is a hash (its header) and a stream (its groups of records); ``scripts.py`` has their layout. Writes are
scripts, each one atomic. Reads come from memory (``RecentRecords``) if possible, which one blocking reader keeps
current for all logs that have waiting readers (``follower.py``).
"""

from __future__ import annotations

import asyncio
import secrets
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NoReturn

import msgspec
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from headwater.errors import ConflictError, LogError, SealedError, UnknownStreamError
from headwater.log.base import PAGE_RECORDS, LogState, Page
from headwater.log.lease import LEASE, Leases
from headwater.log.packing import cut, pack, unpack
from headwater.log.recent import RecentRecords
from headwater.log.redis import scripts as scripts
from headwater.log.redis.connection import SharedConnection
from headwater.log.redis.follower import BLOCK, Entry, StreamFollower
from headwater.log.retention import StoredLog, logs_to_drop
from headwater.log.waiting import WaitingReaders

#: Keys are spread over this many slots of a cluster. Everything that belongs to one log is in one slot.
PARTITIONS = 16
#: How long a reply may take before the connection is considered dead (seconds).
_ANSWER_SECONDS = 5.0
#: How many groups are requested together until they are known to be small, and how many bytes of groups are small.
_MAX_GROUPS = 64
_SMALL_BYTES = 64 * 1024


class _LogHeader(msgspec.Struct):
    next: int
    is_sealed: bool
    writer: str
    lease: float
    mark: bytes
    note: bytes
    size: int
    age: float


class RedisLog:
    """Logs in the Redis at ``url``, for one event loop. ``prefix`` separates them from others in the same Redis.

    A call tries for ``reconnect_timeout`` seconds to reach a Redis that is unreachable. With ``is_cluster``, ``url``
    names any node of a Redis Cluster.

    Raises:
        LogError: if the URL is not the address of a Redis.
    """

    def __init__(
        self, url: str, *, prefix: str = "headwater", reconnect_timeout: float = 20.0, is_cluster: bool = False
    ) -> None:
        self._url = url
        self._prefix = prefix
        self._is_cluster = is_cluster
        self._waiting = WaitingReaders()
        self._recent = RecentRecords()
        self._leases = Leases()
        # Two connections: a long read must not delay appends.
        self._writes = SharedConnection(self._connect(_ANSWER_SECONDS), reconnect_timeout)
        self._reads = SharedConnection(self._connect(_ANSWER_SECONDS), reconnect_timeout)
        self._followers: dict[int, StreamFollower] = {}

    def _connect(self, timeout: float) -> Any:
        kind = RedisCluster if self._is_cluster else Redis
        retry = Retry(NoBackoff(), 0)  # the pipeline repeats commands, which is harmless
        try:
            return kind.from_url(self._url, socket_timeout=timeout, socket_connect_timeout=2.0, retry=retry)
        except ValueError as error:
            raise LogError(f"not the address of a Redis: {error}") from error

    async def create(self, key: str, *, writer: str = "", lease: float = LEASE, note: bytes = b"") -> None:
        """Create an empty log."""
        await self._run_script(scripts.CREATE, key, _new_token(), writer, lease, note)

    async def append(
        self,
        key: str,
        records: Sequence[bytes],
        *,
        at: int | None = None,
        writer: str = "",
        seal: bool = False,
        note: bytes | None = None,
    ) -> int:
        """Add records, renew the lease and return the offset after them, once Redis has them."""
        records = list(records)
        arguments = (len(records), pack(records), "" if at is None else at, writer, int(seal))
        more = (0, b"") if note is None else (1, note)
        # One script is one operation: see ``scripts.py``.
        end: int = await self._run_script(scripts.APPEND, key, _new_token(), *arguments, *more)
        # Readers on this server get the records at once, and not only when the follower reads them back.
        if self._recent.get(key) is not None:
            self._remember(key, end - len(records), records, is_sealed=seal)
        return end

    async def read(self, key: str, after: int, limit: int = PAGE_RECORDS) -> Page:
        """Return the records after offset ``after`` that are there now."""
        tail = self._recent.get(key)
        page = tail.page(after, limit) if tail is not None else None
        if page is not None and (page.records or page.is_end):
            return page
        return await self._read(key, after, limit)

    async def _read(self, key: str, after: int, limit: int) -> Page:
        """Read from Redis. The header is read first: a log that was sealed by then has no later records."""
        header, stream = self._keys(key)[:2]
        records: list[bytes] = []
        end, is_sealed, is_more, count = 0, False, True, _MAX_GROUPS
        while is_more and len(records) < limit:
            start = b"(%d-0" % (after + len(records))
            state = self._reads.execute("HMGET", header, "next", "sealed")
            groups = self._reads.execute("XRANGE", stream, start, "+", "COUNT", count)
            answer, entries = await asyncio.gather(state, groups)
            if answer[0] is None:
                raise UnknownStreamError(f"there is no stream {key!r}")
            end, is_sealed = int(answer[0]), answer[1] == b"1"
            size = 0
            for last, count, data in _groups(entries):
                records += cut(last, count, data, after + len(records))
                size += len(data)
            # XRANGE counts groups, not records or bytes. Small groups are requested by the number of records that are
            # missing, large ones a few at a time.
            is_more = len(entries) == count
            count = max(1, limit - len(records)) if size < _SMALL_BYTES else _MAX_GROUPS
        del records[limit:]
        end_offset = after + len(records)
        return Page(records, end_offset, is_sealed and end_offset >= end)

    async def wait(self, key: str, after: int, timeout: float) -> None:
        """Return when there may be records after ``after``, or the end, or the time is up."""
        tail = self._recent.get(key)
        if tail is not None and (tail.is_sealed or tail.next > after):
            return
        # Registered before Redis is asked: an append between the two would otherwise wake no reader.
        woken = self._waiting.add(key, timeout)
        if self._follower(key).follow(self._keys(key)[1], key, after, timeout) or tail is None:
            header = await self._read_header(key)
            if header.is_sealed or header.next > after:
                return
        await woken

    async def state(self, key: str) -> LogState:
        """Return everything about the log but its records."""
        header = await self._read_header(key)
        return LogState(header.next, header.is_sealed, header.writer, self._is_stale(key, header), header.note)

    async def take_over(self, key: str, writer: str, *, lease: float = LEASE) -> LogState:
        """Become the writer of a stale log."""
        header = await self._read_header(key)
        if header.is_sealed:
            raise SealedError(f"the stream {key!r} has ended")
        if not self._is_stale(key, header):
            raise ConflictError(f"the stream {key!r} still has a writer")
        await self._run_script(scripts.TAKE_OVER, key, _new_token(), writer, lease, header.mark)
        return LogState(header.next, False, writer, False, header.note)

    async def stale(self) -> list[str]:
        """Return the keys of all stale logs."""
        return [key for key, header in await self._list_headers("open") if self._is_stale(key, header)]

    async def seal(self, key: str) -> None:
        """End the log."""
        end = await self._run_script(scripts.SEAL, key)
        self._leases.forget(key)
        if self._recent.get(key) is not None:
            self._remember(key, end, (), is_sealed=True)

    async def drop(self, key: str) -> None:
        """Delete the log."""
        await self._run_script(scripts.DROP, key)
        self._leases.forget(key)
        self._forget(key)

    async def sweep(self, *, age: float | None = None, size: int | None = None) -> int:
        """Drop logs that are too old, then the oldest while there is too much."""
        headers = await self._list_headers("all")
        stored = [StoredLog(key, header.age, header.size, self._is_written(key, header)) for key, header in headers]
        # Several servers may sweep at once. Dropping a log twice is harmless.
        dropped = list(logs_to_drop(stored, age, size))
        for key in dropped:
            await self.drop(key)
        return len(dropped)

    async def aclose(self) -> None:
        """Finish what was asked for and close the connections."""
        for follower in self._followers.values():
            await follower.aclose()
        await self._writes.aclose()
        await self._reads.aclose()

    def _partition(self, key: str) -> int:
        # Not ``hash``, which differs between processes.
        return zlib.crc32(key.encode()) % PARTITIONS

    def _keys(self, key: str) -> tuple[str, str, str, str]:
        """The header, the stream, the set of logs with a writer and that of all logs: all in one slot."""
        return _keys(self._prefix, self._partition(key), key)

    def _follower(self, key: str) -> StreamFollower:
        """The follower for a key: one for all; in a cluster one per partition, since XREAD is limited to one slot."""
        partition = self._partition(key) if self._is_cluster else 0
        if partition not in self._followers:
            control = f"{self._prefix}:{{{self._prefix}:{partition}}}:wake"
            redis = self._connect(BLOCK + _ANSWER_SECONDS)
            self._followers[partition] = StreamFollower(
                redis, self._writes, control, self._on_entries, self._recent.forget, self._on_lost
            )
        return self._followers[partition]

    async def _run_script(self, script: str, key: str, *arguments: Any) -> Any:
        """Return what a script returns for a log."""
        code, *details = await self._writes.execute("EVAL", script, 4, *self._keys(key), key, *arguments)
        if code:
            _raise_for(code, key, details)
        return details[0] if details else None

    async def _read_header(self, key: str) -> _LogHeader:
        code, *details = await self._reads.execute("EVAL", scripts.STATE, 1, self._keys(key)[0])
        if code:
            _raise_for(code, key, details)
        return _parse_header(details[0])

    async def _list_headers(self, which: str) -> list[tuple[str, _LogHeader]]:
        homes = [f"{self._prefix}:{{{self._prefix}:{partition}}}" for partition in range(PARTITIONS)]
        replies = (self._reads.execute("EVAL", scripts.SURVEY, 1, f"{home}:{which}", f"{home}:head:") for home in homes)
        answers = await asyncio.gather(*replies)
        return [(key.decode(), _parse_header(header)) for _, found in answers for key, header in found]

    def _is_stale(self, key: str, header: _LogHeader) -> bool:
        if header.is_sealed or not header.writer:
            return False
        return self._leases.has_expired(key, float(header.mark), header.age, header.lease)

    def _is_written(self, key: str, header: _LogHeader) -> bool:
        return bool(header.writer) and not header.is_sealed and not self._is_stale(key, header)

    def _on_entries(self, key: str, entries: Iterable[Entry]) -> None:
        """Entries of a log's stream have arrived."""
        for identifier, fields in entries:
            last = int(identifier.partition(b"-")[0])
            if b"gone" in fields:
                self._forget(key)
            elif b"end" in fields:
                self._remember(key, last, (), is_sealed=True)
            else:
                records = unpack(fields[b"d"], int(fields[b"n"]))
                self._remember(key, last - len(records), records, is_sealed=False)

    def _remember(self, key: str, first: int, records: Sequence[bytes], *, is_sealed: bool) -> None:
        if self._recent.add(key, first, records, is_sealed=is_sealed):  # our own appends arrive as entries too
            self._waiting.wake(key)

    def _forget(self, key: str) -> None:
        if self._followers:
            self._follower(key).forget(self._keys(key)[1])
        self._recent.forget(key)
        self._waiting.wake(key)

    def _on_lost(self) -> None:
        self._recent.clear()
        self._waiting.wake_all()


@lru_cache(maxsize=10_000)  # each reader needs them for each wait
def _keys(prefix: str, partition: int, key: str) -> tuple[str, str, str, str]:
    home = f"{prefix}:{{{prefix}:{partition}}}"
    return f"{home}:head:{key}", f"{home}:records:{key}", f"{home}:open", f"{home}:all"


def _new_token() -> str:
    """A token that names one call, so that repeating it after a lost reply has no effect."""
    return secrets.token_hex(8)


def _groups(entries: Iterable[Entry]) -> Iterable[tuple[int, int, bytes]]:
    for identifier, fields in entries:
        if b"d" in fields:
            yield int(identifier.partition(b"-")[0]), int(fields[b"n"]), fields[b"d"]


def _parse_header(row: list[bytes]) -> _LogHeader:
    end, is_sealed, writer, lease, changed, note, size, now = row
    age = (int(now) - int(changed)) / 1e6
    return _LogHeader(int(end), is_sealed == b"1", writer.decode(), float(lease), changed, note, int(size), age)


def _raise_for(code: int, key: str, details: list[Any]) -> NoReturn:
    match code:
        case scripts.UNKNOWN:
            raise UnknownStreamError(f"there is no stream {key!r}")
        case scripts.SEALED:
            raise SealedError(f"the stream {key!r} has ended")
        case scripts.WRITER:
            raise ConflictError(f"the stream {key!r} is written by {details[0].decode()!r}, not by this server")
        case scripts.OFFSET:
            raise ConflictError(f"the stream {key!r} is at {details[0]}, not at the expected offset")
        case scripts.EXISTS:
            raise ConflictError(f"the stream {key!r} already exists")
        case _:
            raise ConflictError(f"the stream {key!r} has a writer again")
