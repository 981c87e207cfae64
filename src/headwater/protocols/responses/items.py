"""The output of a response, item by item: what the deltas of an answer begin, continue and end.

Theory of operation. One item is open at a time: a reasoning, a message or a function call. A delta of another kind
closes it. Clients crash on an event for an item, or a part of it, that was not added, so every event of an item is
made here, in order: added, deltas, done. Unary answers use the same items and drop the events.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headwater.protocols.openai.choices import Delta

#: The type of an event and its fields.
ItemEvent = tuple[str, dict[str, Any]]


class OutputItems:
    """The items of one response. ``seed`` makes their ids."""

    def __init__(self, seed: str) -> None:
        self.items: list[dict[str, Any]] = []
        self._seed = seed
        self._open: dict[str, Any] | None = None
        self._text: list[str] = []

    def feed(self, delta: Delta) -> Iterator[ItemEvent]:
        """Yield the events of a delta."""
        for name, value in delta.items():
            match name:
                case "content" if value:
                    yield from self._continue("message", value)
                case "reasoning_content":
                    yield from self._continue("reasoning", value)
                case "tool_calls":
                    yield from self._call(value[0])
                case "annotations":
                    yield from self._annotate(value)

    def finish(self, status: str) -> Iterator[ItemEvent]:
        """Yield the events that close the last item, which is as complete as the response."""
        if self._open is not None:
            yield from self._close(status)

    def _continue(self, kind: str, text: str) -> Iterator[ItemEvent]:
        if self._open is None or self._open["type"] != kind:
            yield from self._begin(kind)
        self._text.append(text)
        if kind == "message":
            yield "response.output_text.delta", self._place | {"content_index": 0, "delta": text, "logprobs": []}
        else:
            yield "response.reasoning_summary_text.delta", self._place | {"summary_index": 0, "delta": text}

    def _begin(self, kind: str) -> Iterator[ItemEvent]:
        if kind == "message":
            yield from self._add({"type": "message", "role": "assistant", "content": []}, "msg")
            yield "response.content_part.added", self._place | {"content_index": 0, "part": _text_part("")}
        else:
            yield from self._add({"type": "reasoning", "summary": []}, "rs")
            part = {"type": "summary_text", "text": ""}
            yield "response.reasoning_summary_part.added", self._place | {"summary_index": 0, "part": part}

    def _call(self, piece: dict[str, Any]) -> Iterator[ItemEvent]:
        function = piece["function"]
        if "id" in piece:
            call = {"type": "function_call", "call_id": piece["id"], "name": function["name"], "arguments": ""}
            yield from self._add(call, "fc")
        if text := function["arguments"]:
            self._text.append(text)
            yield "response.function_call_arguments.delta", self._place | {"delta": text}

    def _annotate(self, annotations: list[dict[str, Any]]) -> Iterator[ItemEvent]:
        if self._open is None or self._open["type"] != "message":
            return
        for annotation in annotations:
            # Here the fields of a citation are beside its type, and not in an object of their own.
            flat = {"type": annotation["type"], **annotation["url_citation"]}
            found = self._open.setdefault("annotations", [])
            found.append(flat)
            place = self._place | {"content_index": 0, "annotation_index": len(found) - 1}
            yield "response.output_text.annotation.added", place | {"annotation": flat}

    def _add(self, item: dict[str, Any], prefix: str) -> Iterator[ItemEvent]:
        if self._open is not None:
            yield from self._close("completed")
        self._open = {"id": f"{prefix}_{self._seed}{len(self.items)}", **item}
        if item["type"] != "reasoning":
            self._open["status"] = "in_progress"
        self.items.append(self._open)
        yield "response.output_item.added", {"output_index": len(self.items) - 1, "item": dict(self._open)}

    def _close(self, status: str) -> Iterator[ItemEvent]:
        item, text = self._open, "".join(self._text)
        assert item is not None
        place, self._open, self._text = self._place, None, []
        match item["type"]:
            case "message":
                part = _text_part(text, item.pop("annotations", []))
                item["content"] = [part]
                yield "response.output_text.done", place | {"content_index": 0, "text": text, "logprobs": []}
                yield "response.content_part.done", place | {"content_index": 0, "part": part}
            case "reasoning":
                summary = {"type": "summary_text", "text": text}
                item["summary"] = [summary]
                yield "response.reasoning_summary_text.done", place | {"summary_index": 0, "text": text}
                yield "response.reasoning_summary_part.done", place | {"summary_index": 0, "part": summary}
            case "function_call":
                item["arguments"] = text
                yield "response.function_call_arguments.done", place | {"name": item["name"], "arguments": text}
        if "status" in item:
            item["status"] = status
        yield "response.output_item.done", {"output_index": place["output_index"], "item": item}

    @property
    def _place(self) -> dict[str, Any]:
        assert self._open is not None
        return {"item_id": self._open["id"], "output_index": len(self.items) - 1}


def _text_part(text: str, annotations: list[Any] | None = None) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": annotations or [], "logprobs": []}
