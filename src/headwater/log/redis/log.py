"""The log in Redis or Valkey Streams: many nodes write and read the same logs."""

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
from headwater.log.base import LEASE, PAGE_RECORDS, LogState, Page
from headwater.log.lease import Leases
from headwater.log.packing import cut, pack, unpack
from headwater.log.recent import Recent
from headwater.log.redis import scripts as scripts
from headwater.log.redis.connection import Pipe
from headwater.log.redis.watch import BLOCK, Entry, Watch
from headwater.log.retention import StoredLog, to_drop
from headwater.log.waiting import WaitingReaders

#: Keys are spread over so many slots of a cluster; all that belongs to one log is in one.
PARTITIONS = 16
#: How long an answer may take before the connection counts as dead.
_ANSWER_SECONDS = 5.0
#: How many groups are asked for together, as long as they are not known to be small; and what is small, all together.
_GROUPS = 64
_SMALL = 64 * 1024


class _Head(msgspec.Struct):
    next: int
    is_sealed: bool
    writer: str
    lease: float
    mark: bytes
    note: bytes
    size: int
    age: float


class RedisLog:
    """Logs in the Redis at ``url``, for one event loop. ``prefix`` keeps them apart from others in the same Redis.

    ``patience``: seconds for which a call tries to reach a Redis that is gone. With ``cluster``, ``url`` names any
    node of a Redis Cluster.

    Raises:
        LogError: the URL is no address of a Redis.
    """

    def __init__(
        self, url: str, *, prefix: str = "headwater", patience: float = 20.0, is_cluster: bool = False
    ) -> None:
        self._url = url
        self._prefix = prefix
        self._is_cluster = is_cluster
        self._waiting = WaitingReaders()
        self._recent = Recent()
        self._leases = Leases()
        self._writes = Pipe(self._connect(_ANSWER_SECONDS), patience)
        self._reads = Pipe(self._connect(_ANSWER_SECONDS), patience)
        self._watches: dict[int, Watch] = {}

    def _connect(self, timeout: float) -> Any:
        kind = RedisCluster if self._is_cluster else Redis
        retry = Retry(NoBackoff(), 0)  # the pipe repeats, where repeating is harmless
        try:
            return kind.from_url(self._url, socket_timeout=timeout, socket_connect_timeout=2.0, retry=retry)
        except ValueError as error:
            raise LogError(f"this is no address of a Redis: {error}") from error

    async def create(self, key: str, *, writer: str = "", lease: float = LEASE, note: bytes = b"") -> None:
        """Begin an empty log."""
        await self._do(scripts.CREATE, key, _token(), writer, lease, note)

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
        """Add records, renew the lease and return the offset after them, when Redis has them."""
        records = list(records)
        said = (len(records), pack(records), "" if at is None else at, writer, int(seal))
        more = (0, b"") if note is None else (1, note)
        upto: int = await self._do(scripts.APPEND, key, _token(), *said, *more)
        if self._recent.get(key) is not None:
            self._note(key, upto - len(records), records, is_sealed=seal)
        return upto

    async def read(self, key: str, after: int, limit: int = PAGE_RECORDS) -> Page:
        """Return the records after offset ``after`` that are there now."""
        tail = self._recent.get(key)
        page = tail.page(after, limit) if tail is not None else None
        if page is not None and (page.records or page.is_end):
            return page
        return await self._read(key, after, limit)

    async def _read(self, key: str, after: int, limit: int) -> Page:
        """Ask Redis. The head comes first: a log that had its end then has no more records."""
        head, stream = self._names(key)[:2]
        records: list[bytes] = []
        upto, is_sealed, is_more, most = 0, False, True, _GROUPS
        while is_more and len(records) < limit:
            start = b"(%d-0" % (after + len(records))
            asked = self._reads.do("HMGET", head, "next", "sealed")
            groups = self._reads.do("XRANGE", stream, start, "+", "COUNT", most)
            answer, entries = await asyncio.gather(asked, groups)
            if answer[0] is None:
                raise UnknownStreamError(f"there is no stream {key!r}")
            upto, is_sealed = int(answer[0]), answer[1] == b"1"
            size = 0
            for last, count, data in _groups(entries):
                records += cut(last, count, data, after + len(records))
                size += len(data)
            is_more = len(entries) == most
            most = max(1, limit - len(records)) if size < _SMALL else _GROUPS
        del records[limit:]
        done = after + len(records)
        return Page(records, done, is_sealed and done >= upto)

    async def wait(self, key: str, after: int, timeout: float) -> None:
        """Return when there may be something after ``after``, or the end, or the time is up."""
        tail = self._recent.get(key)
        if tail is not None and (tail.is_sealed or tail.next > after):
            return
        woken = self._waiting.add(key, timeout)
        if self._watch(key).want(self._names(key)[1], key, after, timeout) or tail is None:
            head = await self._head(key)
            if head.is_sealed or head.next > after:
                return
        await woken

    async def state(self, key: str) -> LogState:
        """Return what the log is besides its records."""
        head = await self._head(key)
        return LogState(head.next, head.is_sealed, head.writer, self._is_stale(key, head), head.note)

    async def take_over(self, key: str, writer: str, *, lease: float = LEASE) -> LogState:
        """Become the writer of a stale log."""
        head = await self._head(key)
        if head.is_sealed:
            raise SealedError(f"the stream {key!r} has ended")
        if not self._is_stale(key, head):
            raise ConflictError(f"the stream {key!r} still has a writer")
        await self._do(scripts.TAKE_OVER, key, _token(), writer, lease, head.mark)
        return LogState(head.next, False, writer, False, head.note)

    async def stale(self) -> list[str]:
        """Return the keys of all stale logs."""
        return [key for key, head in await self._survey("open") if self._is_stale(key, head)]

    async def seal(self, key: str) -> None:
        """End the log."""
        upto = await self._do(scripts.SEAL, key)
        self._leases.forget(key)
        if self._recent.get(key) is not None:
            self._note(key, upto, (), is_sealed=True)

    async def drop(self, key: str) -> None:
        """Forget the log."""
        await self._do(scripts.DROP, key)
        self._leases.forget(key)
        self._forget(key)

    async def sweep(self, *, age: float | None = None, size: int | None = None) -> int:
        """Drop what is old, then the oldest of what is too much."""
        heads = await self._survey("all")
        kept = [StoredLog(key, head.age, head.size, self._is_written(key, head)) for key, head in heads]
        dropped = list(to_drop(kept, age, size))
        for key in dropped:
            await self.drop(key)
        return len(dropped)

    async def aclose(self) -> None:
        """Finish what was asked for and close the connections."""
        for watch in self._watches.values():
            await watch.aclose()
        await self._writes.aclose()
        await self._reads.aclose()

    def _partition(self, key: str) -> int:
        return zlib.crc32(key.encode()) % PARTITIONS

    def _names(self, key: str) -> tuple[str, str, str, str]:
        """The head, the stream, the set of logs with a writer and that of all logs: in one slot."""
        return _names(self._prefix, self._partition(key), key)

    def _watch(self, key: str) -> Watch:
        """The reader of a key: one for all; in a cluster one for each partition, since XREAD keeps to one slot."""
        partition = self._partition(key) if self._is_cluster else 0
        if partition not in self._watches:
            control = f"{self._prefix}:{{{self._prefix}:{partition}}}:wake"
            redis = self._connect(BLOCK + _ANSWER_SECONDS)
            self._watches[partition] = Watch(redis, self._writes, control, self._found, self._recent.forget, self._lost)
        return self._watches[partition]

    async def _do(self, script: str, key: str, *arguments: Any) -> Any:
        """Return what a script of ours returns for a log."""
        code, *said = await self._writes.do("EVAL", script, 4, *self._names(key), key, *arguments)
        if code:
            _refuse(code, key, said)
        return said[0] if said else None

    async def _head(self, key: str) -> _Head:
        code, *said = await self._reads.do("EVAL", scripts.STATE, 1, self._names(key)[0])
        if code:
            _refuse(code, key, said)
        return _parse(said[0])

    async def _survey(self, which: str) -> list[tuple[str, _Head]]:
        homes = [f"{self._prefix}:{{{self._prefix}:{partition}}}" for partition in range(PARTITIONS)]
        asked = (self._reads.do("EVAL", scripts.SURVEY, 1, f"{home}:{which}", f"{home}:head:") for home in homes)
        answers = await asyncio.gather(*asked)
        return [(key.decode(), _parse(head)) for _, found in answers for key, head in found]

    def _is_stale(self, key: str, head: _Head) -> bool:
        if head.is_sealed or not head.writer:
            return False
        return self._leases.has_run_out(key, float(head.mark), head.age, head.lease)

    def _is_written(self, key: str, head: _Head) -> bool:
        return bool(head.writer) and not head.is_sealed and not self._is_stale(key, head)

    def _found(self, key: str, entries: Iterable[Entry]) -> None:
        """Something came from the stream of a log."""
        for identifier, fields in entries:
            last = int(identifier.partition(b"-")[0])
            if b"gone" in fields:
                self._forget(key)
            elif b"end" in fields:
                self._note(key, last, (), is_sealed=True)
            else:
                records = unpack(fields[b"d"], int(fields[b"n"]))
                self._note(key, last - len(records), records, is_sealed=False)

    def _note(self, key: str, first: int, records: Sequence[bytes], *, is_sealed: bool) -> None:
        if self._recent.add(key, first, records, is_sealed=is_sealed):  # our own appends come back as entries too
            self._waiting.wake(key)

    def _forget(self, key: str) -> None:
        if self._watches:
            self._watch(key).forget(self._names(key)[1])
        self._recent.forget(key)
        self._waiting.wake(key)

    def _lost(self) -> None:
        self._recent.clear()
        self._waiting.wake_all()


