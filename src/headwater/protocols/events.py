"""The events that chunks are split into: what every protocol has to be able to write (``Piece``)."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.types import Part


class TextDelta(msgspec.Struct, frozen=True):
    """Some text, or some of a thought. May be empty if it has a ``signature``."""

    text: str
    is_thought: bool
    signature: bytes | None = None


class CallStart(msgspec.Struct, frozen=True):
    """A function call whose arguments follow piece by piece."""

    id: str
    name: str
    signature: bytes | None = None


class CallDelta(msgspec.Struct, frozen=True):
    """The next piece of the JSON text of a call's arguments."""

    id: str
    text: str


class CallEnd(msgspec.Struct, frozen=True):
    """A whole function call. ``rest`` is the JSON text not sent yet: all of it unless there was a ``CallStart``."""

    id: str
    name: str
    args: dict[str, Any]
    rest: str
    signature: bytes | None = None
    is_begun: bool = False


class CallResult(msgspec.Struct, frozen=True):
    """The result of a function call. With ``error`` it failed."""

    id: str
    name: str
    output: Any
    error: str | None = None


class ServerToolCall(msgspec.Struct, frozen=True):
    """A tool that runs at Google: ``code_execution``, or another (``tool_type``)."""

    id: str
    name: str
    input: Any
    signature: bytes | None = None
    tool_type: str | None = None


class ServerToolResult(msgspec.Struct, frozen=True):
    """The result of such a tool."""

    id: str
    name: str
    output: Any
    signature: bytes | None = None
    tool_type: str | None = None


class FilePart(msgspec.Struct, frozen=True):
    """A file, inline or by its URI."""

    part: Part


class SourceCitation(msgspec.Struct, frozen=True):
    """A source of the answer: a page with its ``url``, or a document without one. Sent once per source."""

    id: str
    url: str | None
    title: str | None


class TurnStart(msgspec.Struct, frozen=True):
    """Function calls have their results, and the model answers again."""


class AnswerReset(msgspec.Struct, frozen=True):
    """The answer was restarted: everything since the last ``TurnStart`` (or the beginning) is void."""


Piece = (
    TextDelta
    | CallStart
    | CallDelta
    | CallEnd
    | CallResult
    | ServerToolCall
    | ServerToolResult
    | FilePart
    | SourceCitation
    | TurnStart
    | AnswerReset
)
