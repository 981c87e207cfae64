"""The steps that the machine asks a shell to do, and the facts that a shell reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from headwater.core.wire.request import HttpRequest
from headwater.errors import HeadwaterError
from headwater.types import FunctionCall, Part


class Open(msgspec.Struct, frozen=True):
    """Send the request and wait at most ``timeout`` seconds for the head of its answer."""

    request: HttpRequest
    timeout: float | None


class Read(msgspec.Struct, frozen=True):
    """Read some bytes; nothing for ``timeout`` seconds means: give up on this attempt."""

    timeout: float | None


class Wait(msgspec.Struct, frozen=True):
    """Do nothing for ``seconds``."""

    seconds: float


class Pause(msgspec.Struct, frozen=True):
    """Wait for bytes, at most ``seconds``; where some come, read them. That none come means nothing.

    ``timeout`` is that of the read, for bytes that turn out to be less than they seemed.
    """

    seconds: float
    timeout: float | None


class Run(msgspec.Struct, frozen=True):
    """Call the user's functions as the model asks, and say what they answered. The body is of no use any more."""

    calls: list[FunctionCall]


class Close(msgspec.Struct, frozen=True):
    """Let the body go."""


class Stop(msgspec.Struct, frozen=True):
    """There is no more: raise ``error`` where there is one."""

    error: HeadwaterError | None = None


class TransportError(Exception):
    """Carrying bytes failed; the one error that a transport raises.

    ``kind`` is ``"connect"`` (nothing was sent), ``"stale"`` (a kept-alive connection turned out to be closed before
    anything came), ``"lost"`` (the connection broke), ``"timeout"`` or ``"aborted"`` (by our own side).
    """

    def __init__(self, kind: Literal["connect", "stale", "lost", "timeout", "aborted"], message: str) -> None:
        self.kind = kind
        super().__init__(message)


class Opened(msgspec.Struct, frozen=True):
    """What a ``trace`` hook sees: the head of an answer has come."""

    status: int
    headers: Mapping[str, str]


class Received(msgspec.Struct, frozen=True):
    """What a ``trace`` hook sees: ``size`` bytes have come; 0 is the end of the body."""

    size: int


class Failed(msgspec.Struct, frozen=True):
    """What a ``trace`` hook sees: the connection failed."""

    error: TransportError


class FunctionsReturned(msgspec.Struct, frozen=True):
    """What a ``trace`` hook sees: the functions have answered, each with a part."""

    parts: list[Part]


Step = Open | Read | Wait | Pause | Run | Close | Stop
Fact = Opened | Received | Failed | FunctionsReturned
#: What is one of these is to be done; everything else that the machine returns is a result.
STEPS = frozenset({Open, Read, Wait, Pause, Run, Close, Stop})
