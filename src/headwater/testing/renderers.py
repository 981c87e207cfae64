"""Renderers: how the Gemini API and OpenAI's chat completions write what a script does. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from headwater.core.wire.gemini import STATUS_NAMES
from headwater.testing.actions import CallFunction, Error, Filter, Say

Part = Say | CallFunction
MODEL = "scripted-1"
#: The fewest tokens that an answer has: scripts count words, not tokens.
_USAGE = (3, 5)
#: Every other finish reason of the Gemini API is a filter's.
_CHAT_REASONS = {"STOP": "stop", "MAX_TOKENS": "length"}


class Renderer(Protocol):
    """How one API writes an answer."""

    def opening(self) -> list[bytes]:
        """Return the events that precede the first part."""

    def event(self, part: Part) -> bytes:
        """Return the event of one part."""

    def finish(self, reason: str, parts: Sequence[Part]) -> bytes:
        """Return the event that ends an answer of ``parts``."""

    def block(self, block: Filter, parts: Sequence[Part]) -> bytes:
        """Return the event by which a filter ends an answer of ``parts``."""

    def done(self) -> bytes:
        """Return what follows the last event."""

    def error_event(self, error: Error) -> bytes:
        """Return an error in the middle of a stream."""

    def refusal(self, error: Error) -> bytes:
        """Return the body of an error."""

    def whole(self, parts: Sequence[Part], reason: str | None) -> bytes:
        """Return an answer that is not streamed."""


def renderer_for(path: str) -> Renderer | None:
    """Return the renderer of the API that a path belongs to; None if no script can answer it."""
    path = path.partition("?")[0]
    if path.endswith("/chat/completions"):
        return ChatRenderer()
    if path.endswith((":generateContent", ":streamGenerateContent")):
        return GeminiRenderer()
    return None


def is_stream(path: str, body: bytes) -> bool:
    """Return whether a request asks for a stream."""
    if ":streamGenerateContent" in path:
        return True
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        return False
    return isinstance(asked, dict) and asked.get("stream") is True


class GeminiRenderer:
    """The Gemini API's ``generateContent`` and ``streamGenerateContent``."""

    def opening(self) -> list[bytes]:
        """Return nothing: the first event is the first part."""
        return []

    def event(self, part: Part) -> bytes:
        """Return a chunk with one part."""
        if isinstance(part, CallFunction) and part.args is None:
            return _event(self._chunk([], "MALFORMED_FUNCTION_CALL"))
        return _event(self._chunk([part]))

    def finish(self, reason: str, parts: Sequence[Part]) -> bytes:
        """Return the last chunk, with an empty text, the finish reason and the usage."""
        if parts and parts[-1] == CallFunction(getattr(parts[-1], "name", ""), None):
            return b""  # a malformed call had its finish reason with it
        return _event(self._chunk([Say("")], reason))

    def block(self, block: Filter, parts: Sequence[Part]) -> bytes:
        """Return the chunk of a blocked answer, or of a blocked prompt."""
        if parts:
            return _event(self._chunk([], block.reason))
        return _event({"promptFeedback": {"blockReason": block.reason}, "modelVersion": MODEL})

    def done(self) -> bytes:
        """Return nothing: the last chunk has a finish reason, and that is all."""
        return b""

    def error_event(self, error: Error) -> bytes:
        """Return an error as an event."""
        return _event(_google_error(error))

    def refusal(self, error: Error) -> bytes:
        """Return the body of an error, as Google writes it."""
        return json.dumps(_google_error(error)).encode()

    def whole(self, parts: Sequence[Part], reason: str | None) -> bytes:
        """Return one response with all parts."""
        return json.dumps(self._chunk(parts, reason)).encode()

    def _chunk(self, parts: Sequence[Part], reason: str | None = None) -> dict[str, Any]:
        content = {"role": "model", "parts": [_gemini_part(part) for part in parts]}
        candidate: dict[str, Any] = {"content": content, "index": 0}
        chunk: dict[str, Any] = {"candidates": [candidate], "modelVersion": MODEL, "responseId": "script"}
        if reason is not None:
            candidate["finishReason"] = reason
            prompt, answer = _USAGE
            chunk["usageMetadata"] = {
                "promptTokenCount": prompt,
                "candidatesTokenCount": answer,
                "totalTokenCount": prompt + answer,
            }
        return chunk


