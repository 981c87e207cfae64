"""Reads the body of ``POST /responses`` as a chat request, which is then read as such. Nothing is stored.

What needs the state of OpenAI's server is refused: earlier responses by their id, conversations, background work,
prompts and tools that run there.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.protocols.openai.fields import ChatFieldError, objects, optional, path, required
from headwater.protocols.openai.messages import FindSignature
from headwater.protocols.openai.request import ChatRequest, read_chat
from headwater.protocols.parsing import parse_json

_REFUSED = {
    "previous_response_id": "responses are not stored: send all of the input",
    "conversation": "conversations are not stored: send all of the input",
    "background": "an answer does not outlive its connection here",
    "prompt": "prompts are not stored: send their text",
    "top_logprobs": "log probabilities are in chat completions only",
}
#: Fields that both APIs have under the same name.
_SHARED = (
    "model", "stream", "temperature", "top_p", "presence_penalty", "frequency_penalty", "parallel_tool_calls",
    "reasoning", "extra_body",
)  # fmt: skip
#: Fields of a chat request under the names that their client knows.
_NAMES = {"max_completion_tokens": "max_output_tokens", "response_format": "text.format", "messages": "input"}


class ResponseRequest(msgspec.Struct, frozen=True):
    """What a client of the Responses API asks: as a chat request, and the fields that a response repeats."""

    chat: ChatRequest
    echo: dict[str, Any]


def read_response(body: Any, find_signature: FindSignature = lambda call_id: None) -> ResponseRequest:
    """Return the request of a client of the Responses API, given as bytes or parsed JSON.

    Raises:
        UsageError: if it is invalid, or asks for what is not stored. The message says what to send.
    """
    document = parse_json(body, "a request of the Responses API, as JSON")
    if not isinstance(document, dict):
        raise ChatFieldError("the body is a request of the Responses API: an object with model and input")
    for name, reason in _REFUSED.items():
        if document.get(name):
            raise ChatFieldError(f"{name}: {reason}", name)
    if any("logprobs" in str(name) for name in optional(document, "include", list) or ()):
        raise ChatFieldError(f"include: {_REFUSED['top_logprobs']}", "include")
    chat = {name: document[name] for name in _SHARED if document.get(name) is not None}
    chat |= {"messages": _messages(document)} | _settings(document) | _tools(document)
    try:
        return ResponseRequest(read_chat(chat, find_signature), _echo(document))
    except ChatFieldError as error:
        raise _renamed(error) from error


def _renamed(error: ChatFieldError) -> ChatFieldError:
    """The error with the names of this API. Messages are numbered otherwise than items, so their numbers go."""
    head = error.param.partition("[")[0].partition(".")[0]
    name = _NAMES.get(head)
    return error if name is None else ChatFieldError(str(error).replace(head, name, 1), name)


def _settings(document: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {"max_completion_tokens": optional(document, "max_output_tokens", int)}
    chosen = optional(optional(document, "text", dict) or {}, "format", dict, "text")
    if chosen is not None and chosen.get("type") == "json_schema":
        fields["response_format"] = {"type": "json_schema", "json_schema": chosen}
    elif chosen is not None:
        fields["response_format"] = chosen
    return fields


def _tools(document: dict[str, Any]) -> dict[str, Any]:
    tools = [_tool(tool) for tool in objects(document, "tools")]
    choice = document.get("tool_choice")
    match choice:
        case {"type": "function", "name": name}:
            choice = {"type": "function", "function": {"name": name}}
        case {"type": "allowed_tools", "mode": mode, "tools": list(allowed)}:
            inner = [_tool(tool) for tool in allowed if isinstance(tool, dict)]
            choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": inner}}
    return {"tools": tools, "tool_choice": choice}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    # The Responses API has the fields of a function beside its type, chat completions in an object of their own.
    kind = tool.get("type", "function")
    return {"type": kind, "function": tool} if kind == "function" else {"type": kind}


def _messages(document: dict[str, Any]) -> list[dict[str, Any]]:
    given = document.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else objects(document, "input")
    if not items:
        raise ChatFieldError("input is required: a text, or a list of items", "input")
    instructions = optional(document, "instructions", str)
    messages: list[dict[str, Any]] = [{"role": "system", "content": instructions}] if instructions else []
    for number, item in enumerate(items):
        _add(messages, item, f"input[{number}]")
    return messages


def _add(messages: list[dict[str, Any]], item: dict[str, Any], where: str) -> None:
    match item.get("type", "message"):
        case "message":
            messages.append({"role": required(item, "role", str, where), "content": _content(item, where)})
        case "function_call":
            call = {"id": required(item, "call_id", str, where), "type": "function", "function": item}
            last = messages[-1] if messages else {}
            # Calls of one turn are items of their own here, and one message there.
            if "tool_calls" in last:
                last["tool_calls"].append(call)
            else:
                messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        case "function_call_output":
            content = item.get("output") if isinstance(item.get("output"), str) else _parts(item, "output", where)
            result = {"role": "tool", "tool_call_id": required(item, "call_id", str, where), "content": content}
            messages.append(result)
        case "reasoning":
            pass  # a thought tells the model nothing that it does not know
        case kind:
            raise ChatFieldError(
                f"{where}: items of type {str(kind)[:40]!r} are not stored or known here", f"{where}.type"
            )


def _content(item: dict[str, Any], where: str) -> Any:
    content = item.get("content")
    return content if content is None or isinstance(content, str) else _parts(item, "content", where)


def _parts(item: dict[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    return [_part(part, f"{path(where, name)}[{number}]") for number, part in enumerate(objects(item, name, where))]


def _part(part: dict[str, Any], where: str) -> dict[str, Any]:
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return {"type": "text", "text": required(part, "text", str, where)}
        case "input_image":
            return {"type": "image_url", "image_url": required(part, "image_url", str, where)}
        case "input_file":
            return {"type": "file", "file": part}
        case "refusal":
            return {"type": "refusal", "refusal": part.get("refusal")}
    raise ChatFieldError(f"{where}: there is no part of type {str(part.get('type'))[:40]!r}", f"{where}.type")


def _echo(document: dict[str, Any]) -> dict[str, Any]:
    """The fields of the request that a response has, too; each is required there."""
    given = {name: value for name, value in document.items() if value is not None}
    reasoning, text = optional(document, "reasoning", dict) or {}, given.get("text") or {}
    return {
        "instructions": given.get("instructions"),
        "tools": [{"description": None, "parameters": None, "strict": None} | tool for tool in given.get("tools", ())],
        "tool_choice": given.get("tool_choice", "auto"),
        "parallel_tool_calls": given.get("parallel_tool_calls", True),
        "text": {"format": text.get("format") or {"type": "text"}},
        "top_p": given.get("top_p", 1.0),
        "temperature": given.get("temperature", 1.0),
        "presence_penalty": given.get("presence_penalty", 0.0),
        "frequency_penalty": given.get("frequency_penalty", 0.0),
        "top_logprobs": 0,
        "max_output_tokens": given.get("max_output_tokens"),
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "metadata": given.get("metadata", {}),
        "safety_identifier": given.get("safety_identifier"),
        "prompt_cache_key": given.get("prompt_cache_key"),
    }
