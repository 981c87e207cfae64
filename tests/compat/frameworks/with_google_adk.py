"""Google's ADK: an agent with a tool, in a session, streamed; structured output; the same over interactions."""

import asyncio

from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.models.google_llm import Gemini
from google.adk.runners import InMemoryRunner
from google.genai import types
from pydantic import BaseModel

MODEL = "gemini-3.8-flash"


class City(BaseModel):
    name: str
    inhabitants: int


def forecast(city: str) -> dict[str, str]:
    """Return the weather of a city."""
    return {"weather": f"sunny in {city}"}


async def ask(agent: LlmAgent, *texts: str, mode: StreamingMode = StreamingMode.NONE) -> None:
    runner = InMemoryRunner(agent=agent, app_name="app")
    session = await runner.session_service.create_session(app_name="app", user_id="me")
    config = RunConfig(streaming_mode=mode)
    for text in texts:
        said = types.Content(role="user", parts=[types.Part(text=text)])
        async for event in runner.run_async(user_id="me", session_id=session.id, new_message=said, run_config=config):
            for part in (event.content and event.content.parts) or ():
                kind = "partial" if event.partial else "whole"
                call, result = part.function_call, part.function_response
                print(kind, part.text, call and call.name, result and result.response)


async def main() -> None:
    await ask(LlmAgent(name="teller", model=MODEL, instruction="Be brief."), "Tell me a story in 30 words.")
    await ask(LlmAgent(name="teller", model=MODEL), "Tell me a story about a boat in 30 words.", mode=StreamingMode.SSE)
    await ask(LlmAgent(name="weather", model=MODEL, tools=[forecast]), "Give me the forecast for the city of Vienna.")
    await ask(LlmAgent(name="cities", model=MODEL, output_schema=City), "Name a city.")
    model = Gemini(model=MODEL, use_interactions_api=True)
    await ask(
        LlmAgent(name="teller", model=model, instruction="Be brief."), "Tell me a story in 30 words.", "And 2 + 3?"
    )
    await ask(LlmAgent(name="teller", model=model), "Tell me a story in 30 words.", mode=StreamingMode.SSE)
    await ask(LlmAgent(name="weather", model=model, tools=[forecast]), "Give me the forecast for the city of Vienna.")


asyncio.run(main())
