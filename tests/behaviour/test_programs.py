"""Whole programs, with every warning an error: whatever ends first, nothing complains and nothing stays open."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.support.servers import PATIENCE, Connection, Request, Server, says, two_then_stall, unmeasured, whole

_PREAMBLE = """
import asyncio, gc, os, sys, threading
from headwater import genai

URL = sys.argv[1]
OPTIONS = {"base_url": URL}

def new_client():
    return genai.Client(api_key="test-key", http_options=OPTIONS)

def stream_of(client):
    return client.models.generate_content_stream(model="m", contents="hi")

async def astream_of(client):
    return await client.aio.models.generate_content_stream(model="m", contents="hi")

async def ask(client):
    return (await client.aio.models.generate_content(model="m", contents="hi")).text

async def read(client):
    return [chunk.text async for chunk in await astream_of(client)]
"""


def start(program: str, url: str) -> subprocess.Popen[str]:
    """Start a program in which every warning is an error."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", _PREAMBLE + program, url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=unmeasured())


def run(program: str, url: str) -> str:
    """Return what a program printed; it has to end well and without a word on stderr."""
    process = start(program, url)
    try:
        out, err = process.communicate(timeout=PATIENCE * 2)
    finally:
        process.kill()
    assert (process.returncode, complaints(err)) == (0, "")
    return out.strip()


def complaints(err: str) -> str:
    """Return what a program said on stderr, but for asyncio's note on a slow step: this machine has other work too."""
    return "".join(line for line in err.splitlines(keepends=True) if not SLOW.fullmatch(line.strip()))


SLOW = re.compile(r"Executing <.*> took [\d.]+ seconds")


QUIET = {
    "unary, no close": "print(asyncio.run(ask(new_client())))",
    "stream, no close": "print(''.join(asyncio.run(read(new_client()))))",
    "client of the module": "client = new_client()\nprint(asyncio.run(ask(client)))",
    "two runs": "client = new_client()\nasyncio.run(ask(client))\nprint(asyncio.run(ask(client)))",
    "two runs, two streams": """
client = new_client()
asyncio.run(read(client))
print(''.join(asyncio.run(read(client))))
""",
    "aclose": """
async def main():
    client = new_client()
    print(await ask(client))
    await client.aio.aclose()
asyncio.run(main())
""",
    "used after aclose": """
async def main():
    client = new_client()
    await ask(client)
    await client.aio.aclose()
    print(await ask(client))
asyncio.run(main())
""",
    "async with": """
async def main():
    async with new_client().aio as models:
        print((await models.models.generate_content(model="m", contents="hi")).text)
asyncio.run(main())
""",
    "own loop, closed": """
loop = asyncio.new_event_loop()
client = new_client()
print(loop.run_until_complete(ask(client)))
loop.close()
""",
    "own loop, client gone first": """
loop = asyncio.new_event_loop()
print(loop.run_until_complete(ask(new_client())))
loop.close()
""",
    "own loop, closed, stream": """
loop = asyncio.new_event_loop()
client = new_client()
print(''.join(loop.run_until_complete(read(client))))
loop.close()
del loop
gc.collect()
""",
    "own loop, closed, another after": """
client = new_client()
for _ in range(3):
    loop = asyncio.new_event_loop()
    text = loop.run_until_complete(ask(client))
    loop.close()
print(text)
""",
    "own loop, never closed": """
loop = asyncio.new_event_loop()
client = new_client()
print(loop.run_until_complete(ask(client)))
loop.close()
client.close()
""",
    "client in a circle": """
async def main():
    client = new_client()
    circle = [client]
    circle.append(circle)
    text = await ask(client)
    del client, circle
    gc.collect()
    await asyncio.sleep(0)
    return text
print(asyncio.run(main()))
gc.collect()
""",
    "client gone in another thread": """
async def main():
    client = [new_client()]
    text = await ask(client[0])
    await asyncio.to_thread(client.clear)
    return text
print(asyncio.run(main()))
""",
    "aclose while a stream is open": """
async def main():
    client = new_client()
    stream = await astream_of(client)
    await anext(stream)
    await client.aio.aclose()
    text = (await stream.collect()).text
    await asyncio.sleep(0)
    return text
print(asyncio.run(main()))
""",
    "a large request": """
async def main():
    part = genai.types.Part.from_bytes(data=b"x" * 3_000_000, mime_type="image/png")
    print((await new_client().aio.models.generate_content(model="m", contents=part)).text)
asyncio.run(main())
""",
    "threads with loops": """
client = new_client()
texts = []
def work():
    for _ in range(3):
        texts.append(asyncio.run(ask(client)))
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(texts[0] if texts == ["Hello world"] * 24 else texts)
""",
    "sync, no close": "print(new_client().models.generate_content(model='m', contents='hi').text)",
    "sync stream, no close": "print(''.join(chunk.text for chunk in stream_of(new_client())))",
    "sync, of the module": """
client = new_client()
print(client.models.generate_content(model="m", contents="hi").text)
""",
    "sync, closed and used again": """
client = new_client()
client.models.generate_content(model="m", contents="hi")
client.close()
print(client.models.generate_content(model="m", contents="hi").text)
""",
    "sync, stream left": """
client = new_client()
for chunk in stream_of(client):
    break
print("Hello world")
""",
    "fork, sync": """
client = new_client()
client.models.generate_content(model="m", contents="hi")
child = os.fork()
text = client.models.generate_content(model="m", contents="hi").text
if child:
    assert os.waitpid(child, 0)[1] == 0
    assert client.models.generate_content(model="m", contents="hi").text == text
    print(text)
""",
    "fork, async, loop closed": """
client = new_client()
asyncio.run(ask(client))
child = os.fork()
text = asyncio.run(ask(client))
if child:
    assert os.waitpid(child, 0)[1] == 0
    print(text)
""",
    "fork, async, loop kept": """
client = new_client()
loop = asyncio.new_event_loop()
loop.run_until_complete(ask(client))
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
    print(loop.run_until_complete(asyncio.wait_for(ask(client), 5)))
    loop.close()
else:
    assert asyncio.run(ask(client)) == "Hello world"
    os._exit(0)
""",
}


