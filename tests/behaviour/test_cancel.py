"""``cancel()`` stops a stream from anywhere, at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from headwater import genai
from headwater.errors import StreamCancelled
from headwater.streaming import CancelToken, Deadlines, Retry, smooth
from tests.support.servers import PATIENCE, Connection, Request, Script, Server, says, two_then_stall, unmeasured, whole
from tests.support.stopping import AT_ONCE, ends, silent
from tests.support.waiting import blocked, idle

WORDS = "some words of a story that goes on and on "


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads that read."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


# --- moments ----------------------------------------------------------------------------------------------------------


def head_only(connection: Connection, request: Request) -> None:
    """Begin, and say nothing."""
    with contextlib.suppress(OSError):  # the client may have gone already, which is to be noted, too
        connection.begin()
    connection.stall()


def one_then_stall(connection: Connection, request: Request) -> None:
    """Say something, then nothing until the client closes."""
    with contextlib.suppress(OSError):
        connection.begin()
        connection.event(says(WORDS, usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 9}))
    connection.stall()


def busy(connection: Connection, request: Request) -> None:
    """Answer with an error that may go away."""
    connection.answer(b"", "503 Service Unavailable")


def flood(connection: Connection, request: Request) -> None:
    """Say more and more."""
    with contextlib.suppress(OSError):
        connection.begin()
        while True:
            connection.event(says("more "))
            time.sleep(0.001)
    connection.server.closes.put(time.monotonic())
    connection.close()


SLOW = Retry(attempts=2, initial_delay=60.0, jitter=0.0)
MOMENTS: dict[str, tuple[Script, dict[str, Any]]] = {
    "before the head": (silent, {}),
    "after the head": (head_only, {}),
    "in the middle": (one_then_stall, {}),
    "while chunks come": (flood, {}),
    "in a back-off": (busy, {"retry": SLOW}),
    "in a pacing pause": (one_then_stall, {"stages": [smooth(delay=30.0)]}),
    "in the wait for pacing after the end": (whole, {"stages": [smooth(delay=30.0)]}),
}


@pytest.mark.parametrize("raises", [False, True], ids=["ends", "raises"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_cancel_at_any_moment(side: Any, threads: ThreadPoolExecutor, moment: str, raises: bool) -> None:
    """The loop ends at once, or raises where that was asked for; the answer so far and the reason are kept."""
    script, options = MOMENTS[moment]
    with Server(script) as server:
        stream = side.stream(server.client(), raise_on_cancel=raises, **options)
        reading = threads.submit(side.read, stream)
        server.wait_for(1)
        if moment != "while chunks come":
            blocked()
        began = time.monotonic()
        stream.cancel("enough")
        text = stream.text
        if raises:
            with pytest.raises(StreamCancelled, match="enough") as caught:
                ends(reading, began)
            assert caught.value.reason == "enough"
            assert (caught.value.partial.text if caught.value.partial else "") == text
        else:
            ends(reading, began)
        assert stream.response.text or not text
        assert stream.text == text
        assert stream.is_over
        if moment not in ("in a back-off", "in the wait for pacing after the end"):
            assert server.closed_at() - began < AT_ONCE
            assert (str(stream.ending), stream.ending.reason) == ("cancelled", "enough")
        assert len(server.requests) == 1
        assert side.read(stream) == []


def test_usage_of_a_cancelled_stream_is_kept(side: Any) -> None:
    """What had come before the cancel stays on the stream: text, usage, response."""
    with Server(one_then_stall) as server:
        stream = side.stream(server.client())
        assert side.next(stream).text == WORDS
        stream.cancel()
        assert stream.usage_metadata.candidates_token_count == 9
        assert stream.response.text == stream.text == WORDS
        assert stream.response.usage_metadata.prompt_token_count == 3


@pytest.fixture
def full() -> Iterator[str]:
    """The address of a server that lets connections wait."""
    with socket.socket() as listener, contextlib.ExitStack() as queue:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # fill its queue, so that the kernel lets the next one wait
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_cancel_while_it_connects(side: Any, threads: ThreadPoolExecutor, full: str) -> None:
    """A connection that does not come about is given up at once, and not tried again."""
    client = genai.Client(api_key="k", http_options={"base_url": full})
    stream = side.stream(client, raise_on_cancel=True)
    reading = threads.submit(side.read, stream)
    blocked()
    assert not reading.done()
    began = time.monotonic()
    stream.cancel()
    with pytest.raises(StreamCancelled):
        ends(reading, began)


def test_cancel_in_the_handshake(side: Any, threads: ThreadPoolExecutor) -> None:
    """A TLS handshake that does not come about is given up at once, and its connection is closed."""
    with Server(whole, greet=lambda connection: connection.stall()) as server:
        client = genai.Client(api_key="k", http_options={"base_url": server.url.replace("http:", "https:")})
        stream = side.stream(client)
        reading = threads.submit(side.read, stream)
        blocked()
        assert not reading.done()
        began = time.monotonic()
        stream.cancel()
        assert ends(reading, began) == []
        assert server.closed_at() - began < AT_ONCE


def test_cancel_while_nobody_reads(side: Any) -> None:
    """Between two chunks, a cancel closes the connection; what had arrived and was not read is not read any more."""
    with Server(two_then_stall) as server:
        stream = side.stream(server.client())
        assert side.next(stream).text == "one "
        stream.cancel("no more")
        server.closed_at()
        assert str(stream.ending) == "cancelled"
        assert side.next(stream) is None


@pytest.mark.parametrize("raises", [False, True])
def test_cancel_before_all_that_came_is_read(side: Any, raises: bool) -> None:
    """Where the whole answer has arrived and part of it is read, a cancel ends the loop; the answer is whole."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.send(b"".join(b"%x\r\n%b\r\n" % (len(data), data) for data in events) + b"0\r\n\r\n")

    events = [b'data: {"candidates":[{"content":{"parts":[{"text":"%d"}]}}]}\r\n\r\n' % number for number in range(5)]
    events.append(b'data: {"candidates":[{"finishReason":"STOP"}]}\r\n\r\n')
    with Server(script) as server:
        stream = side.stream(server.client(), raise_on_cancel=raises)
        side.next(stream)
        blocked()
        side.next(stream)
        stream.cancel()
        if raises:
            with pytest.raises(StreamCancelled):
                side.next(stream)
        assert side.next(stream) is None


