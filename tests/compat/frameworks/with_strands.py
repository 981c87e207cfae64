"""Strands: an agent that answers, calls a tool, fills a schema, streams from coroutines."""

import asyncio

from pydantic import BaseModel
from strands import Agent, tool
from strands.models.gemini import GeminiModel


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


@tool
def forecast(city: str) -> str:
    """Return the weather of a city."""
    return f"sunny in {city}"


def agent(**options: object) -> Agent:
    return Agent(model=GeminiModel(model_id="gemini-3.8-flash"), callback_handler=None, **options)


async def stream() -> None:
    parts = agent().stream_async("Tell me a story about a boat in 30 words.")
    print("".join([part["data"] async for part in parts if "data" in part]))


print(agent().__call__("Tell me a story in 30 words."))
print(agent(tools=[forecast])("Give me the forecast for the city of Vienna."))
print(agent()("Name a city.", structured_output_model=City).structured_output)
asyncio.run(stream())
