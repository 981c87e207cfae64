"""Sends 80 hostile requests to ``headwater serve`` with the offline engine, and watches what else it does meanwhile.

    python bench/hostile.py

Schemas without end, patterns that backtrack, large prompts, pictures and stories, four at a time, each whole and
streamed; and requests of 100,000 messages, items, steps, tools or calls to the other endpoints. Another client asks for
``/healthz`` every 20 ms, and another streams a story all the time. A second server shares the store with a lease of one
second, and would take over a slow stored stream of the first if its lease ran out. It prints the slowest answers of
each kind, and exits with status 1 if ``/healthz`` took longer than 200 ms, a hostile request was answered with anything
but 200 or 400, the other client's story was cut, or a stream was taken over.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp

LIMIT = 0.2
CONCURRENT = 4
STORY = "Tell me a story in 2000 words."


def nested(depth: int) -> dict[str, Any]:
    """Arrays in arrays of 200 items each."""
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema, "minItems": 200}
    return schema


def recursive(count: int) -> dict[str, Any]:
    """An object of ``count`` objects of its own kind."""
    names = [f"p{number}" for number in range(count)]
    return {"type": "object", "properties": {name: {"$ref": "#"} for name in names}, "required": names}


def picture() -> dict[str, Any]:
    """A PNG of 1000 x 700 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1000, 700, 8, 6, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(4001) * 700)) + chunk(b"IEND", b"")
    return {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(data).decode()}}


def hostile() -> list[bytes]:
    """The bodies: 30, each sent twice."""
    many = {f"p{number}": {"type": "string"} for number in range(100_000)}
    patterns = ["a?" * 60 + "[^a]", "(a+)+$", "a{999}" * 100_000, "(" * 10_000, "(?=a)*b"]
    schemas = [nested(3), nested(5), recursive(2), recursive(10), {"enum": [str(number) for number in range(500_000)]}]
    schemas += [{"type": "object", "properties": many}, {"type": "object", "properties": many, "required": [*many]}]
    schemas += [
        {"type": "array", "minItems": 10**9},
        {"allOf": [{"$ref": "#"}] * 20},
        {"anyOf": [{"$ref": "#"}] * 1000},
    ]
    schemas += [{"type": "string", "pattern": pattern} for pattern in patterns]
    texts = ["x" * 10**6, "word " * 200_000, "." * 10**6, "in 9 words " * 90_000, "\n" * 10**6, "Yes. " * 200_000]
    texts += ["one hundred and " * 60_000, "'s" * 500_000, "(" * 10**6, "a " * 10**7, "Tell me a story in 50000 words."]
    asked = [{"contents": [{"parts": [{"text": text}]}]} for text in texts]
    asked += [{"contents": [{"parts": [*[picture()] * 20, {"text": "What is this?"}]}]}] * 2
    declared = {"tools": [{"functionDeclarations": [{"name": "f", "parameters": recursive(2)}]}]}
    asked += [{"contents": [{"parts": [{"text": "call f"}]}], **declared}] * 2
    config = {"responseMimeType": "application/json"}
    asked += [
        {"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {**config, "responseJsonSchema": schema}}
        for schema in schemas
    ]
    return [json.dumps(body).encode() for body in asked]


def elsewhere() -> list[tuple[str, bytes]]:
    """The paths and bodies for the endpoints of other APIs."""
    many, asked = range(100_000), {"role": "user", "content": "x"}
    calls = [{"id": f"call-{number}", "type": "function", "function": {"name": "f"}} for number in range(20_000)]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in reversed(calls)]
    tools = [{"type": "function", "function": {"name": f"f{number}"}} for number in many]
    url = {"type": "image_url", "image_url": {"url": f"data:{';' * 10**7},x"}}
    chats = [[asked] * len(many), [asked, {"role": "assistant", "tool_calls": calls}, *results, asked]]
    chats += [[{"role": "user", "content": [url]}], [{"role": "user", "content": "Tell me a story in 50000 words."}]]
    bodies: list[tuple[str, dict[str, Any]]] = [("chat/completions", {"messages": chat, "n": 8}) for chat in chats]
    bodies += [("chat/completions", {"messages": [asked], "tools": tools, "tool_choice": "required"})]
    bodies += [("responses", {"input": [asked] * 50_000}), ("responses", {"input": "x", "reasoning": 1})]
    bodies += [("interactions", {"input": ["x"] * len(many)}), ("interactions", {"input": {"type": [1]}})]
    bodies += [("interactions", {"input": [{"type": "thought", "signature": "AAAA"}] * len(many) + ["x"]})]
    bodies += [("interactions", {"input": "x", "labels": {f"a{number}": "b" for number in many}})]
    bodies += [("interactions", {"input": "Tell me a story in 50000 words.", "background": True})] * 3
    contents = [{"parts": [{"text": "word"}]}] * len(many)
    bodies += [("cachedContents", {"contents": contents}), ("models/m:computeTokens", {"contents": contents})]
    files = [{"fileData": {"fileUri": f"http://localhost/files/{number}"}} for number in many]
    bodies += [("models/m:countTokens", {"contents": [{"parts": files}]})]
    bodies += [("models/m:batchEmbedContents", {"requests": [{"content": contents[0]}] * len(many)})]
    bodies += [("models/m:embedContent", {"content": {"parts": [{"text": "word " * 10**6}]}})]
    bodies += [("models/m:predict", {"instances": [{"content": "word " * 3000}] * 100})]
    return [
        (f"{'/v1' if path[:4] in ('chat', 'resp') else '/v1beta'}/{path}", json.dumps({"model": "m", **body}).encode())
        for path, body in bodies
    ]


