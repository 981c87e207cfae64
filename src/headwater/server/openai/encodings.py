"""Encodings of answers for clients of OpenAI: events of a stream, and one whole completion. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headwater.errors import HeadwaterError, WireError
from headwater.protocols.error_documents import error_body
from headwater.protocols.openai.completion import blocked_prompt
from headwater.protocols.openai.failures import chat_error_body
from headwater.server.http.responses import JSON
from headwater.server.streams.protocol_encoding import ProtocolEncoding, read_chunk
from headwater.server.streams.record_format import CHUNK, ERROR
from headwater.types import GenerateContentResponse


class ChatEventsEncoding(ProtocolEncoding):
    """The events of a stream. The response waits for the first chunk, so that a refusal has an HTTP status."""

    def error_in(self, record: bytes) -> bytes | None:
        """Return the error of an answer that failed before its first chunk, or whose prompt was blocked."""
        # Looked for as bytes first: the record is parsed again when it is encoded.
        if record[0] == CHUNK and b"lockReason" in record and (feedback := read_chunk(record[1:]).prompt_feedback):
            reason = feedback.block_reason
            text = feedback.block_reason_message or f"the prompt was blocked ({reason})"
            return None if reason is None else error_body(blocked_prompt(text))
        return super().error_in(record)

    def refusal(self, body: bytes) -> bytes:
        """Return the error as clients of OpenAI read it."""
        return chat_error_body(body)


class CompletionEncoding:
    """One ``chat.completion``. ``write`` makes it of the response, and raises if the answer is not whole."""

    content_type = JSON
    headers: Sequence[tuple[bytes, bytes]] = ()
    is_unary = True
    headers_first = False
    keep_alive = b""

    def __init__(self, write: Callable[[GenerateContentResponse], bytes]) -> None:
        self._write = write
        self._body = b""

    def error_in(self, record: bytes) -> bytes | None:
        """Return the error of an answer that is not whole. Otherwise ``encode`` returns the completion."""
        if record[0] == ERROR:
            return record[1:]
        if record[0] != CHUNK:
            return error_body(WireError("the model ended without an answer"))
        # Written here and not in ``encode``, which is called when the status is already decided.
        try:
            self._body = self._write(read_chunk(record[1:]))
        except HeadwaterError as error:
            return error_body(error)
        return None

    def encode(self, records: Sequence[bytes]) -> bytes:
        """Return the completion."""
        return self._body

    def end(self) -> bytes:
        """Return nothing."""
        return b""

    def interrupt(self) -> bytes:
        """Return nothing: the reader notices that its body is not whole."""
        return b""

    def refusal(self, body: bytes) -> bytes:
        """Return the error as clients of OpenAI read it."""
        return chat_error_body(body)
