"""Whatever a chat server or a client sends: chunks and errors come of it, and no exception that nobody expects."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest

from headwater.core.wire.openai.chat_answer import ChatOptions
from headwater.core.wire.openai.requests.chat_request import chat_call
from headwater.core.wire.openai.requests.server_traits import PRESETS
from headwater.engines.base import EngineRequest
from headwater.errors import UsageError
from tests.support.chat_cases import AS_RECORDED, read_chat, sse

ATOMS = [None, True, False, 0, 1, -1, 2.5, 1e300, 10**30, "", "x", "stop", "length", "error", "{", "}", "[]", "null"]
ATOMS += ["<think>", "</think>", "a" * 70, [], {}, "0", [None], [{}], [5], {"a": 1}, "\ud83d", "AA=="]
WORDS = [
    "index",
    "id",
    "function",
    "name",
    "arguments",
    "url",
    "image_url",
    "url_citation",
    "type",
    "text",
    "thinking",
    "summary",
    "data",
    "transcript",
    "token",
    "logprob",
    "top_logprobs",
    "content",
    "severity",
    "hate",
    "usage",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "signature",
    "message",
    "code",
    "metadata",
    "raw",
    "detail",
    "loc",
    "msg",
]
DELTAS = [
    "content",
    "reasoning_content",
    "reasoning",
    "tool_calls",
    "refusal",
    "reasoning_details",
    "function_call",
    "images",
    "audio",
    "annotations",
    "extra_content",
]
EVENTS = ["usage", "x_groq", "error", "object", "citations", "timings", "choices", "model", "created", "id"]
OPTIONS = [
    AS_RECORDED,
    ChatOptions(streams_arguments=True, include_thoughts=True, counts_timings=True, engine="e", keeps_reasoning=True),
    ChatOptions(frame="value", prefill="xx"),
    ChatOptions(frame="enum", think_tags="on"),
]


class Anything:
    """Makes values at random, from a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def value(self, words: list[str], depth: int = 0) -> Any:
        chance = self.chance
        if depth > 3 or chance.random() < 0.5:
            return chance.choice(ATOMS)
        if chance.random() < 0.4:
            return [self.value(words, depth + 1) for _ in range(chance.randint(0, 3))]
        return {chance.choice(words): self.value(words, depth + 1) for _ in range(chance.randint(0, 4))}

    def piece(self) -> Any:
        """A piece of a call, more or less."""
        pick = self.chance.choice
        function = {"name": pick(["f", None, 5]), "arguments": pick(["{", "}", '{"a":1}', '"x"', 5, {"k": 1}, None])}
        return {
            "index": pick([0, 1, None, "0"]),
            "id": pick(["a", "b", None, 5]),
            "function": pick([function, None, 7]),
        }

    def event(self) -> dict[str, Any]:
        """An event of a chat stream, more or less."""
        chance, pick = self.chance, self.chance.choice
        delta: Any = {name: self.value(WORDS) for name in chance.sample(DELTAS, chance.randint(0, 3))}
        if chance.random() < 0.3:
            delta["tool_calls"] = [self.piece()]
        choice = {"index": pick([0, 0, 0, 1, None, "x", 2.5]), "delta": delta}
        choice["finish_reason"] = pick([None, None, "", "stop", "length", 5, "error", self.value(WORDS)])
        for name in ("logprobs", "content_filter_results", "message", "delta"):
            if chance.random() < 0.15:
                choice[name] = self.value(WORDS)
        event = {"id": "i", "model": "m", "choices": [choice]}
        return event | {name: self.value(WORDS) for name in EVENTS if chance.random() < 0.06}


def test_any_events_are_chunks_or_errors_that_clients_can_read() -> None:
    anything = Anything(1)
    for _ in range(600):
        events = [anything.event() for _ in range(anything.chance.randint(1, 5))]
        body = sse(*events, end=anything.chance.choice([b"", b"data: [DONE]\n\n"]))
        outcome = read_chat([body], anything.chance.choice(OPTIONS))  # which decodes each chunk as clients do
        assert outcome.response is not None


def test_any_refusal_is_an_error_of_the_api() -> None:
    anything = Anything(2)
    for _ in range(300):
        body = json.dumps(anything.value(WORDS)).encode()
        assert read_chat([body], status=anything.chance.choice([400, 401, 404, 429, 500, 503])).error is not None


FIELDS = [
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "stopSequences",
    "responseLogprobs",
    "logprobs",
    "seed",
    "thinkingConfig",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "mediaResolution",
    "speechConfig",
]
PARTS = [
    "text",
    "thought",
    "functionCall",
    "functionResponse",
    "inlineData",
    "fileData",
    "executableCode",
    "codeExecutionResult",
    "thoughtSignature",
]
INSIDE = [
    "name",
    "id",
    "args",
    "response",
    "parts",
    "mimeType",
    "data",
    "fileUri",
    "displayName",
    "code",
    "output",
    "language",
    "outcome",
    "type",
    "properties",
    "items",
    "enum",
    "nullable",
    "anyOf",
    "minItems",
    "format",
    "propertyOrdering",
    "thinkingLevel",
    "thinkingBudget",
    "includeThoughts",
]


@pytest.mark.parametrize("preset", PRESETS)
def test_any_request_is_sent_or_refused_in_words(preset: str) -> None:
    anything = Anything(3)
    chance = anything.chance
    for _ in range(150):
        parts = [{chance.choice(PARTS): anything.value(INSIDE)} for _ in range(chance.randint(0, 3))]
        contents: list[Any] = [{"role": chance.choice(["user", "model", None, "x"]), "parts": parts}]
        request = {"contents": [{"parts": [{"text": "hi"}]}, *(contents if chance.random() < 0.6 else [])]}
        config = {name: anything.value(INSIDE) for name in chance.sample(FIELDS, chance.randint(0, 3))}
        function = {"name": "f", "parameters": anything.value(INSIDE), "parametersJsonSchema": anything.value(INSIDE)}
        body = request | {"generationConfig": config, "tools": [{"functionDeclarations": [function]}]}
        with suppress(UsageError):
            content = EngineRequest("m", json.dumps(body).encode()).content
            assert json.loads(chat_call("m", content, PRESETS[preset]).body)["messages"]
