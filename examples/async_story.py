"""Streams two stories concurrently."""

import asyncio

from headwater import genai

client = genai.Client()


async def tell(topic: str) -> str:
    """Return a story, and print when it begins."""
    story = ""
    async for chunk in await client.aio.models.generate_content_stream(
        model="gemini-3.8-flash",
        contents=f"Tell me a story about {topic} in 100 words.",
    ):
        if not story:
            print(f"The story about {topic} begins.")
        story += chunk.text
    return story


async def main() -> None:
    """Have both told, then print them."""
    for story in await asyncio.gather(tell("a lighthouse"), tell("two cats")):
        print(f"\n{story}")


asyncio.run(main())
