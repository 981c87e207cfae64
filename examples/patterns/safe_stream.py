"""Error handling in streams (``safe_stream``): every failure has a type, a reason, and the partial answer."""

import asyncio

from headwater import genai
from headwater.genai import errors

client = genai.Client()
STORY = "Tell me a story in 80 words."


def explain(error: errors.HeadwaterError) -> str:
    """Return a message for the user. Useful retries have already been made."""
    match error:
        case errors.BlockedError():
            return f"Content filtered for safety: {error.block_reason}"
        case errors.RateLimitError():
            return f"Rate limit exceeded; retry in {error.retry_after or 60:g} s"
        case errors.StreamStalled() | errors.DeadlineExceeded():
            return f"Too slow: {error}"
        case _:
            return f"{type(error).__name__}: {error}"


stream = client.models.generate_content_stream(model="gemini-3.8-flash", contents=STORY, raise_on_block=True)
try:
    for chunk in stream:
        print(chunk.text, end="", flush=True)
except errors.HeadwaterError as error:
    print(f"\n{explain(error)} (after {error.attempts} attempts)")
print(f"\n[{stream.ending}, {len(stream.text)} characters]")


async def main() -> None:
    """Do the same in async."""
    stream = await client.aio.models.generate_content_stream(
        model="gemini-3.8-flash", contents=STORY, raise_on_block=True
    )
    try:
        async for chunk in stream:
            print(chunk.text, end="", flush=True)
    except errors.HeadwaterError as error:
        print(f"\n{explain(error)} (after {error.attempts} attempts)")
    print(f"\n[{stream.ending}, {len(stream.text)} characters]")


asyncio.run(main())
