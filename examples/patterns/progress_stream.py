"""Progress tracking (``ProgressStream``): percent, words and time left."""

import asyncio

from headwater import genai
from headwater.streaming import Progress
from headwater.views import progress_bar

client = genai.Client()
STORY = "Tell me a story in 150 words."


def report(progress: Progress) -> None:
    """Say how far it is; a coroutine function would do as well in async."""
    eta = "" if progress.eta is None else f", {progress.eta:.1f} s left"
    print(f"\r{progress.percent} %, {progress.words} words{eta}    ", end="", flush=True)


stream = client.models.generate_content_stream(
    model="gemini-3.8-flash", contents=STORY, target_words=150, on_progress=report
)
stream.collect()
print(f"\n{stream.progress.percent} %: {stream.progress.tokens} tokens")

stream = client.models.generate_content_stream(model="gemini-3.8-flash", contents=STORY, target_words=150)
text = "".join(chunk.text for chunk in progress_bar(stream))  # a ready-made bar, in a terminal or a notebook


async def main() -> None:
    """Do the same in async."""
    stream = await client.aio.models.generate_content_stream(
        model="gemini-3.8-flash", contents=STORY, target_words=150, on_progress=report
    )
    await stream.collect()
    print(f"\n{stream.progress.percent} %: {stream.progress.tokens} tokens")


asyncio.run(main())
