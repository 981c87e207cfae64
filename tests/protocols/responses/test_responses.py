"""OpenAI's Responses API: requests are read as chat requests, answers are written as items."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from headwater.core.answer.fold import Fold
from headwater.errors import HeadwaterError, StreamInterrupted, UsageError
from headwater.protocols.base import StreamOutcome
from headwater.protocols.openai.fields import ChatFieldError
from headwater.protocols.responses.encoder import ResponseEvents
from headwater.protocols.responses.request import read_response
from headwater.types import GenerateContentResponse
from tests.support.corpus_cases import drive, some_cases

FUNCTION = {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": True}


def asked(input: Any = "hi", **fields: Any) -> dict[str, Any]:
    """The request of the Gemini API that is made of a request."""
    body = json.dumps({"model": "m", "input": input, **fields}).encode()
    document: dict[str, Any] = json.loads(read_response(body).chat.body)
    return document


def test_items_become_turns() -> None:
    """Calls that follow each other are one turn; reasoning is left out."""
    calls = [{"type": "function_call", "call_id": f"c{n}", "name": "look", "arguments": "{}"} for n in range(2)]
    results = [{"type": "function_call_output", "call_id": "c0", "output": "a"}]
    results += [{"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "b"}]}]
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    file = {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}
    said = [{"type": "output_text", "text": "ok"}, {"type": "refusal", "refusal": "no"}]
    made = asked(
        [
            {"role": "user", "content": [{"type": "input_text", "text": "see"}, image, file]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "role": "assistant", "content": said},
            *calls,
            *results,
        ],
        instructions="Be brief.",
        tools=[FUNCTION],
        tool_choice={"type": "function", "name": "look"},
    )
    assert made["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    user, answer, turn, outcome = made["contents"]
    assert [sorted(part) for part in user["parts"]] == [["text"], ["inlineData"], ["inlineData"]]
    assert [part["text"] for part in answer["parts"]] == ["ok", "no"]
    assert [part["functionCall"]["id"] for part in turn["parts"]] == ["c0", "c1"]
    assert [part["functionResponse"]["response"] for part in outcome["parts"]] == [{"output": "a"}, {"output": "b"}]
    assert made["tools"][0]["functionDeclarations"][0]["name"] == "look"
    assert made["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == ["look"]
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "look"}]}
    assert asked(tools=[FUNCTION], tool_choice=allowed)["toolConfig"] == made["toolConfig"]


def test_settings_are_mapped() -> None:
    schema = {"type": "object"}
    wanted = {"format": {"type": "json_schema", "name": "n", "schema": schema}, "verbosity": "low"}
    made = asked(max_output_tokens=5, temperature=0.5, text=wanted, reasoning={"effort": "low", "summary": "auto"})
    assert made["generationConfig"] == {
        "temperature": 0.5,
        "maxOutputTokens": 5,
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
        "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
    }
    assert asked(text={"format": {"type": "json_object"}})["generationConfig"] == {
        "responseMimeType": "application/json"
    }
    ignored = {"store": True, "truncation": "auto", "include": ["reasoning.encrypted_content"], "service_tier": "auto"}
    assert "generationConfig" not in asked(**ignored)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_video"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "wizard", "content": "x"}]}, "input"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]}, "input"),
        ({"previous_response_id": "x"}, "previous_response_id"),
        ({"conversation": "x"}, "conversation"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "x"}}, "prompt"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"text": {"format": {"type": "xml"}}}, "text.format"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    """By the names of this API."""
    with pytest.raises(ChatFieldError) as caught:
        read_response({"model": "m", "input": "hi"} | fields)
    assert caught.value.param == param
    assert "max_completion" not in str(caught.value)


@pytest.mark.parametrize("body", [b"{", b"[]"])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(UsageError, match="Responses API"):
        read_response(body)


# Answers


class Reader:
    """Reads events as strictly as the strictest client: nothing about an item that was not added."""

    def __init__(self, body: bytes) -> None:
        events = [event.split(b"\n") for event in body.split(b"\n\n") if event]
        documents = [json.loads(data.removeprefix(b"data: ")) for _, data in events]
        assert [kind.removeprefix(b"event: ").decode() for kind, _ in events] == [one["type"] for one in documents]
        assert [one["sequence_number"] for one in documents] == list(range(len(documents)))
        self.kinds = [one["type"].removeprefix("response.") for one in documents]
        assert self.kinds[:2] == ["created", "in_progress"]
        self.response = documents[-1]["response"]
        self.open: dict[str, Any] | None = None
        self.done: list[Any] = []
        self.text = ""
        for one in documents[2:-1]:
            self._read(one["type"].removeprefix("response."), one)

    def _read(self, kind: str, event: dict[str, Any]) -> None:
        assert event["output_index"] == len(self.done)
        if kind == "output_item.added":
            assert self.open is None
            self.open, self.text = event["item"], ""
            return
        assert self.open is not None
        if kind == "output_item.done":
            self.done.append(event["item"])
            assert event["item"]["id"] == self.open["id"]
            self.open = None
            return
        assert event["item_id"] == self.open["id"]
        self.text += event.get("delta", "")
        if kind.endswith(("text.done", "arguments.done")):
            assert event.get("text", event.get("arguments")) == self.text


def encoder() -> ResponseEvents:
    return ResponseEvents(read_response({"model": "m", "input": "hi"}).echo, model="m", seed="s", created=5)


def says(text: str = "", finish: str | None = None, **candidate: Any) -> GenerateContentResponse:
    content = {"role": "model", "parts": [{"text": text}] if text else []}
    one = {"content": content, "finishReason": finish, **candidate}
    return GenerateContentResponse.model_validate({"candidates": [one]})


def written(chunks: Sequence[GenerateContentResponse], error: Exception | None = None) -> Reader:
    writer = encoder()
    body = b"".join(map(writer.chunk, chunks)) + (writer.end() if error is None else writer.fail(error))
    assert writer.chunk(says("late")) == writer.end() == writer.fail(ValueError()) == b""
    return Reader(body)


def test_every_recorded_stream_becomes_items() -> None:
    """Text, thoughts and calls are those of the answer; a whole answer is the same response."""
    for case in some_cases("streamGenerateContent"):
        outcome, fold = drive([case.body], status=case.status), Fold()
        for chunk in outcome.chunks:
            fold.add(chunk)
        found, response = written(outcome.chunks, outcome.error), fold.response
        status = found.response["status"]
        assert status in ("completed", "incomplete", "failed"), case.id
        assert found.kinds[-1] == status
        if status == "failed":
            assert found.response["error"]["message"]
            continue
        assert found.done == found.response["output"], case.id
        texts = [item["content"][0]["text"] for item in found.done if item["type"] == "message"]
        if not any(part.executable_code or part.code_execution_result for part in response.parts):
            assert "".join(texts) == response.text, case.id
        calls = [
            (item["name"], json.loads(item["arguments"])) for item in found.done if item["type"] == "function_call"
        ]
        assert calls == [(call.name, call.args or {}) for call in response.function_calls or ()], case.id
        thoughts = [item["summary"][0]["text"] for item in found.done if item["type"] == "reasoning"]
        assert "".join(thoughts) == response.thought_text, case.id
        whole = json.loads(encoder().whole(response))
        assert whole["output"] == found.response["output"], case.id
        assert (whole["status"], whole["usage"]) == (status, found.response["usage"]), case.id


def test_an_answer_that_is_not_whole_never_completes() -> None:
    length = written([says("a", "MAX_TOKENS")]).response
    assert (length["status"], length["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert length["output"][0]["status"] == "incomplete"
    assert written([says("a", "SAFETY")]).response["incomplete_details"] == {"reason": "content_filter"}
    for failed in (
        written([says("a")], StreamInterrupted("cut")),
        written([says("a", "MALFORMED_FUNCTION_CALL")]),
        written([GenerateContentResponse.model_validate({"promptFeedback": {"blockReason": "SAFETY"}})]),
        written([]),
        Reader(encoder().end(StreamOutcome(reason="cancelled"))),
    ):
        assert failed.response["status"] == "failed"
        assert failed.response["error"]["code"]
    restarted = says("a")
    restarted.__dict__["_is_reset"] = True
    assert Reader(encoder().chunk(restarted)).response["status"] == "failed"
    with pytest.raises(HeadwaterError):
        encoder().whole(says("a", "OTHER"))


def test_sources_are_annotations_of_the_text() -> None:
    pages = [{"web": {"uri": "https://a.test/", "title": "A"}}]
    supports = [{"segment": {"startIndex": 0, "endIndex": 2}, "groundingChunkIndices": [0]}]
    chunk = says("äb", "STOP", groundingMetadata={"groundingChunks": pages, "groundingSupports": supports})
    found = written([chunk])
    annotation = {"type": "url_citation", "url": "https://a.test/", "title": "A", "start_index": 0, "end_index": 1}
    assert found.response["output"][0]["content"][0]["annotations"] == [annotation]
    assert "output_text.annotation.added" in found.kinds
    empty = written([says("", "STOP", groundingMetadata={"groundingChunks": pages})])
    assert empty.response["output"] == []
