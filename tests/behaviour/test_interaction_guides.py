"""Programs with the call forms of Google's guides for the Interactions API: offline, and against ``headwater serve``.

Each is run as it would stand in a notebook, on google-genai's import and unedited, under ``headwater run``'s stand-in.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater import genai, offline
from headwater.engines.offline import OfflineEngine
from tests.support.live import Live

#: The three cells of the guide to streaming: a loop, one with await, one in a coroutine.
STREAMING = """
response = client.interactions.create(model=MODEL_ID, input="Tell me a story in 60 words.", stream=True)
for event in response:
    if hasattr(event, "delta") and hasattr(event.delta, "text") and event.delta.text:
        print(event.delta.text, end="")
print()
---
response = await client.aio.interactions.create(model=MODEL_ID, input="Tell me a story in 40 words.", stream=True)
async for event in response:
    if hasattr(event, "delta") and hasattr(event.delta, "text") and event.delta.text:
        print(event.delta.text, end="")
print()
---
import asyncio

async def get_response():
    response = await client.aio.interactions.create(model=MODEL_ID, input="Tell me a story in 20 words.", stream=True)
    async for event in response:
        if hasattr(event, "delta") and hasattr(event.delta, "text") and event.delta.text:
            print(event.delta.text, end="")

await get_response()
"""
#: The form of the reference, by names of events.
BY_NAME = """
texts, ids, status = [], [], None
for event in client.interactions.create(model=MODEL_ID, input="Tell me a story in 30 words.", stream=True):
    match event.event_type:
        case "interaction.created":
            ids.append(event.interaction.id)
        case "step.delta" if event.delta.type == "text":
            texts.append(event.delta.text)
        case "interaction.completed":
            status = event.interaction.status
assert len("".join(texts).split()) == 30 and len(ids) == 1 and status == "completed"
"""
#: A conversation that the server remembers, and one that the program keeps.
TURNS = """
first = client.interactions.create(model=MODEL_ID, input="Tell me a story in 20 words.", system_instruction="Be brief.")
assert first.steps[-1].content[0].text == first.output_text
second = client.interactions.create(model=MODEL_ID, input="What is 2 + 3?", previous_interaction_id=first.id)
assert second.id != first.id and second.status == "completed"
third = client.interactions.get(second.id)
assert third.output_text == second.output_text
---
history = []
for question in ("Tell me a story in 20 words.", "What is 2 + 3?"):
    history.append({"type": "user_input", "content": [{"type": "text", "text": question}]})
    answer = client.interactions.create(model=MODEL_ID, input=history, store=False)
    history += answer.steps
assert "5" in answer.output_text
---
client.interactions.delete(first.id)
from google.genai import errors
try:
    client.interactions.get(first.id)
except errors.APIError as error:
    assert error.status_code == 404
else:
    raise AssertionError("it is still there")
"""
TOOLS = """
weather = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
interaction = client.interactions.create(model=MODEL_ID, input="What is the weather in Paris?", tools=[weather])
for step in interaction.steps:
    if step.type == "function_call":
        call = step
assert interaction.status == "requires_action" and call.name == "get_weather" and isinstance(call.arguments, dict)
---
result = {"type": "function_result", "name": call.name, "call_id": call.id, "result": {"weather": "sunny"}}
final = client.interactions.create(
    model=MODEL_ID, previous_interaction_id=interaction.id, tools=[weather], input=[result]
)
assert final.status == "completed" and final.output_text
"""
FORMATS = """
import json
schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
interaction = client.interactions.create(
    model=MODEL_ID,
    input="Describe a person.",
    response_format={"type": "text", "mime_type": "application/json", "schema": schema},
)
assert isinstance(json.loads(interaction.output_text)["name"], str)
---
import base64
image = base64.b64encode(bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6364f85f0f00028701807aea45920000000049454e44ae426082"
)).decode()
interaction = client.interactions.create(
    model=MODEL_ID,
    input=[{"type": "text", "text": "What is this?"}, {"type": "image", "data": image, "mime_type": "image/png"}],
    generation_config={"temperature": 0.2, "max_output_tokens": 200},
    service_tier="standard",
)
assert interaction.output_text and interaction.usage.total_tokens
"""
BACKGROUND = """
import time
interaction = client.interactions.create(model=MODEL_ID, input="Tell me a story in 20 words.", background=True)
while (interaction := client.interactions.get(interaction.id)).status in ("in_progress", "queued"):
    time.sleep(0.01)
assert len(interaction.output_text.split()) == 20
---
seen = [(event.event_id, event) for event in client.interactions.get(interaction.id, stream=True)]
middle = next(id for id, event in seen if id and event.event_type == "step.delta")
rest = list(client.interactions.get(id=interaction.id, stream=True, last_event_id=middle))
assert [event.to_dict() for event in rest] == [event.to_dict() for _, event in seen][-len(rest):]
"""
GUIDES = {
    "streaming": STREAMING,
    "by name": BY_NAME,
    "turns": TURNS,
    "tools": TOOLS,
    "formats": FORMATS,
    "background": BACKGROUND,
}
HEAD = """
from google import genai
client = genai.Client()
MODEL_ID = "gemini-3.8-flash"
"""


@pytest.fixture(scope="module", params=["offline", "serve"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the programs ask: in-process, or a server with the offline engine."""
    if request.param == "offline":
        yield "offline:instant"
        return
    with Live(OfflineEngine(offline.INSTANT)) as server:
        yield server.url


def run_cells(text: str, url: str) -> str:
    """Run cells as a notebook does, in this process, and return what they print."""
    names = {"client": genai.Client(api_key="k", http_options={"base_url": url}), "MODEL_ID": "gemini-3.8-flash"}
    printed = io.StringIO()
    for cell in text.replace("from google.genai import", "from headwater.genai import").split("---\n"):
        code = compile(textwrap.dedent(cell), "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        with contextlib.redirect_stdout(printed):
            result = eval(code, names)
            if inspect.iscoroutine(result):
                asyncio.run(result)
    return printed.getvalue()


@pytest.mark.parametrize("guide", GUIDES)
def test_the_forms_of_a_guide_run(url: str, guide: str) -> None:
    printed = run_cells(GUIDES[guide], url)
    if guide == "streaming":
        assert [len(line.split()) for line in printed.splitlines()] == [60, 40, 20]


@pytest.mark.slow
def test_the_guides_run_unedited_on_the_stand_in(url: str, tmp_path: Path) -> None:
    """One program of all guides under google-genai's own import."""
    cells = [cell for text in GUIDES.values() for cell in text.split("---\n")]
    body = textwrap.indent("\n".join(cells), "    ")
    program = f"{HEAD}\nasync def main():\n{body}\n\nimport asyncio\nasyncio.run(main())\n"
    environment = {**os.environ, "GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": "k"}
    (tmp_path / "guides.py").write_text(program, "utf-8")
    command = [sys.executable, "-m", "headwater", "run", str(tmp_path / "guides.py")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert "headwater does not have" not in run.stderr
