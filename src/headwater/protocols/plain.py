"""Plain events for an ``EventSource`` without any library: the text, and how it ended."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.protocols.base import EventEncoder, StreamOutcome, named_event, one_line
from headwater.protocols.data_urls import file_of
from headwater.protocols.error_documents import ErrorDocument
from headwater.protocols.events import AnswerReset, CallEnd, CallResult, FilePart, Piece, SourceCitation, TextDelta
from headwater.protocols.usage import TokenCount


class PlainText(EventEncoder):
    """Writes one answer as numbered events, for a reader that has ``after`` of its chunks.

    Unnamed events are text, as is ``thought``. ``call``, ``result``, ``file`` and ``source`` are JSON, and so are
    ``failed`` and ``end``, one of which is the last event. ``reset`` voids all text before it. The id of an event is
    the number of its chunk, so a browser reconnects with the right ``Last-Event-ID``.
    """

    def __init__(self, *, after: int = 0) -> None:
        super().__init__()
        self._number = after
        self._written: list[tuple[str, bytes]] = []

    def _begin(self) -> bytes:
        return b""

    def _piece(self, piece: Piece) -> bytes:
        match piece:
            case TextDelta(text, is_thought) if text:
                self._write("thought" if is_thought else "", text.encode())
            case CallEnd():
                self._write("call", {"id": piece.id, "name": piece.name, "args": piece.args})
            case CallResult():
                result = {"output": piece.output} if piece.error is None else {"error": piece.error}
                self._write("result", {"id": piece.id, "name": piece.name, **result})
            case FilePart(part) if not part.thought and (file := file_of(part)) is not None:
                self._write("file", {"url": file[0], "mediaType": file[1]})
            case SourceCitation():
                self._write("source", {"id": piece.id, "url": piece.url, "title": piece.title})
            case AnswerReset():
                self._write("reset", b"{}")
        return b""

    def _end_chunk(self) -> bytes:
        """The events of a chunk. Only the last has its number, so no reader resumes in the middle of a chunk."""
        self._number += 1
        written, self._written = self._written, []
        # An id without data fires no event, but the browser remembers it (HTML, 9.2.6).
        if not written:
            return b"id: %d\n\n" % self._number
        *first, last = written
        pieces = [named_event(data, type=kind) for kind, data in first]
        return b"".join([*pieces, named_event(last[1], type=last[0], id=str(self._number))])

    def _end(self, outcome: StreamOutcome) -> bytes:
        end: dict[str, Any] = {"reason": outcome.reason, "finishReason": self._usage.finish_reason}
        end |= {"message": outcome.message or None, "firstChunkSeconds": outcome.first, "seconds": outcome.seconds}
        end |= {"usage": TokenCount(outcome.usage or self._usage.usage) or None}
        self._write("end", {name: value for name, value in end.items() if value is not None})
        return self._end_chunk()

    def _fail(self, failure: ErrorDocument) -> bytes:
        self._write("failed", one_line(failure.body))
        return self._end_chunk()

    def _write(self, kind: str, data: bytes | dict[str, Any]) -> None:
        self._written.append((kind, data if isinstance(data, bytes) else one_line(msgspec.json.encode(data))))
