"""LlamaIndex: complete, stream, chat, tools, structured output, async."""

import asyncio

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.google_genai import GoogleGenAI
from pydantic import BaseModel


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


def forecast(city: str) -> str:
    """Return the weather of a city."""
    return f"sunny in {city}"


async def use_async(llm: GoogleGenAI) -> None:
    print((await llm.acomplete("Tell me a story about snow in 30 words.")).text)
    parts = await llm.astream_complete("Tell me a story about rain in 30 words.")
    print("".join([part.delta or "" async for part in parts]))


llm = GoogleGenAI(model="gemini-3.8-flash")
print(llm.complete("Tell me a story in 30 words.").text)
print("".join(part.delta or "" for part in llm.stream_complete("Tell me a story about a boat in 30 words.")))
print(llm.chat([ChatMessage(role="user", content="Tell me a story about a cat in 30 words.")]).message.content)
tool = FunctionTool.from_defaults(fn=forecast)
called = llm.predict_and_call([tool], "Give me the forecast for the city of Vienna.")
print([(source.tool_name, source.raw_input) for source in called.sources], called.response)
print(llm.as_structured_llm(City).complete("Name a city.").raw)
asyncio.run(use_async(llm))