def test_cancel_after_the_end_changes_nothing(side: Any) -> None:
    """A stream that has ended stays as it is, however often it is cancelled."""
    with Server(whole) as server:
        stream = side.stream(server.client(), raise_on_cancel=True)
        side.read(stream)
        for _ in range(3):
            stream.cancel("late")
        assert str(stream.ending) == "finished"
        assert side.next(stream) is None
        assert side.do(stream.collect()).text == stream.text


def test_cancel_before_the_beginning_sends_nothing(side: Any) -> None:
    """A stream that is cancelled before its first chunk sends no request."""
    with Server(whole) as server:
        stream = side.stream(server.client(), raise_on_cancel=True)
        stream.cancel("not now")
        with pytest.raises(StreamCancelled, match="not now"):
            side.next(stream)
        assert server.accepted == 0


def test_the_first_reason_counts(side: Any) -> None:
    """cancel() may be called any number of times, from many threads at once; the first one's reason stays."""
    with Server(two_then_stall) as server:
        stream = side.stream(server.client())
        side.next(stream)
        stream.cancel("first")
        together = [threading.Thread(target=stream.cancel, args=[f"later {number}"]) for number in range(8)]
        for thread in together:
            thread.start()
        for thread in together:
            thread.join()
        server.closed_at()
        assert stream.ending.reason == "first"


def test_cancel_at_random_moments_is_never_an_error(side: Any, threads: ThreadPoolExecutor) -> None:
    """However a cancel and a reader meet, the stream ends as cancelled or as it would have, never as something else."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        for number in range(6):
            connection.event(says("word ", "STOP" if number == 5 else None))
            time.sleep(0.0005)
        connection.end()

    dice = random.Random(3)
    with Server(script) as server:
        client = server.client()
        side.read(side.stream(client))
        for _ in range(150):
            stream = side.stream(client, retry=Retry(attempts=3, initial_delay=0.0), on_break="continue")
            reading = threads.submit(side.read, stream)
            until = time.monotonic() + dice.uniform(0, 0.006)
            while time.monotonic() < until:
                pass
            stream.cancel()
            reading.result(PATIENCE)
            assert str(stream.ending) in ("cancelled", "finished"), stream.ending


# --- ways -------------------------------------------------------------------------------------------------------------


def test_cancel_from_another_task() -> None:
    """A task may cancel what another reads."""

    async def scenario(server: Server) -> None:
        stream = await server.client().aio.models.generate_content_stream(model="m", contents="hi")

        async def read() -> list[str]:
            return [chunk.text async for chunk in stream]

        task = asyncio.create_task(read())
        await asyncio.to_thread(server.wait_for, 1)
        await idle()
        stream.cancel()
        assert await task == ["one ", "two "]
        await asyncio.to_thread(server.closed_at)

    with Server(two_then_stall) as server:
        asyncio.run(asyncio.wait_for(scenario(server), PATIENCE))


_PROGRAM = """
import asyncio, gc, signal, sys
from headwater import genai
from headwater.streaming import CancelToken

