"""The steps that the machine asks a shell to do, and the facts that a shell reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from headwater.core.wire.request import HttpRequest
from headwater.errors import HeadwaterError
from headwater.types import FunctionCall, Part


class Open(msgspec.Struct, frozen=True):
    """Send the request and wait at most ``timeout`` seconds for the head of the response."""

    request: HttpRequest
    timeout: float | None


class Read(msgspec.Struct, frozen=True):
    """Read some bytes. If none arrive for ``timeout`` seconds, this attempt has failed."""

    timeout: float | None


class Wait(msgspec.Struct, frozen=True):
    """Do nothing for ``seconds``."""

    seconds: float


class Pause(msgspec.Struct, frozen=True):
    """Wait for bytes, at most ``seconds``; read them if some arrive. If none do, nothing has failed.

    ``timeout`` is that of the read, because what arrives may be less than a read needs (half a TLS record).
    """

    seconds: float
    timeout: float | None


class Run(msgspec.Struct, frozen=True):
    """Call the user's functions as the model asks, and report their results. The body may be released.

    Without ``calls``: wait on for those that are running, after one of them has reported progress.
    """

    calls: list[FunctionCall]


class Close(msgspec.Struct, frozen=True):
    """Release the body."""


class Stop(msgspec.Struct, frozen=True):
    """The call is over: raise ``error`` if there is one."""

    error: HeadwaterError | None = None


class TransportError(Exception):
    """Carrying bytes failed. The one error that a transport raises.

    ``kind`` is ``"connect"`` (nothing was sent), ``"stale"`` (a kept-alive connection was closed before anything
    arrived), ``"lost"`` (the connection broke), ``"timeout"`` or ``"aborted"`` (by this side).
    """

    def __init__(self, kind: Literal["connect", "stale", "lost", "timeout", "aborted"], message: str) -> None:
        self.kind = kind
        super().__init__(message)


class Opened(msgspec.Struct, frozen=True):
    """What a ``trace`` hook is given: the head of a response has arrived."""

    status: int
    headers: Mapping[str, str]


class Received(msgspec.Struct, frozen=True):
    """What a ``trace`` hook is given: ``size`` bytes have arrived; 0 is the end of the body."""

    size: int


class Failed(msgspec.Struct, frozen=True):
    """What a ``trace`` hook is given: the connection failed."""

    error: TransportError


class FunctionsReturned(msgspec.Struct, frozen=True):
    """What a ``trace`` hook is given: the functions have returned, one part each."""

    parts: list[Part]


Step = Open | Read | Wait | Pause | Run | Close | Stop
Fact = Opened | Received | Failed | FunctionsReturned
#: What is of one of these types is to be done; everything else that the machine returns is a result. Shells compare
#: ``type(step)`` with this set: it is the cheapest test there is, and it stands before every chunk.
STEPS = frozenset({Open, Read, Wait, Pause, Run, Close, Stop})
