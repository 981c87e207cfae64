"""The states of a call, and the ways from one to another: the table that the machine keeps to."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a call stands."""

    NEW = "new"
    OPENING = "opening"
    READING = "reading"
    CALLING = "calling"
    CLOSING = "closing"
    BACKOFF = "backoff"
    DONE = "done"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.NEW: frozenset({State.OPENING, State.DONE}),
    State.OPENING: frozenset({State.READING, State.NEW, State.CLOSING, State.DONE}),
    State.READING: frozenset({State.CALLING, State.CLOSING, State.DONE}),
    State.CALLING: frozenset({State.CLOSING, State.DONE}),
    State.CLOSING: frozenset({State.BACKOFF, State.DONE}),
    State.BACKOFF: frozenset({State.NEW, State.DONE}),
    State.DONE: frozenset({State.DONE}),
}
