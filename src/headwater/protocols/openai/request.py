"""Reads the body of ``POST /chat/completions`` as a request of the Gemini API. Nothing is fetched."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from headwater.protocols.openai.fields import ChatFieldError, objects, optional, required
from headwater.protocols.openai.generation import cached_content, check_supported, generation_config, tool_fields
from headwater.protocols.openai.messages import FindSignature, MessageReader
from headwater.protocols.parsing import parse_json
from headwater.types import Content

#: The fields that are read. What else a client sends is a hint to some other server.
_READ = frozenset(
    [
        "model",
        "messages",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "max_completion_tokens",
        "max_tokens",
        "stop",
        "n",
        "logprobs",
        "top_logprobs",
        "modalities",
        "response_format",
        "reasoning_effort",
        "reasoning",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "extra_body",
    ]
)
#: Names go into a header: no client may write what it likes there, nor as much as it likes.
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_MAX_IGNORED = 20


class ChatRequest(msgspec.Struct, frozen=True):
    """What a client of chat completions asks. ``body`` is the request of the Gemini API, as JSON.

    ``contents`` and ``config`` are the same as arguments of headwater's client. ``one_call`` says that the client takes
    at most one function call per turn (``parallel_tool_calls: false``). ``ignored`` names the fields that mean nothing
    here.
    """

    model: str
    body: bytes
    is_stream: bool = False
    include_usage: bool = False
    one_call: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def contents(self) -> list[Any]:
        """The turns, as plain JSON."""
        contents: list[Any] = msgspec.json.decode(self.body)["contents"]
        return contents

    @property
    def config(self) -> dict[str, Any]:
        """Everything else, as a ``GenerateContentConfig`` takes it."""
        fields = msgspec.json.decode(self.body)
        del fields["contents"]
        return {**fields.pop("generationConfig", {}), **fields}


def read_chat(body: Any, find_signature: FindSignature = lambda call_id: None) -> ChatRequest:
    """Return the request of a client of chat completions, given as bytes or parsed JSON.

    Raises:
        UsageError: if it is invalid, or asks for what cannot be had. The message says what to send.
    """
    document = parse_json(body, "a chat completion request, as JSON")
    if not isinstance(document, dict):
        raise ChatFieldError("the body is a chat completion request: an object with model and messages")
    model = required(document, "model", str)
    check_supported(document)
    fields = _conversation(document, find_signature) | tool_fields(document)
    config, cached = generation_config(document, model.removeprefix("models/")), cached_content(document)
    fields |= {"generationConfig": config} if config else {}
    fields |= {"cachedContent": cached} if cached else {}
    options = optional(document, "stream_options", dict) or {}
    return ChatRequest(
        model,
        msgspec.json.encode(fields),
        is_stream=bool(optional(document, "stream", bool)),
        include_usage=bool(optional(options, "include_usage", bool, "stream_options")),
        one_call=optional(document, "parallel_tool_calls", bool) is False,
        ignored=_ignored(document),
    )


def _ignored(document: dict[str, Any]) -> tuple[str, ...]:
    names = [name for name, value in document.items() if name not in _READ and value not in (None, {}, [])]
    return tuple([name for name in names if _FIELD_NAME.fullmatch(name)][:_MAX_IGNORED])


def _conversation(document: dict[str, Any], find_signature: FindSignature) -> dict[str, Any]:
    messages = objects(document, "messages")
    if not messages:
        raise ChatFieldError("messages is required: send at least one message", "messages")
    reader = MessageReader(find_signature)
    for number, message in enumerate(messages):
        reader.read(message, f"messages[{number}]")
    reader.check_answered("messages")
    contents, instructions = reader.contents, reader.instructions
    # Some clients ask with a system message alone; the Gemini API answers contents only.
    if not contents and instructions:
        contents, instructions = [Content(role="user", parts=instructions)], []
    if not contents:
        raise ChatFieldError("messages are empty: there is nothing to answer", "messages")
    fields: dict[str, Any] = {"contents": contents}
    return fields | ({"systemInstruction": Content(parts=instructions)} if instructions else {})
