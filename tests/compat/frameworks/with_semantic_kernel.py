"""Semantic Kernel: chat completion, stream, a plugin's function, structured output. All async."""

import asyncio

from pydantic import BaseModel
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.google.google_ai import GoogleAIChatCompletion, GoogleAIChatPromptExecutionSettings
from semantic_kernel.contents import ChatHistory
from semantic_kernel.functions import kernel_function


class City(BaseModel):
    name: str
    inhabitants: int


class Weather:
    @kernel_function(name="forecast", description="Return the weather of a city.")
    def forecast(self, city: str) -> str:
        return f"sunny in {city}"


def say(text: str) -> ChatHistory:
    history = ChatHistory()
    history.add_user_message(text)
    return history


async def main() -> None:
    chat = GoogleAIChatCompletion(gemini_model_id="gemini-3.8-flash", api_key="any")
    plain = GoogleAIChatPromptExecutionSettings()
    print(await chat.get_chat_message_content(say("Tell me a story in 30 words."), plain))
    story = say("Tell me a story about a boat in 30 words.")
    print("".join([str(part) async for part in chat.get_streaming_chat_message_content(story, plain)]))
    kernel = Kernel()
    kernel.add_plugin(Weather(), plugin_name="weather")
    calling = GoogleAIChatPromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.Auto())
    question = say("Give me the weather forecast for the city of Vienna.")
    print(await chat.get_chat_message_content(question, calling, kernel=kernel))
    shaped = GoogleAIChatPromptExecutionSettings(response_mime_type="application/json", response_schema=City)
    print(await chat.get_chat_message_content(say("Name a city."), shaped))


asyncio.run(main())
