"""Streams under /v1/durable/: whose they are, how they end, and what two servers over one log make of them."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from headwater.errors import APIError
from headwater.log.base import Log
from headwater.log.memory import MemoryLog
from headwater.server import Limits
from headwater.server.durable import fields
from headwater.server.durable.protocol import Append, Creation, Producer
from headwater.server.durable.streams import DurableStreams, OpenedStream, ReadOnlyStream
from tests.support.live import Live, read_until

PATH = "/v1/durable/talk"
TEXT = {"content_type": "text/plain"}
PLAIN, CLOSING = Append("text/plain"), Append("text/plain", is_closing=True)
ME, MOST = b"me", 1_000_000


async def whole(streams: DurableStreams, path: str = "a", principal: bytes = ME) -> bytes:
    """All that a stream holds, read in as many parts as it takes."""
    found, after, data = await streams.find(principal, path), 0, b""
    while True:
        there = await streams.read(found, after)
        data, after = data + b"".join(there.records), there.next
        if there.is_tail:
            assert there.next == found.tail
            return data


async def made(streams: DurableStreams, path: str = "a", body: bytes = b"", **asked: Any) -> OpenedStream:
    """A new stream."""
    found, is_new = await streams.create(ME, path, Creation("text/plain", **asked), body)
    assert is_new
    return found


async def code(waiting: Any) -> int:
    """The code that a call is refused with."""
    with pytest.raises(APIError) as refused:
        await waiting
    return refused.value.code


def test_each_key_has_its_own_streams() -> None:
    """Two keys use one path without seeing, stopping or disturbing each other; who has no key gets nothing."""
    with Live(api_keys=["one", "two"], durable_streams=True) as live:
        for key in ("one", "two"):
            assert live.get(PATH, x_goog_api_key=key).status == 404
            assert live.request("PUT", PATH, key.encode(), x_goog_api_key=key, **TEXT).status == 201
        assert [live.get(PATH, x_goog_api_key=key).body for key in ("one", "two")] == [b"one", b"two"]
        assert live.request("DELETE", PATH, x_goog_api_key="two").status == 204
        assert live.get(PATH, x_goog_api_key="one").body == b"one"
        fork = {"stream_forked_from": PATH, **TEXT}
        assert live.request("PUT", PATH + "2", x_goog_api_key="two", **fork).status == 404
        assert live.get(PATH).status == 401


def test_streams_are_made_only_where_that_is_switched_on() -> None:
    """Without the switch nothing can be made, written or deleted, and there is nothing to read."""
    with Live() as live:
        assert [live.request(verb, PATH, b"x", **TEXT).status for verb in ("PUT", "POST", "DELETE")] == [405] * 3
        assert live.get(PATH).status == 404


class Answers:
    """Read-only streams: one answer of an engine, which belongs to ``ME``."""

    async def find(self, principal: bytes, path: str) -> ReadOnlyStream | None:
        return (
            ReadOnlyStream("answer", lambda record: record[1:] if record[:1] == b"c" else None)
            if principal == ME
            else None
        )


def test_what_others_write_is_read_only() -> None:
    """An answer is a JSON stream of its chunks, closed with it; it cannot be changed, and other keys do not see it."""

    async def run() -> None:
        log = MemoryLog()
        streams = DurableStreams(log, max_bytes=MOST, read_only=Answers())
        await log.create("answer")
        await log.append("answer", [b"h{}", b'c{"n":1}', b'c{"n":2}'])
        found = await streams.find(ME, "x")
        assert (await streams.read(found, 0)).records == [b'{"n":1}', b'{"n":2}']
        assert not (await streams.read(found, 0)).is_closed
        await log.append("answer", [b"z{}"], seal=True)
        assert await streams.read(found, 3) == ([], 4, True, True)
        assert await code(streams.append(ME, "x", CLOSING, b"")) == 405
        assert await code(streams.create(ME, "x", Creation(None), b"")) == 405
        assert await code(streams.delete(ME, "x")) == 405
        assert await code(streams.find(b"you", "x")) == 404

    asyncio.run(run())


def test_two_servers_agree() -> None:
    """Appends of producers through two servers at once are in the stream once each and in order."""

    async def run() -> None:
        log = MemoryLog()
        nodes = [DurableStreams(Slow(log), max_bytes=MOST), DurableStreams(Slow(log), max_bytes=MOST)]
        await made(nodes[0])

        async def produce(name: str) -> None:
            for seq in range(20):
                asked = Append("text/plain", producer=Producer(name, 0, seq))
                sent = (node.append(ME, "a", asked, b"%b%02d." % (name.encode(), seq)) for node in nodes)
                done = [done.note is not None for _, done in await asyncio.gather(*sent)]
                assert sorted(done) == [False, True]

        await asyncio.gather(*map(produce, "pqr"))
        parts = (await whole(nodes[1])).decode().split(".")[:-1]
        for name in "pqr":
            assert [part for part in parts if part[0] == name] == [f"{name}{seq:02}" for seq in range(20)]
        assert len(parts) == 60

    asyncio.run(run())


def test_two_servers_make_one_stream() -> None:
    """Of many creations at once, with a body or without, one makes the stream, and the others find it whole."""

    async def run() -> None:
        log = MemoryLog()
        nodes = [DurableStreams(Slow(log), max_bytes=MOST) for _ in range(4)]
        for path, body in (("a", b"body"), ("b", b"")):
            asked = Creation("text/plain", ttl=60)
            found = await asyncio.gather(*(node.create(ME, path, asked, body) for node in nodes))
            assert sorted(is_new for _, is_new in found) == [False, False, False, True]
            assert len({stream.note.id for stream, _ in found}) == 1
            assert await whole(nodes[0], path) == body

    asyncio.run(run())


def test_deleting_and_forking_at_once_loses_nothing() -> None:
    """A source that is deleted while it is forked either stays for its fork, or there is no fork."""

    async def run() -> None:
        log = MemoryLog()
        nodes = [DurableStreams(Slow(log), max_bytes=MOST), DurableStreams(Slow(log), max_bytes=MOST)]
        for number in range(20):
            source, fork = f"s{number}", f"f{number}"
            await made(nodes[0], source, b"river")
            asked = Creation(None, forked_from=source)
            forked, _ = await asyncio.gather(
                nodes[0].create(ME, fork, asked, b""), nodes[1].delete(ME, source), return_exceptions=True
            )
            if isinstance(forked, BaseException):
                assert await code(nodes[0].find(ME, fork)) == 404
            else:
                assert await whole(nodes[1], fork) == b"river"
                await nodes[1].delete(ME, fork)
            assert await code(nodes[0].find(ME, source)) == 404
        assert len(log) == 0

    asyncio.run(run())


def test_a_half_made_stream_is_not_there() -> None:
    """A stream whose maker died before its first bytes were stored is unknown, and can be made."""

    async def run() -> None:
        log = MemoryLog()
        dying = DurableStreams(Slow(log, dies=True), max_bytes=MOST)
        with pytest.raises(RuntimeError):
            await made(dying, body=b"lost")
        streams = DurableStreams(log, max_bytes=MOST)
        assert await code(streams.find(ME, "a")) == 404
        await made(streams, body=b"kept")
        assert await whole(streams) == b"kept"

    asyncio.run(run())


def test_retention_spares_streams_until_they_expire() -> None:
    """The server's retention of answers takes no stream; one that has expired leaves nothing behind."""

    async def run() -> None:
        now = 0.0
        log = MemoryLog(clock=lambda: now)
        streams = DurableStreams(log, max_bytes=MOST)
        await made(streams, "kept", b"x")
        await made(streams, "brief", b"x", ttl=100)
        await made(streams, "fork", forked_from="brief", ttl=500)
        now = 99.0
        await streams.renew(await streams.find(ME, "brief"))
        now = 198.0
        await streams.clean()
        await log.sweep(age=50, size=0)
        assert await whole(streams, "brief") == b"x"
        now = 200.0
        await streams.clean()
        await log.sweep(age=50, size=0)
        assert await code(streams.find(ME, "brief")) == 410
        assert await whole(streams, "fork") == b"x"
        now = 1000.0
        await streams.clean()
        assert await code(streams.find(ME, "brief")) == 404
        assert await whole(streams, "kept") == b"x"
        await streams.delete(ME, "kept")
        assert len(log) == 0

    asyncio.run(run())