class ChatRenderer:
    """OpenAI's ``/chat/completions``."""

    def opening(self) -> list[bytes]:
        """Return the chunk with the role."""
        return [_event(self._chunk({"role": "assistant", "content": ""}))]

    def event(self, part: Part) -> bytes:
        """Return a chunk with one delta."""
        if isinstance(part, CallFunction):
            return _event(self._chunk({"tool_calls": [{"index": 0, **_chat_call(part)}]}))
        return _event(self._chunk({"reasoning_content" if part.thought else "content": part.text}))

    def finish(self, reason: str, parts: Sequence[Part]) -> bytes:
        """Return the chunk with the finish reason, and one with the usage."""
        usage = self._chunk({}) | {"choices": [], "usage": self._usage()}
        return _event(self._chunk({}, self._reason(reason, parts))) + _event(usage)

    def block(self, block: Filter, parts: Sequence[Part]) -> bytes:
        """Return the chunk of a filtered answer."""
        return self.finish(block.reason, parts)

    def done(self) -> bytes:
        """Return the last event."""
        return b"data: [DONE]\n\n"

    def error_event(self, error: Error) -> bytes:
        """Return an error as an event."""
        return _event(_openai_error(error))

    def refusal(self, error: Error) -> bytes:
        """Return the body of an error, as OpenAI writes it."""
        return json.dumps(_openai_error(error)).encode()

    def whole(self, parts: Sequence[Part], reason: str | None) -> bytes:
        """Return one completion with all parts."""
        text = "".join(part.text for part in parts if isinstance(part, Say) and not part.thought)
        calls = [_chat_call(part) for part in parts if isinstance(part, CallFunction)]
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if calls:
            message["tool_calls"] = calls
        finish = None if reason is None else self._reason(reason, parts)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        body = self._chunk({}) | {"object": "chat.completion", "choices": [choice], "usage": self._usage()}
        return json.dumps(body).encode()

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        head = {"id": "chatcmpl-script", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
        return {**head, "choices": [choice]}

    def _reason(self, reason: str, parts: Sequence[Part]) -> str:
        if reason == "STOP" and any(isinstance(part, CallFunction) for part in parts):
            return "tool_calls"
        return _CHAT_REASONS.get(reason, "content_filter")

    def _usage(self) -> dict[str, int]:
        prompt, answer = _USAGE
        return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def _gemini_part(part: Part) -> dict[str, Any]:
    if isinstance(part, CallFunction):
        return {"functionCall": {"name": part.name, "args": part.args or {}}}
    return {"text": part.text, "thought": True} if part.thought else {"text": part.text}


def _chat_call(call: CallFunction) -> dict[str, Any]:
    text = '{"city": "Par' if call.args is None else json.dumps(call.args)
    return {"id": f"call_{call.name}", "type": "function", "function": {"name": call.name, "arguments": text}}


def _google_error(error: Error) -> dict[str, Any]:
    status = STATUS_NAMES.get(error.code, "UNKNOWN")
    body: dict[str, Any] = {"code": error.code, "message": error.message, "status": status}
    if error.retry_after is not None:
        info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{error.retry_after:g}s"}
        body["details"] = [info]
    return {"error": body}


def _openai_error(error: Error) -> dict[str, Any]:
    kind = "server_error" if error.code >= 500 else "invalid_request_error"
    return {"error": {"message": error.message, "type": kind, "param": None, "code": error.code}}
