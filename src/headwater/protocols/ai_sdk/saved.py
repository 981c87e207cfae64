"""Contents of Gemini as the messages of ``useChat``, for a page that opens a chat which was saved."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from headwater.protocols.data_urls import file_of
from headwater.protocols.tool_names import CODE, MADE, result_of, server_tool
from headwater.types import Content, FunctionCall, FunctionResponse, Part


def ui_messages(contents: Sequence[Content], *, prefix: str = "message-") -> list[dict[str, Any]]:
    """Return the ``UIMessage`` list that contents are: call, result and answer are one message of the assistant.

    The ids are ``prefix`` and a number.
    """
    found: list[tuple[str, list[Content]]] = []
    for content in contents:
        results, said = _split(content)
        if results and found and found[-1][0] == "assistant":
            found[-1][1].append(Content(role="user", parts=results))
        if said or not results:
            role = "assistant" if content.role == "model" else "user"
            if role == "user" or not found or found[-1][0] == "user":
                found.append((role, []))
            found[-1][1].append(Content(role=content.role, parts=said))
    return [
        {"id": f"{prefix}{number}", "role": role, "parts": ui_parts(some, seed=f"{prefix}{number}")}
        for number, (role, some) in enumerate(found)
    ]


def ui_parts(contents: Sequence[Content], *, seed: str = "") -> list[dict[str, Any]]:
    """Return the parts of one ``UIMessage``: of a turn of the user, or of an answer with its calls and their results.

    ``seed`` goes into the ids of calls that have none, so that no two messages have the same.
    """
    message = _Message(seed)
    for content in contents:
        message.add(content)
    return message.parts


class _Message:
    """One message, part by part."""

    def __init__(self, seed: str) -> None:
        self.parts: list[dict[str, Any]] = []
        self._seed = seed
        self._count = 0
        self._asked: list[tuple[FunctionCall, dict[str, Any]]] = []  # calls without an answer yet
        self._running: list[dict[str, Any]] = []  # tools of Google's without a result yet

    def add(self, content: Content) -> None:
        """Take the next content."""
        is_model = content.role == "model"
        if is_model:
            self.parts.append({"type": "step-start"})
        for part in content.parts or ():
            if _is_said(part):
                self._say(part, is_model=is_model)
            elif part.function_call is not None:
                self._call(part, part.function_call)
            elif part.function_response is not None:
                self._answer(part.function_response)
            elif (file := file_of(part)) is not None:
                self._show(part, *file)
            else:
                self._run(part)

    def _say(self, part: Part, *, is_model: bool) -> None:
        kind = "reasoning" if part.thought else "text"
        signed = _google(thoughtSignature=_base64(part.thought_signature)) if part.thought_signature else {}
        last = self.parts[-1] if self.parts else {}
        if last.get("type") == kind and not (signed and "providerMetadata" in last):
            last["text"] += part.text or ""
            last |= {"providerMetadata": signed} if signed else {}
        else:
            told = {"type": kind, "text": part.text or ""} | ({"state": "done"} if is_model else {})
            self.parts.append(told | ({"providerMetadata": signed} if signed else {}))

    def _show(self, part: Part, url: str, kind: str) -> None:
        if not part.thought:
            signed = _google(thoughtSignature=_base64(part.thought_signature)) if part.thought_signature else {}
            told = {"type": "file", "mediaType": kind, "url": url}
            self.parts.append(told | ({"providerMetadata": signed} if signed else {}))

    def _call(self, part: Part, call: FunctionCall) -> None:
        told = self._tool(call.id, call.name or "", call.args or {}, part)
        self._asked.append((call, told))
        self.parts.append(told)

    def _answer(self, answer: FunctionResponse) -> None:
        of_id = (one for one in self._asked if answer.id is not None and one[0].id == answer.id)
        of_name = (one for one in self._asked if one[0].name == answer.name)
        found = next(of_id, None) or next(of_name, None)
        if found is None:
            return
        self._asked.remove(found)
        output, error = result_of(answer.response)
        found[1].update({"state": "output-available", "output": output})
        if error is not None:
            found[1].pop("output")
            found[1].update({"state": "output-error", "errorText": error})

    def _run(self, part: Part) -> None:
        """Tools that Google ran itself."""
        if part.executable_code is not None:
            code = part.executable_code
            given = {"language": str(code.language or "PYTHON"), "code": code.code or ""}
            self._begin(self._tool(code.id, CODE, given, part))
        elif part.code_execution_result is not None:
            result = part.code_execution_result
            output = {"outcome": str(result.outcome or "OUTCOME_OK"), "output": result.output or ""}
            self._finish(CODE, output, part)
        elif part.tool_call is not None:
            call, kind = part.tool_call, str(part.tool_call.tool_type or "TOOL")
            told = self._tool(call.id, server_tool(kind), call.args or {}, part)
            self._begin({**told, "type": "dynamic-tool", "toolName": server_tool(kind)})
        elif part.tool_response is not None:
            kind = str(part.tool_response.tool_type or "TOOL")
            self._finish(server_tool(kind), part.tool_response.response or {}, part)

    def _begin(self, told: dict[str, Any]) -> None:
        told["providerExecuted"] = True
        self._running.append(told)
        self.parts.append(told)

    def _finish(self, name: str, output: Any, part: Part) -> None:
        of_name = (one for one in self._running if one.get("toolName", one["type"].removeprefix("tool-")) == name)
        found = next(of_name, None)
        if found is not None:
            self._running.remove(found)
            found.update({"state": "output-available", "output": output})
            if part.thought_signature:
                found["resultProviderMetadata"] = _google(thoughtSignature=_base64(part.thought_signature))

    def _tool(self, id: str | None, name: str, given: Any, part: Part) -> dict[str, Any]:
        self._count += 1
        made = hashlib.sha256(f"{self._seed} {self._count} {name}".encode()).hexdigest()[:16]
        told = {"type": f"tool-{name}", "toolCallId": id or MADE + made, "state": "input-available", "input": given}
        if part.thought_signature:
            told["callProviderMetadata"] = _google(thoughtSignature=_base64(part.thought_signature))
        return told


def _split(content: Content) -> tuple[list[Part], list[Part]]:
    """What functions answered, and what is said."""
    parts = content.parts or []
    if content.role == "model":
        return [], parts
    results = [part for part in parts if part.function_response is not None]
    return results, [part for part in parts if part.function_response is None]


def _is_said(part: Part) -> bool:
    """Whether a part is text, or a signature and nothing else."""
    return part.text is not None or part == Part(thought=part.thought, thought_signature=part.thought_signature)


def _google(**facts: Any) -> dict[str, Any]:
    return {"google": facts}


def _base64(data: bytes | None) -> str:
    return base64.b64encode(data or b"").decode()
