"""Memory ("clean up streams properly"): a stream closes its connection when its loop or its block is left."""

import asyncio

from headwater import genai

client = genai.Client()
STORY = "Tell me a story in 500 words."

stream = client.models.generate_content_stream(model="gemini-3.8-flash", contents=STORY)
for chunk in stream:
    if chunk.text:
        break  # the connection is closed here, without anything to remember
print(f"Left: {stream.is_over}, {stream.ending}")

with client.models.generate_content_stream(model="gemini-3.8-flash", contents=STORY) as stream:
    print(next(stream).text)  # without a loop, the block closes it
print(f"Left: {stream.is_over}, {stream.ending}")


async def main() -> None:
    """Do the same in async."""
    stream = await client.aio.models.generate_content_stream(model="gemini-3.8-flash", contents=STORY)
    async for chunk in stream:
        if chunk.text:
            break
    print(f"Left: {stream.is_over}, {stream.ending}")


asyncio.run(main())
