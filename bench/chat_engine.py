"""CPU per chunk of the openai engine: events of a chat server in, chunks of the Gemini API out, without any I/O.

    python bench/chat_engine.py

The gemini engine's relay does the same work without a translation, and is measured beside it. Both get one event at a
time, as a paced stream brings them, through the step machine and up to the bytes that a log stores.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from headwater.core.machine.config import MachineConfig
from headwater.core.machine.machine import Machine
from headwater.core.machine.policy import Retry
from headwater.core.machine.steps import Open, Read
from headwater.core.wire.openai.chat_answer import ChatOptions
from headwater.core.wire.openai.chat_dialect import ChatDialect
from headwater.core.wire.request import HttpRequest
from headwater.engines.gemini import _GLANCES

EVENTS, ROUNDS = 5000, 9
REQUEST = HttpRequest("POST", "http://127.0.0.1/", {})
ONCE = MachineConfig(retry=Retry(attempts=1))


def chat_event(fields: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """One event as OpenAI sends it."""
    choice = {"index": 0, "delta": fields, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-C3jdznUyBQAC1ovq6XQbgaj4eu7Ie", "object": "chat.completion.chunk", "created": 1755006475}
    event = {**head, "model": "gpt-4o-mini", "service_tier": "default", "system_fingerprint": "fp", "choices": [choice]}
    return b"data: %b\n\n" % json.dumps({**event, **more}, separators=(",", ":")).encode()


def gemini_event(text: str, finish: str | None = None) -> bytes:
    """One event as Google sends it."""
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 9, "totalTokenCount": 18}
    document = {"candidates": [candidate | ({"finishReason": finish} if finish else {})], "usageMetadata": usage}
    return b"data: %b\r\n\r\n" % json.dumps(document | {"modelVersion": "gemini-3.8-flash"}).encode()


CASES: dict[str, tuple[Callable[[], Any], list[bytes]]] = {
    "gemini, passed on": (
        lambda: _GLANCES,
        [gemini_event("a few words ")] * (EVENTS - 1) + [gemini_event("", "STOP")],
    ),
    "openai, text": (
        lambda: ChatDialect(ChatOptions(model="m", think_tags="auto")),
        [chat_event({"content": "a few words "})] * (EVENTS - 1) + [chat_event({}, "stop")],
    ),
    "openai, thoughts": (
        lambda: ChatDialect(ChatOptions(model="m", include_thoughts=True)),
        [chat_event({"reasoning_content": "a few words ", "content": None})] * (EVENTS - 1) + [chat_event({}, "stop")],
    ),
    "openai, counts in each event": (
        lambda: ChatDialect(ChatOptions(model="m", counts_timings=True)),
        [
            chat_event({"content": "a few words "}, timings={"cache_n": 1, "prompt_n": 9, "predicted_n": number})
            for number in range(EVENTS - 1)
        ]
        + [chat_event({}, "stop")],
    ),
}


def play(dialect: Any, events: list[bytes]) -> int:
    """Read a stream to its end; return how many chunks there were."""
    machine: Machine[Any] = Machine(dialect, REQUEST, ONCE)
    assert isinstance(machine.next_step(0.0), Open)
    machine.opened(200, {}, 0.0)
    count, left = 0, iter(events)
    while True:
        step = machine.next_step(0.0)
        if isinstance(step, Read):
            machine.received(next(left, b""), 0.0)
        elif hasattr(step, "raw"):
            count += len(step.raw) > 0
        else:
            return count


def main() -> None:
    """Print the median of each case in microseconds per chunk."""
    print("| | CPU per chunk |\n|---|---:|")
    for name, (make, events) in CASES.items():
        times = []
        for _ in range(ROUNDS):
            start = time.process_time()
            count = play(make(), events)
            times.append((time.process_time() - start) / count)
        print(f"| {name} | {statistics.median(times) * 1e6:.1f} us |")


if __name__ == "__main__":
    main()
