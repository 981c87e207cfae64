"""The states of a call, and the ways from one to another: the table that the machine keeps to."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a call stands."""

    NEW = "new"
    OPENING = "opening"
    READING = "reading"
    CALLING = "calling"
    BROKEN = "broken"
    RESTING = "resting"
    DONE = "done"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.NEW: frozenset({State.OPENING, State.DONE}),
    State.OPENING: frozenset({State.READING, State.NEW, State.BROKEN, State.DONE}),
    State.READING: frozenset({State.CALLING, State.BROKEN, State.DONE}),
    State.CALLING: frozenset({State.BROKEN, State.DONE}),
    State.BROKEN: frozenset({State.RESTING, State.DONE}),
    State.RESTING: frozenset({State.NEW, State.DONE}),
    State.DONE: frozenset({State.DONE}),
}