def test_one_answer_is_bounded() -> None:
    """However many and large its records, a stream is read in parts of about a mebibyte, or of one record."""

    async def run() -> None:
        streams = DurableStreams(MemoryLog(), max_bytes=1 << 30)
        found = await made(streams)
        for size in (10, 900_000, 900_000, 900_000, 3_000_000, 10):
            found, _ = await streams.append(ME, "a", PLAIN, bytes(size))
        after, sizes = 0, []
        while after < found.tail:
            there = await streams.read(found, after)
            after = there.next
            sizes.append(sum(map(len, there.records)))
        assert sum(sizes) == 5_700_020
        assert max(sizes) <= 3_000_000 + 900_010

    asyncio.run(run())


def live_reader(live: Live, **headers: str) -> tuple[threading.Thread, list[bytes]]:
    """A reader of events in a thread; it has had the first of them."""
    connection, said = live.connect(), list[bytes]()
    lines = [f"GET {PATH}?offset=-1&live=sse HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    said.append(read_until(connection, b"upToDate"))
    thread = threading.Thread(target=lambda: said.append(read_until(connection, b"0\r\n\r\n")))
    thread.start()
    return thread, said


@pytest.mark.parametrize("why", ["closed", "deleted", "revoked", "shut down"])
def test_a_live_reader_is_let_go(why: str) -> None:
    """Events end by themselves when the stream is closed or deleted, its key is revoked, or the server ends."""
    with Live(api_keys=["one", "two"], durable_streams=True) as live:
        assert live.request("PUT", PATH, b"first", x_goog_api_key="one", **TEXT).status == 201
        thread, said = live_reader(live, x_goog_api_key="one")
        ends: dict[str, Callable[[], Any]] = {
            "closed": lambda: live.request("POST", PATH, b"last", x_goog_api_key="one", stream_closed="true", **TEXT),
            "deleted": lambda: live.request("DELETE", PATH, x_goog_api_key="one"),
            "revoked": lambda: live.on_loop(lambda: live.server.auth.revoke("one")),
            "shut down": live.stop,
        }
        ends[why]()
        thread.join(10)
        assert not thread.is_alive()
        assert re.search(rb"(^|\r\n)0\r\n\r\n$", said[1])  # the end of a chunked body, not of the connection
        assert (b"data:last" in said[1] and b'"streamClosed":true' in said[1]) == (why == "closed")


def test_too_many_live_readers_are_refused() -> None:
    """Live reads count among the streams that a key may have at once."""
    with Live(durable_streams=True, limits=Limits(max_streams=1, keep_alive=30)) as live:
        live.request("PUT", PATH, b"first", **TEXT)
        thread, _ = live_reader(live)
        assert live.get(PATH + "?offset=now&live=long-poll").status == 429
        assert live.get(PATH + "?offset=now").status == 200
        live.request("DELETE", PATH)
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("path", ["/v1/durable/", "/v1/durable/__ds/subscriptions/x", "/v1/durable/" + "x" * 1025])
def test_names_that_are_none(path: str) -> None:
    """An empty, endless or reserved name is refused."""
    with Live(durable_streams=True) as live:
        assert live.request("PUT", path, **TEXT).status in (400, 404)


def test_a_strange_name_is_a_name_like_any_other() -> None:
    """Dots, slashes and foreign letters in a name are nothing but a name, and the Location can be followed."""
    with Live(durable_streams=True) as live:
        for name in ("a/../b", "%2e%2e/etc/passwd", "%F0%9F%8C%8A", "a%20b"):
            reply = live.request("PUT", "/v1/durable/" + name, name.encode(), **TEXT)
            assert reply.status == 201
            assert live.get(reply.headers["location"].removeprefix("http://127.0.0.1:" + str(live.port))).body == (
                name.encode()
            )


def test_caches_keep_what_can_not_change() -> None:
    """A part that is full or closed may be kept for a while, the end of an open stream may not; all are private."""
    with Live(durable_streams=True) as live:
        live.request("PUT", PATH, b"x" * 2_000_000, **TEXT)
        live.request("POST", PATH, b"y", **TEXT)
        first = live.get(PATH)
        rest = live.get(f"{PATH}?offset={first.headers[fields.NEXT_OFFSET]}")
        assert (len(first.body), rest.body) == (2_000_000, b"y")
        assert "max-age=60" in first.headers["cache-control"]
        assert rest.headers["cache-control"] == "private, no-cache"
        assert live.get(PATH, if_none_match=f'"other", W/{first.headers["etag"]}').status == 304


class Slow:
    """A log that lets other tasks go first at each call; with ``dies`` it never appends."""

    def __init__(self, log: Log, *, dies: bool = False) -> None:
        self._log = log
        self._dies = dies

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._log, name)

        async def after_the_others(*given: Any, **named: Any) -> Any:
            if self._dies and name == "append":
                raise RuntimeError("dead")
            await asyncio.sleep(0)
            return await call(*given, **named)

        return after_the_others
