"""chatlas: chat, stream, tools, structured output, async."""

import asyncio

from chatlas import ChatGoogle
from pydantic import BaseModel


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


def forecast(city: str) -> str:
    """Return the weather of a city.

    Parameters
    ----------
    city
        the city
    """
    return f"sunny in {city}"


async def use_async() -> None:
    chat = ChatGoogle(model="gemini-3.8-flash")
    answer = await chat.chat_async("Tell me a story about snow in 30 words.", echo="none")
    print(await answer.get_content())


chat = ChatGoogle(model="gemini-3.8-flash", system_prompt="Be brief.")
print(chat.chat("Tell me a story in 30 words.", echo="none").get_content())
print("".join(chat.stream("Tell me a story about a boat in 30 words.", echo="none")))
print(len(chat.get_turns()), chat.get_tokens()[-1] is not None)
used = ChatGoogle(model="gemini-3.8-flash")
used.register_tool(forecast)
print(used.chat("Give me the forecast for the city of Vienna.", echo="none").get_content())
print(ChatGoogle(model="gemini-3.8-flash").chat_structured("Name a city.", data_model=City))
asyncio.run(use_async())
