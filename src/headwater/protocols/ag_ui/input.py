"""Reads the ``RunAgentInput`` that AG-UI clients send. Nothing is fetched."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.errors import UsageError
from headwater.json_text import JSON_ERRORS
from headwater.protocols.data_urls import decoded, part_of
from headwater.protocols.parsing import parse_json
from headwater.protocols.tool_names import (
    is_server_tool,
    own_id,
    response_of,
    server_call,
    server_result,
    signature_in,
)
from headwater.types import (
    Blob,
    Content,
    FileData,
    FunctionCall,
    FunctionDeclaration,
    FunctionResponse,
    Part,
    Tool,
)

_MEDIA = ("image", "audio", "video", "document")


class RunInput(msgspec.Struct, frozen=True):
    """What an agent is asked. ``state`` and ``forwarded`` are the application's, and not sent to the model."""

    thread_id: str
    run_id: str
    contents: list[Content]
    system_instruction: Content | None
    tools: list[Tool]
    state: Any = None
    forwarded: Any = None

    @property
    def request(self) -> dict[str, Any]:
        """The fields of the API request that are not empty, under the API's names."""
        fields = {"contents": self.contents, "systemInstruction": self.system_instruction, "tools": self.tools}
        return {name: msgspec.to_builtins(value) for name, value in fields.items() if value}


def read_run(body: Any) -> RunInput:
    """Return a ``RunAgentInput``, given as bytes or parsed JSON.

    Raises:
        UsageError: if it is invalid or has nothing to answer. The message says what to send.
    """
    document = parse_json(body, "the RunAgentInput of AG-UI, as JSON")
    if not isinstance(document, dict):
        raise UsageError("the body is the RunAgentInput of AG-UI: an object with threadId, runId and messages")
    reader = _read_all(_dicts(document, "messages", "the body"))
    instructions = reader.instructions + _context(document)
    return RunInput(
        _string(document, "threadId", "the body"),
        _string(document, "runId", "the body"),
        reader.contents,
        Content(parts=instructions) if instructions else None,
        _tools(_dicts(document, "tools")),
        document.get("state"),
        document.get("forwardedProps"),
    )


def _read_all(messages: list[dict[str, Any]]) -> _Reader:
    reader = _Reader(messages)
    for number, message in enumerate(messages):
        reader.read(message, f"messages[{number}]")
    if not reader.contents:
        raise UsageError("the messages are empty: send at least one message of the user")
    return reader


def _context(document: dict[str, Any]) -> list[Part]:
    """``context``, which AG-UI leaves to the agent: it becomes part of the system instruction."""
    entries = _dicts(document, "context")
    return [Part(text=f"{entry.get('description', '')}:\n{entry.get('value', '')}") for entry in entries]


