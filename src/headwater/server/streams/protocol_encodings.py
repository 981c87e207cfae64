"""The forms that front ends' protocols give a stream, as encodings of its log at the time it is read. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import msgspec

from headwater.contract.headers import LAST_EVENT_ID
from headwater.contract.streams import CANCELLED, StreamEnding
from headwater.errors import UsageError, api_error
from headwater.protocols.ag_ui.encoder import AgUi
from headwater.protocols.ai_sdk.encoder import AiSdk
from headwater.protocols.base import EVENT_STREAM, Encoder, StreamOutcome
from headwater.protocols.plain import PlainText
from headwater.server.streams.encodings import EventEncoding, NumberedEncoding, ResponseEncoding
from headwater.server.streams.record_format import CHUNK, END, ERROR, error_body
from headwater.types import GenerateContentResponse, UsageMetadata
from headwater.types.base import salvage

#: What reading JSON can raise.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_DECODER = msgspec.json.Decoder(GenerateContentResponse)
_CUT = api_error(503, "the server let this reader go before the end: read the answer again", status="UNAVAILABLE")


class ProtocolEncoding:
    """An answer as an encoder writes it.

    A reader that is let go before the end is told so as of an error, unless it ``is_resumable`` and comes back by
    itself. Without ``headers_first`` the head waits for the first chunk, and an error before it is an HTTP error.
    """

    is_unary = False

    def __init__(self, encoder: Encoder, *, headers_first: bool = True, is_resumable: bool = False) -> None:
        self._encoder = encoder
        self._is_resumable = is_resumable
        self.headers_first = headers_first
        self.content_type = encoder.headers["content-type"].encode()
        extra = ((name, value) for name, value in encoder.headers.items() if name not in EVENT_STREAM)
        self.headers: Sequence[tuple[bytes, bytes]] = [(name.encode(), value.encode()) for name, value in extra]

    def encode(self, records: Sequence[bytes]) -> bytes:
        """Return what these records say; without any, the beginning."""
        return self._encoder.begin() + b"".join([self._frame(record) for record in records])

    def end(self) -> bytes:
        """Return nothing: the end is a record."""
        return b""

    def interrupt(self) -> bytes:
        """Return what a reader is told who is let go before the end."""
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
        return self._encoder.end(_outcome(record[1:])) if kind == END else b""


def read_chunk(data: bytes) -> GenerateContentResponse:
    """Return the chunk of a record; what does not fit its type is left out."""
    try:
        return _DECODER.decode(data)
    except _UNREADABLE:
        pass
    try:
        document = msgspec.json.decode(data)
    except _UNREADABLE:
        document = None
    return salvage(document, GenerateContentResponse) if isinstance(document, dict) else GenerateContentResponse()


def message_id(name: str) -> str:
    """Return the id of the message that the stream of this name is: the same everywhere, and no way to the name."""
    return "msg-" + _digest("message", name)


def encoding_for(asked: str, name: str, after: int = 0, *, model: str = "") -> ResponseEncoding:
    """Return the form that is asked for by its name, for the stream ``name`` after its first ``after`` events.

    Raises:
        UsageError: there is no such form, or it can only be read from the beginning.
    """
    make = _FORMS.get(asked)
    if make is None:
        raise UsageError(f"there is no format {asked[:50]!r}: it is one of {', '.join(FORMATS)}")
    if after and asked not in _RESUMABLE:
        raise UsageError(
            f"the format {asked} is read from the beginning each time: leave out after and {LAST_EVENT_ID}"
        )
    return make(name, after, model)


def _outcome(data: bytes) -> StreamOutcome:
    try:
        ending = msgspec.json.decode(data, type=StreamEnding)
        usage = None if ending.usage is None else msgspec.convert(ending.usage, UsageMetadata)
    except _UNREADABLE:
        return StreamOutcome()
    is_cancelled = ending.reason == CANCELLED
    return StreamOutcome(
        reason="cancelled" if is_cancelled else "finished",
        usage=usage,
        first=ending.first_chunk,
        seconds=ending.seconds,
    )


def _digest(kind: str, name: str) -> str:
    return hashlib.sha256(f"{kind} {name}".encode()).hexdigest()[:24]


def _ag_ui(name: str, after: int, model: str) -> ResponseEncoding:
    return ProtocolEncoding(
        AgUi(thread_id=f"thread-{_digest('thread', name)}", run_id=f"run-{_digest('run', name)}", model=model)
    )


_FORMS: dict[str, Callable[[str, int, str], ResponseEncoding]] = {
    "numbered": lambda name, after, model: NumberedEncoding(after),
    "gemini": lambda name, after, model: EventEncoding(),
    "text": lambda name, after, model: ProtocolEncoding(PlainText(after=after), is_resumable=True),
    "ai-sdk-5": lambda name, after, model: ProtocolEncoding(AiSdk(version=5, message_id=message_id(name), model=model)),
    "ai-sdk-6": lambda name, after, model: ProtocolEncoding(AiSdk(version=6, message_id=message_id(name), model=model)),
    "ai-sdk-7": lambda name, after, model: ProtocolEncoding(AiSdk(version=7, message_id=message_id(name), model=model)),
    "ag-ui": _ag_ui,
}
#: The names of all formats.
FORMATS = tuple(_FORMS)
_RESUMABLE = frozenset(("numbered", "gemini", "text"))
