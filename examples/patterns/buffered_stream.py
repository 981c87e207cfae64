"""Buffered streaming (``BufferedStream``): the same text, smoothly word by word, or in fewer chunks."""

import asyncio

from headwater import genai
from headwater.streaming import coalesce, smooth

client = genai.Client()
STORY = "Tell me a story in 60 words."

for chunk in client.models.generate_content_stream(model="gemini-3.8-flash", contents=STORY, stages=[smooth()]):
    print(chunk.text, end="", flush=True)  # word by word, none held longer than 0.3 s
print()

buffered = list(
    client.models.generate_content_stream(model="gemini-3.8-flash", contents=STORY, stages=[coalesce(count=5)])
)
print(f"[{len(buffered)} chunks of five]")


async def main() -> None:
    """Do the same in async."""
    async for chunk in await client.aio.models.generate_content_stream(
        model="gemini-3.8-flash", contents=STORY, stages=[smooth(), coalesce(count=5)]
    ):
        print(chunk.text, end="|", flush=True)


asyncio.run(main())
