"""Mirascope: call, stream, tools, structured output, async."""

import asyncio

from mirascope import llm
from pydantic import BaseModel


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


@llm.tool
def forecast(city: str) -> str:
    """Return the weather of a city."""
    return f"sunny in {city}"


@llm.call("google/gemini-3.8-flash")
def tell(about: str) -> str:
    return f"Tell me a story about {about} in 30 words."


@llm.call("google/gemini-3.8-flash", tools=[forecast])
def weather() -> str:
    return "Give me the forecast for the city of Vienna."


@llm.call("google/gemini-3.8-flash", format=City)
def city() -> str:
    return "Name a city."


@llm.call("google/gemini-3.8-flash")
async def tell_async(about: str) -> str:
    return f"Tell me a story about {about} in 30 words."


print(tell("cats").text())
print("".join(tell.stream("a boat").text_stream()))
response = weather()
print([(call.name, call.args) for call in response.tool_calls])
print(response.resume(response.execute_tools()).text())
print(city().parse())
print(asyncio.run(tell_async("snow")).text())
