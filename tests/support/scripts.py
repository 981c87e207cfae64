"""An engine for tests of front ends: what it says is decided by the last text that it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from headwater.engines.base import EngineRequest
from headwater.errors import api_error
from headwater.types import CountTokensResponse, GenerateContentResponse, Model

STORY = ["Once ", "upon ", "a time."]
CALL = {"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}, "thoughtSignature": "c2lnbmVk"}
#: The arguments of a call in pieces, as Vertex AI streams them.
BEGUN = [
    {"functionCall": {"name": "get_weather", "willContinue": True}},
    {
        "functionCall": {
            "partialArgs": [{"jsonPath": "$.city", "stringValue": "Par", "willContinue": True}],
            "willContinue": True,
        }
    },
]
REST = [
    {"functionCall": {"partialArgs": [{"jsonPath": "$.city", "stringValue": "is"}], "willContinue": True}},
    {"functionCall": {}},
]
EVERYTHING = [
    {"text": "Let me think.", "thought": True},
    {"text": "Here it is: "},
    {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
    {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}, "thoughtSignature": "c2lnbmVk"},
    {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}, "thought": True},
    {"toolCall": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["rivers"]}}},
    {"toolResponse": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "response": {"found": 3}}},
    *BEGUN,
    *REST,
    {"text": "done", "thoughtSignature": "c2lnbmVk"},
]
SOURCES = {
    "groundingChunks": [
        {"web": {"uri": "https://rivers.test/", "title": "Rivers"}},
        {"retrievedContext": {"uri": "gs://b/c.pdf", "title": "c.pdf"}},
        {"web": {"uri": "https://rivers.test/", "title": "Rivers"}},
    ]
}
USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 2, "totalTokenCount": 9}


def chunk(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> GenerateContentResponse:
    """Return a chunk as the API sends it, its usage with the finish reason."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0} | more
    told: dict[str, Any] = {"candidates": [candidate], "modelVersion": "scripted-1", "responseId": "r1"}
    if finish:
        candidate["finishReason"] = finish
        told["usageMetadata"] = USAGE
    return GenerateContentResponse.model_validate(told)


class Stage:
    """The engine. One that holds waits until it is released, or stopped."""

    name = "stage"

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.gates: list[asyncio.Event] = []

    def release(self) -> None:
        """Let all go on that hold."""
        for gate in self.gates:
            gate.set()
        self.gates.clear()

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        """Say what the script has for what was asked last."""
        contents = request.content.contents or []
        self.asked.append({"contents": contents, "system": request.content.system_instruction})
        last = (contents[-1].parts or [])[0]
        if last.function_response is not None and contents[0].parts[0].text == "hold weather":
            async for one in self._hold(is_call=False):
                yield one
            return
        if last.function_response is not None:
            yield chunk({"text": f"It is {last.function_response.response}."}, finish="STOP")
            return
        async for one in self._play(last.text or ""):
            yield one

    async def _play(self, text: str) -> AsyncIterator[GenerateContentResponse]:
        match text:
            case "think":
                yield chunk({"text": "Let me ", "thought": True})
                yield chunk({"text": "think.", "thought": True}, {"text": "I "})
                yield chunk({"text": "thought."})
                yield chunk({"text": "", "thoughtSignature": "c2lnbmVk"}, finish="STOP")
            case "weather" | "hold weather":
                yield chunk({"text": "I look. "})
                yield chunk(CALL, finish="STOP")
            case "everything":
                for part in EVERYTHING:
                    yield chunk(part)
                yield chunk(finish="STOP", groundingMetadata=SOURCES)
            case "refuse":
                raise api_error(429, "too many of you", status="RESOURCE_EXHAUSTED")
            case "break":
                yield chunk({"text": "half "})
                raise api_error(503, "the model is overloaded", status="UNAVAILABLE")
            case "break call":
                for part in BEGUN:
                    yield chunk(part)
                raise api_error(503, "the model is overloaded", status="UNAVAILABLE")
            case "block":
                yield chunk({"text": "I must "})
                yield chunk(finish="SAFETY")
            case "hold" | "hold call" | "call and hold":
                if text == "call and hold":
                    yield chunk(CALL)
                async for one in self._hold(is_call=text == "hold call"):
                    yield one
            case _:
                for piece in STORY[:-1]:
                    yield chunk({"text": piece})
                yield chunk({"text": STORY[-1]}, finish="STOP")

    async def _hold(self, *, is_call: bool) -> AsyncIterator[GenerateContentResponse]:
        gate = asyncio.Event()
        self.gates.append(gate)
        for part in BEGUN if is_call else [{"text": "0 "}, {"text": "1 "}]:
            yield chunk(part)
        await gate.wait()
        for part in REST if is_call else ():  # type: ignore[assignment]
            yield chunk(part)
        yield chunk({"text": "2 end"}, finish="STOP")

    async def count_tokens(self, request: EngineRequest) -> CountTokensResponse:
        """Nobody asks."""
        return CountTokensResponse(total_tokens=1)

    async def models(self) -> list[Model]:
        """There is one."""
        return [Model(name="models/stage")]

    async def aclose(self) -> None:
        """Nothing to close."""
