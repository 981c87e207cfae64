"""The input of an interaction as steps, and steps as the turns of a Gemini request.

In this API a thought is a step of its own, with the signature of what it led to. In the Gemini API a signature stands
on a part. So a thought's signature is put onto the next call, or the first content, of the same model turn; at the end
of a turn onto an empty text. ``answer_events.py`` writes steps in the order that makes this exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headwater.errors import UsageError
from headwater.protocols.interactions.error_codes import unsupported
from headwater.protocols.interactions.field_reading import choice, expect, kind_of, snake_names
from headwater.protocols.tool_names import own_id

Step = dict[str, Any]
Turn = dict[str, Any]
_CONTENTS = frozenset({"text", "image", "audio", "video", "document"})
_MODEL_STEPS = frozenset({"model_output", "thought", "function_call", "code_execution_call", "code_execution_result"})
#: Steps of Google's tools that the Gemini API has no part for: they stay out of a later request, without any harm.
_LEFT_OUT = frozenset(
    f"{tool}_{half}"
    for tool in ("google_search", "google_maps", "url_context", "file_search", "retrieval", "mcp_server_tool")
    for half in ("call", "result")
) | {"processing_call", "processing_result", "tool_search_call", "tool_search_result"}
_STEPS = _MODEL_STEPS | _LEFT_OUT | {"user_input", "function_result"}
_RESOLUTIONS = ("low", "medium", "high", "ultra_high")


def read_input(value: Any) -> list[Step]:
    """Return the ``input`` of a request, in any of its forms, as steps.

    Raises:
        UsageError: if ``value`` has none of these forms; the message says where.
    """
    if isinstance(value, str):
        value = [{"type": "text", "text": value}]
    items = value if isinstance(value, list) else [value]
    steps: list[Step] = []
    for number, item in enumerate(items):
        where = f"input[{number}]" if isinstance(value, list) else "input"
        steps += _read_item(item, where, steps)
    if not any(step.get("content") or step["type"] != "user_input" for step in steps):
        raise UsageError("'input' is empty")
    return steps


def contents_of(steps: Iterable[Step], call_names: Mapping[str, str]) -> list[Turn]:
    """Return steps as turns of a Gemini request. ``call_names`` are those of earlier function calls, by their ids.

    Raises:
        UsageError: if a step is not valid; the message says where.
    """
    turns = _Turns(dict(call_names))
    for number, step in enumerate(steps):
        turns.add(step, f"input[{number}]")
    return turns.finish()


def _read_item(item: Any, where: str, before: list[Step]) -> list[Step]:
    """The steps that an item of the input adds. A content joins the user's turn before it, which may be ``before``."""
    if isinstance(item, str):
        item = {"type": "text", "text": item}
    item = snake_names(expect(item, dict, where))
    kind = kind_of(item, where) or ("text" if "text" in item else None)
    if kind is None and "role" in item:
        raise UsageError(
            f"{where!r} is a turn of the schema before June 2026: send steps, such as "
            '{"type": "user_input", "content": [{"type": "text", "text": "..."}]}'
        )
    if kind in _CONTENTS:
        content = {**item, "type": kind}
        if before and before[-1]["type"] == "user_input":
            before[-1]["content"].append(content)
            return []
        return [{"type": "user_input", "content": [content]}]
    if kind not in _STEPS:
        raise UsageError(f"the value {str(kind)[:50]!r} is not supported for 'type' at {where!r}")
    return _split_results(item, where) if kind == "user_input" else [item]


def _split_results(step: Step, where: str) -> list[Step]:
    """A user's turn, and the results of functions that some clients put into it, as steps of their own."""
    contents = step.get("content", [])
    found: list[Step] = []
    for number, content in enumerate(contents if isinstance(contents, list) else [contents]):
        place = f"{where}.content[{number}]"
        item = {"type": "text", "text": content} if isinstance(content, str) else expect(content, dict, place)
        kind = kind_of(item, place) or "text"
        if kind == "function_result":
            found.append(item)
        elif kind not in _CONTENTS:
            raise UsageError(f"the value {str(kind)[:50]!r} is not supported for 'type' at {place!r}")
        elif found and found[-1]["type"] == "user_input":
            found[-1]["content"].append({**item, "type": kind})
        else:
            found.append({"type": "user_input", "content": [{**item, "type": kind}]})
    return found


