"""The messages of a chat request as contents and system instruction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from headwater.errors import UsageError
from headwater.json_text import JSON_ERRORS
from headwater.protocols.data_urls import decoded
from headwater.protocols.openai.fields import ChatFieldError, objects, optional, path, required
from headwater.protocols.openai.parts import content_parts, text_of
from headwater.protocols.tool_names import own_id
from headwater.types import Content, FunctionCall, FunctionResponse, Part

#: Returns the thought signature that a call had when it was made, or None.
FindSignature = Callable[[str], bytes | None]


class MessageReader:
    """Reads messages in order. ``find_signature`` is for clients that do not send ``extra_content`` back."""

    def __init__(self, find_signature: FindSignature) -> None:
        self.contents: list[Content] = []
        self.instructions: list[Part] = []
        self._find_signature = find_signature
        self._names: dict[str, str] = {}  # functions, by the ids of their calls
        # Calls of the last assistant message without a result, in order. Not a list: a message may have 100,000 calls.
        self._pending: dict[str, int] = {}
        self._results: list[Part] | None = None  # the turn that consecutive tool messages share

    def read(self, message: dict[str, Any], where: str) -> None:
        """Add the next message.

        Raises:
            ChatFieldError: if it is invalid, or out of order.
        """
        role = required(message, "role", str, where)
        if role != "tool":
            self._results = None
            self.check_answered(where)
        match role:
            # The Gemini API has one instruction: all of them are collected, wherever they stand.
            case "system" | "developer":
                text = text_of(message, where)
                self.instructions += [Part(text=text)] if text else []
            case "user":
                self._add("user", content_parts(message, where) or [Part(text="")])
            case "assistant":
                self._add("model", [*self._answer(message, where), *self._calls(message, where)])
            case "tool":
                self._result(message, where)
            case "function":
                raise ChatFieldError(f"{where}: the role function is no longer used: send tool_calls and tool", where)
            case _:
                raise ChatFieldError(f"{where}: there is no role {role[:40]!r}", f"{where}.role")

    def check_answered(self, where: str) -> None:
        """Check that every call before ``where`` has its result: models refuse a call without one.

        Raises:
            ChatFieldError: if one has not.
        """
        if self._pending:
            raise ChatFieldError(
                f"{where}: the call {next(iter(self._pending))[:60]!r} before it has no tool message", where
            )

    def _add(self, role: str, parts: list[Part]) -> None:
        if parts:
            self.contents.append(Content(role=role, parts=parts))

    def _answer(self, message: dict[str, Any], where: str) -> list[Part]:
        if message.get("audio") is not None or message.get("function_call") is not None:
            raise ChatFieldError(f"{where}: audio and function_call of an assistant cannot be sent back", where)
        refusal = optional(message, "refusal", str, where)
        return content_parts(message, where) + ([Part(text=refusal)] if refusal else [])

    def _calls(self, message: dict[str, Any], where: str) -> list[Part]:
        calls = []
        for number, call in enumerate(objects(message, "tool_calls", where)):
            here = f"{path(where, 'tool_calls')}[{number}]"
            call_id, function = required(call, "id", str, here), required(call, "function", dict, here)
            name = required(function, "name", str, f"{here}.function")
            self._names[call_id] = name
            self._pending[call_id] = self._pending.get(call_id, 0) + 1
            made = FunctionCall(id=own_id(call_id), name=name, args=_arguments(function, f"{here}.function"))
            signature = _signature(call, here) or self._find_signature(call_id)
            calls.append(Part(function_call=made, thought_signature=signature))
        return calls

    def _result(self, message: dict[str, Any], where: str) -> None:
        call_id = required(message, "tool_call_id", str, where)
        if call_id not in self._pending:
            here = path(where, "tool_call_id")
            raise ChatFieldError(f"{here}: no call {call_id[:60]!r} in the message before waits for a result", here)
        self._pending[call_id] -= 1
        if not self._pending[call_id]:
            del self._pending[call_id]
        response = _response(text_of(message, where))
        part = Part(
            function_response=FunctionResponse(id=own_id(call_id), name=self._names[call_id], response=response)
        )
        # The results of one turn are one content: the API counts them against the calls of the turn before.
        if self._results is None:
            self._results = []
            self.contents.append(Content(role="user", parts=self._results))
            self._results = self.contents[-1].parts
        assert self._results is not None
        self._results.append(part)


def _arguments(function: dict[str, Any], where: str) -> dict[str, Any]:
    given = function.get("arguments")
    if isinstance(given, dict):
        return given
    text = optional(function, "arguments", str, where) or "{}"
    try:
        arguments = msgspec.json.decode(text)
    except JSON_ERRORS:
        arguments = None
    if not isinstance(arguments, dict):
        raise ChatFieldError(f"{where}.arguments must be a JSON object, as text", f"{where}.arguments")
    return arguments


def _response(text: str) -> dict[str, Any]:
    """The result of a function: an object stays one, anything else becomes ``output``."""
    try:
        response = msgspec.json.decode(text)
    except JSON_ERRORS:
        response = None
    return response if isinstance(response, dict) else {"output": text}


def _signature(call: dict[str, Any], where: str) -> bytes | None:
    """The thought signature, where Google's own OpenAI endpoint has it: ``extra_content.google.thought_signature``."""
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    if signature is None:
        return None
    here = f"{where}.extra_content.google.thought_signature"
    try:
        return decoded(signature, here)
    except UsageError as error:
        raise ChatFieldError(str(error), here) from None
