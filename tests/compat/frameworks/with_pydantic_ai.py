"""Pydantic AI: run, tools, structured output, stream."""

import asyncio

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.google import GoogleModel

MODEL = GoogleModel("gemini-3.8-flash")


class City(BaseModel):
    name: str
    inhabitants: int


def forecast(city: str) -> str:
    """Return the weather of a city."""
    return f"sunny in {city}"


async def main() -> None:
    agent = Agent(MODEL, instructions="Be brief.")
    print((await agent.run("Tell me a story in 30 words.")).output)
    async with agent.run_stream("Tell me a story about a boat in 30 words.") as stream:
        texts = [text async for text in stream.stream_text(delta=True, debounce_by=None)]
        print(len(texts), "".join(texts), stream.usage.output_tokens)
    used = await Agent(MODEL, tools=[forecast]).run("Give me the forecast for the city of Vienna.")
    print([type(part).__name__ for message in used.all_messages() for part in message.parts], used.output)
    print((await Agent(MODEL, output_type=City).run("Name a city.")).output)


asyncio.run(main())
print(Agent(MODEL).run_sync("Tell me a story about snow in 30 words.").output)
