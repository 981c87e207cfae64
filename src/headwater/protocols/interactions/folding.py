"""``InteractionFold``: the events of an interaction folded into the interaction as one object, in linear time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from headwater.json_text import JSON_ERRORS
from headwater.protocols.interactions.answer_events import AnswerEvents, Event
from headwater.protocols.interactions.outcomes import FAILED, IN_PROGRESS


class _Contents:
    """A list of contents, in which neighboring texts are one."""

    def __init__(self) -> None:
        self._items: list[dict[str, Any]] = []
        self._pieces: list[str] = []  # of the last text, joined when it is asked for

    def add_text(self, text: str) -> None:
        if not self._items or self._items[-1]["type"] != "text":
            self._join()
            self._items.append({"type": "text", "text": ""})
        self._pieces.append(text)

    def add(self, content: dict[str, Any]) -> None:
        self._join()
        self._items.append(content)

    def annotate(self, annotations: list[dict[str, Any]]) -> None:
        text = next((one for one in reversed(self._items) if one["type"] == "text"), None)
        if text is not None:
            text.setdefault("annotations", []).extend(annotations)

    @property
    def items(self) -> list[dict[str, Any]]:
        self._join()
        return [dict(one) for one in self._items]

    def _join(self) -> None:
        if self._pieces:
            self._items[-1]["text"] += "".join(self._pieces)
            self._pieces.clear()


class _StepFold:
    """One step so far."""

    def __init__(self, shell: dict[str, Any]) -> None:
        self._shell = shell
        self._content = _Contents()
        self._summary = _Contents()
        self._arguments: list[str] = []
        self._fields: dict[str, Any] = {}

    def add(self, delta: dict[str, Any]) -> None:
        match delta["type"]:
            case "text":
                self._content.add_text(delta["text"])
            case "thought_summary" if delta["content"]["type"] == "text":
                self._summary.add_text(delta["content"]["text"])
            case "thought_summary":
                self._summary.add(delta["content"])
            case "thought_signature":
                self._fields["signature"] = delta["signature"] or self._fields.get("signature", "")
            case "arguments_delta":
                self._arguments.append(delta["arguments"])
            case "text_annotation_delta":
                self.annotate(delta["annotations"])
            case "image" | "audio" | "video" | "document":
                self._content.add(delta)
            case _:
                self._fields |= {name: value for name, value in delta.items() if name != "type"}

    def annotate(self, annotations: list[dict[str, Any]]) -> None:
        """Add annotations to the last text."""
        self._content.annotate(annotations)

    @property
    def document(self) -> dict[str, Any]:
        step = {**self._shell, **self._fields}
        lists = {"content": self._content.items, "summary": self._summary.items}
        step |= {name: items for name, items in lists.items() if items}
        return step | ({"arguments": _parsed("".join(self._arguments))} if self._arguments else {})


class InteractionFold:
    """The interaction so far, as ``POST`` and ``GET`` return it."""

    def __init__(self, events: AnswerEvents) -> None:
        self._source = events
        self._steps: list[_StepFold] = []
        self._end: dict[str, Any] | None = None
        self._error: dict[str, Any] | None = None

    def add(self, events: Iterable[Event]) -> None:
        """Take the next events."""
        for event in events:
            match event["event_type"]:
                case "step.start":
                    self._steps.append(_StepFold(event["step"]))
                case "step.delta":
                    self._steps[event["index"]].add(event["delta"])
                case "interaction.completed":
                    self._end = event["interaction"]
                case "error":
                    self._error = event["error"]

    def document(self, before: Iterable[dict[str, Any]] = (), *, now: float = 0.0) -> dict[str, Any]:
        """Return the interaction as JSON. ``before`` are steps that precede the model's: those of its input.

        ``now`` is the time of the last change, if the interaction has not ended well.
        """
        info = self._source.info
        for index, late in self._source.late_annotations.items():
            self._steps[index].annotate(late)
        self._source.late_annotations = {}
        status = FAILED if self._error is not None else IN_PROGRESS
        document = self._end or info.document(status) | info.times(max(now, info.created))
        errors = [self._error] if self._error is not None else []
        more = {"previous_interaction_id": info.previous, "labels": info.labels, "errors": errors}
        document = document | {name: value for name, value in more.items() if value}
        return document | {"steps": [*before, *_answer_last([step.document for step in self._steps])]}


def _answer_last(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps with the answer at the end, where programs look for it: ``steps[-1].content[0].text``."""
    # A stream that said the text before its signature arrived had to put the thought behind it. Google never does.
    is_late = len(steps) > 1 and steps[-1]["type"] == "thought" and not steps[-1].get("summary")
    if is_late and steps[-2]["type"] == "model_output":
        return [*steps[:-2], steps[-1], steps[-2]]
    return steps


def _parsed(arguments: str) -> Any:
    """The arguments of a call; empty ones if it was cut."""
    try:
        return msgspec.json.decode(arguments)
    except JSON_ERRORS:
        return {}
