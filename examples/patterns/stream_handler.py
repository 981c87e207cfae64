"""Advanced streaming handler (``StreamHandler``): typed events, and metrics."""

import asyncio

from headwater import genai
from headwater.streaming import End, Event, Retrying, Text

client = genai.Client()
ARTICLE = "Write a short technical article about AI, in 60 words."


def handle(event: Event) -> None:
    """Print what one event says; an error that a stream ends with is in its ``End``, and raised after that."""
    match event:
        case Text(text):
            print(text, end="", flush=True)
        case Retrying(error, _, delay):
            print(f"[{error}; once more in {delay:.1f} s]")
        case End(ending):
            print(f"\n[{ending}]")
        case _:
            pass  # thoughts, function calls, media, usage, a block, a new beginning


stream = client.models.generate_content_stream(model="gemini-3.8-flash", contents=ARTICLE)
for event in stream.events():
    handle(event)
print(f"first chunk after {stream.metrics.first_chunk:.3f} s, {stream.metrics.chunks} chunks: {stream.metrics}")


async def main() -> None:
    """Do the same in async."""
    stream = await client.aio.models.generate_content_stream(model="gemini-3.8-flash", contents=ARTICLE)
    async for event in stream.events():
        handle(event)
    print(f"first chunk after {stream.metrics.first_chunk:.3f} s, {stream.metrics.chunks} chunks")


asyncio.run(main())
