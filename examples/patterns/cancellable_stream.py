"""Streaming with cancellation (``CancellableStream``): stops answers at once, even while the model is silent."""

import asyncio
import threading

from headwater import genai
from headwater.streaming import CancelToken

client = genai.Client()
ESSAY = "Write a very long essay, in 3000 words."

stream = client.models.generate_content_stream(model="gemini-3.8-flash", contents=ESSAY)
timer = threading.Timer(0.5, stream.cancel, ["the half second is over"])  # or a button, or a signal handler
timer.start()
for chunk in stream:
    print(chunk.text, end="", flush=True)
timer.cancel()
print(f"\n[{stream.ending}: {stream.ending and stream.ending.reason}, with {len(stream.text.split())} words]")


async def main() -> None:
    """Stop two answers with one switch, from another task."""
    token = CancelToken()
    streams = [
        await client.aio.models.generate_content_stream(model="gemini-3.8-flash", contents=ESSAY, cancel=token)
        for _ in range(2)
    ]
    asyncio.get_running_loop().call_later(0.5, token.cancel, "enough")
    for answer in await asyncio.gather(*(stream.collect() for stream in streams)):
        print(f"[stopped with {len(answer.text.split())} words]")


asyncio.run(main())
