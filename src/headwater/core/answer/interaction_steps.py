"""``StepFold``: a step's start and deltas to one step of an interaction."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from headwater.types import FunctionCall
from headwater.types.interactions import Step, StepStart
from headwater.types.interactions.base import JsonObject, UnknownObject

#: Media are content; so is everything else that a step of the model's output holds.
_MEDIA = frozenset({"image", "audio", "video", "document"})
#: What annotates or proves content, without being content.
_MARKS = frozenset({"thought_signature", "text_annotation_delta"})
_NOTHING = ("", "", False)


def document_of(value: Any) -> dict[str, Any]:
    """Return the JSON object of a value of the API; an empty one for anything else."""
    if isinstance(value, UnknownObject):
        value = value.raw
    if isinstance(value, JsonObject):
        return value.__dict__
    return value if type(value) is dict else {}


def kind_of(document: dict[str, Any], default: str | None = None) -> str | None:
    """Return the ``type`` of a JSON object, ``default`` if it has none."""
    kind = document.get("type", default)
    return kind if isinstance(kind, str) else None


def text_of(document: dict[str, Any], name: str = "text") -> str:
    """Return a text in a JSON object; empty for anything else."""
    text = document.get(name)
    return text if isinstance(text, str) else ""


def entries_of(value: Any) -> list[Any]:
    """Return a list in a JSON object; an empty one for anything else."""
    return value if isinstance(value, list) else []


class StepFold:
    """One step so far. ``document`` is what its start said, ``deltas`` are what arrived since.

    ``repeated`` is what the API repeated in it of earlier steps, and what was left out here.
    """

    __slots__ = ("deltas", "document", "index", "is_output", "is_stopped", "repeated", "type")

    def __init__(self, index: int, document: dict[str, Any]) -> None:
        self.index = index
        self.document = document
        self.type = kind_of(document)
        #: Whether its text is the answer's. Gateways may leave out the start, and so the type.
        self.is_output = self.type in ("model_output", None)
        self.deltas: list[Any] = []
        self.repeated: list[tuple[str, Any]] = []
        self.is_stopped = False

    def first_content(self) -> tuple[str, str, bool]:
        """Return what the start holds: text, thought, and whether that is content."""
        text = _texts(self.document.get("content")) if self.is_output else ""
        thought = _texts(self.document.get("summary")) if self.type == "thought" else ""
        return text, thought, bool(text or thought or self.document.get("content") or self.type == "function_call")

    def content_of(self, delta: Any) -> tuple[str, str, bool]:
        """Return what a delta adds: text, thought, and whether that is content."""
        fields = document_of(delta)
        kind = kind_of(fields)
        if kind == "thought_summary":
            content = document_of(fields.get("content"))
            return "", text_of(content) if kind_of(content, "text") == "text" else "", bool(content)
        return _NOTHING if kind in _MARKS else ("", "", bool(fields))

    def arguments(self) -> str:
        """Return the JSON text of the arguments of a function call, as far as it has arrived."""
        pieces = (document_of(delta) for delta in self.deltas)
        return "".join(text_of(fields, "arguments") for fields in pieces if kind_of(fields) == "arguments_delta")

    def call(self) -> FunctionCall:
        """Return a function call; arguments that are not an object are left out."""
        fields = self.document
        arguments = _object(self.arguments()) if self.arguments() else document_of(fields.get("arguments"))
        return FunctionCall(
            id=text_of(fields, "id") or None, name=text_of(fields, "name") or None, args=arguments or {}
        )

    def build(self) -> Step:
        """Return the step so far."""
        fields = {name: _copy(value) for name, value in self.document.items()}
        fields.setdefault("type", "model_output")
        for delta in self.deltas:
            _apply(fields, document_of(delta))
        if (text := self.arguments()) and (arguments := _object(text)) is not None:
            fields["arguments"] = arguments
        return StepStart.from_document({"step": fields}).step


def _apply(fields: dict[str, Any], delta: dict[str, Any]) -> None:
    """Add a delta to the fields of a step."""
    kind = kind_of(delta, "text" if "text" in delta else None)
    if kind == "text" and isinstance(delta.get("text"), str):
        _append_text(_list(fields, "content"), delta)
    elif kind == "text_annotation_delta":
        _annotate(_list(fields, "content"), delta.get("annotations"))
    elif kind == "thought_summary":
        content = document_of(delta.get("content"))
        _append_text(_list(fields, "summary"), {"type": "text", **content})
    elif kind == "thought_signature":
        fields["signature"] = delta.get("signature") or fields.get("signature")
    elif kind == "audio" and _joins_audio(fields.get("content"), delta):
        pass
    elif kind in _MEDIA or (kind != fields.get("type") and fields.get("type") == "model_output"):
        _list(fields, "content").append(dict(delta))
    elif kind != "arguments_delta":
        _merge(fields, delta)


def _list(fields: dict[str, Any], name: str) -> list[Any]:
    """Return a list among the fields of a step; an empty one replaces anything else."""
    found: list[Any] = fields[name] if isinstance(fields.get(name), list) else []
    fields[name] = found
    return found


def _append_text(contents: list[Any], content: dict[str, Any]) -> None:
    """Add content to a list; text continues the text before it."""
    last = contents[-1] if contents else None
    if isinstance(last, dict) and last.get("type") == "text" and content.get("type", "text") == "text":
        last["text"] = text_of(last) + text_of(content)
    else:
        contents.append({"type": "text", **content})


def _annotate(contents: list[Any], annotations: Any) -> None:
    """Add annotations to the text that they follow."""
    if not contents or not isinstance(contents[-1], dict) or contents[-1].get("type") != "text":
        contents.append({"type": "text", "text": ""})
    if isinstance(annotations, list):
        contents[-1]["annotations"] = [*entries_of(contents[-1].get("annotations")), *annotations]


def _joins_audio(contents: Any, delta: dict[str, Any]) -> bool:
    """Add audio to the audio before it, if it is of the same kind; return whether it is."""
    last = contents[-1] if isinstance(contents, list) and contents else None
    if not isinstance(last, dict) or {**last, "data": None} != {**delta, "data": None}:
        return False
    try:
        sound = base64.b64decode(last["data"], validate=True) + base64.b64decode(delta["data"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        return False
    last["data"] = base64.b64encode(sound).decode()
    return True


def _merge(fields: dict[str, Any], delta: dict[str, Any]) -> None:
    """Add the delta of a tool's call or result, whose fields are those of the step."""
    for name, value in delta.items():
        old = fields.get(name)
        if name == "type" or value is None or (name == "signature" and not value):
            continue
        if name == "result" and isinstance(old, str) and isinstance(value, str):
            value = old + value
        elif isinstance(old, list) and isinstance(value, list):
            value = [*old, *value]
        elif name == "arguments":
            value = {**document_of(old), **document_of(value)}
        fields[name] = value


def _texts(contents: Any) -> str:
    found = (document_of(content) for content in entries_of(contents))
    return "".join(text_of(fields) for fields in found if kind_of(fields, "text") == "text")


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object of a text, None if it is another thing or incomplete."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return None
    return value if isinstance(value, dict) else None


def _copy(value: Any) -> Any:
    """A copy of what ``build`` adds to: lists of content. Objects of the API are copied as plain fields."""
    if isinstance(value, list):
        return [dict(document_of(entry)) if document_of(entry) else entry for entry in value]
    return value
