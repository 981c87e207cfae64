"""The resource ``/v1/streams``: a stored stream as JSON, and its events."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, get_args

import msgspec

from headwater.errors import UsageError
from headwater.types import UsageMetadata
from headwater.types.response import ApiResponse

#: What becomes of a stream whose server dies: it ends with an error, or another server resumes it.
OnServerBreak = Literal["fail", "continue"]
ON_SERVER_BREAK: tuple[OnServerBreak, ...] = get_args(OnServerBreak)

#: ``"lost"``: its server is dead, and no other has taken it over yet. The last three are its end.
StreamState = Literal["running", "lost", "finished", "cancelled", "failed"]
RUNNING: Final = "running"
LOST: Final = "lost"
FINISHED: Final = "finished"
CANCELLED: Final = "cancelled"
FAILED: Final = "failed"
STATES: tuple[StreamState, ...] = (RUNNING, LOST, FINISHED, CANCELLED, FAILED)

#: The types of server-sent events: a chunk as the API writes it; an error in Google's shape; a ``StreamEnding``. The
#: last event of a stream is one of the latter two.
CHUNK_EVENT = "chunk"
FAILED_EVENT = "failed"
END_EVENT = "end"


class StreamEnding(msgspec.Struct, frozen=True, omit_defaults=True):
    """The end of a stream that did not fail: ``"finished"`` or ``"cancelled"``.

    ``first_chunk`` and ``seconds`` are the times to the first chunk and to the end, ``usage`` is a ``UsageMetadata``.
    """

    reason: str
    first_chunk: float | None = msgspec.field(default=None, name="first")
    seconds: float | None = None
    chunks: int | None = None
    usage: dict[str, Any] | None = None


class StreamMetrics(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the server measured of an answer (seconds)."""

    first_chunk: float | None = None
    seconds: float | None = None
    chunks: int | None = None


class StreamDocument(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A stream as the server writes it: ``state`` is a ``StreamState``, ``usage`` is passed through from the API."""

    name: str
    model: str
    state: str
    next: int
    created: str
    on_break: OnServerBreak
    metrics: StreamMetrics
    engine: str = ""
    usage: dict[str, Any] | None = None
    takeovers: int = 0
    code: int | None = None


class StreamInfo(ApiResponse, rename={}):
    """A stream as the client reads it: the fields of ``StreamDocument``, of which later servers may send more.

    ``next`` is the number of the last event, ``takeovers`` how often another server took the stream over, ``code`` that
    of the error which ended it.
    """

    name: str = ""
    model: str = ""
    state: str = ""
    next: int = 0
    created: datetime | None = None
    on_break: str = "fail"
    engine: str | None = None
    metrics: StreamMetrics | None = None
    usage: UsageMetadata | None = None
    takeovers: int = 0
    code: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state not in (RUNNING, LOST)


def parse_on_break(text: str) -> OnServerBreak:
    """Return the ``on_break`` of a request.

    Raises:
        UsageError: if it is not one of the two.
    """
    for choice in ON_SERVER_BREAK:
        if text == choice:
            return choice
    raise UsageError(f'on_break is "fail" or "continue", not {text[:100]!r}')
