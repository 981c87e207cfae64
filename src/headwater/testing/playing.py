"""Playing: from the actions of a script to the bytes, silences and ends of one response. Pure.

The server on loopback sends them through a socket; the virtual one hands them to headwater's client.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from headwater.testing.actions import (
    Action,
    Again,
    CallFunction,
    Cut,
    Error,
    Filter,
    Finish,
    Garbage,
    Redirect,
    Say,
    Silence,
    Stall,
    Truncate,
)
from headwater.testing.loopback import Request
from headwater.testing.renderers import Part, Renderer, is_stream, renderer_for

#: The beginning of the path to which a script redirects.
REDIRECTED = "/redirected"
_EVENTS, _JSON = ("content-type", "text/event-stream"), ("content-type", "application/json")


class Head(msgspec.Struct, frozen=True):
    """The head of the response. ``size`` is that of the body; None if it is streamed."""

    status: int
    headers: tuple[tuple[str, str], ...] = (_JSON,)
    size: int | None = None


class Data(msgspec.Struct, frozen=True):
    """Bytes of its body, and the text that a client knows once it has all of them."""

    data: bytes
    said: str = ""


class Closing(msgspec.Struct, frozen=True):
    """The end: of the body, or of the connection."""

    how: Literal["whole", "reset", "close"] = "whole"


Output = Head | Data | Silence | Closing


def play(actions: Sequence[Action], request: Request) -> Iterator[Output]:
    """Yield what is sent in answer to ``request``. The last is a ``Closing``."""
    renderer = renderer_for(request.path)
    if renderer is None:
        message = f"the script has no answer for {request.path.partition('?')[0]}"
        body = json.dumps({"error": {"code": 404, "message": message, "status": "NOT_FOUND"}}).encode()
        return _whole(404, body)
    if isinstance(actions[0], Redirect):
        if REDIRECTED not in request.path:
            return _whole(307, b"", ("location", REDIRECTED + request.path))
        actions = actions[1:]
    player = _Player(renderer)
    outputs = player.stream(actions) if is_stream(request.path, request.body) else player.whole(actions)
    limit = next((one for one in actions if isinstance(one, Cut) and one.at is not None), None)
    return outputs if limit is None else _limited(outputs, limit)


class _Player:
    """Plays one attempt."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._parts: list[Part] = []

    def stream(self, actions: Sequence[Action]) -> Iterator[Output]:
        """Yield a streamed answer."""
        has_head = False
        for action in actions:
            # The head comes first, unless something happens in its place.
            if not has_head and not _precedes_head(action):
                if isinstance(action, Error):
                    yield from self._refuse(action)
                    return
                if isinstance(action, Cut):
                    yield Closing("close" if action.how == "inside" else action.how)
                    return
                has_head = True
                yield Head(200, (_EVENTS,))
            yield from self._do(action)
            if isinstance(action, Cut | Stall | Truncate) and not _is_limit(action):
                return
        yield Data(self._renderer.done())
        yield Closing()

    def _do(self, action: Action) -> Iterator[Output]:
        renderer = self._renderer
        match action:
            case Say() | CallFunction():
                yield from self._say(action)
            case Again() if self._parts:
                yield from self._say(self._parts[-1])
            case Finish(reason):
                yield Data(renderer.finish(reason, self._parts))
            case Filter():
                yield Data(renderer.block(action, self._parts))
            case Error():
                yield Data(renderer.error_event(action))
            case Garbage(data):
                yield Data(data)
            case Silence():
                yield action
            case Stall(seconds):
                yield from (Silence(seconds), Closing("close"))
            case Truncate(done):
                yield from (Data(renderer.done() if done else b""), Closing())
            case Cut("inside", None):
                yield from (Data(renderer.event(Say("lost"))[:-10]), Closing("close"))
            case Cut("reset" | "close" as how, None):
                yield Closing(how)

    def whole(self, actions: Sequence[Action]) -> Iterator[Output]:
        """Yield an answer that is not streamed: its head comes when all actions are over."""
        reason: str | None = None
        for action in actions:
            match action:
                case Say() | CallFunction():
                    self._parts.append(action)
                case Finish(reason) | Filter(reason):
                    pass
                case Error():
                    yield from self._refuse(action)
                    return
                case Garbage(data):
                    yield from _whole(200, data)
                    return
                case Cut(how, None):
                    half = self._renderer.whole(self._parts, None)[:-5]
                    yield from (Head(200), Data(half), Closing("close" if how == "inside" else how))
                    return
                case Silence():
                    yield action
                case Stall(seconds):
                    yield from (Silence(seconds), Closing("close"))
                    return
        said = "".join(_text(part) for part in self._parts)
        yield from _whole(200, self._renderer.whole(self._parts, reason), said=said)

    def _say(self, part: Part) -> Iterator[Output]:
        if not self._parts:
            yield from map(Data, self._renderer.opening())
        self._parts.append(part)
        yield Data(self._renderer.event(part), _text(part))

    def _refuse(self, error: Error) -> Iterator[Output]:
        wait = [] if error.retry_after is None else [("retry-after", f"{error.retry_after:g}")]
        yield from _whole(error.code, self._renderer.refusal(error), *wait)


def _whole(status: int, body: bytes, *headers: tuple[str, str], said: str = "") -> Iterator[Output]:
    """A response that is not streamed."""
    yield from (Head(status, (_JSON, *headers), len(body)), Data(body, said), Closing())


def _limited(outputs: Iterator[Output], limit: Cut) -> Iterator[Output]:
    """Yield ``outputs`` until the body has as many bytes as the script lets through."""
    left = limit.at or 0
    for output in outputs:
        if isinstance(output, Data) and len(output.data) > left:
            yield from (Data(output.data[:left]), Closing("close" if limit.how == "inside" else limit.how))
            return
        left -= len(output.data) if isinstance(output, Data) else 0
        yield output


def _precedes_head(action: Action) -> bool:
    return _is_limit(action) or (isinstance(action, Silence) and action.before_head)


def _is_limit(action: Action) -> bool:
    """Whether an action is a cut somewhere else in the script."""
    return isinstance(action, Cut) and action.at is not None


def _text(part: Part) -> str:
    return part.text if isinstance(part, Say) and not part.thought else ""
