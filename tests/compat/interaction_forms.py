"""Forms of calls to interactions, as guides and the cookbook write them: for type checkers, which have to accept them.

Read by ``test_typing.py``; it is not run.
"""

import json
from typing import Any

from headwater import genai
from headwater.genai import interactions

client = genai.Client(api_key="k")
MODEL_ID = "m"
for event in client.interactions.create(model=MODEL_ID, input="a", stream=True):
    if hasattr(event, "delta") and hasattr(event.delta, "text") and event.delta.text:
        print(event.delta.text, end="")
for event in client.interactions.create(model=MODEL_ID, input="a", stream=True):
    match event.event_type:
        case "interaction.created":
            print(event.interaction.id)
        case "step.delta":
            if event.delta.type == "text":
                print(event.delta.text)
            elif event.delta.type == "thought_summary":
                print(event.delta.content.text)
            elif event.delta.type == "arguments_delta":
                print(event.delta.arguments)
        case _:
            print(event.event_id)
interaction = client.interactions.create(
    model=MODEL_ID,
    input=[{"type": "text", "text": "What is this?"}, {"type": "image", "data": "aGk=", "mime_type": "image/png"}],
    tools=[{"type": "google_search"}, {"type": "function", "name": "f", "parameters": {"type": "object"}}, len],
    generation_config={"temperature": 0.5, "thinking_level": "low"},
    response_format={"type": "text", "mime_type": "application/json", "schema": {"type": "object"}},
    system_instruction="b",
    service_tier="flex",
    timeout=2.5,
)
text: str = interaction.output_text
print(interaction.steps[-1].content[0].text, interaction.id, interaction.usage.total_tokens, interaction.status)
for step in interaction.steps:
    if step.type == "function_call":
        print(step.name, step.arguments, step.id)
    if step.type == "google_search_call" and step.arguments:
        print(step.arguments.queries)
if interaction.output_image:
    print(interaction.output_image.data)
second = client.interactions.create(
    model=MODEL_ID,
    previous_interaction_id=interaction.id,
    input=[{"type": "function_result", "name": "f", "call_id": "c", "result": [{"type": "text", "text": "ok"}]}],
)
history: list[Any] = []
history.append({"type": "user_input", "content": [{"type": "text", "text": "a"}]})
history += second.steps
third = client.interactions.create(model=MODEL_ID, input=history, store=False)
print(json.loads(third.output_text), third.model_dump(), third.model_dump_json(), third.to_dict())
running = client.interactions.create(
    agent="deep-research-preview-04-2026",
    input="a",
    background=True,
    agent_config={"type": "deep-research", "thinking_summaries": "auto"},
)
while running.status == "in_progress":
    running = client.interactions.get(running.id)
for event in client.interactions.get(id=running.id, stream=True, last_event_id="e"):
    print(event.event_type)
client.interactions.cancel(running.id)
client.interactions.delete(running.id)
step_of_mine = interactions.UserInputStep(content=[interactions.TextContent(text="a")])
client.interactions.create(
    model=MODEL_ID, input=[step_of_mine], generation_config=interactions.GenerationConfig(seed=1)
)
with client.interactions.create(model=MODEL_ID, input="a", stream=True, on_break="continue") as stream:
    whole: interactions.Interaction = stream.collect()
chat = client.interactions.chat(model=MODEL_ID, system_instruction="b")
said: str = chat.send_message("a").output_text


async def main() -> None:
    answer = await client.aio.interactions.create(model=MODEL_ID, input="a")
    print(answer.steps[-1].content[0].text)
    response = await client.aio.interactions.create(model=MODEL_ID, input="a", stream=True)
    async for event in response:
        if hasattr(event, "delta") and hasattr(event.delta, "text") and event.delta.text:
            print(event.delta.text, end="")
