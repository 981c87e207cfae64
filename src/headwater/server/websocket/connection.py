"""One connection of the WebSocket: what its client says, and the streams that it follows.

Theory of operation
-------------------

A connection has three kinds of tasks. ``MessageSocket.serve`` runs ``_listen``, which handles the client's messages in
order. Each followed stream has a task that runs a ``StreamReader``. Prompts without an id share one more, which answers
them in turn. All of them send through the socket, one whole message at a time. Only ``serve`` closes the socket; every
other task ends the connection by raising ``CloseReason`` or calling ``MessageSocket.leave``.

*Streams outlive connections.* ``generate`` starts a stored stream, then a reader follows it, as for ``resume``: the log
is the only path. The id in messages is the client's name for a stream on this connection; ``stream`` in ``started`` is
its name on the server, with which ``resume`` works on any connection and any server. ``_ending`` has the exceptions,
the streams that stop with the connection: those of prompts without ``hello``, which a client could not resume, and
those with ``"on_disconnect": "cancel"``. One that has been read to its end is not stopped.

*Numbers.* Every message of a stream has a ``seq`` that follows from the log alone (``encoder.py``), whatever was
merged, left out or sent before. So "after 17" means the same in every connection. A resumed reader encodes the log from
its beginning and drops what the client has, since the numbers, the count of characters and the digest at the end depend
on all of it.

*Windows.* In ``hello`` a client may limit how many numbered messages it has not acknowledged. ``ack`` names a number
and covers all up to it. Without room the reader stops reading: nothing is queued in the server, and what arrives in the
log in the meantime is merged into few messages. So a slow client costs no memory and catches up in large steps. Usage
and progress have no number, take no room, and are dropped rather than queued. A client that acknowledges nothing, or
reads nothing from its socket, for the stall timeout is disconnected with 1013.

*Keys.* A connection may open without a key if it sends one in ``hello`` within the head timeout, since browsers cannot
set headers on a WebSocket; until then ``_principal`` is None and no other message is handled. Revoking the key closes
the connection.

*Shutdown.* ``go_away`` announces it, and the connection closes with 1012 when its last stream has ended. Stored streams
can be resumed on another server.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from contextlib import ExitStack, suppress

from headwater.errors import APIError, HeadwaterError, UnknownStreamError, UsageError
from headwater.server.http.auth import Auth
from headwater.server.http.offload import run_sized
from headwater.server.streams.record_format import StreamHeader
from headwater.server.streams.recorder import log_unwritable
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
    to_header,
    to_request,
)
from headwater.server.websocket.socket import CloseReason, MessageSocket

#: How many invalid messages are answered before the connection is closed.
MAX_BAD_MESSAGES = 10
#: How long the reader of a stream whose end could not be written has to get what is stored (seconds).
_CLOSING_SECONDS = 1.0
#: How many prompts without an id may wait for those before them.
MAX_WAITING = 16
_NO_KEY = "an API key is needed: send it as the token of hello"
_UNKNOWN = "the stream does not exist, or no longer"
#: What a turn costs to convert, in bytes of a request that cost the same.
_TURN_BYTES = 16


class Connection:
    """A client's connection, for the lifetime of its socket. ``principal`` is None if the key is still to be sent."""

    def __init__(self, socket: MessageSocket, registry: StreamRegistry, auth: Auth, principal: bytes | None) -> None:
        self._socket = socket
        self._registry = registry
        self._auth = auth
        self._limits = auth.limits
        self._principal = principal
        self._hello: Hello | None = None
        self._subscription = Subscription()
        self._readers: dict[str, StreamReader] = {}  # by id
        self._reading: set[StreamReader] = set()  # those, and that of the prompt without an id
        self._ending: set[str] = set()  # names of the streams that stop with this connection
        self._waiting: deque[tuple[Generate, int]] = deque()
        self._waiting_size = 0
        self._is_answering = False  # whether a task answers the prompts without an id
        self._is_leaving = False
        self._bad_messages = 0
        self._on_close = ExitStack()

    async def run(self) -> None:
        """Serve the client until it leaves or is disconnected."""
        self._close_on_revocation()
        try:
            await self._socket.serve(self._listen())
        finally:
            # The readers' tasks have ended. Streams are stopped while they still have a reader, since retention may
            # forget them as soon as they have none.
            self._on_close.close()
            for name in self._ending:
                self._registry.retention.stop(name)
            for reader in list(self._reading):
                self._close(reader)

    def _close_on_revocation(self) -> None:
        """Have this connection closed when its key is revoked."""
        if self._principal is not None:
            reason = CloseReason(codes.FORBIDDEN, "the API key is no longer valid")
            self._on_close.enter_context(self._auth.on_revoked(self._principal, lambda _: self._socket.leave(reason)))

    async def go_away(self, in_ms: int, reason: str) -> None:
        """Announce that this connection will end, and end it with the last stream that it follows."""
        self._is_leaving = True
        if self._hello is not None:  # a client without hello expects text only
            await self._socket.send_control("goaway", in_ms=in_ms, reason=reason)
        self._leave_when_done()

    def _leave_when_done(self) -> None:
        if self._is_leaving and not self._reading and not self._waiting:
            self._socket.leave(CloseReason(codes.RESTART, "the server is shutting down"))

    # Messages of the client

    async def _listen(self) -> None:
        deadline = asyncio.get_running_loop().time() + self._limits.head_timeout
        while True:
            try:
                received = await self._socket.receive(deadline if self._principal is None else None)
            except TimeoutError:
                raise CloseReason(codes.NO_HELLO, "no hello arrived") from None
            if received is None:
                return
            await self._handle_text(received[0])

    async def _handle_text(self, text: str | None) -> None:
        if text is None:
            await self._reject("messages are text, not bytes")
            return
        _check_size(text, self._limits.max_message)
        try:
            message = await run_sized(len(text), read_message, text)
        except UsageError as error:
            # An error with the id of a stream that is running would end that stream for the client.
            await self._reject(str(error), None if id_of(text) in self._readers else id_of(text))
            return
        if self._principal is None and not isinstance(message, Hello):
            await self._socket.send_error("unauthorized", _NO_KEY)
            raise CloseReason(codes.UNAUTHORIZED, "no key")
        await self._dispatch(message, len(text))

    async def _dispatch(self, message: Message, size: int) -> None:
        match message:
            case Ack():
                reader = self._readers.get(message.id)
                if reader is not None:
                    reader.window.ack(message.seq)
            # Without hello and id the client could not tell two streams apart, so it gets one at a time.
            case Generate() if message.id is None and self._hello is None:
                await self._queue(message, size)
            case Generate():
                await self._generate(message)
            case Resume():
                await self._resume(message)
            case Cancel():
                await self._cancel(message)
            case Hello():
                await self._handle_hello(message)
            case Ping():
                await self._socket.send_control("pong", **({} if message.n is None else {"n": message.n}))

    async def _reject(self, problem: str, id: str | None = None) -> None:
        await self._socket.send_error("bad_request", problem, id)
        self._bad_messages += 1
        if self._bad_messages >= MAX_BAD_MESSAGES:
            raise CloseReason(codes.BAD_MESSAGES, "too many invalid messages")

    async def _handle_hello(self, hello: Hello) -> None:
        if self._hello is not None:  # a second one could change the window of streams that are running
            await self._socket.send_error("bad_request", "hello may be sent only once")
            raise CloseReason(codes.SECOND_HELLO, "a second hello")
        if self._principal is None:
            self._principal = await self._authenticate(hello.token)
            self._close_on_revocation()
        self._hello = hello
        self._socket.is_greeted = True
        self._subscription = _subscription(hello)
        await self._send_ready()

    async def _send_ready(self) -> None:
        await self._socket.send_control(
            "ready",
            session=secrets.token_urlsafe(12),
            limits={"max_streams": self._limits.max_streams, "max_prompt_bytes": self._limits.max_message},
            heartbeat_ms=round(self._limits.keep_alive * 1000),
            resume_ttl_s=self._limits.stream_ttl,
        )

    async def _authenticate(self, token: str | None) -> bytes:
        if token is None:
            await self._socket.send_error("unauthorized", _NO_KEY)
            raise CloseReason(codes.UNAUTHORIZED, "no key")
        try:
            return self._auth.authenticate(token)
        except APIError:
            await self._socket.send_error("forbidden", "the API key is not valid")
            raise CloseReason(codes.FORBIDDEN, "a wrong key") from None

    # Streams

    async def _generate(self, message: Generate) -> None:
        stream_id = message.id or f"s-{secrets.token_urlsafe(9)}"
        if not await self._can_use(stream_id):
            return
        started = await self._start(message, stream_id)
        if started is not None:
            # A repeated idempotency key returns an older stream: its client gets all of it, as a replay.
            await self._follow(started.name, stream_id, started.header, None if started.is_new else 0)

    async def _start(self, message: Generate, id: str | None) -> StartedStream | None:
        """Start a stream, or send the client what is wrong with its request."""
        try:
            started = await self._begin(message, id or "")
        except UsageError as error:
            await self._reject(str(error), id)
            return None
        except APIError as error:
            wait = error.retry_after  # only the limit of requests per minute sets it
            code = "busy" if wait is None else "rate_limited"
            await self._socket.send_error(code, error.message, id, retry_after_ms=round((wait or 1) * 1000))
            return None
        if self._hello is None or message.on_disconnect == "cancel":
            self._ending.add(started.name)
        return started

    async def _begin(self, message: Generate, id: str) -> StartedStream:
        principal = self._principal or b""
        turns = len(message.contents) if isinstance(message.contents, list) else 1
        request = await run_sized(turns * _TURN_BYTES, to_request, message)
        header = to_header(message, request, id)
        self._auth.quotas.count_request(principal)
        # Nothing is stored beyond the connection for a client that has no way to resume.
        if self._hello is None:
            return await self._registry.relay(principal, request, header)
        policy = RetentionPolicy(ttl=self._limits.stream_ttl)
        return await self._registry.start(principal, request, header, policy, idempotency_key=message.idempotency_key)

    async def _resume(self, message: Resume) -> None:
        try:
            header = await self._registry.find(self._principal or b"", message.stream)
        except UnknownStreamError:
            await self._socket.send_error("not_found", _UNKNOWN, message.id, stream=message.stream)
            return
        stream_id = message.id
        if stream_id is None:  # the id that it was started with, if that is not in use here
            stream_id = header.id if header.id and header.id not in self._readers else message.stream
        if await self._can_use(stream_id):
            await self._follow(message.stream, stream_id, header, message.after)

    async def _can_use(self, id: str) -> bool:
        if id in self._readers:
            await self._socket.send_error(
                "bad_request", f"the id {id!r} belongs to a stream that is still running on this connection"
            )
            raise CloseReason(codes.DUPLICATE_ID, "a duplicate id")
        if len(self._readers) >= self._limits.max_streams:
            await self._socket.send_error("busy", "too many streams on this connection", id, retry_after_ms=1000)
            return False
        return True

    async def _follow(self, name: str, id: str, header: StreamHeader, after: int | None) -> None:
        encoder = MessageEncoder(id, after=after or 0, subscription=self._subscription, max_tokens=header.max_tokens)
        reader = self._readers[id] = self._open(name, encoder, header)
        if self._hello is not None:
            expires = self._registry.retention.expires_at(name, self._limits.stream_ttl)
            await self._socket.send_control(
                "started", id=id, stream=name, model=header.model, resumable=True, expires_at=expires
            )
        self._socket.start_task(self._read(reader, id, after))

    def _open(self, name: str, encoder: MessageEncoder, header: StreamHeader) -> StreamReader:
        window = Window(self._hello.window if self._hello is not None else None)
        log = self._registry.log_of(name)
        reader = StreamReader(log, name, encoder, self._socket, window, stall=self._limits.stall_timeout)
        self._registry.add_reader(name, header)
        self._reading.add(reader)
        return reader

    def _close(self, reader: StreamReader) -> None:
        if reader in self._reading:
            self._reading.discard(reader)
            self._registry.remove_reader(reader.name)

    async def _read(self, reader: StreamReader, id: str | None, after: int | None) -> None:
        """Follow a stream to its end, or report why that failed."""
        try:
            await self._run(reader, after)
        except (ValueError, HeadwaterError) as error:
            await self._socket.send_error(*_reading_error(error), id)
        except StuckError:
            # The stream itself is unharmed: the client may reconnect and resume it.
            if self._hello is not None:
                await self._socket.send_control("goaway", in_ms=0, reason="slow")
            raise CloseReason(codes.TRY_LATER, "the client acknowledges nothing") from None
        else:
            self._ending.discard(reader.name)
        finally:
            # The id is free from here on, so that the client may use it again after the end.
            if id is not None:
                del self._readers[id]
            self._close(reader)
            self._leave_when_done()

    async def _run(self, reader: StreamReader, after: int | None) -> None:
        """Follow a stream to its end.

        Raises:
            APIError: 503, if the end could not be written: nothing follows until the log can be written again.
        """
        reading = asyncio.create_task(reader.run(after=after, pause=self._limits.keep_alive))
        losing = asyncio.create_task(self._registry.wait_lost(reader.name))
        try:
            await asyncio.wait({reading, losing}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                # What is stored already is quick to read.
                await asyncio.wait({reading}, timeout=_CLOSING_SECONDS)
            if not reading.done():
                raise log_unwritable()
            await reading
        finally:
            losing.cancel()
            reading.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await reading

    async def _cancel(self, message: Cancel) -> None:
        if message.id is None and message.stream is None:
            await self._reject("cancel needs an id or a stream")
            return
        reader = self._readers.get(message.id) if message.id is not None else None
        name = reader.name if reader is not None else message.stream or message.id or ""
        if not await self._exists(name):
            # An id is unknown as soon as its stream has ended, so a late cancel by id is not an error.
            if message.stream is not None:
                await self._socket.send_error("not_found", _UNKNOWN, stream=name)
            return
        # A stopped stream ends with "cancelled" and stays readable; a discarded one is deleted.
        if message.mode == "discard":
            self._registry.discard(name)
        else:
            self._registry.stop(name)

    async def _exists(self, name: str) -> bool:
        try:
            await self._registry.find(self._principal or b"", name)
        except UnknownStreamError:
            return False
        return True

    # Prompts without an id are answered in turn

    async def _queue(self, message: Generate, size: int) -> None:
        # Together they may be as large as one message: they are the only thing that a connection queues.
        if len(self._waiting) >= MAX_WAITING or self._waiting_size + size > self._limits.max_message:
            await self._socket.send_error(
                "busy", "too many prompts are waiting on this connection", retry_after_ms=1000
            )
            return
        self._waiting.append((message, size))
        self._waiting_size += size
        if not self._is_answering:
            self._is_answering = True
            self._socket.start_task(self._answer_waiting())

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


def _check_size(text: str, limit: int) -> None:
    # Most messages are ASCII, whose size is known without encoding them.
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > limit:
        raise CloseReason(codes.TOO_BIG, f"a message is larger than {limit:,} bytes")


def _subscription(hello: Hello) -> Subscription:
    wanted = {"thought", "usage"} if hello.want is None else set(hello.want)
    return Subscription(
        typed=True,
        thought="thought" in wanted,
        usage="usage" in wanted,
        progress="progress" in wanted,
        metrics="metrics" in wanted,
        interval=hello.min_interval_ms / 1000,
    )


def _reading_error(error: Exception) -> tuple[str, str]:
    """The code and message for a stream that cannot be followed."""
    match error:
        case UnknownStreamError():
            return "expired", "the stream is no longer stored"
        case APIError():
            return "internal", error.message
        case HeadwaterError():
            return "internal", f"the log failed: {type(error).__name__}"
    return "bad_request", str(error)