async def attack(session: aiohttp.ClientSession, url: str) -> list[tuple[float, int, int]]:
    """Send everything; return seconds, status and size of each."""
    methods = ("/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse")
    queue = elsewhere() + [(path, body) for path in methods for body in hostile()]
    seen: list[tuple[float, int, int]] = []

    async def sender() -> None:
        while queue:
            path, body = queue.pop()
            begun = time.perf_counter()
            async with session.post(url + path, data=body) as response:
                await response.read()
            seen.append((time.perf_counter() - begun, response.status, len(body)))

    await asyncio.gather(*(sender() for _ in range(CONCURRENT)))
    return seen


def watch(url: str) -> None:
    """Ask for ``/healthz`` until standard input ends, in a process of its own; print the seconds of each answer."""
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    times: list[float] = []
    while not over.wait(0.02):
        begun = time.perf_counter()
        with urllib.request.urlopen(f"{url}/healthz", timeout=60) as response:
            response.read()
        times.append(time.perf_counter() - begun)
    print(json.dumps(times))


async def stream(session: aiohttp.ClientSession, url: str, over: asyncio.Event) -> list[str]:
    """Stream the same story until the attack is over; return the text of each time."""
    told: list[str] = []
    while not over.is_set():
        body = json.dumps({"contents": [{"parts": [{"text": STORY}]}]})
        async with session.post(f"{url}/v1beta/models/m:streamGenerateContent?alt=sse", data=body) as response:
            events = [json.loads(line[6:]) async for line in response.content if line.startswith(b"data: ")]
        told.append("".join(event["candidates"][0]["content"]["parts"][0]["text"] for event in events))
    return told


async def start_slow(session: aiohttp.ClientSession, url: str) -> str:
    """Start a stored stream that outlasts the attack; return its URL."""
    body = json.dumps({"model": "slow", "contents": [{"parts": [{"text": STORY}]}], "on_break": "continue"})
    async with session.post(f"{url}/v1/streams", data=body) as response:
        return f"{url}/v1/streams/{(await response.json())['name']}"


async def takeovers(session: aiohttp.ClientSession, stream_url: str) -> int:
    """Return how often a stored stream was taken over; -1 if it failed."""
    async with session.get(stream_url) as response:
        document = await response.json()
    return document.get("takeovers", 0) if document["state"] in ("running", "finished") else -1


async def run(url: str) -> bool:
    """Run the attack and print what was seen; return whether the server held."""
    over = asyncio.Event()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    watcher = await asyncio.create_subprocess_exec(sys.executable, __file__, url, **pipes)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(300)) as session:
        slow = await start_slow(session, url)
        streaming = asyncio.create_task(stream(session, url, over))
        seen = await attack(session, url)
        over.set()
        told = await streaming
        health = sorted(json.loads((await watcher.communicate(b""))[0]))
        taken = await takeovers(session, slow)
    print(f"{len(seen)} hostile requests: {sorted({status for _, status, _ in seen})}, slowest {max(seen)[0]:.2f} s")
    print(
        f"{len(health)} x /healthz: median {health[len(health) // 2] * 1000:.1f} ms, slowest {health[-1] * 1000:.0f} ms"
    )
    print(f"{len(told)} stories beside them, {len(set(told))} different, {len(told[0].split())} words each")
    print(f"the stored stream was taken over {taken} times")
    is_whole = len(set(told)) == 1 and len(told[0].split()) == 2000
    return health[-1] <= LIMIT and {status for _, status, _ in seen} <= {200, 400} and is_whole and taken == 0


@contextmanager
def server(store: str) -> Iterator[str]:
    """``headwater serve`` over ``store``; its URL."""
    options = ["--engine", "offline:first=0,rate=20000", "--model-engine", "slow=offline:first=0,rate=20"]
    options += ["--store", f"sqlite:{store}?shared=yes", "--lease", "1", "--grace", "0", "--port", "0"]
    command = [sys.executable, "-m", "headwater", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if "http://" in line)
            yield next(word for word in line.split() if word.startswith("http://"))
        finally:
            process.terminate()


def main() -> int:
    """Start two servers, attack one, stop them; with a URL, be the process that watches."""
    if len(sys.argv) > 1:
        watch(sys.argv[1])
        return 0
    with tempfile.TemporaryDirectory() as folder, server(f"{folder}/streams.db") as url, server(f"{folder}/streams.db"):
        return 0 if asyncio.run(run(url)) else 1


if __name__ == "__main__":
    sys.exit(main())
