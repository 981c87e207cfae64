"""One connection of the WebSocket: what its client says, and the streams that it follows."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from contextlib import ExitStack

from headwater.errors import APIError, HeadwaterError, UnknownStreamError, UsageError
from headwater.server.http.auth import Auth
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.registry import StartedStream, StreamRegistry
from headwater.server.streams.retention import RetentionPolicy
from headwater.server.websocket import errors as codes
from headwater.server.websocket.encoder import MessageEncoder, Subscription
from headwater.server.websocket.reader import StreamReader, StuckError, Window
from headwater.server.websocket.requests import (
    Ack,
    Cancel,
    Generate,
    Hello,
    Message,
    Ping,
    Resume,
    id_of,
    read_message,
    to_head,
    to_request,
)
from headwater.server.websocket.socket import CloseReason, MessageSocket

#: How many messages that make no sense are answered before the connection is closed.
BAD_MESSAGES = 10
#: How many prompts without an id wait for the one before them.
WAITING = 16
_NO_KEY = "an API key is needed: send it as the token of hello"
_UNKNOWN = "there is no such stream, or no longer"


class Connection:
    """Lives as long as its socket. ``who`` is None until a key has come, where one is needed."""

    def __init__(self, socket: MessageSocket, registry: StreamRegistry, access: Auth, who: bytes | None) -> None:
        self._socket = socket
        self._registry = registry
        self._access = access
        self._limits = access.limits
        self._who = who
        self._hello: Hello | None = None
        self._wants = Subscription()
        self._readers: dict[str, StreamReader] = {}  # by id
        self._reading: set[StreamReader] = set()  # those, and the one of prompts without an id
        self._ending: set[str] = set()  # the streams that end with this connection
        self._waiting: deque[tuple[Generate, int]] = deque()
        self._waiting_size = 0
        self._is_answering = False  # prompts that have no id
        self._is_leaving = False
        self._bad = 0
        self._ties = ExitStack()

    async def run(self) -> None:
        """Serve the client until it leaves or has to."""
        self._tie()
        try:
            await self._socket.serve(self._listen())
        finally:
            self._ties.close()
            for name in self._ending:
                self._registry.retention.stop(name)
            for reader in list(self._reading):
                self._close(reader)

    def _tie(self) -> None:
        """End this connection when its key is revoked."""
        if self._who is not None:
            goodbye = CloseReason(codes.FORBIDDEN, "the API key is no longer valid here")
            self._ties.enter_context(self._access.on_revoked(self._who, lambda _: self._socket.leave(goodbye)))

    async def go_away(self, in_ms: int, reason: str) -> None:
        """Tell the client that this connection ends soon, and end it with the last stream that it follows."""
        self._is_leaving = True
        if self._hello is not None:
            await self._socket.say("goaway", in_ms=in_ms, reason=reason)
        self._leave_when_done()

    def _leave_when_done(self) -> None:
        if self._is_leaving and not self._reading and not self._waiting:
            self._socket.leave(CloseReason(codes.RESTART, "the server is shutting down"))

    # What the client says

    async def _listen(self) -> None:
        deadline = asyncio.get_running_loop().time() + self._limits.head_timeout
        while True:
            try:
                received = await self._socket.receive(deadline if self._who is None else None)
            except TimeoutError:
                raise CloseReason(codes.NO_HELLO, "no hello came") from None
            if received is None:
                return
            await self._hear(received[0])

    async def _hear(self, text: str | None) -> None:
        if text is None:
            await self._misunderstood("a message is text, not bytes")
            return
        if _size(text) > self._limits.max_message:
            raise CloseReason(codes.TOO_BIG, f"a message is larger than {self._limits.max_message:,} bytes")
        try:
            message = read_message(text)
        except UsageError as error:
            sender = id_of(text)
            await self._misunderstood(str(error), None if sender in self._readers else sender)
            return
        if self._who is None and not isinstance(message, Hello):
            await self._socket.refuse("unauthorized", _NO_KEY)
            raise CloseReason(codes.UNAUTHORIZED, "no key")
        await self._do(message, len(text))

    async def _do(self, message: Message, size: int) -> None:
        match message:
            case Ack():
                reader = self._readers.get(message.id)
                if reader is not None:
                    reader.window.ack(message.seq)
            case Generate() if message.id is None and self._hello is None:
                await self._queue(message, size)
            case Generate():
                await self._generate(message)
            case Resume():
                await self._resume(message)
            case Cancel():
                await self._cancel(message)
            case Hello():
                await self._greet(message)
            case Ping():
                await self._socket.say("pong", **({} if message.n is None else {"n": message.n}))

    async def _misunderstood(self, problem: str, id: str | None = None) -> None:
        await self._socket.refuse("bad_request", problem, id)
        self._bad += 1
        if self._bad >= BAD_MESSAGES:
            raise CloseReason(codes.BAD_MESSAGES, "too many messages that make no sense")

    async def _greet(self, hello: Hello) -> None:
        if self._hello is not None:
            await self._socket.refuse("bad_request", "hello is said once")
            raise CloseReason(codes.SECOND_HELLO, "a second hello")
        if self._who is None:
            self._who = await self._admit(hello.token)
            self._tie()
        self._hello = hello
        self._socket.is_greeted = True
        want = {"thought", "usage"} if hello.want is None else set(hello.want)
        chosen = {name: name in want for name in ("thought", "usage", "progress", "metrics")}
        self._wants = Subscription(typed=True, interval=hello.min_interval_ms / 1000, **chosen)
        await self._socket.say(
            "ready",
            session=secrets.token_urlsafe(12),
            limits={"max_streams": self._limits.max_streams, "max_prompt_bytes": self._limits.max_message},
            heartbeat_ms=round(self._limits.keep_alive * 1000),
            resume_ttl_s=self._limits.stream_ttl,
        )

    async def _admit(self, token: str | None) -> bytes:
        if token is None:
            await self._socket.refuse("unauthorized", _NO_KEY)
            raise CloseReason(codes.UNAUTHORIZED, "no key")
        try:
            return self._access.authenticate(token)
        except APIError:
            await self._socket.refuse("forbidden", "the API key is not valid here")
            raise CloseReason(codes.FORBIDDEN, "a wrong key") from None

    # Streams

    async def _generate(self, message: Generate) -> None:
        given = message.id or f"s-{secrets.token_urlsafe(9)}"
        if not await self._is_free(given):
            return
        started = await self._start(message, given)
        if started is not None:
            await self._follow(started.name, given, started.header, None if started.is_new else 0)

    async def _start(self, message: Generate, id: str | None) -> StartedStream | None:
        """Begin an answer; what is wrong with the request is said to the client."""
        try:
            started = await self._begin(message, id or "")
        except UsageError as error:
            await self._misunderstood(str(error), id)
            return None
        except APIError as error:
            wait = error.retry_after  # said by the limit of requests only
            code = "busy" if wait is None else "rate_limited"
            await self._socket.refuse(code, error.message, id, retry_after_ms=round((wait or 1) * 1000))
            return None
        if self._hello is None or message.on_disconnect == "cancel":
            self._ending.add(started.name)
        return started

    async def _begin(self, message: Generate, id: str) -> StartedStream:
        who, request = self._who or b"", to_request(message)
        head = to_head(message, request, id)
        self._access.quotas.count_request(who)
        if self._hello is None:
            return await self._registry.relay(who, request, head)
        terms = RetentionPolicy(ttl=self._limits.stream_ttl)
        return await self._registry.start(who, request, head, terms, idempotency_key=message.idempotency_key)

    async def _resume(self, message: Resume) -> None:
        try:
            head = await self._registry.find(self._who or b"", message.stream)
        except UnknownStreamError:
            await self._socket.refuse("not_found", _UNKNOWN, message.id, stream=message.stream)
            return
        given = message.id
        if given is None:  # the id that it had, where that is free here
            given = head.id if head.id and head.id not in self._readers else message.stream
        if await self._is_free(given):
            await self._follow(message.stream, given, head, message.after)

    async def _is_free(self, id: str) -> bool:
        if id in self._readers:
            await self._socket.refuse("bad_request", f"the id {id!r} is that of a stream that still runs here")
            raise CloseReason(codes.DUPLICATE_ID, "an id twice")
        if len(self._readers) >= self._limits.max_streams:
            await self._socket.refuse("busy", "too many streams on this connection", id, retry_after_ms=1000)
            return False
        return True

    async def _follow(self, name: str, id: str, head: StreamHeader, after: int | None) -> None:
        script = MessageEncoder(id, after=after or 0, wants=self._wants, max_tokens=head.max_tokens)
        reader = self._readers[id] = self._open(name, script, head)
        if self._hello is not None:
            expires = self._registry.retention.expires_at(name, self._limits.stream_ttl)
            await self._socket.say("started", id=id, stream=name, model=head.model, resumable=True, expires_at=expires)
        self._socket.begin(self._read(reader, id, after))

    def _open(self, name: str, script: MessageEncoder, head: StreamHeader) -> StreamReader:
        window = Window(self._hello.window if self._hello is not None else None)
        log = self._registry.log_of(name)
        reader = StreamReader(log, name, script, self._socket, window, stall=self._limits.stall_timeout)
        self._registry.add_reader(name, head)
        self._reading.add(reader)
        return reader

    def _close(self, reader: StreamReader) -> None:
        if reader in self._reading:
            self._reading.discard(reader)
            self._registry.remove_reader(reader.name)

    async def _read(self, reader: StreamReader, id: str | None, after: int | None) -> None:
        """Follow a stream to its end."""
        try:
            await reader.run(after=after, pause=self._limits.keep_alive)
        except ValueError as error:
            await self._socket.refuse("bad_request", str(error), id)
        except UnknownStreamError:
            await self._socket.refuse("expired", "this stream is no longer kept", id)
        except HeadwaterError as error:
            await self._socket.refuse("internal", f"the log failed: {type(error).__name__}", id)
        except StuckError:
            if self._hello is not None:
                await self._socket.say("goaway", in_ms=0, reason="slow")
            raise CloseReason(codes.TRY_LATER, "nothing is acknowledged here") from None
        else:
            self._ending.discard(reader.name)
        finally:
            if id is not None:
                del self._readers[id]
            self._close(reader)
            self._leave_when_done()

    async def _cancel(self, message: Cancel) -> None:
        if message.id is None and message.stream is None:
            await self._misunderstood("cancel needs the id or the stream")
            return
        reader = self._readers.get(message.id) if message.id is not None else None
        name = reader.name if reader is not None else message.stream or message.id or ""
        try:
            await self._registry.find(self._who or b"", name)
        except UnknownStreamError:
            if message.stream is not None:  # an id is unknown as soon as its stream has ended: nothing to say
                await self._socket.refuse("not_found", _UNKNOWN, stream=name)
            return
        if message.mode == "discard":
            self._registry.discard(name)
        else:
            self._registry.stop(name)

    # Prompts without an id: one after the other

    async def _queue(self, message: Generate, size: int) -> None:
        if len(self._waiting) >= WAITING or self._waiting_size + size > self._limits.max_message:
            await self._socket.refuse("busy", "too many prompts are waiting on this connection", retry_after_ms=1000)
            return
        self._waiting.append((message, size))
        self._waiting_size += size
        if not self._is_answering:
            self._is_answering = True
            self._socket.begin(self._answer_waiting())

    async def _answer_waiting(self) -> None:
        try:
            while self._waiting:
                message, size = self._waiting.popleft()
                self._waiting_size -= size
                started = await self._start(message, None)
                if started is not None:
                    await self._read(self._open(started.name, MessageEncoder(None), started.header), None, None)
        finally:
            self._is_answering = False


def _size(text: str) -> int:
    """The size of ``text`` in bytes, as exactly as a limit needs it."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
