"""What tests of stopping share: a server that says nothing, and a reader that has to end at once."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any

from tests.support.servers import PATIENCE, Connection, Request

#: How long something that happens at once may take on a machine that has other things to do (seconds).
AT_ONCE = 2.0


def silent(connection: Connection, request: Request) -> None:
    """Never answer."""
    connection.stall()


def ends(reading: Future[Any], began: float) -> Any:
    """Return what a thread has read, which must end at once."""
    came = reading.result(PATIENCE)
    assert time.monotonic() - began < AT_ONCE
    return came
