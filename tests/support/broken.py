"""A script of a stream that breaks and goes on, and words for what is asked and said in it."""

from __future__ import annotations

import json
from typing import Any

from headwater.core.machine.config import MachineConfig
from headwater.core.machine.machine import Machine
from headwater.core.machine.policy import Deadlines, Retry
from headwater.core.machine.steps import Open, Wait
from tests.support.corpus_cases import ANSWERS
from tests.support.machines import CLOSE, Script
from tests.support.peers import asking, document
from tests.support.servers import sse

THRICE = Retry(attempts=3, initial_delay=1.0, exp_base=2.0, jitter=0.0)
KEPT = {"headwater-stream": "s1"}


class Broken(Script):
    """A script whose request says something."""

    def __init__(self, body: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(retry=THRICE)
        given = {"retry": THRICE, "on_break": "continue", "deadlines": Deadlines()} | options
        self.machine = Machine(ANSWERS, asking(body), MachineConfig(**given))

    def open(self, **headers: str) -> Any:
        """Answer the next request, and return it; it may have to be waited for."""
        while not isinstance(step := self.step(), Open):
            assert step == CLOSE or isinstance(step, Wait), step
        self.opened(**{name.replace("_", "-"): value for name, value in headers.items()})
        return step.request

    def hear(self, *events: bytes) -> list[Any]:
        """Let ``events`` come, and return what the reader is given."""
        self.received(*events)
        return self.given()

    def given(self) -> list[Any]:
        found = []
        while self.machine._ready:
            found.append(self.step())
        return found


def body(request: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.body)
    return body


def texts(chunks: list[Any]) -> str:
    return "".join(chunk.text for chunk in chunks)


def said(*parts: Any, **more: Any) -> bytes:
    return sse(document([{"text": part} if isinstance(part, str) else part for part in parts], **more))
