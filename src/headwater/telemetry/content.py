"""Prompts and answers as messages of OpenTelemetry's GenAI conventions. Files are referred to, not copied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from headwater.types import GenerateContentResponse

_ROLES = {"model": "assistant", "function": "tool", None: "user"}
#: The conventions' names of finish reasons; all others keep the API's name, in lower case.
_REASONS = {
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
}


def input_messages(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the turns of a request body."""
    return [
        {"role": _ROLES.get(content.get("role"), content.get("role")), "parts": _parts(content.get("parts"))}
        for content in document.get("contents") or ()
    ]


def instructions(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of the system instruction of a request body."""
    return _parts((document.get("systemInstruction") or {}).get("parts"))


def output_messages(answer: GenerateContentResponse) -> list[dict[str, Any]]:
    """Return the candidates of an answer."""
    messages = []
    for candidate in msgspec.to_builtins(answer).get("candidates") or ():
        reason = candidate.get("finishReason")
        messages.append(
            {
                "role": "assistant",
                "parts": _parts((candidate.get("content") or {}).get("parts")),
                "finish_reason": _REASONS.get(reason, str(reason).lower()) if reason else "error",
            }
        )
    return messages


def tool_definitions(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tools that a request body offers: functions with their schemas, and the API's own by name."""
    found: list[dict[str, Any]] = []
    for tool in document.get("tools") or ():
        for name, value in tool.items():
            found += map(_function, value) if name == "functionDeclarations" else [{"type": name, "name": name}]
    return found


def _function(declared: dict[str, Any]) -> dict[str, Any]:
    schema = declared.get("parameters", declared.get("parametersJsonSchema"))
    described = {"name": declared.get("name"), "description": declared.get("description"), "parameters": schema}
    return {"type": "function"} | {name: value for name, value in described.items() if value is not None}


def _parts(parts: Iterable[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [_part(part) for part in parts or () if not _is_signature(part)]


def _is_signature(part: dict[str, Any]) -> bool:
    """Return whether a part holds nothing but a signature: the last of a stream is an empty text with one."""
    return "thoughtSignature" in part and not part.get("text") and part.keys() <= {"text", "thoughtSignature"}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    match part:
        case {"text": text, "thought": True}:
            return {"type": "reasoning", "content": text}
        case {"text": text}:
            return {"type": "text", "content": text}
        case {"functionCall": call}:
            return {"type": "tool_call", "name": call.get("name", ""), "arguments": call.get("args")} | _id(call)
        case {"functionResponse": answer}:
            return {"type": "tool_call_response", "response": answer.get("response")} | _id(answer)
        case {"fileData": file}:
            kind = file.get("mimeType")
            return {"type": "uri", "uri": file.get("fileUri"), "mime_type": kind, "modality": _modality(kind)}
        case {"inlineData": data}:
            kind = data.get("mimeType")
            return {"type": "file", "file_id": "inline", "mime_type": kind, "modality": _modality(kind)}
    return {"type": next(iter(part), "empty")}


def _id(value: dict[str, Any]) -> dict[str, Any]:
    return {"id": value["id"]} if value.get("id") else {}


def _modality(kind: str | None) -> str:
    family = (kind or "").partition("/")[0]
    return family if family in ("image", "video", "audio") else "document"
