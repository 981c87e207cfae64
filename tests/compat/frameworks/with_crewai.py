"""CrewAI: its LLM class with stream, tool, structured output; a crew of one agent."""

import os

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true", "CREWAI_TRACING_ENABLED": "false"}

from crewai import LLM
from pydantic import BaseModel


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


def forecast(city: str) -> str:
    """Return the weather of a city."""
    return f"sunny in {city}"


TOOL = {
    "type": "function",
    "function": {
        "name": "forecast",
        "description": "Return the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
print(LLM(model="gemini/gemini-3.8-flash").call("Tell me a story in 30 words."))
print(LLM(model="gemini/gemini-3.8-flash", stream=True).call("Tell me a story about a boat in 30 words."))
llm = LLM(model="gemini/gemini-3.8-flash")
question = "Give me the forecast for the city of Vienna."
print(llm.call(question, tools=[TOOL], available_functions={"forecast": forecast}))
print(LLM(model="gemini/gemini-3.8-flash").call("Name a city.", response_model=City))
