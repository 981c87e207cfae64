"""``faults()``: what goes wrong with streams, by name, as parameters of anyone's test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from headwater.testing.actions import (
    Action,
    Line,
    Say,
    attempts,
    cut,
    error,
    finish,
    garbage,
    pause,
    redirect,
    say,
    slow_head,
    think,
    truncate,
)
from headwater.testing.checks import assert_streams
from headwater.testing.renderers import GeminiRenderer
from headwater.testing.server import ScriptServer
from headwater.testing.virtual_server import VirtualServer

ANSWER = "Hello, wide world"
_WORDS = ("Hello, ", "wide ", "world")

#: What a client owes its user: the whole answer; an error after all that was sent; or either, because it may try again.
Outcome = Literal["whole", "error", "either"]


class Fault(msgspec.Struct, frozen=True):
    """One thing that goes wrong, and what a good client makes of it. The answer is always ``ANSWER``."""

    name: str
    attempts: list[list[Action]]
    outcome: Outcome

    def server(self) -> ScriptServer:
        """Return a server that has the fault."""
        return ScriptServer(self.attempts)

    def virtual(self) -> VirtualServer:
        """Return it for headwater's client in-process, without waiting."""
        return VirtualServer(self.attempts)

    def check(
        self, texts: str | Iterable[str], error: BaseException | None, server: ScriptServer | VirtualServer
    ) -> None:
        """Check what a client gave to its user: ``texts``, and the error that it raised, if it did.

        Raises:
            AssertionError: if text was lost or doubled, or a broken answer was taken for a whole one.
        """
        text = texts if isinstance(texts, str) else "".join(texts)
        if error is None:
            assert self.outcome != "error", f"{self.name}: a broken answer was taken for a whole one: {text!r}"
            assert_streams(text, ANSWER)
        else:
            assert self.outcome != "whole", f"{self.name}: a whole answer ended with {error!r}"
            assert_streams(text, server.said)

    def __str__(self) -> str:
        return self.name


def faults() -> list[Fault]:
    """Return all faults, as parameters: ``@pytest.mark.parametrize("fault", headwater.testing.faults(), ids=str)``."""
    return [*_harmless(), *_broken(), *_refused()]


def cuts(step: int = 1) -> Iterator[Fault]:
    """Yield the connection's end after every ``step`` bytes of an answer of the Gemini API."""
    renderer = GeminiRenderer()
    body = [renderer.event(Say(word)) for word in _WORDS]
    for place in range(0, sum(map(len, body)), step):
        yield _fault(f"cut after byte {place}", "error", *_WORDS, finish(), cut("close", at=place))


def _fault(name: str, outcome: Outcome, *lines: Line | list[Line]) -> Fault:
    return Fault(name, attempts(lines), outcome)


def _harmless() -> list[Fault]:
    """What only looks like a fault."""
    return [
        _fault("nothing goes wrong", "whole", *_WORDS),
        _fault("pauses between the events", "whole", _WORDS[0], pause(0.2), _WORDS[1], pause(0.2), _WORDS[2]),
        _fault("a slow head", "whole", slow_head(0.3), *_WORDS),
        _fault("a thought before the answer", "whole", think("Let me see."), say(*_WORDS)),
        _fault("comments between the events", "whole", _WORDS[0], garbage(b": ping\n\n"), _WORDS[1], _WORDS[2]),
        _fault("a redirect", "whole", redirect(), *_WORDS),
    ]


def _broken() -> list[Fault]:
    """The answer breaks after its first words."""
    begun = say(*_WORDS[:2])
    return [
        _fault("reset in the middle", "error", begun, cut("reset")),
        _fault("closed in the middle", "error", begun, cut("close")),
        _fault("closed inside an event", "error", begun, cut("inside")),
        _fault("a clean end without a finish reason", "error", begun, truncate()),
        _fault("[DONE] without a finish reason", "error", begun, truncate(done=True)),
        _fault("an error event in the middle", "error", begun, error(503)),
        _fault("a rate limit in the middle", "error", begun, error(429, retry_after=1)),
        _fault("an event that is not JSON", "error", begun, garbage(b"data: {broken\n\n"), finish()),
        _fault("a page of HTML in the middle", "error", begun, garbage(b"data: <html>502</html>\n\n"), finish()),
    ]


def _refused() -> list[Fault]:
    """There is no answer at first."""
    return [
        _fault("400 at every attempt", "error", error(400)),
        _fault("401 at every attempt", "error", error(401)),
        _fault("429 once, then the answer", "either", [error(429, retry_after=0)], list(_WORDS)),
        _fault("503 once, then the answer", "either", [error(503)], list(_WORDS)),
        _fault("503 at every attempt", "error", error(503)),
        _fault("reset before the head, then the answer", "either", [cut("reset")], list(_WORDS)),
    ]
