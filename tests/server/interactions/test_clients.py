"""Published clients and judges of the Interactions API against headwater's server."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.protocols.interactions.test_corpus_events import answers, document_of
from tests.support.corpus_cases import shared
from tests.support.interactions import events_of
from tests.support.live import Live
from tests.support.venvs import python_with, run_program

pytestmark = pytest.mark.slow

MODEL = "gemini-3.8-flash"
TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with Live() as live:
        yield live


@pytest.fixture
def official() -> Any:
    """google-genai, whose imports warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("google.genai")


@pytest.fixture
def client(official: Any, live: Live) -> Any:
    return official.Client(api_key="any", http_options={"base_url": live.url})


def test_the_official_types_accept_every_event_and_interaction(official: Any) -> None:
    """What each recorded Gemini stream becomes, as events and as one document."""
    from google.genai import interactions

    kinds: dict[str, Any] = {
        "interaction.created": interactions.InteractionCreatedEvent,
        "interaction.status_update": interactions.InteractionStatusUpdate,
        "step.start": interactions.StepStart,
        "step.delta": interactions.StepDelta,
        "step.stop": interactions.StepStop,
        "interaction.completed": interactions.InteractionCompletedEvent,
        "error": interactions.ErrorEvent,
    }
    for case, outcome in answers():
        for event in events_of(outcome.chunks, outcome.error):
            read = kinds[event["event_type"]].model_validate(event)
            inner = getattr(read, "step", None) or getattr(read, "delta", None)
            assert "Unknown" not in type(inner).__name__, (case.id, event)
        interactions.Interaction.model_validate(document_of(outcome.chunks))


def test_the_official_client_streams_resumes_and_continues(client: Any) -> None:
    events = list(client.interactions.create(model=MODEL, input="Tell me a story in 40 words.", stream=True))
    first = events[0].interaction.id
    for number in range(0, len(events), 3):
        rest = list(client.interactions.get(first, stream=True, last_event_id=events[number].event_id))
        assert [event.event_id for event in rest] == [event.event_id for event in events[number + 1 :]]
    whole = client.interactions.get(first)
    texts = [event.delta.text for event in events if getattr(getattr(event, "delta", None), "type", "") == "text"]
    assert whole.output_text == "".join(texts)
    assert whole.usage.total_tokens == events[-1].interaction.usage.total_tokens
    second = client.interactions.create(model=MODEL, input="And?", previous_interaction_id=first)
    assert (second.status, second.previous_interaction_id) == ("completed", first)
    client.interactions.delete(first)


def test_the_official_client_calls_functions_and_cancels(client: Any, official: Any) -> None:
    called = client.interactions.create(model=MODEL, input="Look with the function look.", tools=[TOOL])
    (call,) = (step for step in called.steps if step.type == "function_call")
    result = {"type": "function_result", "call_id": call.id, "name": call.name, "result": "a river"}
    answer = client.interactions.create(model=MODEL, input=[result], previous_interaction_id=called.id, tools=[TOOL])
    assert "river" in answer.output_text
    made = client.interactions.create(model=MODEL, input="Tell me a story.", background=True)
    assert made.status == "in_progress"
    assert list(client.interactions.get(made.id, stream=True))[-1].interaction.status == "completed"
    with pytest.raises(Exception, match="has ended"):
        client.interactions.cancel(made.id)
    with pytest.raises(Exception, match="not found"):
        client.interactions.get("v1_" + "x" * 32)


def test_the_compliance_suite_passes(live: Live) -> None:
    """Against Google's own schema: text, instructions, turns, tools, streams, usage, images, thinking, errors."""
    tool = python_with("llm-comply==0.5.0").with_name("llm-comply")
    options = ["--format", "google-interactions", "-u", live.url, "-k", "any", "-m", MODEL]
    assert "9/9 passed" in run_program(tool, *options, "--auth-header", "x-goog-api-key", "--no-bearer")


def test_the_javascript_judge_passes_but_for_agents(live: Live, tmp_path: Path) -> None:
    """The AI SDK and Google's own SDK: nine of ten checks; agents are refused on purpose."""
    judge = shared("judges/interactions/judge_js.mjs")
    if judge is None:
        pytest.skip("no judges beside the checkout")
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not here")
    packages = ["ai@6", "@ai-sdk/google@3.0.141", "@google/genai@2.32.0"]
    (tmp_path / "package.json").write_text('{"name": "judge", "private": true}')
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode != 0:
        pytest.skip(f"npm could not install {packages}: {done.stderr[-300:]}")
    shutil.copy(judge, tmp_path)
    result = subprocess.run(
        ["node", "judge_js.mjs", live.url], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    failed = [line for line in result.stdout.splitlines() if line.startswith("FAIL")]
    assert result.stdout.splitlines()[-1] == "9 of 10", result.stdout
    assert ["agent" in line for line in failed] == [True]
