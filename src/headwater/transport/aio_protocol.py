"""``HeadFirstProtocol``: aiohttp's protocol, which hands out what arrived of a body before an error in it."""

# aiohttp gives each packet to its parser as a whole. If the head and a broken chunk arrive in one packet, the parser
# raises, and with the head everything is lost: the call looks as if nothing had answered. If the chunk comes later, the
# connection is closed and the reader of the body is never told. So the head is parsed by itself, and the reader is told
# of errors. After the head, aiohttp's own parser is back in its place: the chunks of a stream do not pass through here.

from __future__ import annotations

from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError


class HeadFirstProtocol(ResponseHandler):
    """One connection."""

    def set_response_params(self, **params: Any) -> None:
        """Begin another response."""
        super().set_response_params(**params)
        self._parser: Any = _HeadFirst(self, self._parser)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """End the response, and the body that is being read."""
        payload: Any = self._payload
        super().set_exception(exc, *cause)
        if payload is not None and not payload.is_eof() and isinstance(exc, HttpProcessingError):
            _fail(payload, exc)


class _HeadFirst:
    """Stands for the parser until it has parsed a head."""

    def __init__(self, protocol: HeadFirstProtocol, parser: Any) -> None:
        self._protocol = protocol
        self._parser = parser
        self._line_end = b""  # what may be the beginning of the blank line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def feed_data(self, data: bytes) -> Any:
        """Parse ``data``; an error after the head is the body's."""
        seen = self._line_end + data
        at = seen.find(b"\r\n\r\n")
        if at == -1:
            self._line_end = seen[-3:]
            return self._parser.feed_data(data)
        end = at + 4 - len(self._line_end)
        self._line_end = b""
        messages, upgraded, tail = self._parser.feed_data(data[:end])
        if not messages or upgraded:
            return messages, upgraded, tail + data[end:]
        message, payload = messages[-1]
        if message.code < 200:  # RFC 9110, section 15.2: another head follows
            more, upgraded, tail = self.feed_data(data[end:])
            return (*messages, *more), upgraded, tail
        self._protocol._parser = self._parser
        return self._body(messages, payload, data[end:]) if len(data) > end else (messages, upgraded, tail)

    def _body(self, messages: Any, payload: Any, data: bytes) -> Any:
        try:
            more, upgraded, tail = self._parser.feed_data(data)
        except HttpProcessingError as error:
            self._protocol.force_close()
            _fail(payload, error)
            return messages, False, b""
        return (*messages, *more), upgraded, tail


def _fail(payload: Any, error: HttpProcessingError) -> None:
    payload.set_exception(aiohttp.ClientPayloadError(error.message.partition("\n")[0].rstrip(":")))
