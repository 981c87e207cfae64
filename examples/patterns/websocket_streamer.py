"""WebSocket-like streaming (``WebSocketStreamer``): `headwater serve` has a WebSocket; here it runs in this program."""

import asyncio
import json

from websockets.asyncio.client import connect

from headwater import server
from headwater.server import Runner, listen


async def ask(url: str, prompt: str) -> None:
    """Print the answer from the WebSocket. A browser would send and receive the same."""
    async with connect(url) as socket:
        await socket.send(json.dumps({"prompt": prompt}))
        async for message in socket:
            match json.loads(message):
                case {"type": "chunk", "text": text}:
                    print(text, end="", flush=True)
                case {"type": "complete" | "error" as kind}:
                    print(f"\n[{kind}]")
                    return
                case _:
                    pass  # types that are new are to be ignored


async def main() -> None:
    """Serve, ask, and stop serving."""
    listener = listen("127.0.0.1", 0)
    running = Runner(server.app())  # the offline engine; server.app(GeminiEngine(...)) for the API
    serving = asyncio.create_task(running.serve([listener]))
    await ask(f"ws://127.0.0.1:{listener.getsockname()[1]}/ws", "Tell me a story in 50 words.")
    running.should_exit = True
    await serving


asyncio.run(main())
