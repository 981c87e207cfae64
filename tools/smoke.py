"""Tries an installed headwater as a new user would: an answer, a server, a stream that is resumed.

It needs the extra ``server``. Run it with the Python of a fresh environment, from outside the checkout, so that what
it imports is what was installed.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import headwater
from headwater import genai

PROMPT = "Tell me a story in 60 words."
#: Generous, for a busy machine: a server starts in under a second on an idle one.
START_SECONDS = 60.0


def main() -> None:
    """Run every check; the first that fails raises."""
    assert "site-packages" in Path(headwater.__file__).parts, f"this is not an installation: {headwater.__file__}"
    whole = ask("offline:")
    assert len(whole.split()) >= 50, whole
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    serve = ["serve", "--engine", "offline", "--port", str(port), "--store", "memory:"]
    with subprocess.Popen([sys.executable, "-m", "headwater", *serve]) as server:
        try:
            check_server(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
    print(f"headwater {headwater.__version__}: an answer, a server, and a resumed stream are fine")


def ask(base_url: str) -> str:
    """Return the text of one streamed answer."""
    client = genai.Client(api_key="smoke-test", http_options={"base_url": base_url})
    stream = client.models.generate_content_stream(model="gemini-3.8-flash", contents=PROMPT)
    text = "".join(chunk.text or "" for chunk in stream)
    assert stream.ending is not None, "the stream has no ending"
    assert stream.ending.is_whole, stream.ending
    return text


def check_server(url: str) -> None:
    """Read the page, stream over both transports, and leave a stored stream in the middle to resume it."""
    wait_for(url + "/healthz")
    assert b"<html" in get(url + "/").lower()
    assert len(ask(url).split()) >= 50
    asyncio.run(resume(url))


async def resume(url: str) -> None:
    """Leave a stored stream after one chunk, and read the rest with a second client."""
    options = {"base_url": url}
    async with genai.Client(api_key="smoke-test", http_options=options).aio as client:
        stream = await client.streams.start(model="gemini-3.8-flash", contents=PROMPT)
        first = (await anext(aiter(stream))).text
        position, name = stream.position, stream.name
        await stream.aclose()
    assert first, "nothing was read before the break"
    assert position, "a stored stream has a position"
    async with genai.Client(api_key="smoke-test", http_options=options).aio as client:
        rest = await client.streams.attach(name, after=position)
        whole = await client.streams.attach(name)
        second, everything = (await rest.collect()).text, (await whole.collect()).text
    assert first + second == everything, (first, second, everything)


def wait_for(url: str) -> None:
    """Wait until ``url`` answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            get(url)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def get(url: str) -> bytes:
    """Return the body of an answer with status 200."""
    with urlopen(Request(url, headers={"accept": "text/html"}), timeout=10) as response:
        return bytes(response.read())


if __name__ == "__main__":
    main()
