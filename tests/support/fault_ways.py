"""The ways to stop a stream early, one row each: what the server does, and what the reader sees then."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from tests.support import fault_readers
from tests.support.servers import Connection, Request, Script, says, two_then_stall

LEAVING = "Stopping early"


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A way to stop early, in each colour that has it, what the reader sees, and whether the server sees a close."""

    name: str
    sync: Callable[..., str] | None = None
    aio: Callable[..., Awaitable[str]] | None = None
    script: Script = two_then_stall
    sees: str = ""
    closes: bool = True
    owns: bool = False
    """Whether it makes its client itself."""


def _slow_second(connection: Connection, request: Request) -> None:
    connection.begin()
    connection.event(says("Hel"))
    time.sleep(0.2)
    connection.event(says("lo", "STOP"))
    connection.end()


def ways() -> list[Way]:
    """Return the ways to stop early."""
    see = fault_readers
    ends, cancelled = "the loop ends", "the task is cancelled"
    every = f"{see.MANY} of {see.MANY} start"
    stays: dict[str, Any] = {"script": _slow_second, "sees": "Hello", "closes": False}
    return [
        Way(name="`break`", sync=see.break_out, aio=see.abreak_out),
        Way(name="`break`, the stream still in a variable", sync=see.break_out_holding, aio=see.abreak_out_holding),
        Way(name="an exception in the loop, handled", sync=see.raise_in_body, aio=see.araise_in_body),
        Way(name="`close()`, `aclose()` by the reader", sync=see.close, aio=see.aclose),
        Way(name="`contextlib.closing`, `aclosing`", sync=see.closing, aio=see.aclosing),
        Way(
            name="`close()` from another thread, `aclose()` from another task, in a silence",
            sync=see.close_from_thread,
            aio=see.aclose_from_task,
            sees=ends,
        ),
        Way(name="the task is cancelled in a silence", aio=see.cancel_waiting, sees=cancelled),
        Way(name="the task is cancelled in the loop's body", aio=see.cancel_in_body, sees=cancelled),
        Way(name="the client is closed, the stream is read", sync=see.close_client, aio=see.aclose_client, **stays),
        Way(
            name="the last reference to the client is dropped, the stream is read",
            sync=see.drop_client,
            aio=see.adrop_client,
            owns=True,
            **stays,
        ),
        Way(
            name=f"{see.MANY} streams at once",
            sync=see.many_at_once,
            aio=see.amany_at_once,
            sees=every,
            closes=False,
        ),
        Way(
            name=f"{see.MANY} streams at once, each closed after a chunk",
            sync=see.many_left,
            aio=see.amany_left,
            sees=every,
            closes=False,
        ),
    ]