@pytest.mark.parametrize("name", QUIET)
def test_program_ends_without_a_word(name: str) -> None:
    """A program that uses a client says what it wants to say and nothing else, however it ends."""
    with Server(whole) as server:
        assert run(QUIET[name], server.url) == "Hello world"


STALLED = {
    "run ends while a stream is open": """
async def main():
    global stream
    stream = await astream_of(new_client())
    print((await anext(stream)).text)
asyncio.run(main())
""",
    "run ends while a task reads": """
async def main():
    client = new_client()
    stream = await astream_of(client)
    print((await anext(stream)).text)
    async def rest():
        async for chunk in stream:
            pass
    global task
    task = asyncio.create_task(rest())
    await asyncio.sleep(0.1)
asyncio.run(main())
""",
    "own loop closed while a stream is open": """
client = new_client()
loop = asyncio.new_event_loop()
stream = loop.run_until_complete(astream_of(client))
print(loop.run_until_complete(anext(stream)).text)
loop.close()
""",
    "own loop closed, then the stream": """
client = new_client()
loop = asyncio.new_event_loop()
stream = loop.run_until_complete(astream_of(client))
print(loop.run_until_complete(anext(stream)).text)
loop.close()
stream.close()
del stream, client
gc.collect()
""",
    "own loop stands still while the stream closes": """
client = new_client()
loop = asyncio.new_event_loop()
stream = loop.run_until_complete(astream_of(client))
print(loop.run_until_complete(anext(stream)).text)
stream.close()
loop.run_until_complete(asyncio.sleep(0))
loop.close()
""",
    "dropped in the loop": """
async def main():
    stream = await astream_of(new_client())
    print((await anext(stream)).text)
    del stream
    await asyncio.sleep(0)
asyncio.run(main())
""",
    "dropped as the loop ends": """
async def main():
    stream = await astream_of(new_client())
    print((await anext(stream)).text)
asyncio.run(main())
""",
    "an exception ends the program's loop": """
async def main():
    stream = await astream_of(new_client())
    async for chunk in stream:
        print(chunk.text)
        raise ValueError
try:
    asyncio.run(main())
except ValueError:
    pass
""",
    "sync, open at exit": "stream = stream_of(new_client())\nprint(next(stream).text)",
    "sync, open at exit, in a circle": """
stream = stream_of(new_client())
print(next(stream).text)
circle = [stream]
circle.append(circle)
""",
    "sync, a thread still reads at exit": """
stream = stream_of(new_client())
print(next(stream).text)
threading.Thread(target=lambda: list(stream), daemon=True).start()
""",
}


@pytest.mark.parametrize("name", STALLED)
def test_program_with_an_open_stream_ends_without_a_word(name: str) -> None:
    """A program that leaves a stream open ends at once, closes the connection and says nothing on stderr."""
    with Server(two_then_stall) as server:
        assert run(STALLED[name], server.url) == "one"
        server.closed_at()


def test_forked_child_leaves_the_stream_of_its_parent_alone() -> None:
    """A child that ends with a copy of an open stream does not cut the stream of its parent."""
    go_on = threading.Event()

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("one "))
        assert go_on.wait(PATIENCE)
        connection.event(says("two", "STOP"))
        connection.end()

    program = """
for chunk in stream_of(new_client()):
    print(chunk.text, end="", flush=True)
    if chunk.text == "one ":
        child = os.fork()
        if not child:
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print("child gone ", end="", flush=True)
"""
    with Server(script) as server:
        process = start(program, server.url)
        assert process.stdout is not None
        assert process.stdout.read(len("one child gone ")) == "one child gone "
        go_on.set()
        out, err = process.communicate(timeout=PATIENCE)
        assert (out, complaints(err), process.returncode) == ("two", "", 0)


SYNC_LOOP = """
try:
    for chunk in stream_of(new_client()):
        print(chunk.text, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    import time
    time.sleep(0.5)  # the connection must be closed before the program ends
"""
ASYNC_LOOP = """
async def main():
    try:
        async for chunk in await astream_of(new_client()):
            print(chunk.text, flush=True)
    finally:
        print("interrupted", flush=True)
        await asyncio.sleep(0.5)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
"""


@pytest.mark.parametrize("program", [SYNC_LOOP, ASYNC_LOOP], ids=["sync", "async"])
@pytest.mark.parametrize("begun", [True, False], ids=["in the answer", "before the head"])
def test_ctrl_c_closes_within_the_bound(program: str, begun: bool) -> None:
    """Ctrl-C closes the connection within 50 ms, in a sync and an async program."""
    took = []
    for _ in range(2):
        with Server(two_then_stall if begun else lambda connection, _: connection.stall()) as server:
            process = start(program, server.url)
            assert process.stdout is not None
            server.wait_for(1)
            if begun:
                assert [process.stdout.readline() for _ in range(2)] == ["one \n", "two \n"]
            time.sleep(0.1)  # let the program block
            let_go = time.monotonic()
            process.send_signal(signal.SIGINT)
            took.append(server.closed_at() - let_go)
            out, err = process.communicate(timeout=PATIENCE)
            assert (out, complaints(err)) == ("interrupted\n", "")
    print(f"LATENCY ctrl-c {took}")
    assert min(took) < 0.05, took
