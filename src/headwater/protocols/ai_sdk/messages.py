"""Reads the messages that ``useChat`` sends (npm ``ai``, majors 5 to 7) as contents of the Gemini API.

A message of the assistant may be several contents: a call, its result, and the answer to that. What only the page needs
(sources, ``data-`` parts, unknown kinds of parts) is left out. Nothing is fetched.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.errors import UsageError
from headwater.protocols.data_urls import decoded, part_of
from headwater.protocols.parsing import parse_json
from headwater.protocols.tool_names import CUT, is_server_tool, own_id, response_of, server_call, server_result
from headwater.types import (
    Content,
    FileData,
    FunctionCall,
    FunctionResponse,
    Part,
)

_DENIED = "the user does not want this tool to be called"


class Conversation(msgspec.Struct, frozen=True):
    """The contents of messages, and the system instruction among them."""

    contents: list[Content]
    system_instruction: Content | None = None


def read_messages(body: Any) -> Conversation:
    """Return the contents of the messages of ``useChat``.

    ``body`` is the body of its request, as bytes or parsed JSON, or only the list of ``messages`` in it.

    Raises:
        UsageError: if the list is missing, invalid or empty. The message says what to send.
    """
    contents: list[Content] = []
    instructions: list[Part] = []
    for number, message in enumerate(_message_list(body)):
        where = f"messages[{number}]"
        role, parts = _role_and_parts(message, where)
        match role:
            case "system":
                instructions += [part for part in _text_and_files(parts, where) if part.text]
            case "user":
                contents += _user_contents(parts, where)
            case "assistant":
                contents += _Answer(where).read(parts)
            case _:
                raise UsageError(f'{where}: role is "user", "assistant" or "system", not {role!r}')
    if not contents:
        raise UsageError("the messages are empty: send at least one message of the user, with a text or a file")
    return Conversation(contents, Content(parts=instructions) if instructions else None)


def _message_list(body: Any) -> list[Any]:
    document = parse_json(body, "the JSON that useChat sends")
    messages = document.get("messages") if isinstance(document, dict) else document
    if not isinstance(messages, list):
        raise UsageError("messages is the list of UIMessages that useChat sends")
    return messages


class _Answer:
    """Reads one message of the assistant."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._contents: list[Content] = []
        self._parts: list[Part] = []  # of the model, in the current step
        self._results: list[Part] = []  # of its calls

    def read(self, parts: list[dict[str, Any]]) -> list[Content]:
        """Return its contents."""
        for number, part in enumerate(parts):
            self._read(part, f"{self._where}.parts[{number}]")
        self._end_step()
        return self._contents

    def _read(self, part: dict[str, Any], where: str) -> None:
        match part.get("type"):
            # One step is one request of the page's model: a content of the model, then the results of its calls.
            case "step-start":
                self._end_step()
            # Written by the user while the answer was running, so it stands inside of the answer.
            case "steering-message":
                self._end_step()
                self._contents += _user_contents(_part_list(part, where), where)
            case "reasoning" | "reasoning-file":
                self._read_thought(part, where)
            case "dynamic-tool":
                self._read_tool(part, _string(part, "toolName", where), where)
            case str() as kind if kind.startswith("tool-"):
                self._read_tool(part, kind.removeprefix("tool-"), where)
            case "data-signature":
                self._sign(part.get("data"), where)
            case "data-reset":
                self._reset()
            case _:
                self._parts += _text_and_files([part], where)

    def _read_thought(self, part: dict[str, Any], where: str) -> None:
        signature = _signature(part.get("providerMetadata"), where)
        if signature is not None:  # a thought without one tells the model nothing new
            thought = _text(part, where) if part["type"] == "reasoning" else _file(part, where)
            self._parts.append(msgspec.structs.replace(thought, thought=True, thought_signature=signature))

    def _end_step(self) -> None:
        if self._parts:
            self._contents.append(Content(role="model", parts=self._parts))
        if self._results:
            self._contents.append(Content(role="user", parts=self._results))
        self._parts, self._results = [], []

    def _reset(self) -> None:
        """The answer was restarted: what the model said since the last function results is void."""
        # Back to the last function results, or the beginning: what was voided is not sent to the model again.
        self._parts, self._results = [], []
        while self._contents and self._contents[-1].role == "model":
            self._contents.pop()

    def _sign(self, data: Any, where: str) -> None:
        """The signature of the part before, from majors whose parts cannot have one (``data-signature``)."""
        signature = _signature({"google": data}, where)
        if self._parts and signature is not None:
            self._parts[-1] = msgspec.structs.replace(self._parts[-1], thought_signature=signature)

    def _read_tool(self, part: dict[str, Any], name: str, where: str) -> None:
        state, call_id = part.get("state"), _string(part, "toolCallId", where)
        signature = _signature(part.get("callProviderMetadata"), where)
        # Run at Google: the call and its result both go back as parts of the model.
        if part.get("providerExecuted"):
            if state != "input-streaming" and is_server_tool(name):
                self._read_server_tool(part, name, call_id, signature, where)
            return
        response = _response(part, state)
        if response is None:  # the API refuses a call without a result
            return
        sent_args = part.get("input")
        args = sent_args if isinstance(sent_args, dict) else {}
        own = own_id(call_id)
        call = Part(function_call=FunctionCall(id=own, name=name, args=args))
        self._add_signed(call, signature)
        self._results.append(Part(function_response=FunctionResponse(id=own, name=name, response=response)))

    def _read_server_tool(
        self, part: dict[str, Any], name: str, call_id: str, signature: bytes | None, where: str
    ) -> None:
        """A tool that ran at Google: the call is the model's, and so is its result."""
        args, output = (part.get(name) for name in ("input", "output"))
        args, output = (value if isinstance(value, dict) else {} for value in (args, output))
        result_signature = _signature(part.get("resultProviderMetadata"), where)
        self._add_signed(server_call(name, call_id, args), signature)
        if part.get("state") == "output-available":
            self._add_signed(server_result(name, call_id, output), result_signature)

    def _add_signed(self, part: Part, signature: bytes | None) -> None:
        self._parts.append(msgspec.structs.replace(part, thought_signature=signature))


