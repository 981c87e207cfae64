"""Agno: an agent that answers, streams, calls a tool, fills a schema; async."""

import asyncio

from agno.agent import Agent
from agno.models.google import Gemini
from pydantic import BaseModel


class City(BaseModel):
    name: str
    inhabitants: int


def forecast(city: str) -> str:
    """Return the weather of a city."""
    return f"sunny in {city}"


def model() -> Gemini:
    return Gemini(id="gemini-3.8-flash")


print(Agent(model=model()).run("Tell me a story in 30 words.").content)
parts = Agent(model=model()).run("Tell me a story about a boat in 30 words.", stream=True)
print("".join(part.content or "" for part in parts if getattr(part, "event", "") == "RunContent"))
used = Agent(model=model(), tools=[forecast]).run("Give me the forecast for the city of Vienna.")
print([(tool.tool_name, tool.tool_args, tool.result) for tool in used.tools or ()], used.content)
print(Agent(model=model(), output_schema=City).run("Name a city.").content)
print(asyncio.run(Agent(model=model()).arun("Tell me a story about snow in 30 words.")).content)