colour, url = sys.argv[1:3]
number = getattr(signal, sys.argv[3])
token = CancelToken()
client = genai.Client(api_key="k", http_options={"base_url": url})
ask = {"model": "m", "contents": "hi", "cancel": token}

def stop(*_):
    token.cancel(sys.argv[3])

async def main():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(number, stop)
    stream = await client.aio.models.generate_content_stream(**ask)
    async for chunk in stream:
        print(chunk.text, flush=True)
    return stream

if colour == "sync":
    signal.signal(number, stop)
    stream = client.models.generate_content_stream(**ask)
    for chunk in stream:
        print(chunk.text, flush=True)
else:
    stream = asyncio.run(main())
print(stream.ending, stream.ending.reason, flush=True)
sys.stdin.readline()  # the connection is closed while the stream is still referenced
del stream, client
gc.collect()
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGALRM"])
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_cancel_in_a_signal_handler(colour: str, name: str) -> None:
    """A signal handler may cancel what its own thread reads: the loop ends, and the connection closes at once."""
    with Server(two_then_stall) as server:
        command = [sys.executable, "-W", "error", "-c", _PROGRAM, colour, server.url, name]
        with subprocess.Popen(
            command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=unmeasured()
        ) as program:
            assert program.stdout is not None
            assert [program.stdout.readline() for _ in range(2)] == ["one \n", "two \n"]
            time.sleep(0.05)
            began = time.monotonic()
            program.send_signal(getattr(signal, name))
            assert server.closed_at() - began < AT_ONCE
            assert program.stdout.readline() == f"cancelled {name}\n"
            _, complaints = program.communicate("\n", PATIENCE)
            assert complaints == ""
            assert program.returncode == 0


# --- elsewhere --------------------------------------------------------------------------------------------------------


def test_cancel_offline(side: Any, threads: ThreadPoolExecutor) -> None:
    """The offline engine's streams are cancelled like any other, between two words and before the first."""
    for pace in ("first=60,rate=1", "first=0,rate=0.01"):
        client = genai.Client(http_options={"base_url": f"offline:{pace}"})
        stream = side.stream(client, deadlines=Deadlines(), raise_on_cancel=True)
        reading = threads.submit(side.read, stream)
        blocked()
        began = time.monotonic()
        stream.cancel("enough")
        with pytest.raises(StreamCancelled, match="enough"):
            ends(reading, began)
        assert str(stream.ending) == "cancelled"


def test_cancel_over_tls(side: Any, threads: ThreadPoolExecutor, known: ssl.SSLContext) -> None:
    """A cancel closes a connection with TLS at once, in a read and in a pacing pause."""
    for options in ({}, {"stages": [smooth(delay=30.0)]}):
        with Server(one_then_stall, tls=known) as server:
            stream = side.stream(server.client(), **options)
            reading = threads.submit(side.read, stream)
            server.wait_for(1)
            blocked()
            began = time.monotonic()
            stream.cancel("enough")
            ends(reading, began)
            assert server.closed_at() - began < AT_ONCE
            assert (str(stream.ending), stream.text) == ("cancelled", WORDS)


def test_a_hundred_cancels_are_quick(side: Any, threads: ThreadPoolExecutor) -> None:
    """Half of a hundred cancels, at mixed moments and in mixed ways, reach the server within 50 ms."""
    dice, took = random.Random(5), list[float]()
    for script in (silent, head_only, one_then_stall, flood):
        with Server(script) as server:
            client = server.client()
            for number in range(13):
                token = CancelToken()
                stream = side.stream(client, cancel=token)
                reading = threads.submit(side.read, stream)
                server.wait_for(number + 1)
                time.sleep(dice.uniform(0, 0.01))
                stop: Callable[[], None] = stream.cancel if number % 2 else token.cancel
                began = time.monotonic()
                stop()
                took.append(server.closed_at() - began)
                reading.result(PATIENCE)
    print(f"LATENCY cancel median {statistics.median(took) * 1000:.2f} ms, most {max(took) * 1000:.2f} ms")
    assert statistics.median(took) < 0.050
