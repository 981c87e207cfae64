"""Haystack: a generator that answers, streams, calls tools, fills a schema; async; an embedder."""

import asyncio

from haystack.dataclasses import ChatMessage
from haystack.tools import tool
from haystack_integrations.components.embedders.google_genai import GoogleGenAITextEmbedder
from haystack_integrations.components.generators.google_genai import GoogleGenAIChatGenerator

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@tool
def forecast(city: str) -> str:
    """Return the weather of a city."""
    return f"sunny in {city}"


def generator(**options: object) -> GoogleGenAIChatGenerator:
    return GoogleGenAIChatGenerator(model="gemini-3.8-flash", **options)


def say(text: str) -> list[ChatMessage]:
    return [ChatMessage.from_user(text)]


parts: list[str] = []
print(generator().run(say("Tell me a story in 30 words."))["replies"][0].text)
streaming = generator(streaming_callback=lambda chunk: parts.append(chunk.content))
reply = streaming.run(say("Tell me a story about a boat in 30 words."))["replies"][0]
print(reply.meta["finish_reason"], "".join(parts))
asked = generator(tools=[forecast]).run(say("Give me the forecast for the city of Vienna."))["replies"][0]
print([(call.tool_name, call.arguments) for call in asked.tool_calls])
config = {"response_mime_type": "application/json", "response_schema": SCHEMA}
print(generator(generation_kwargs=config).run(say("Name a city."))["replies"][0].text)
print(asyncio.run(generator().run_async(say("Tell me a story about snow in 30 words.")))["replies"][0].text)
vector = GoogleGenAITextEmbedder(model="gemini-embedding-001").run("one")["embedding"]
print(len(vector), round(vector[0], 6))
