"""The words for what an answer says, in which every protocol is told of it: a ``Piece`` is one of them."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.types import Part


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of the text, or of a thought. With a ``signature`` it may be empty."""

    text: str
    is_thought: bool
    signature: bytes | None = None


class CallStart(msgspec.Struct, frozen=True):
    """A call whose arguments follow in pieces."""

    id: str
    name: str
    signature: bytes | None = None


class CallDelta(msgspec.Struct, frozen=True):
    """The next piece of the JSON text of a call's arguments."""

    id: str
    text: str


class CallEnd(msgspec.Struct, frozen=True):
    """A whole call. ``rest`` is what is missing of its JSON text: all of it where it was not ``CallStart``."""

    id: str
    name: str
    args: dict[str, Any]
    rest: str
    signature: bytes | None = None
    is_begun: bool = False


class CallResult(msgspec.Struct, frozen=True):
    """What a function answered. With ``error`` it failed."""

    id: str
    name: str
    output: Any
    error: str | None = None


class ServerToolCall(msgspec.Struct, frozen=True):
    """A tool that Google runs itself: ``code_execution``, or one of its own (``tool_type``)."""

    id: str
    name: str
    input: Any
    signature: bytes | None = None
    tool_type: str | None = None


class ServerToolResult(msgspec.Struct, frozen=True):
    """What such a tool gave."""

    id: str
    name: str
    output: Any
    signature: bytes | None = None
    tool_type: str | None = None


class FilePart(msgspec.Struct, frozen=True):
    """A file: inline bytes, or the URI of one."""

    part: Part


class SourceCitation(msgspec.Struct, frozen=True):
    """A source of the answer, once: a page with its ``url``, or a document without one."""

    id: str
    url: str | None
    title: str | None


class TurnStart(msgspec.Struct, frozen=True):
    """The functions have answered, and another answer of the model follows."""


class AnswerReset(msgspec.Struct, frozen=True):
    """The answer begins anew: what was said since it began, or last turned, is void."""


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
