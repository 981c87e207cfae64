"""What a log holds for one answer: chunk records, and one last record that says how it ended. Pure.

A record is a letter and JSON: ``h`` who asked and for what, first of all, where readers may come back; ``r`` the
request, where another server may go on with the answer; ``c`` a chunk, as one line; ``x`` the error that ended the
answer, in Google's shape; ``z`` a good end, or that of a cancelled answer.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.contract.streams import FINISHED, RUNNING, OnServerBreak, StreamEnding
from headwater.engines.base import Chunk
from headwater.protocols.error_documents import DOMAIN as DOMAIN
from headwater.protocols.error_documents import error_body as error_body
from headwater.protocols.error_documents import error_code as error_code

HEAD, REQUEST, CHUNK, ERROR, END = b"h"[0], b"r"[0], b"c"[0], b"x"[0], b"z"[0]


class StreamHeader(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who asked (a hash, empty where no key is needed), for what model, and by which id of theirs.

    ``engine`` is the one that was asked for by name, ``created`` a Unix time, ``digest`` the hash of a request that
    may be repeated. With ``idle_ttl`` the answer is stopped when nobody reads it for so many seconds.
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

    @property
    def has_request(self) -> bool:
        """Whether the request is in the log."""
        return self.on_break == "continue"

    @property
    def start(self) -> int:
        """The offset in the log after which the answer begins. Readers count from here."""
        return 2 if self.has_request else 1


class StreamStatus(StreamEnding, frozen=True, omit_defaults=True):
    """What the note of a log says of its answer: its ``StreamEnding``, or that it is ``"running"`` or has ``"failed"``.

    ``takeovers`` counts the servers that took it over, ``idle_takeovers`` the latest in a row that added nothing to the
    ``known_records`` records of the log; ``code`` is the code of the error that ended it.
    """

    reason: str = RUNNING
    takeovers: int = 0
    idle_takeovers: int = msgspec.field(default=0, name="idle")
    known_records: int = msgspec.field(default=0, name="known")
    code: int | None = None


def read_header(record: bytes) -> StreamHeader | None:
    """Return what the first record of a log says; None where it is no answer's."""
    try:
        return msgspec.json.decode(record[1:], type=StreamHeader) if record[:1] == b"h" else None
    except msgspec.MsgspecError:
        return None


def read_status(note: bytes) -> StreamStatus:
    """Return what the note of a log says."""
    try:
        return msgspec.json.decode(note, type=StreamStatus)
    except msgspec.MsgspecError:
        return StreamStatus()


def header_record(header: StreamHeader) -> bytes:
    """Return the record that a log begins with when its readers may come back."""
    return b"h" + msgspec.json.encode(header)


def request_record(body: bytes) -> bytes:
    """Return the record of the request, as another server needs it."""
    return b"r" + body


def chunk_record(chunk: Chunk) -> bytes:
    """Return the record of a chunk: the bytes that it came as, on one line."""
    raw = chunk.raw
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
    """Return the record of a good end."""
    return b"z" + msgspec.json.encode(StreamEnding(reason, first_chunk, seconds, chunks, usage))
