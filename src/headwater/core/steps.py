"""The words between the machine and a shell: what to do next, and what can go wrong while doing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from headwater.errors import HeadwaterError


class HttpRequest(msgspec.Struct, frozen=True):
    """One HTTP request, complete: ``body`` None means that there is none."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


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


class Close(msgspec.Struct, frozen=True):
    """Let the body go."""


class Stop(msgspec.Struct, frozen=True):
    """There is no more: raise ``error`` where there is one."""

    error: HeadwaterError | None = None


Step = Open | Read | Wait | Close | Stop
#: What is one of these is to be done; everything else that the machine returns is a result.
STEPS = frozenset({Open, Read, Wait, Close, Stop})


class TransportError(Exception):
    """Carrying bytes failed; the one error that a transport raises.

    ``kind`` is ``"connect"`` (nothing was sent), ``"stale"`` (a kept-alive connection turned out to be closed before
    anything came), ``"lost"`` (the connection broke), ``"timeout"`` or ``"aborted"`` (by our own side).
    """

    def __init__(self, kind: Literal["connect", "stale", "lost", "timeout", "aborted"], message: str) -> None:
        self.kind = kind
        super().__init__(message)
