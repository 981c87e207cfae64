"""A stored stream in a front end's protocol: the encoder runs when the stream is read. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from headwater.contract.streams import CANCELLED, StreamEnding
from headwater.errors import api_error
from headwater.json_text import JSON_ERRORS
from headwater.protocols.base import EVENT_STREAM, Encoder, StreamOutcome
from headwater.server.streams.encodings import KEEP_ALIVE
from headwater.server.streams.record_format import CHUNK, END, ERROR, error_body
from headwater.types import GenerateContentResponse, UsageMetadata
from headwater.types.base import salvage

_DECODER = msgspec.json.Decoder(GenerateContentResponse)
_CUT = api_error(503, "the server let this reader go before the end: read the answer again", status="UNAVAILABLE")


class ProtocolEncoding:
    """An answer as the encoder of a front end's protocol writes it.

    A reader that is disconnected before the end gets an error, unless it ``is_resumable`` and reconnects by itself.
    Without ``headers_first`` the response waits for the first chunk, and an error before it has an HTTP status.
    """

    is_unary = False

    def __init__(self, encoder: Encoder, *, headers_first: bool = True, is_resumable: bool = False) -> None:
        self._encoder = encoder
        self._is_resumable = is_resumable
        self.headers_first = headers_first
        self.content_type = encoder.headers["content-type"].encode()
        self.keep_alive = KEEP_ALIVE if media_type(encoder) == EVENT_STREAM["content-type"] else b""
        extra = ((name, value) for name, value in encoder.headers.items() if name not in EVENT_STREAM)
        self.headers: Sequence[tuple[bytes, bytes]] = [(name.encode(), value.encode()) for name, value in extra]

    def error_in(self, record: bytes) -> bytes | None:
        """Return the error that ended the answer."""
        return record[1:] if record[0] == ERROR else None

    def encode(self, records: Sequence[bytes]) -> bytes:
        """Return the next bytes of the body; before the first records, the protocol's beginning."""
        return self._encoder.begin() + b"".join([self._frame(record) for record in records])

    def end(self) -> bytes:
        """Return nothing: the end is a record."""
        return b""

    def interrupt(self) -> bytes:
        """Return an error for a reader that is disconnected before the end."""
        return b"" if self._is_resumable else self._encoder.fail(error_body(_CUT))

    def refusal(self, body: bytes) -> bytes:
        """Return the error as it is."""
        return body

    def _frame(self, record: bytes) -> bytes:
        kind = record[0]
        if kind == CHUNK:
            return self._encoder.chunk(read_chunk(record[1:]))
        if kind == ERROR:
            return self._encoder.fail(record[1:])
        return self._encoder.end(read_outcome(record[1:])) if kind == END else b""


def media_type(encoder: Encoder) -> str:
    """Return the media type of what an encoder writes, without parameters such as the charset."""
    return encoder.headers["content-type"].partition(";")[0].strip().lower()


def read_chunk(data: bytes) -> GenerateContentResponse:
    """Return the chunk of a record, without the parts that do not fit the type."""
    try:
        return _DECODER.decode(data)
    except JSON_ERRORS:
        pass
    try:
        document = msgspec.json.decode(data)
    except JSON_ERRORS:
        document = None
    return salvage(document, GenerateContentResponse) if isinstance(document, dict) else GenerateContentResponse()


def read_outcome(data: bytes) -> StreamOutcome:
    """Return how an answer ended, from the record of its end. One that cannot be read says nothing."""
    try:
        ending = msgspec.json.decode(data, type=StreamEnding)
        usage = None if ending.usage is None else msgspec.convert(ending.usage, UsageMetadata)
    except JSON_ERRORS:
        return StreamOutcome()
    is_cancelled = ending.reason == CANCELLED
    return StreamOutcome(
        reason="cancelled" if is_cancelled else "finished",
        usage=usage,
        first=ending.first_chunk,
        seconds=ending.seconds,
    )
