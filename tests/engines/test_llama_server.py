"""The openai engine in front of a real llama.cpp server: what Gemini clients get is what the server said."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import genai
from headwater.engines import OpenAIEngine
from headwater.errors import APIError, StreamError
from headwater.types import Content, Part
from tests.support.corpus_cases import shared
from tests.support.live import Live
from tests.support.llama import MODEL, LlamaServer, tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.needs_llama_server]

ASK = "Write about rivers."
WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {
        "type": "OBJECT",
        "properties": {
            "city": {"type": "STRING", "enum": ["Paris", "Oslo"]},
            "days": {"type": "INTEGER", "minimum": 1},
        },
        "required": ["city", "days"],
    },
}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    with LlamaServer(tiny_model(tmp_path_factory.mktemp("model"))) as server:
        yield server


@pytest.fixture
def live(llama: LlamaServer) -> Iterator[Live]:
    with Live(OpenAIEngine(llama.url, preset="llamacpp")) as live:
        yield live


@pytest.fixture
def client(live: Live) -> genai.Client:
    return live.client()


def stream(client: genai.Client, contents: Any = ASK, **config: Any) -> Any:
    return client.models.generate_content_stream(model=MODEL, contents=contents, config={"seed": 7, **config})


def direct(llama: LlamaServer, **body: Any) -> Any:
    """What the server says without headwater."""
    asked = {"model": MODEL, "messages": [{"role": "user", "content": ASK}], "seed": 7, **body}
    status, data = llama.request("POST", "/v1/chat/completions", asked)
    assert status == 200
    return json.loads(data)


def test_the_answer_is_the_servers_word_for_word_and_token_for_token(llama: LlamaServer, client: genai.Client) -> None:
    """Streamed and whole; with counts in every chunk that only grow, as the Gemini API sends them."""
    said = direct(llama, max_tokens=60)
    answer = stream(client, max_output_tokens=60)
    totals = [chunk.usage_metadata.total_token_count for chunk in answer]
    assert answer.text == said["choices"][0]["message"]["content"]
    assert answer.usage_metadata.candidates_token_count == said["usage"]["completion_tokens"]
    assert answer.usage_metadata.prompt_token_count == said["usage"]["prompt_tokens"]
    assert totals == sorted(totals)
    assert len(totals) > 10
    whole = client.models.generate_content(model=MODEL, contents=ASK, config={"seed": 7, "max_output_tokens": 60})
    assert (whole.text, whole.model_version) == (answer.text, MODEL)


def test_limits_and_stops_end_the_answer_as_the_api_says(client: genai.Client) -> None:
    cut = stream(client, max_output_tokens=5)
    cut.collect()
    assert (str(cut.response.finish_reason), cut.usage_metadata.candidates_token_count) == ("MAX_TOKENS", 5)
    stopped = stream(client, stop_sequences=["river"])
    assert "river" not in stopped.collect().text
    assert str(stopped.response.finish_reason) == "STOP"


def test_two_answers_stay_two(client: genai.Client) -> None:
    answers = stream(client, candidate_count=2, max_output_tokens=12).collect().candidates
    assert [one.index for one in answers] == [0, 1]
    assert all(str(one.finish_reason) == "MAX_TOKENS" for one in answers)


def test_a_chat_remembers_and_tokens_are_counted(client: genai.Client) -> None:
    chat = client.chats.create(model=MODEL, config={"seed": 7})
    first = chat.send_message(ASK)
    second = chat.send_message("And the sea?")
    assert first.text
    assert second.usage_metadata.prompt_token_count > first.usage_metadata.prompt_token_count
    counted = client.models.count_tokens(model=MODEL, contents=ASK).total_tokens
    assert counted == first.usage_metadata.prompt_token_count
    assert f"models/{MODEL}" in [model.name for model in client.models.list()]


def test_a_forced_call_and_its_result(client: genai.Client) -> None:
    """The call has an id and arguments that fit; its result goes back, and an answer comes."""
    tools = [{"function_declarations": [WEATHER]}]
    forced = {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["get_weather"]}}
    answer = stream(client, tools=tools, tool_config=forced).collect()
    [call] = answer.function_calls or []
    assert (call.name, bool(call.id)) == ("get_weather", True)
    assert call.args["city"] in ("Paris", "Oslo")
    assert call.args["days"] >= 1
    result = Part.from_function_response(name=call.name, response={"weather": "rain"}, id=call.id)
    turns = [
        Content(role="user", parts=[Part(ASK)]),
        answer.candidates[0].content,
        Content(role="user", parts=[result]),
    ]
    after = stream(client, turns, tools=tools, max_output_tokens=30)
    assert after.collect().candidates


def test_a_schema_holds(client: genai.Client) -> None:
    schema = {"type": "OBJECT", "properties": {"deep": {"type": "BOOLEAN"}}, "required": ["deep"]}
    config = {"response_mime_type": "application/json", "response_schema": schema}
    assert set(json.loads(stream(client, **config).collect().text)) == {"deep"}
    words = {"response_mime_type": "text/x.enum", "response_schema": {"type": "STRING", "enum": ["river", "sea"]}}
    assert stream(client, **words).collect().text in ("river", "sea")


def test_an_answer_that_is_begun_is_continued_and_not_repeated(llama: LlamaServer) -> None:
    """The server repeats the beginning; the client does not see it twice."""
    turns = [Content(role="user", parts=[Part(ASK)]), Content(role="model", parts=[Part("The river")])]
    traits = {"extra_body": {"ignore_eos": True}}
    with Live(OpenAIEngine(llama.url, preset="llamacpp", traits=traits)) as live:
        text = stream(live.client(), turns, max_output_tokens=20).collect().text
    assert text
    assert not text.startswith("The river")


def test_errors_of_the_server_are_typed(client: genai.Client) -> None:
    with pytest.raises(APIError, match="exceeds the available context size") as caught:
        stream(client, "water " * 9000).collect()
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    image = Part.from_bytes(data=b"\x89PNG\r\n\x1a\n", mime_type="image/png")
    with pytest.raises(APIError, match="image input is not supported") as caught:
        stream(client, [image, "What?"]).collect()
    assert caught.value.code == 400  # the server says 500, and a client would try again


def test_a_reader_that_leaves_stops_the_server(llama: LlamaServer) -> None:
    """The slot is free at once: with both taken for thousands of tokens each, the next question would wait."""
    traits = {"extra_body": {"ignore_eos": True}}
    with Live(OpenAIEngine(llama.url, preset="llamacpp", traits=traits)) as live:
        for _ in range(6):
            for _ in stream(live.client(), max_output_tokens=15_000):
                break
        live.until(lambda: not live.server.recorder.generations)
        assert stream(live.client(), max_output_tokens=5).collect().text


def test_thoughts_of_a_thinking_model(tmp_path: Path) -> None:
    model = tiny_model(tmp_path, thinks=True)
    with LlamaServer(model) as llama, Live(OpenAIEngine(llama.url, preset="llamacpp")) as live:
        shown = stream(live.client(), thinking_config={"include_thoughts": True}).collect()
        hidden = stream(live.client()).collect()
    assert shown.thought_text
    assert (hidden.thought_text, hidden.text) == ("", shown.text)


def test_a_server_that_is_killed_leaves_no_whole_answer(tmp_path: Path) -> None:
    with LlamaServer(tiny_model(tmp_path)) as llama:
        engine = OpenAIEngine(llama.url, preset="llamacpp", traits={"extra_body": {"ignore_eos": True}})
        with Live(engine) as live:
            answer = stream(live.client(retry_options={"attempts": 1}), max_output_tokens=15_000)
            chunks = iter(answer)
            next(chunks)
            llama.kill()
            with pytest.raises((StreamError, APIError)):
                list(chunks)
            assert not answer.ending.is_whole
            with pytest.raises(APIError, match="cannot reach"):
                stream(live.client(retry_options={"attempts": 1})).collect()
            assert live.get("/healthz").json["engines"] == [{"name": "openai", "resting": True}]


#: Cells whose content the tiny model cannot have, and what they must say instead of failing in silence.
_REFUSED = {("002", "4"): "image input is not supported", ("003", "2"): "only Google can read"}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("who", ["headwater", "official"])
def test_the_guides_run_unchanged(llama: LlamaServer, who: str) -> None:
    """Each cell runs as written. The words are those of a tiny model, so only what a cell raises is a failure."""
    program = shared("guides/run_guides.py")
    if program is None:
        pytest.skip("no shared/guides beside the checkout")
    traits = {"extra_body": {"ignore_eos": True, "max_tokens": 250}}
    with Live(OpenAIEngine(llama.url, preset="llamacpp", traits=traits)) as live:
        command = [sys.executable, str(program), "--base-url", live.url, "--client", who]
        told = subprocess.run(command, capture_output=True, text=True, timeout=380, check=False).stdout
    ran = re.findall(r"^(?:ok  |FAIL) guide", told, re.MULTILINE)
    failed = re.findall(
        r"^FAIL guide (\d+) cell +(\d+) +[\d.]+ s  (.*(?:Error|Exception|Interrupt).*)$", told, re.MULTILINE
    )
    print(f"\n{who}: {len(ran)} cells, of which these raise: {failed}")
    assert len(ran) >= 18
    assert not [cell for cell in failed if _REFUSED.get((cell[0], cell[1]), "?") not in cell[2]]
