"""What each protocol allows, checked event by event; and what a reader of it has in the end."""

from __future__ import annotations

import json
from typing import Any

from headwater.core.wire.sse import Decoder

KNOWN_5 = frozenset(
    [
        "start",
        "start-step",
        "finish-step",
        "finish",
        "abort",
        "error",
        "message-metadata",
        "file",
        "source-url",
        "source-document",
        "text-start",
        "text-delta",
        "text-end",
        "reasoning-start",
        "reasoning-delta",
        "reasoning-end",
        "tool-input-start",
        "tool-input-delta",
        "tool-input-available",
        "tool-input-error",
        "tool-output-available",
        "tool-output-error",
    ]
)
KNOWN = {5: KNOWN_5, 6: KNOWN_5, 7: KNOWN_5 | {"reasoning-file", "reset-step"}}
_CLOSERS = {"text-end": "text", "reasoning-end": "reasoning"}


def documents(body: bytes) -> list[Any]:
    """The JSON of each event; ``[DONE]`` as a text."""
    events = Decoder().feed(body)
    return [text if text == "[DONE]" else json.loads(text) for text in (event.data.decode() for event in events)]


class AiSdkReader:
    """Reads one stream as the AI SDK does, and is stricter; ``text`` and ``calls`` are what it has in the end."""

    def __init__(self, body: bytes, version: int) -> None:
        self.text = ""
        self.calls: dict[str, Any] = {}
        self.ended = ""
        self._open: dict[str, str] = {}
        self._inputs: dict[str, str] = {}
        self._steps = 0
        *chunks, done = documents(body)
        assert done == "[DONE]"
        assert [chunk["type"] for chunk in chunks].count("start") == 1
        for chunk in chunks:
            kind = chunk["type"]
            assert kind in KNOWN[version] or kind.startswith("data-"), kind
            assert not self.ended, f"{kind} after the end"
            assert self._steps or kind in ("start", "start-step", "finish", "abort", "error"), f"{kind} outside a step"
            self._read(kind, chunk)
        assert self.ended, "there is no finish"
        assert not self._steps

    def _read(self, kind: str, chunk: dict[str, Any]) -> None:
        match kind:
            case "start-step":
                assert not self._steps
                self._steps = 1
            case "finish-step":
                assert self._steps
                assert not self._open
                assert not self._inputs
                self._steps = 0
            case "finish":
                self.ended = chunk["finishReason"]
            case "text-start" | "reasoning-start":
                assert not self._open, "two blocks at a time"
                self._open[chunk["id"]] = kind.removesuffix("-start")
            case "text-delta" | "reasoning-delta":
                assert self._open[chunk["id"]] == kind.removesuffix("-delta")
                self.text += chunk["delta"] if kind == "text-delta" else ""
            case "text-end" | "reasoning-end":
                assert self._open.pop(chunk["id"]) == _CLOSERS[kind]
            case "tool-input-start":
                assert not self._open
                assert chunk["toolCallId"] not in self.calls
                self._inputs[chunk["toolCallId"]] = ""
            case "tool-input-delta":
                self._inputs[chunk["toolCallId"]] += chunk["inputTextDelta"]
            case "tool-input-available":
                text = self._inputs.pop(chunk["toolCallId"], None)
                assert text is None or json.loads(text) == chunk["input"]
                self.calls[chunk["toolCallId"]] = chunk["input"]
            case "tool-input-error":
                self._inputs.pop(chunk["toolCallId"])
            case "tool-output-available" | "tool-output-error":
                assert chunk["toolCallId"] in self.calls
            case "reset-step" | "data-reset":
                assert not self._open
                self.text, self.calls = "", {}


class AgUiReader:
    """Reads one run as the verifier of AG-UI does."""

    def __init__(self, body: bytes) -> None:
        first, *events = documents(body)
        assert first["type"] == "RUN_STARTED"
        self.text = ""
        self.calls: dict[str, str] = {}
        self._open: set[str] = set()
        self._span = ""
        self._asked: set[str] = set()
        for event in events[:-1]:
            self._read(event["type"], event)
        self.ended = events[-1]["type"]
        assert self.ended in ("RUN_FINISHED", "RUN_ERROR")
        assert (self._open, self._span, self._asked) == (set(), "", set())

    def _read(self, kind: str, event: dict[str, Any]) -> None:
        name = event.get("messageId", "")
        match kind:
            case "TEXT_MESSAGE_START" | "REASONING_MESSAGE_START":
                assert not self._open
                assert kind[0] == "T" or self._span == name
                self._open.add(name)
            case "TEXT_MESSAGE_CONTENT" | "REASONING_MESSAGE_CONTENT":
                assert name in self._open
                assert event["delta"]
                self.text += event["delta"] if kind[0] == "T" else ""
            case "TEXT_MESSAGE_END" | "REASONING_MESSAGE_END":
                self._open.remove(name)
            case "REASONING_START":
                assert not self._span
                self._span = name
            case "REASONING_END":
                assert self._span == name
                self._span = ""
            case "TOOL_CALL_START":
                assert event["toolCallId"] not in self._asked
                assert not self._open
                self._asked.add(event["toolCallId"])
                self.calls[event["toolCallId"]] = ""
            case "TOOL_CALL_ARGS":
                assert event["toolCallId"] in self._asked
                self.calls[event["toolCallId"]] += event["delta"]
            case "TOOL_CALL_END":
                self._asked.remove(event["toolCallId"])
            case "TOOL_CALL_RESULT":
                assert event["toolCallId"] in self.calls
                assert not self._open
            case "CUSTOM":
                if event["name"] == "reset":
                    self.text, self.calls = "", {}
            case _:
                assert kind == "REASONING_ENCRYPTED_VALUE", kind


class PlainReader:
    """Reads plain events as an ``EventSource`` does."""

    def __init__(self, body: bytes) -> None:
        decoder = Decoder()
        self.events = decoder.feed(body)
        self.last_id = decoder.last_event_id
        self.text = ""
        for event in self.events:
            if event.type == "message":
                self.text += event.data.decode()
            elif event.type == "reset":
                self.text = ""
        self.ended = self.events[-1].type
        assert self.ended in ("end", "failed")
        assert not {event.type for event in self.events[:-1]} & {"end", "failed"}
