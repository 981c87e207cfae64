"""The minimum that a reader of the stream must do: find the events, decode each into a Struct of Gemini's shape."""

from __future__ import annotations

import msgspec

SEPARATOR = b"\r\n\r\n"
PREFIX = len(b"data: ")


class Part(msgspec.Struct, rename="camel"):
    """One part of a content."""

    text: str | None = None


class Content(msgspec.Struct, rename="camel"):
    """The content of a candidate."""

    parts: list[Part] | None = None
    role: str | None = None


class Candidate(msgspec.Struct, rename="camel"):
    """One candidate of a chunk."""

    content: Content | None = None
    finish_reason: str | None = None
    index: int | None = None


class ModalityCount(msgspec.Struct, rename="camel"):
    """Tokens of one modality."""

    modality: str | None = None
    token_count: int | None = None


class Usage(msgspec.Struct, rename="camel"):
    """The usage of a chunk."""

    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[ModalityCount] | None = None


class Chunk(msgspec.Struct, rename="camel"):
    """One event of the stream."""

    candidates: list[Candidate] | None = None
    usage_metadata: Usage | None = None
    model_version: str | None = None
    response_id: str | None = None

    @property
    def text(self) -> str:
        """The text of the first candidate's first part."""
        return self.candidates[0].content.parts[0].text  # type: ignore[index,union-attr,return-value]


decode = msgspec.json.Decoder(Chunk).decode


class EventReader:
    """Bytes in, chunks out; keeps the rest of an unfinished event."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks that ``data`` completes."""
        events = (self.rest + data).split(SEPARATOR)
        self.rest = events.pop()
        return [decode(event[PREFIX:]) for event in events]
