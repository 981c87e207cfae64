"""An answer as one ``chat.completion``: what the deltas of a stream add up to."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.errors import APIError
from headwater.protocols.error_documents import reason_details
from headwater.protocols.openai.choices import Choice, Delta
from headwater.protocols.openai.encoder import Answer
from headwater.protocols.openai.finish import chat_usage, finish_reason
from headwater.protocols.openai.signatures import KeepSignature
from headwater.types import GenerateContentResponse


def chat_completion(
    response: GenerateContentResponse,
    *,
    model: str = "",
    seed: str = "",
    created: int = 0,
    one_call: bool = False,
    keep: KeepSignature | None = None,
) -> bytes:
    """Return a whole answer as the JSON of a ``chat.completion``. The options are those of ``ChatCompletions``.

    Raises:
        HeadwaterError: if it is not an answer, or did not finish in a way that chat completions have a word for.
    """
    answer = Answer(model=model, seed=seed, created=created, one_call=one_call, keep=keep)
    answer.usage.add(response)
    messages: dict[int, _Message] = {}
    for choice, delta, logprobs in answer.feed(response):
        messages.setdefault(choice.index, _Message()).add(delta, logprobs)
    if answer.blocked is not None:
        raise blocked_prompt(answer.blocked[1])
    answer.check()
    choices = []
    for choice in answer.choices.values():
        message = messages.setdefault(choice.index, _Message())
        for delta in choice.finish():
            message.add(delta)
        choices.append(message.document(choice))
    usage = chat_usage(answer.usage.usage)
    document: dict[str, Any] = {"id": answer.id, "object": "chat.completion", "created": answer.created}
    document |= {"model": answer.model, "choices": choices} | ({"usage": usage} if usage else {})
    return msgspec.json.encode(document)


def blocked_prompt(message: str) -> APIError:
    """Return the error of a prompt that was refused: 400, as Azure has it."""
    error = {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": reason_details("CONTENT_FILTER")}
    return APIError(400, message, status="INVALID_ARGUMENT", details={"error": error})


class _Message:
    """The message of one choice, put together from its deltas."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {"content": [], "reasoning_content": []}
        self._calls: list[dict[str, Any]] = []
        self._lists: dict[str, list[Any]] = {}
        self._audio: list[str] = []
        self._tokens: list[Any] = []

    def add(self, delta: Delta, logprobs: dict[str, Any] | None = None) -> None:
        if logprobs is not None:
            self._tokens += logprobs["content"]
        for name, value in delta.items():
            match name:
                case "content" | "reasoning_content":
                    self._texts[name].append(value)
                case "tool_calls":
                    self._add_call(*value)
                case "audio":
                    self._audio.append(value["data"])
                case _:
                    self._lists.setdefault(name, []).extend(value)

    def _add_call(self, piece: dict[str, Any]) -> None:
        # A whole answer rarely has calls in pieces; those that it has continue the last one.
        if "id" in piece:
            self._calls.append({name: value for name, value in piece.items() if name != "index"})
        else:
            self._calls[-1]["function"]["arguments"] += piece["function"]["arguments"]

    def document(self, choice: Choice) -> dict[str, Any]:
        finish = finish_reason(choice.finish_reason, has_calls=choice.has_calls)
        content, reasoning = ("".join(self._texts[name]) for name in ("content", "reasoning_content"))
        message: dict[str, Any] = {"role": "assistant", "content": content if content or not self._calls else None}
        message |= {"refusal": None, "annotations": [], **self._lists}
        message |= {"reasoning_content": reasoning} if reasoning else {}
        message |= {"tool_calls": self._calls} if self._calls else {}
        message |= {"audio": {"data": "".join(self._audio)}} if self._audio else {}
        logprobs = {"content": self._tokens, "refusal": None} if self._tokens else None
        native = {"native_finish_reason": choice.finish_reason} if choice.finish_reason else {}
        return {"index": choice.index, "message": message, "logprobs": logprobs, "finish_reason": finish, **native}
