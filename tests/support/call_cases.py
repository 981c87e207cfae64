"""Answers that call functions, functions that note how they were called, and what was sent back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.streaming import Retry
from tests.support.servers import Connection, Request, says, scripted

TWICE = Retry(attempts=2, initial_delay=0.001, jitter=0.0)


def calls(*wanted: tuple[str, dict[str, Any]], ids: bool = True, finish: str | None = "STOP") -> dict[str, Any]:
    """A response that calls functions, the first with a thought signature."""
    parts: list[dict[str, Any]] = [{"functionCall": {"name": name, "args": args}} for name, args in wanted]
    for number, part in enumerate(parts if ids else ()):
        part["functionCall"]["id"] = f"c{number}"
    parts[0]["thoughtSignature"] = "c2lnbmVk"
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, "finishReason": finish}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 10}}


def answers(*turns: Any) -> Callable[[Connection, Request], None]:
    """A script that answers each request with the next turn: documents of a stream, or of a whole answer the first."""

    def turn(documents: Any) -> Callable[[Connection, Request], None]:
        def script(connection: Connection, request: Request) -> None:
            listed = documents if isinstance(documents, list) else [documents]
            connection.stream(*listed) if ":stream" in request.target else connection.answer(listed[0])

        return script if isinstance(documents, dict | list) else documents

    return scripted(*map(turn, turns))


DONE = says("done", "STOP", usageMetadata={"promptTokenCount": 8, "candidatesTokenCount": 1, "totalTokenCount": 9})


class Tools:
    """Functions that note how they were called."""

    def __init__(self) -> None:
        self.called: list[Any] = []

    def add(self, a: int, b: int) -> int:
        """Add numbers."""
        self.called.append((a, b))
        return a + b

    def fail(self, why: str) -> None:
        """Fail."""
        raise RuntimeError(why)


def results(request: Request) -> list[dict[str, Any]]:
    """The function responses in the last turn of a request."""
    turn = request.json["contents"][-1]
    assert turn["role"] == "user"
    return [part["functionResponse"] for part in turn["parts"]]
