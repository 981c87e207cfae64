"""Actions: what the other side of a connection does in a test, one value each. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from headwater.errors import UsageError

#: How a connection ends too early: reset (RST), closed (FIN), or closed in the middle of an event.
CutKind = Literal["reset", "close", "inside"]


class Say(msgspec.Struct, frozen=True):
    """An event with text; a thought if ``thought`` is set."""

    text: str
    thought: bool = False


class CallFunction(msgspec.Struct, frozen=True):
    """An event with a function call. ``args`` None stands for arguments that are not JSON."""

    name: str
    args: dict[str, Any] | None


class Finish(msgspec.Struct, frozen=True):
    """The event that ends an answer; ``reason`` is one of the Gemini API's finish reasons."""

    reason: str = "STOP"


class Filter(msgspec.Struct, frozen=True):
    """A filter ends the answer: the prompt is blocked if nothing was said, else the answer."""

    reason: str = "SAFETY"


class Error(msgspec.Struct, frozen=True):
    """A refusal: the head of the response if nothing was sent, an event of the stream otherwise."""

    code: int
    message: str
    retry_after: float | None = None


class Silence(msgspec.Struct, frozen=True):
    """Silence for ``seconds``; before the head of the response if ``before_head`` is set."""

    seconds: float
    before_head: bool = False


class Stall(msgspec.Struct, frozen=True):
    """Silence until the client closes the connection, at most ``seconds``; then the server closes it."""

    seconds: float


class Cut(msgspec.Struct, frozen=True):
    """The connection ends. With ``at``, after that many bytes of the body, wherever in the script that is."""

    how: CutKind = "reset"
    at: int | None = None


class Truncate(msgspec.Struct, frozen=True):
    """The body ends as it should, without a finish reason. ``done`` sends the protocol's last word first."""

    done: bool = False


class Garbage(msgspec.Struct, frozen=True):
    """Bytes that are not what the protocol says, sent as they are."""

    data: bytes


class Again(msgspec.Struct, frozen=True):
    """The last event a second time."""


class Redirect(msgspec.Struct, frozen=True):
    """A 307 to another path of the same server, where the rest of the script is played."""


Action = Say | CallFunction | Finish | Filter | Error | Silence | Stall | Cut | Truncate | Garbage | Again | Redirect
#: After one of these, an answer does not need a finish of its own.
ENDINGS = (Finish, Filter, Error, Stall, Cut, Truncate)


def say(*texts: str) -> tuple[Action, ...]:
    """Say each text in an event of its own."""
    return tuple(Say(text) for text in texts)


def think(*texts: str) -> tuple[Action, ...]:
    """Send each text as a thought, in an event of its own."""
    return tuple(Say(text, thought=True) for text in texts)


def call(name: str, /, **args: Any) -> Action:
    """Call a function of the client's."""
    return CallFunction(name, args)


def malformed_call(name: str = "get_weather") -> Action:
    """Call a function with arguments that are not valid JSON; Gemini says ``MALFORMED_FUNCTION_CALL`` instead."""
    return CallFunction(name, None)


def finish(reason: str = "STOP") -> Action:
    """End the answer with a finish reason. A script that has no ending ends with ``STOP`` without being told."""
    return Finish(reason)


def block(reason: str = "SAFETY") -> Action:
    """Let a filter end the answer."""
    return Filter(reason)


def error(code: int, message: str = "the script says so", *, retry_after: float | None = None) -> Action:
    """Refuse with an HTTP status; after the first event, send the error as an event.

    Raises:
        UsageError: if ``code`` is not the status of an error.
    """
    if not 400 <= code <= 599:
        raise UsageError(f"error({code}) is not the status of an error: use one from 400 to 599")
    return Error(code, message, retry_after)


def pause(seconds: float) -> Action:
    """Send nothing for ``seconds``."""
    return Silence(_seconds(seconds, "pause"))


def slow_head(seconds: float) -> Action:
    """Wait before the head of the response is sent."""
    return Silence(_seconds(seconds, "slow_head"), before_head=True)


def stall(seconds: float = 3600.0) -> Action:
    """Send nothing until the client gives up, at most for ``seconds``; the answer then ends without a finish."""
    return Stall(_seconds(seconds, "stall"))


def cut(how: CutKind = "reset", *, at: int | None = None) -> Action:
    """End the connection: here, or after ``at`` bytes of the body.

    Raises:
        UsageError: if ``how`` is not "reset", "close" or "inside".
    """
    if how not in ("reset", "close", "inside"):
        raise UsageError(f"cut({how!r}): a connection is cut by 'reset', by 'close', or 'inside' an event")
    return Cut(how, at)


def truncate(*, done: bool = False) -> Action:
    """End the body without a finish reason, as gateways do that gave up; with ``done``, after ``data: [DONE]``."""
    return Truncate(done)


def garbage(data: bytes) -> Action:
    """Send bytes as they are in the place of an event."""
    return Garbage(data)


def again() -> Action:
    """Send the last event a second time."""
    return Again()


def reorder(first: str, second: str) -> tuple[Action, ...]:
    """Say ``second`` before ``first``."""
    return say(second, first)


def redirect() -> Action:
    """Answer with a 307; the rest of the script is played where the client is sent."""
    return Redirect()


#: What a script is written with: a text to say, an action, or what ``say`` and its like return.
Line = str | Action | tuple[Action, ...]


def attempts(lines: Sequence[Line | list[Line]]) -> list[list[Action]]:
    """Return what is done at each attempt: all ``lines`` at every one, or a list of lines for each.

    Raises:
        UsageError: if a line is neither text nor an action.
    """
    lists = [line for line in lines if isinstance(line, list)]
    if lists and len(lists) == len(lines):
        return [_flat(line) for line in lists]
    return [_flat(lines)]


def _flat(lines: Sequence[Any]) -> list[Action]:
    """The actions of one attempt. One that has no ending is a whole answer."""
    found: list[Action] = []
    for line in lines:
        if isinstance(line, str):
            found.append(Say(line))
        elif isinstance(line, Action):
            found.append(line)
        elif isinstance(line, tuple):
            found += line
        else:
            raise UsageError(f"a script is made of texts and actions such as say(), cut() and error(), not of {line!r}")
    if not any(isinstance(action, ENDINGS) for action in found):
        found.append(Finish())
    return found


def _seconds(value: float, name: str) -> float:
    if not value >= 0:
        raise UsageError(f"{name}({value}) is not a number of seconds")
    return float(value)
