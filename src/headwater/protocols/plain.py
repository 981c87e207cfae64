"""Plain events that an ``EventSource`` reads without any library: the text as it comes, and how it ended."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.protocols.base import EventEncoder, StreamOutcome, named_event, one_line
from headwater.protocols.data_urls import file_of
from headwater.protocols.error_documents import ErrorDocument
from headwater.protocols.events import AnswerReset, CallEnd, CallResult, FilePart, Piece, SourceCitation, TextDelta
from headwater.protocols.usage import TokenCount


class PlainText(EventEncoder):
    """Writes one answer as numbered events; ``after`` of its chunks are known to the reader.

    Unnamed events are text. ``thought`` is text, too; ``call``, ``result``, ``file`` and ``source`` are JSON, and so
    are ``failed`` and ``end``, one of which is the last. ``reset`` says that all text before it is void. The id of an
    event is the number of its chunk, so that a browser comes back with the ``Last-Event-ID`` from which to go on.
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

    def _chunk_over(self) -> bytes:
        """The events of a chunk; the last has its number, so that nobody goes on after half a chunk."""
        self._number += 1
        written, self._written = self._written, []
        if not written:
            return b"id: %d\n\n" % self._number
        *first, last = written
        pieces = [named_event(data, type=kind) for kind, data in first]
        return b"".join([*pieces, named_event(last[1], type=last[0], id=str(self._number))])

    def _end(self, outcome: StreamOutcome) -> bytes:
        told: dict[str, Any] = {"reason": outcome.reason, "finishReason": self._tally.finish_reason}
        told |= {"message": outcome.message or None, "firstChunkSeconds": outcome.first, "seconds": outcome.seconds}
        told |= {"usage": TokenCount(outcome.usage or self._tally.usage) or None}
        self._write("end", {name: value for name, value in told.items() if value is not None})
        return self._chunk_over()

    def _fail(self, failure: ErrorDocument) -> bytes:
        self._write("failed", one_line(failure.body))
        return self._chunk_over()

    def _write(self, kind: str, data: bytes | dict[str, Any]) -> None:
        self._written.append((kind, data if isinstance(data, bytes) else one_line(msgspec.json.encode(data))))