class _Reader:
    """Reads the messages, in order."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.contents: list[Content] = []
        self.instructions: list[Part] = []
        self._names: dict[str, str] = {}  # of the functions, by the ids of their calls
        # Collected first: whether a call has a result decides what is sent of the call, which comes before it.
        results = (message.get("toolCallId") for message in messages if message.get("role") == "tool")
        self._with_result = {result for result in results if isinstance(result, str)}

    def read(self, message: dict[str, Any], where: str) -> None:
        """Add the next message."""
        match message.get("role"):
            # The API has one system instruction, so all of them are collected, wherever they are.
            case "system" | "developer":
                self.instructions += [part for part in _content(message, where) if part.text]
            case "user":
                self._add("user", _content(message, where))
            case "assistant":
                self._add("model", [*self._text(message, where), *self._calls(message, where)])
            case "reasoning" if (signature := signature_in(message.get("encryptedValue"))) is not None:
                thought = Part(text=_string(message, "content", where), thought=True, thought_signature=signature)
                self._add("model", [thought])
            case "tool":
                self._result(message, where)
            case "reasoning" | "activity":
                pass  # a thought without a signature tells the model nothing new, and activities are for the page
            case role:
                raise UsageError(f"{where}: AG-UI has no role {role!r:.40}")

    def _text(self, message: dict[str, Any], where: str) -> list[Part]:
        if message.get("content") in (None, "") and message.get("encryptedValue") is None:
            return []
        text, signature = message.get("content") or "", signature_in(message.get("encryptedValue"))
        if not isinstance(text, str):
            raise UsageError(f"{where}: the content of an assistant is a text")
        return [Part(text=text, thought_signature=signature)] if text or signature else []

    def _calls(self, message: dict[str, Any], where: str) -> list[Part]:
        parts = []
        for number, call in enumerate(_dicts(message, "toolCalls")):
            here = f"{where}.toolCalls[{number}]"
            call_id, function = _string(call, "id", here), call.get("function")
            function = function if isinstance(function, dict) else {}
            name = self._names[call_id] = _string(function, "name", here)
            # Tools that ran at Google need no result from the client.
            is_own = is_server_tool(name)
            if call_id not in self._with_result and not is_own:
                continue  # the API refuses a call without a result
            args = _arguments(function.get("arguments"), here)
            part = server_call(name, call_id, args) if is_own else _call(name, call_id, args)
            signature = signature_in(call.get("encryptedValue"))
            parts.append(msgspec.structs.replace(part, thought_signature=signature))
        return parts

    def _result(self, message: dict[str, Any], where: str) -> None:
        call_id = _string(message, "toolCallId", where)
        name = self._names.get(call_id)
        if name is None:
            raise UsageError(
                f"{where} is the result of {call_id!r:.60}, a call that no earlier message of an assistant makes"
            )
        output = _output(message.get("content"), where)
        if is_server_tool(name):
            self._add("model", [server_result(name, call_id, output if isinstance(output, dict) else {})])
            return
        error = message.get("error")
        response = {"error": error} if isinstance(error, str) else response_of(output)
        answer = FunctionResponse(id=own_id(call_id), name=name, response=response)
        self._add("user", [Part(function_response=answer)])

    def _add(self, role: str, parts: list[Part]) -> None:
        """Add parts of one side; to the last content if that has the same role and kind."""
        if not parts:
            return
        # One content per turn; results of functions stay apart from what the user says.
        last = self.contents[-1] if self.contents else None
        if last is not None and last.role == role and last.parts and _is_result(last.parts[0]) == _is_result(parts[0]):
            last.parts += parts
        else:
            self.contents.append(Content(role=role, parts=parts))


def _is_result(part: Part) -> bool:
    return part.function_response is not None


def _call(name: str, call_id: str, args: dict[str, Any]) -> Part:
    return Part(function_call=FunctionCall(id=own_id(call_id), name=name, args=args))


def _content(message: dict[str, Any], where: str) -> list[Part]:
    content = message.get("content")
    if isinstance(content, str):
        return [Part(text=content)] if content else []
    return [
        part
        for number, one in enumerate(_dicts(message, "content", where))
        for part in _part(one, f"{where}.content[{number}]")
    ]


def _part(part: dict[str, Any], where: str) -> list[Part]:
    kind, source = part.get("type"), part.get("source")
    if kind == "text":
        return [Part(text=_string(part, "text", where))]
    if kind == "binary":  # AG-UI before 1.0
        field = next((name for name in ("data", "url") if isinstance(part.get(name), str)), None)
        source = {"type": field, "value": part.get(field or ""), "mimeType": part.get("mimeType")}
    elif kind not in _MEDIA:
        return []
    if not isinstance(source, dict):
        raise UsageError(f"{where} has no source: it is an object with type, value and mimeType")
    return [_media(source, where)]


def _media(source: dict[str, Any], where: str) -> Part:
    value, mime = _string(source, "value", where), source.get("mimeType")
    mime = mime if isinstance(mime, str) else None
    match source.get("type"):
        case "data":
            return Part(inline_data=Blob(data=decoded(value, f"{where}: its data"), mime_type=mime))
        case "url":
            return part_of(value, mime, where)
        case "file":  # the id of a file that was uploaded to the model's provider
            return Part(file_data=FileData(file_uri=value, mime_type=mime))
    raise UsageError(f"{where}: a source is data, url or file, with a value")


def _output(content: Any, where: str) -> Any:
    """The result of a tool: parsed if it is JSON, otherwise the text."""
    if isinstance(content, list):
        return "".join(part.text or "" for part in _content({"content": content}, where))
    if not isinstance(content, str):
        raise UsageError(f"{where}: the content of a tool's message is a text")
    try:
        return msgspec.json.decode(content)
    except JSON_ERRORS:
        return content


def _arguments(text: Any, where: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except (*JSON_ERRORS, TypeError):
        raise UsageError(f"{where}: arguments is the JSON text of an object") from None


def _tools(tools: list[dict[str, Any]]) -> list[Tool]:
    functions = [
        FunctionDeclaration(
            name=_string(tool, "name", f"tools[{number}]"),
            description=tool.get("description") if isinstance(tool.get("description"), str) else None,
            parameters_json_schema=tool.get("parameters") or None,
        )
        for number, tool in enumerate(tools)
    ]
    return [Tool(function_declarations=functions)] if functions else []


def _dicts(holder: dict[str, Any], name: str, where: str = "") -> list[dict[str, Any]]:
    """A list of objects. Without ``where`` it is optional."""
    value = holder.get(name)
    if value is None and not where:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise UsageError(f"{where or 'the body'}: {name} is a list of objects, as AG-UI has it")
    return value


def _string(holder: dict[str, Any], name: str, where: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        raise UsageError(f"{where}: {name} is a text, not {value!r:.60}")
    return value
