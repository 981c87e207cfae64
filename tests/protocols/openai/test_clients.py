"""The published clients of chat completions, unmodified, against the server with the offline engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.corpus_cases import shared
from tests.support.live import Live
from tests.support.venvs import python_with, run_program

# Installing LiteLLM takes longer than a test may.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MODEL = "gemini-3.8-flash"
STORY = "Tell me a story about a river in 40 words."
WEATHER = "What is the weather in Paris?"

LANGCHAIN = """
import json, sys
from langchain_openai import ChatOpenAI
base, model, story, weather = sys.argv[1:]
llm = ChatOpenAI(base_url=base, api_key="any", model=model, stream_usage=True)
whole = None
for chunk in llm.stream(story):
    whole = chunk if whole is None else whole + chunk
def get_weather(city: str) -> str:
    "The weather of a city."
    return "clear"
bound = llm.bind_tools([get_weather])
turn = bound.invoke(weather)
results = [{"role": "tool", "tool_call_id": call["id"], "content": "clear"} for call in turn.tool_calls]
said = bound.invoke([("user", weather), turn, *results])
schema = {"title": "Person", "description": "A person.", "type": "object",
          "properties": {"age": {"type": "integer"}}, "required": ["age"]}
person = llm.with_structured_output(schema, method="json_schema").invoke("Invent a person.")
print(json.dumps({"text": whole.content, "finish": whole.response_metadata["finish_reason"],
    "tokens": whole.usage_metadata["output_tokens"], "calls": [call["args"] for call in turn.tool_calls],
    "said": said.content, "person": person}))
"""

LITELLM = """
import json, sys
import litellm
base, model, story, weather = sys.argv[1:]
options = {"model": "openai/" + model, "api_base": base, "api_key": "any", "num_retries": 0}
ask = [{"role": "user", "content": story}]
chunks = list(litellm.completion(messages=ask, stream=True, stream_options={"include_usage": True}, **options))
whole = litellm.stream_chunk_builder(chunks)
tools = [{"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]
ask = [{"role": "user", "content": weather}]
turn = litellm.completion(messages=ask, tools=tools, **options).choices[0].message
results = [{"role": "tool", "tool_call_id": call.id, "content": "clear"} for call in turn.tool_calls]
calls = [json.loads(call.function.arguments) for call in turn.tool_calls]  # LiteLLM turns them into dicts below
said = litellm.completion(messages=[*ask, turn, *results], tools=tools, **options).choices[0].message
try:
    litellm.completion(messages=ask, **(options | {"model": "openai/nonexistent"}))
except Exception as error:
    refused = type(error).__name__
print(json.dumps({"text": whole.choices[0].message.content, "finish": whole.choices[0].finish_reason,
    "tokens": whole.usage.completion_tokens, "said": said.content, "refused": refused,
    "calls": calls}))
"""


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with Live() as live:
        yield live


@pytest.fixture(scope="module")
def told(live: Live) -> tuple[str, int]:
    """The story that everyone is told, and its tokens."""
    whole = live.client().models.generate_content(model=MODEL, contents=STORY)
    return whole.text, whole.usage_metadata.candidates_token_count or 0


@pytest.mark.parametrize(
    ("requirements", "program"),
    [(["langchain-openai==1.7.4"], LANGCHAIN), (["litellm==1.110.2"], LITELLM)],
    ids=["langchain", "litellm"],
)
def test_python_clients_stream_call_and_answer(
    live: Live, told: tuple[str, int], requirements: list[str], program: str
) -> None:
    python = python_with(*requirements)
    found = json.loads(run_program(python, "-c", program, live.url + "/v1", MODEL, STORY, WEATHER).splitlines()[-1])
    assert (found["text"], found["tokens"]) == told
    assert found["finish"] == "stop"
    assert found["calls"] == [{"city": "Paris"}]
    assert "clear" in found["said"]
    assert isinstance(found.get("person", {"age": 1})["age"], int)
    assert found.get("refused", "NotFoundError") == "NotFoundError"


def test_javascript_clients_stream_call_and_answer(live: Live, told: tuple[str, int], node: Any) -> None:
    """The official one, and both providers of the AI SDK, one of which reads strictly."""
    found = node("completions.mjs", live.url + "/v1", MODEL, STORY, WEATHER)
    assert MODEL in found["models"]
    for name in ("openai", "compatible", "strict"):
        assert (found[name]["text"], found[name]["tokens"], found[name]["finish"]) == (*told, "stop")
    for name in ("compatible", "strict"):
        assert found[name]["calls"] == [{"city": "Paris"}]
        assert "clear over Paris" in found[name]["said"]
    assert found["refused"] == ["NotFoundError", 404, "model_not_found"]
    assert found["thoughts"]


@pytest.mark.parametrize(
    ("suite", "model", "passed"),
    [
        ("openai-chat", MODEL, "8/9 passed, 1 skipped"),
        ("openai-chat", "gpt-5-offline", "9/9 passed"),
        # The warning: there is no compaction.
        ("open-responses", "gpt-5-offline", "13/13 passed, 1 with warnings"),
    ],
)
def test_the_compliance_suite_passes(live: Live, suite: str, model: str, passed: str) -> None:
    """Against OpenAI's own schema. Its tests of reasoning run for models that are named like reasoning ones."""
    tool = python_with("llm-comply==0.5.0").with_name("llm-comply")
    assert passed in run_program(tool, "--format", suite, "-u", live.url + "/v1", "-k", "any", "-m", model)


@pytest.mark.parametrize(
    ("judge", "requirement"),
    [
        ("judge_openai.py", "openai==3.57.0"),
        ("judge_langchain.py", "langchain-openai==1.7.4"),
        ("judge_litellm.py", "litellm==1.110.2"),
    ],
)
def test_the_judges_pass(live: Live, judge: str, requirement: str) -> None:
    """Programs that others wrote, run where they lie."""
    found = shared(f"judges/openai/{judge}")
    if found is None:
        pytest.skip("no judges beside the checkout")
    program = found.read_text("utf-8").replace("127.0.0.1:18080", f"127.0.0.1:{live.port}").replace("tiny-water", MODEL)
    said = run_program(python_with(requirement), "-c", program)
    assert "offline engine of headwater" in said
