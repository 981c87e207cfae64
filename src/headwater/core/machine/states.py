"""The states of a call, and the table of transitions that the machine keeps to."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """The state of a call."""

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