def _response(part: dict[str, Any], state: Any) -> dict[str, Any] | None:
    """The result of a call, or None if it has none."""
    approval = part.get("approval")
    approval = approval if isinstance(approval, dict) else {}
    match state:
        case "output-available":
            return response_of(part.get("output"))
        case "output-error":
            error = part.get("errorText")
            return None if error == CUT else {"error": error if isinstance(error, str) else "the tool failed"}
        # The model learns that the user refused; otherwise it would call again.
        case "output-denied":
            return {"error": approval.get("reason") or _DENIED}
        case "approval-responded" if approval.get("approved") is False:
            return {"error": approval.get("reason") or _DENIED}
    return None


def _user_contents(parts: list[dict[str, Any]], where: str) -> list[Content]:
    sent = _text_and_files(parts, where)
    return [Content(role="user", parts=sent)] if sent else []


def _text_and_files(parts: list[dict[str, Any]], where: str) -> list[Part]:
    """The text and files among parts."""
    spoken = []
    for part in parts:
        signature = _signature(part.get("providerMetadata"), where)
        match part.get("type"):
            case "text":
                content = _text(part, where)
            case "file":
                content = _file(part, where)
            case _:
                continue
        if content.text != "" or signature is not None:
            signed = content if signature is None else msgspec.structs.replace(content, thought_signature=signature)
            spoken.append(signed)
    return spoken


def _text(part: dict[str, Any], where: str) -> Part:
    return Part(text=_string(part, "text", where))


def _file(part: dict[str, Any], where: str) -> Part:
    kind, reference = part.get("mediaType"), part.get("providerReference")
    kind = kind if isinstance(kind, str) else None
    # A file that was uploaded to Google before is referred to, not sent again.
    if isinstance(reference, dict) and isinstance(reference.get("google"), str):
        return Part(file_data=FileData(file_uri=reference["google"], mime_type=kind))
    return part_of(_string(part, "url", where), kind, where)


def _signature(metadata: Any, where: str) -> bytes | None:
    google = metadata.get("google") if isinstance(metadata, dict) else None
    signature = google.get("thoughtSignature") if isinstance(google, dict) else None
    return None if signature is None else decoded(signature, f"{where}: thoughtSignature")


def _role_and_parts(message: Any, where: str) -> tuple[Any, list[dict[str, Any]]]:
    if not isinstance(message, dict):
        raise UsageError(f"{where} is not a UIMessage: it has to be an object with role and parts")
    return message.get("role"), _part_list(message, where)


def _part_list(holder: dict[str, Any], where: str) -> list[dict[str, Any]]:
    parts = holder.get("parts")
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise UsageError(f"{where}.parts is the list of its parts, as useChat of the AI SDK 5 or later sends it")
    return parts


def _string(part: dict[str, Any], name: str, where: str) -> str:
    value = part.get(name)
    if not isinstance(value, str):
        raise UsageError(f"{where}: {name} is a text, not {value!r:.60}")
    return value
