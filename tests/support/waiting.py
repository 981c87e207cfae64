"""Wait until others wait, not for a while: for tests that stop a reader which blocks.

A sleep "to let the reader block" is too short on a busy machine and too long on any other. Here a thread counts as
blocked when the kernel says that it sleeps, and when it stands at the same instruction as a moment ago. A thread that
only waits for the GIL would have moved on in that moment, since the thread that looks sleeps then.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from types import CodeType

#: How long the rest of the process may take to come to rest (seconds).
PATIENCE = 10.0
#: How long nothing may move before it counts as blocked.
_MOMENT = 0.002

Places = dict[int, tuple[CodeType, int]]


def blocked(patience: float = PATIENCE) -> None:
    """Return when every other thread of this process waits."""
    until = time.monotonic() + patience
    before = _places()
    while True:
        time.sleep(_MOMENT)
        after = _places()
        if after is not None and after == before:
            return
        assert time.monotonic() < until, f"some thread is at work after {patience} s"
        before = after


async def idle(patience: float = PATIENCE) -> None:
    """Return when every other task of the running loop waits, and every other thread too."""
    until = time.monotonic() + patience
    ready = getattr(asyncio.get_running_loop(), "_ready", ())
    before = _places()
    while True:
        await asyncio.sleep(_MOMENT)
        after = _places()
        if not ready and after is not None and after == before:
            return
        assert time.monotonic() < until, f"some task or thread is at work after {patience} s"
        before = after


def _places() -> Places | None:
    """Where each other thread stands; None if one of them runs."""
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    if not all(_sleeps(thread.native_id) for thread in others):
        return None
    frames = sys._current_frames()
    return {
        thread.ident: (frame.f_code, frame.f_lasti)
        for thread in others
        if thread.ident is not None and (frame := frames.get(thread.ident)) is not None
    }


def _sleeps(native_id: int | None) -> bool:
    """Return whether the kernel has put the thread to sleep; True where the kernel does not say."""
    try:
        with open(f"/proc/self/task/{native_id}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] in "SD"
    except OSError:
        return True
