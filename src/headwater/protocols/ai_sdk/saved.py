"""Contents of the Gemini API as messages of ``useChat``, for a page that opens a saved chat."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from headwater.protocols.data_urls import file_of
from headwater.protocols.tool_names import CODE, MADE, result_of, server_tool
from headwater.types import Content, FunctionCall, FunctionResponse, Part


def ui_messages(contents: Sequence[Content], *, prefix: str = "message-") -> list[dict[str, Any]]:
    """Return contents as a list of ``UIMessage``. A call, its result and the answer are one assistant message.

    The ids are ``prefix`` and a number.
    """
    return [
        {"id": f"{prefix}{number}", "role": role, "parts": ui_parts(grouped, seed=f"{prefix}{number}")}
        for number, (role, grouped) in enumerate(_group_by_message(contents))
    ]


def _group_by_message(contents: Sequence[Content]) -> list[tuple[str, list[Content]]]:
    """The role of each message, and its contents."""
    groups: list[tuple[str, list[Content]]] = []
    for content in contents:
        # Results of functions have the role "user" in the API; for useChat they belong to the assistant's message.
        results, others = _split(content)
        if results and groups and groups[-1][0] == "assistant":
            groups[-1][1].append(Content(role="user", parts=results))
        if others or not results:
            role = "assistant" if content.role == "model" else "user"
            if role == "user" or not groups or groups[-1][0] == "user":
                groups.append((role, []))
            groups[-1][1].append(Content(role=content.role, parts=others))
    return groups


def ui_parts(contents: Sequence[Content], *, seed: str = "") -> list[dict[str, Any]]:
    """Return the parts of one ``UIMessage``: a turn of the user, or an answer with its calls and their results.

    The ids of calls that have none are derived from ``seed``, so that they differ between messages.
    """
    message = _Message(seed)
    for content in contents:
        message.add(content)
    return message.parts


class _Message:
    """Builds one message, part by part."""

    def __init__(self, seed: str) -> None:
        self.parts: list[dict[str, Any]] = []
        self._seed = seed
        self._count = 0
        self._pending: list[tuple[FunctionCall, dict[str, Any]]] = []  # calls without a result yet
        self._running_tools: list[dict[str, Any]] = []  # tools at Google without a result yet

    def add(self, content: Content) -> None:
        """Add the next content."""
        is_model = content.role == "model"
        if is_model:
            self.parts.append({"type": "step-start"})
        for part in content.parts or ():
            if _is_text(part):
                self._text(part, is_model=is_model)
            elif part.function_call is not None:
                self._call(part, part.function_call)
            elif part.function_response is not None:
                self._answer(part.function_response)
            elif (file := file_of(part)) is not None:
                self._file(part, *file)
            else:
                self._run(part)

    def _text(self, part: Part, *, is_model: bool) -> None:
        kind = "reasoning" if part.thought else "text"
        signed = _google(thoughtSignature=_base64(part.thought_signature)) if part.thought_signature else {}
        # Chunks of one text become one part again, unless each has a signature: a part can hold only one.
        last = self.parts[-1] if self.parts else {}
        if last.get("type") == kind and not (signed and "providerMetadata" in last):
            last["text"] += part.text or ""
            last |= {"providerMetadata": signed} if signed else {}
        else:
            text = {"type": kind, "text": part.text or ""} | ({"state": "done"} if is_model else {})
            self.parts.append(text | ({"providerMetadata": signed} if signed else {}))

    def _file(self, part: Part, url: str, kind: str) -> None:
        if not part.thought:
            signed = _google(thoughtSignature=_base64(part.thought_signature)) if part.thought_signature else {}
            file = {"type": "file", "mediaType": kind, "url": url}
            self.parts.append(file | ({"providerMetadata": signed} if signed else {}))

    def _call(self, part: Part, call: FunctionCall) -> None:
        tool = self._tool(call.id, call.name or "", call.args or {}, part)
        self._pending.append((call, tool))
        self.parts.append(tool)

    def _answer(self, answer: FunctionResponse) -> None:
        # Older models give calls no id. Results then belong to the first pending call of that name.
        same_id = (one for one in self._pending if answer.id is not None and one[0].id == answer.id)
        same_name = (one for one in self._pending if one[0].name == answer.name)
        call = next(same_id, None) or next(same_name, None)
        if call is None:
            return
        self._pending.remove(call)
        output, error = result_of(answer.response)
        call[1].update({"state": "output-available", "output": output})
        if error is not None:
            call[1].pop("output")
            call[1].update({"state": "output-error", "errorText": error})

    def _run(self, part: Part) -> None:
        """Tools that ran at Google."""
        if part.executable_code is not None:
            code = part.executable_code
            args = {"language": str(code.language or "PYTHON"), "code": code.code or ""}
            self._start_tool(self._tool(code.id, CODE, args, part))
        elif part.code_execution_result is not None:
            result = part.code_execution_result
            output = {"outcome": str(result.outcome or "OUTCOME_OK"), "output": result.output or ""}
            self._finish_tool(CODE, output, part)
        elif part.tool_call is not None:
            call, kind = part.tool_call, str(part.tool_call.tool_type or "TOOL")
            tool = self._tool(call.id, server_tool(kind), call.args or {}, part)
            # useChat knows no static type for tools that were not declared to it.
            self._start_tool({**tool, "type": "dynamic-tool", "toolName": server_tool(kind)})
        elif part.tool_response is not None:
            kind = str(part.tool_response.tool_type or "TOOL")
            self._finish_tool(server_tool(kind), part.tool_response.response or {}, part)

    def _start_tool(self, tool: dict[str, Any]) -> None:
        tool["providerExecuted"] = True
        self._running_tools.append(tool)
        self.parts.append(tool)

    def _finish_tool(self, name: str, output: Any, part: Part) -> None:
        named = (one for one in self._running_tools if one.get("toolName", one["type"].removeprefix("tool-")) == name)
        tool = next(named, None)
        if tool is not None:
            self._running_tools.remove(tool)
            tool.update({"state": "output-available", "output": output})
            if part.thought_signature:
                tool["resultProviderMetadata"] = _google(thoughtSignature=_base64(part.thought_signature))

    def _tool(self, id: str | None, name: str, args: Any, part: Part) -> dict[str, Any]:
        self._count += 1
        digest = hashlib.sha256(f"{self._seed} {self._count} {name}".encode()).hexdigest()[:16]
        tool = {"type": f"tool-{name}", "toolCallId": id or MADE + digest, "state": "input-available", "input": args}
        if part.thought_signature:
            tool["callProviderMetadata"] = _google(thoughtSignature=_base64(part.thought_signature))
        return tool


def _split(content: Content) -> tuple[list[Part], list[Part]]:
    """The results of functions, and the other parts."""
    parts = content.parts or []
    if content.role == "model":
        return [], parts
    results = [part for part in parts if part.function_response is not None]
    return results, [part for part in parts if part.function_response is None]


def _is_text(part: Part) -> bool:
    """Whether a part is text, or only a signature."""
    return part.text is not None or part == Part(thought=part.thought, thought_signature=part.thought_signature)


def _google(**fields: Any) -> dict[str, Any]:
    return {"google": fields}


def _base64(data: bytes | None) -> str:
    return base64.b64encode(data or b"").decode()