@lru_cache(maxsize=10_000)  # each reader asks for them at each wait
def _names(prefix: str, partition: int, key: str) -> tuple[str, str, str, str]:
    home = f"{prefix}:{{{prefix}:{partition}}}"
    return f"{home}:head:{key}", f"{home}:records:{key}", f"{home}:open", f"{home}:all"


def _token() -> str:
    """The name of one call."""
    return secrets.token_hex(8)


def _groups(entries: Iterable[Entry]) -> Iterable[tuple[int, int, bytes]]:
    for identifier, fields in entries:
        if b"d" in fields:
            yield int(identifier.partition(b"-")[0]), int(fields[b"n"]), fields[b"d"]


def _parse(row: list[bytes]) -> _Head:
    upto, is_sealed, writer, lease, changed, note, size, now = row
    age = (int(now) - int(changed)) / 1e6
    return _Head(int(upto), is_sealed == b"1", writer.decode(), float(lease), changed, note, int(size), age)


def _refuse(code: int, key: str, said: list[Any]) -> NoReturn:
    match code:
        case scripts.UNKNOWN:
            raise UnknownStreamError(f"there is no stream {key!r}")
        case scripts.SEALED:
            raise SealedError(f"the stream {key!r} has ended")
        case scripts.WRITER:
            raise ConflictError(f"the stream {key!r} is written by {said[0].decode()!r}, not by you")
        case scripts.OFFSET:
            raise ConflictError(f"the stream {key!r} is at {said[0]}, not there")
        case scripts.EXISTS:
            raise ConflictError(f"there is a stream {key!r} already")
        case _:
            raise ConflictError(f"the stream {key!r} has a writer again")
