"""Calls of the Interactions API for observers, which are told of all calls in the words of ``generateContent``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headwater.client.options.observers import CallRequest, FinishedCall
from headwater.core.answer.ending import Ending
from headwater.core.answer.interaction_chunks import part_of, response_of
from headwater.core.answer.interaction_steps import document_of
from headwater.core.answer.metrics import Metrics
from headwater.types import FinishReason, GenerateContentResponse, UsageMetadata

#: The settings of ``generation_config`` that have another name in ``generationConfig``.
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "topP",
    "max_output_tokens": "maxOutputTokens",
    "seed": "seed",
    "stop_sequences": "stopSequences",
}


class InteractionRequest(CallRequest, frozen=True):
    """The request of an interaction, without headers and so without a key."""

    @property
    def method(self) -> str:
        """``interactions.create`` or ``interactions.get``."""
        return "interactions.create" if self._is_new else "interactions.get"

    @property
    def model(self) -> str:
        """The model or agent; of an interaction that is read again, its id."""
        body = super().document
        name = body.get("model") or body.get("agent")
        return str(name).removeprefix("models/") if name else self.url.partition("?")[0].rpartition("/")[2]

    @property
    def settings(self) -> dict[str, Any]:
        """The ``generation_config`` of the request, with the names of ``generateContent``."""
        body = super().document
        given = document_of(body.get("generation_config"))
        found = {name: given[key] for key, name in _SETTINGS.items() if key in given}
        formats = body.get("response_format")
        for entry in formats if isinstance(formats, list) else [formats]:
            kind = document_of(entry).get("mime_type")
            found |= {"responseMimeType": kind} if kind is not None else {}
        if body.get("response_modalities"):
            found["responseModalities"] = body["response_modalities"]
        return found

    @property
    def document(self) -> dict[str, Any]:
        """The body, with its texts and media as the ``contents`` of ``generateContent``."""
        body = super().document
        instruction = body.get("system_instruction")
        system = {"systemInstruction": {"parts": [{"text": instruction}]}} if isinstance(instruction, str) else {}
        return {**body, "contents": _contents(body.get("input")), **system}

    @property
    def _is_new(self) -> bool:
        return self.url.partition("?")[0].endswith("/interactions")


class InteractionCallView:
    """A finished call, whose ``response`` is the interaction as ``generateContent`` would have answered it."""

    def __init__(self, call: FinishedCall) -> None:
        self._call = call

    @property
    def ending(self) -> Ending | None:
        """How it ended."""
        return self._call.ending

    @property
    def text(self) -> str:
        """The text received."""
        return self._call.text

    @property
    def response(self) -> GenerateContentResponse:
        """The answer so far."""
        interaction: Any = self._call.response
        reason: FinishReason | None = getattr(self._call, "finish_reason", None)
        return response_of(interaction, reason)

    @property
    def usage_metadata(self) -> UsageMetadata:
        """The token counts of the API."""
        return self._call.usage_metadata

    @property
    def metrics(self) -> Metrics:
        """The times and amounts of the call."""
        return self._call.metrics

    @property
    def gaps(self) -> Sequence[float]:
        """The seconds between one event's arrival and the next."""
        return self._call.gaps


def _contents(given: Any) -> list[dict[str, Any]]:
    entries = given if isinstance(given, list) else [] if given is None else [given]
    turns: list[dict[str, Any]] = []
    for entry in entries:
        role, parts = _turn(entry)
        if parts and turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        elif parts:
            turns.append({"role": role, "parts": parts})
    return turns


def _turn(entry: Any) -> tuple[str, list[dict[str, Any]]]:
    """The role and the parts of an entry of ``input``."""
    if isinstance(entry, str):
        return "user", [{"text": entry}]
    step = document_of(entry)
    match step.get("type"):
        case "user_input" | "model_output" as kind:
            contents = step.get("content")
            parts = [part for content in (contents if isinstance(contents, list) else ()) for part in _part(content)]
            return ("user" if kind == "user_input" else "model"), parts
        case "function_call":
            call = {"id": step.get("id"), "name": step.get("name"), "args": step.get("arguments")}
            return "model", [{"functionCall": call}]
        case "function_result":
            answer = {"id": step.get("call_id"), "name": step.get("name"), "response": {"result": step.get("result")}}
            return "user", [{"functionResponse": answer}]
    return "user", _part(step)


def _part(content: Any) -> list[dict[str, Any]]:
    return [_plain(part) for part in part_of(document_of(content))]


def _plain(part: Any) -> dict[str, Any]:
    if part.text is not None:
        return {"text": part.text}
    if part.inline_data is not None:
        return {"inlineData": {"mimeType": part.inline_data.mime_type}}
    return {"fileData": {"mimeType": part.file_data.mime_type, "fileUri": part.file_data.file_uri}}
