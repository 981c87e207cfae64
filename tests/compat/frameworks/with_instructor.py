"""Instructor: structured output, partial, iterable, async."""

import asyncio

import instructor
from google import genai
from pydantic import BaseModel


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


MESSAGES = [{"role": "user", "content": "Name a city."}]
client = instructor.from_genai(genai.Client(), mode=instructor.Mode.GENAI_STRUCTURED_OUTPUTS)
print(client.chat.completions.create(model="gemini-3.8-flash", messages=MESSAGES, response_model=City))
partial = client.chat.completions.create_partial(model="gemini-3.8-flash", messages=MESSAGES, response_model=City)
print(list(partial)[-1])
tools = instructor.from_genai(genai.Client(), mode=instructor.Mode.GENAI_TOOLS)
print(tools.chat.completions.create(model="gemini-3.8-flash", messages=MESSAGES, response_model=City))


async def main() -> None:
    use_async = instructor.from_provider("google/gemini-3.8-flash", async_client=True)
    print(await use_async.chat.completions.create(messages=MESSAGES, response_model=City))


asyncio.run(main())
