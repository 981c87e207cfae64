"""Answers with names that readers can come back to: who may, for how long, and what is forgotten afterwards."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from contextlib import ExitStack

import msgspec

from headwater.engines.base import Request
from headwater.errors import UnknownStreamError
from headwater.log.base import Log
from headwater.server import records
from headwater.server.access import Access
from headwater.server.choice import Engines
from headwater.server.recorder import Generation, Recorder

#: How many finished answers of one key are kept; the oldest goes first.
KEPT_PER_KEY = 1000


class Stream:
    """One answer that this process produces or keeps. Lives from its start until its log is dropped."""

    def __init__(self, name: str, head: records.Head, *, is_named: bool, life: float) -> None:
        self.name = name
        self.head = head
        self.is_named = is_named
        self.life = life
        self.generation: Generation | None = None
        self.readers = 0
        self.timer: asyncio.TimerHandle | None = None
        self.ends_at: float | None = None  # monotonic, once nothing is produced any more


class Streams:
    """The named answers of one server."""

    def __init__(self, engines: Engines, recorder: Recorder, access: Access) -> None:
        self._engines = engines
        self._recorder = recorder
        self._access = access
        self._life = access.limits.stream_life
        self._secret = secrets.token_bytes(32)
        self._streams: dict[str, Stream] = {}
        self._finished: dict[str, dict[str, None]] = {}  # by owner, the oldest first
        self._dropping: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def log(self) -> Log:
        """Where the answers are."""
        return self._recorder.log

    def repeated(self, who: bytes, repeat_key: str) -> Stream | None:
        """Return the stream that ``who`` began with this key before; None where there is none any more."""
        return self._streams.get(self._name(who, repeat_key))

    async def start(
        self, who: bytes, request: Request, head: records.Head, *, is_named: bool, repeat_key: str | None = None
    ) -> Stream:
        """Begin an answer. One whose name nobody is told is forgotten with its reader.

        Raises:
            APIError: 429, the key has its share of streams or requests; 503, the server is shutting down.
        """
        name = secrets.token_urlsafe(24) if repeat_key is None else self._name(who, repeat_key)
        stream = Stream(name, head, is_named=is_named, life=self._life)
        with ExitStack() as place:
            self._access.quotas.count(who)
            place.enter_context(self._access.quotas.stream(who))
            engine = self._engines.for_model(request.model)
            self._streams[name] = stream
            try:
                record = records.head_record(head)
                stream.generation = await self._recorder.start(engine, request, key=name, head=record)
            except BaseException:
                del self._streams[name]
                raise
            place.enter_context(self._access.tie(who, stream.generation.cancel))
            release = place.pop_all()
        stream.generation.when_done(lambda: self._finish(stream, release))
        return stream

    async def find(self, who: bytes, name: str) -> records.Head:
        """Return what the stream of this name is about.

        Raises:
            UnknownStreamError: there is none, or it is somebody else's; nobody can tell which.
        """
        page = await self.log.read(name, 0, 1)
        record = page.records[0] if page.records else b" "
        if record[0] == records.HEAD:
            head = msgspec.json.decode(record[1:], type=records.Head)
            if hmac.compare_digest(head.owner, owner_of(who)):
                return head
        raise UnknownStreamError(f"there is no stream {name!r}")

    def open(self, name: str) -> None:
        """Note that somebody reads; the log stays while they do."""
        stream = self._streams.get(name)
        if stream is not None:
            stream.readers += 1

    def close(self, name: str) -> None:
        """Note that a reader has left."""
        stream = self._streams.get(name)
        if stream is None:
            return
        stream.readers -= 1
        if not stream.readers and stream.ends_at is not None and (not stream.life or self._is_over(stream)):
            self._drop(stream)

    def cancel(self, name: str, *, discard: bool = False) -> None:
        """Stop an answer; harmless after its end. ``discard`` forgets it as soon as nobody reads it."""
        stream = self._streams.get(name)
        if stream is None:
            return
        if discard:
            stream.life = 0.0
        if stream.ends_at is None and stream.generation is not None:
            stream.generation.cancel()
        elif stream.ends_at is not None and discard and not stream.readers:
            self._drop(stream)

    def expires_at(self, name: str) -> int:
        """Return the Unix time before which the stream will not be forgotten."""
        stream = self._streams.get(name)
        if stream is None or stream.ends_at is None:
            return int(time.time() + self._life)
        return int(time.time() + stream.ends_at + stream.life - time.monotonic())

    def _finish(self, stream: Stream, release: ExitStack) -> None:
        release.close()
        stream.generation = None
        stream.ends_at = time.monotonic()
        if not stream.is_named:
            stream.life = 0.0
        if not stream.life and not stream.readers:
            self._drop(stream)
            return
        owned = self._finished.setdefault(stream.head.owner, {})
        owned[stream.name] = None
        if len(owned) > KEPT_PER_KEY:
            self._drop(self._streams[next(iter(owned))])
        self._expire(stream)

    def _expire(self, stream: Stream) -> None:
        """Look again when the time is up; a stream that is being read is left to its last reader."""
        if stream.name not in self._streams or (stream.readers and self._is_over(stream)):
            return
        if self._is_over(stream):
            self._drop(stream)
            return
        assert stream.ends_at is not None
        delay = max(0.0, stream.ends_at + stream.life - time.monotonic())
        stream.timer = asyncio.get_running_loop().call_later(delay + 0.001, self._expire, stream)

    def _is_over(self, stream: Stream) -> bool:
        return stream.ends_at is not None and time.monotonic() >= stream.ends_at + stream.life

    def _drop(self, stream: Stream) -> None:
        if self._streams.pop(stream.name, None) is None:
            return
        if stream.timer is not None:
            stream.timer.cancel()
        owned = self._finished.get(stream.head.owner)
        if owned is not None:
            owned.pop(stream.name, None)
            if not owned:
                del self._finished[stream.head.owner]
        task = asyncio.create_task(self.log.drop(stream.name))
        self._dropping.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._dropping.discard)

    def _name(self, who: bytes, repeat_key: str) -> str:
        digest = hmac.digest(self._secret, who + b"\0" + repeat_key.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:24]).decode()


def owner_of(who: bytes) -> str:
    """Return how a log names an owner: not by the hash that the key is known by."""
    return hashlib.sha256(b"owner\0" + who).hexdigest() if who else ""
