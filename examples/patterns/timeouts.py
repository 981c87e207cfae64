"""Timeouts ("set reasonable timeouts"): four named deadlines; text received before one expires is kept."""

import asyncio

from headwater import genai
from headwater.genai import errors
from headwater.streaming import Deadlines

client = genai.Client()
deadlines = Deadlines(first_content=2, content_gap=2, byte_gap=2, total=60)  # seconds
STORY = "Tell me a story in 80 words."

stream = client.models.generate_content_stream(model="gemini-3.8-flash", contents=STORY, deadlines=deadlines)
try:
    print(stream.collect().text)
except (errors.StreamStalled, errors.DeadlineExceeded) as error:  # both also TimeoutError
    print(f"deadline {error.deadline} expired after {error.elapsed:.1f} s, with {len(stream.text)} characters")


async def main() -> None:
    """Do the same in async, where the deadlines mean the same."""
    stream = await client.aio.models.generate_content_stream(
        model="gemini-3.8-flash", contents=STORY, deadlines=deadlines
    )
    try:
        print((await stream.collect()).text)
    except TimeoutError as error:
        print(f"{error} ({len(stream.text)} characters)")


asyncio.run(main())
