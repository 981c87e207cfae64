"""The dialect of streams that a headwater server stores: numbered events, the last of which is the end."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headwater.contract.headers import LAST_EVENT_ID
from headwater.contract.streams import CANCELLED, END_EVENT, FAILED_EVENT, StreamEnding, StreamInfo
from headwater.core.wire import sse
from headwater.core.wire.dialect import BrokenStream, Continuation, StreamEnd
from headwater.core.wire.gemini import Gemini
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, HeadwaterError, StreamCancelled, api_error
from headwater.types import GenerateContentResponse

#: The first byte of documents that are not chunks; JSON never begins with it.
_MARKS = {END_EVENT: b"z", FAILED_EVENT: b"x"}
_NOT_HERE = "this address has no stored streams: it must be a headwater server (headwater serve)"


class NumberedFraming:
    """The body is a stream of named events. The data of one that is not a chunk is marked by its first byte."""

    ends_with_body = False

    def __init__(self) -> None:
        self._strange = _StrangeLines()
        self._events = sse.Decoder(foreign=self._strange)
        self._count = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the documents that ``piece`` completes."""
        found = [_MARKS.get(event.type, b"") + event.data for event in self._events.feed(piece)]
        self._count += len(found)
        return found

    def flush(self) -> list[bytes]:
        """Return nothing: an event that was cut is sent again."""
        self._events.flush()  # hands an unfinished foreign line to ``_strange``
        return []

    @property
    def leftover(self) -> bytes:
        """What was not an event."""
        return b"" if self._count else self._strange.head[:200]


class _StrangeLines:
    """Keeps the ``head`` of what is not an event. An object of its own, so that the framing is in no cycle."""

    def __init__(self) -> None:
        self.head = b""

    def __call__(self, line: bytes) -> list[bytes]:
        if len(self.head) < 200:
            self.head += line + b"\n"
        return []


class ServerStreamDialect(Gemini[GenerateContentResponse]):
    """The dialect of the events. What ended a stream ended it for every reader, so asking again is no use."""

    api_name = "the headwater server"

    def __init__(self) -> None:
        super().__init__(GenerateContentResponse)

    def stream_framing(self) -> NumberedFraming:
        """Return what cuts the events of a stream."""
        return NumberedFraming()

    def decode(  # type: ignore[override]  # Gemini streams have no event for the end
        self, data: bytes, headers: Mapping[str, str]
    ) -> tuple[GenerateContentResponse | HeadwaterError | StreamEnd, ...]:
        """Return what one event holds: a chunk, or how the answer ended."""
        match data[:1]:
            case b"z":
                return (StreamEnd(_stopped(data[1:])),)
            case b"x":
                errors = (entry for entry in super().decode(data[1:], headers) if isinstance(entry, HeadwaterError))
                return (StreamEnd(next(errors, None) or api_error(500, "the answer failed", headers=headers)),)
        return super().decode(data, headers)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """Return the error that a response with an error status means."""
        return explain_missing(super().refusal(status, headers, body), _NOT_HERE)

    def keep(self, request: HttpRequest) -> HttpRequest:
        """Return ``request``: a named stream is stored anyway."""
        return request

    def resume(self, broken: BrokenStream) -> Continuation | None:
        """Return the request for what follows, None if the stream is no longer stored."""
        if broken.stream is None:
            return None
        return Continuation(request=request_after(broken.request, broken.after), same_stream=True)


class StreamInfoDialect(Gemini[StreamInfo]):
    """The dialect of ``StreamInfo``."""

    api_name = "the headwater server"

    def __init__(self) -> None:
        super().__init__(StreamInfo)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """Return the error that a response with an error status means."""
        return explain_missing(super().refusal(status, headers, body), _NOT_HERE)


def request_after(request: HttpRequest, after: int) -> HttpRequest:
    """Return the request for the events after the first ``after``."""
    return HttpRequest(request.method, request.url, {**request.headers, LAST_EVENT_ID: str(after)}, request.body)


def explain_missing(error: APIError, words: str) -> APIError:
    """Return ``error``, or one with these ``words`` if the server does not know the path at all."""
    # A headwater server answers with JSON; a 404 of anything else means that there is no headwater server.
    is_ours = isinstance(error.details, dict) and "error" in error.details
    if error.code in (404, 405) and not is_ours:
        return api_error(error.code, words, status=error.status, details=error.details, headers=error.headers)
    return error


def _stopped(data: bytes) -> StreamCancelled | None:
    """The error of a stream that was stopped, None if it ended well."""
    try:
        reason = msgspec.json.decode(data, type=StreamEnding).reason
    except msgspec.MsgspecError:
        return None
    if reason != CANCELLED:
        return None
    error = StreamCancelled("the stream was stopped")
    error.reason = "stopped"
    return error
