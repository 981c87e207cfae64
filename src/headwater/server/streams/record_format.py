"""The records of a stream's log: a header, the chunks, and one last record that says how the answer ended. Pure.

A record is a letter and JSON. ``h``: the header of a stored stream, always first. ``r``: the request, if another server
may resume the stream. ``c``: a chunk, on one line, as the engine wrote it. ``x``: the error that ended the answer, in
Google's shape. ``z``: its end, if it was finished or cancelled. A relayed answer has no header.

Logs outlive versions of this code: the JSON names of fields stay as they are, whatever the fields are called here.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.contract.streams import FINISHED, RUNNING, OnServerBreak, StreamEnding
from headwater.engines.base import Chunk
from headwater.protocols.error_documents import DOMAIN as DOMAIN
from headwater.protocols.error_documents import error_body as error_body
from headwater.protocols.error_documents import error_code as error_code

# The first byte of a record says what it is: readers need no parser to tell chunks from the end.
HEAD, REQUEST, CHUNK, ERROR, END = b"h"[0], b"r"[0], b"c"[0], b"x"[0], b"z"[0]


class StreamHeader(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose stream it is (a hash, empty if no key is needed), of which model, and the client's own id for it.

    ``kind`` is empty unless the request in the log is of another API than Gemini's, which then reads it.

    ``engine`` is the engine that was requested by name, ``created`` a Unix time, ``digest`` the hash of a request with
    an idempotency key. With ``idle_ttl`` the stream is stopped when it has no reader for that many seconds.
    """

    owner: str
    model: str
    id: str = ""
    max_tokens: int | None = None
    engine: str = ""
    on_break: OnServerBreak = "fail"
    created: float = 0.0
    digest: str = msgspec.field(default="", name="asked")
    idle_ttl: float | None = msgspec.field(default=None, name="patience")
    kind: str = ""

    @property
    def has_request(self) -> bool:
        """Whether the request is in the log."""
        return self.on_break == "continue"

    @property
    def start(self) -> int:
        """The offset in the log after which the answer begins: readers count events from here."""
        return 2 if self.has_request else 1


class StreamStatus(StreamEnding, frozen=True, omit_defaults=True):
    """The note of a stream's log: its ``StreamEnding``, or that it is ``"running"`` or has ``"failed"``.

    ``takeovers`` counts the servers that took it over, ``idle_takeovers`` how many servers have died in a row without
    adding to the ``known_records`` records of the log. ``handed_over`` says that the last one did not die, but left the
    stream to the others when it shut down. ``code`` is the code of the error that ended it.
    """

    reason: str = RUNNING
    takeovers: int = 0
    idle_takeovers: int = msgspec.field(default=0, name="idle")
    known_records: int = msgspec.field(default=0, name="known")
    handed_over: bool = False
    code: int | None = None


def read_header(record: bytes) -> StreamHeader | None:
    """Return the header in the first record of a log, or None if it is not a stream's."""
    try:
        return msgspec.json.decode(record[1:], type=StreamHeader) if record[:1] == b"h" else None
    except msgspec.MsgspecError:
        return None


def read_status(note: bytes) -> StreamStatus:
    """Return the status in the note of a log. A note that cannot be read says nothing."""
    try:
        return msgspec.json.decode(note, type=StreamStatus)
    except msgspec.MsgspecError:
        return StreamStatus()


def header_record(header: StreamHeader) -> bytes:
    """Return the record that the log of a stored stream begins with."""
    return b"h" + msgspec.json.encode(header)


def request_record(body: bytes) -> bytes:
    """Return the record of the request, with which another server can resume the stream."""
    return b"r" + body


def chunk_record(chunk: Chunk) -> bytes:
    """Return the record of a chunk: its bytes as received, on one line."""
    raw = chunk.raw
    # Line breaks can only be insignificant white space here (RFC 8259, 2 and 7). On one line a chunk is one ``data:``
    # field of a server-sent event.
    if b"\n" in raw or b"\r" in raw:
        raw = msgspec.json.format(raw, indent=-1)
    return b"c" + raw


def error_record(error: Exception) -> bytes:
    """Return the record of the error that ended an answer."""
    return b"x" + error_body(error)


def end_record(
    reason: str = FINISHED,
    first_chunk: float | None = None,
    seconds: float | None = None,
    chunks: int | None = None,
    usage: dict[str, Any] | None = None,
) -> bytes:
    """Return the record of the end of an answer that did not fail."""
    return b"z" + msgspec.json.encode(StreamEnding(reason, first_chunk, seconds, chunks, usage))