class _Turns:
    """The turns of a request, built step by step."""

    def __init__(self, call_names: dict[str, str]) -> None:
        self._turns: list[Turn] = []
        self._names = call_names
        self._signature = ""  # of a thought, for what follows it

    def add(self, step: Step, where: str) -> None:
        match step["type"]:
            case "user_input":
                self._parts("user").extend(_part(one, where) for one in step.get("content") or ())
            case "thought":
                parts = self._parts("model")
                self._settle(parts)
                self._signature = _base64(step.get("signature") or "", f"{where}.signature")
            case "model_output":
                for content in expect(step.get("content") or [], list, f"{where}.content"):
                    self._sign(_part(expect(content, dict, f"{where}.content"), where))
            case "function_call":
                self._sign({"functionCall": self._call(step, where)})
            case "function_result":
                self._parts("user").append({"functionResponse": self._result(step, where)})
            case "code_execution_call":
                self._sign({"executableCode": _code(step.get("arguments"), where)})
            case "code_execution_result":
                outcome = "OUTCOME_FAILED" if step.get("is_error") else "OUTCOME_OK"
                output = expect(step.get("result") or "", str, f"{where}.result")
                self._sign({"codeExecutionResult": {"outcome": outcome, "output": output}})

    def finish(self) -> list[Turn]:
        if self._signature:
            self._settle(self._parts("model"))
        return [turn for turn in self._turns if turn["parts"]]

    def _parts(self, role: str) -> list[dict[str, Any]]:
        """The parts of the last turn, which is of this role; neighbors of one role are one turn."""
        if not self._turns or self._turns[-1]["role"] != role:
            if self._turns:
                self._settle(self._turns[-1]["parts"])
            self._turns.append({"role": role, "parts": []})
        parts: list[dict[str, Any]] = self._turns[-1]["parts"]
        return parts

    def _settle(self, parts: list[dict[str, Any]]) -> None:
        """Put a signature that nothing follows onto an empty text."""
        if self._signature:
            parts.append({"text": "", "thoughtSignature": self._signature})
            self._signature = ""

    def _sign(self, part: dict[str, Any]) -> None:
        parts = self._parts("model")
        if self._signature:
            part["thoughtSignature"], self._signature = self._signature, ""
        parts.append(part)

    def _call(self, step: Step, where: str) -> dict[str, Any]:
        call_id, name = (expect(step.get(key), str, f"{where}.{key}") for key in ("id", "name"))
        self._names[call_id] = name
        call = {"name": name, "args": expect(step.get("arguments") or {}, dict, f"{where}.arguments")}
        return _with_id(call, call_id)

    def _result(self, step: Step, where: str) -> dict[str, Any]:
        call_id = expect(step.get("call_id"), str, f"{where}.call_id")
        name = step.get("name") or self._names.get(call_id)
        if not name:
            raise UsageError(f"{where!r}: there is no function call {call_id[:100]!r} in this conversation")
        response = _with_id({"name": expect(name, str, f"{where}.name")}, call_id)
        return response | _response(step.get("result"), f"{where}.result", is_error=bool(step.get("is_error")))


def _with_id(fields: dict[str, Any], call_id: str) -> dict[str, Any]:
    """The fields and the id that the model gave the call, if it did."""
    return fields if own_id(call_id) is None else {"id": call_id, **fields}


def _response(result: Any, where: str, *, is_error: bool) -> dict[str, Any]:
    """The result of a function, as the Gemini API has it: an object, and media beside it."""
    key = "error" if is_error else "result"
    if isinstance(result, dict):
        return {"response": {"error": result} if is_error and "error" not in result else result}
    # A list that the client made for itself may have types of any kind, also such as cannot be in a set.
    if not isinstance(result, list) or not all(
        isinstance(one, dict) and _is_content(one.get("type")) for one in result
    ):
        return {"response": {key: result}}
    parts = [_part(snake_names(one), where) for one in result]
    media = [part for part in parts if "text" not in part]
    text = "".join(part["text"] for part in parts if "text" in part)
    return {"response": {key: text}} | ({"parts": media} if media else {})


def _is_content(kind: Any) -> bool:
    return isinstance(kind, str) and kind in _CONTENTS


def _part(content: dict[str, Any], where: str) -> dict[str, Any]:
    kind = kind_of(content, where) or "text"
    if kind == "text":
        return {"text": expect(content.get("text"), str, f"{where}.text")}
    if kind not in _CONTENTS:
        raise UsageError(f"the value {str(kind)[:50]!r} is not supported for 'type' at {where!r}")
    mime_type, data, uri = content.get("mime_type"), content.get("data"), content.get("uri")
    if data is not None:
        kind_of_data = expect(mime_type, str, f"{where}.mime_type")
        part: dict[str, Any] = {"inlineData": {"mimeType": kind_of_data, "data": _base64(data, f"{where}.data")}}
    elif uri is not None:
        part = {"fileData": {"fileUri": expect(uri, str, f"{where}.uri")}}
        part["fileData"] |= {"mimeType": mime_type} if mime_type else {}
    else:
        raise UsageError(f"{where!r} is of type {kind}: it needs 'data' or 'uri'")
    return part | _processing(content, where)


def _processing(content: dict[str, Any], where: str) -> dict[str, Any]:
    """How a file is to be read."""
    found: dict[str, Any] = {}
    if content.get("resolution"):
        level = choice(content["resolution"], _RESOLUTIONS, f"{where}.resolution")
        found["mediaResolution"] = {"level": f"MEDIA_RESOLUTION_{level.upper()}"}
    processing = content.get("processing")
    if processing in (None, "static"):
        return found
    if not isinstance(processing, dict) or processing.get("type") != "static" or content["type"] != "video":
        raise unsupported(f"'{where}.processing'")
    names = {"fps": "fps", "start_offset": "startOffset", "end_offset": "endOffset"}
    return found | {"videoMetadata": {names[key]: value for key, value in processing.items() if key in names}}


def _code(arguments: Any, where: str) -> dict[str, Any]:
    arguments = expect(arguments, dict, f"{where}.arguments")
    language, code = arguments.get("language") or "python", arguments.get("code") or ""
    return {
        "language": expect(language, str, f"{where}.arguments.language").upper(),
        "code": expect(code, str, f"{where}.arguments.code"),
    }


def _base64(text: Any, where: str) -> str:
    """Base64 in the standard alphabet; the one for URLs is taken as well."""
    return expect(text, str, where).replace("-", "+").replace("_", "/")
