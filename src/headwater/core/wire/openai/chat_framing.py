"""``ChatFraming``: the body of a chat stream cut into events, in every form in which servers send them."""

from __future__ import annotations

from headwater.core.wire import sse
from headwater.core.wire.json_stream import Splitter

#: The documents that are not JSON: the server's own end of the stream, and the end of the body.
DONE, END_OF_BODY = b"[DONE]", b"[END]"

_BOM = b"\xef\xbb\xbf"
_ERROR = b"error:"
#: White space may precede the first event; more of it than this is an event stream that is kept alive.
_DETECT_BYTES = 4096


class ChatFraming:
    """Cuts one body into JSON documents, ``DONE`` and, always last, ``END_OF_BODY``.

    A body that begins with a bracket is JSON, the whole answer at once: some gateways send one though a stream was
    asked for. Else it is an event stream. An error may arrive in it as an event of that name (Groq), as a field of that
    name (llama-box), or as a line of bare JSON; each becomes a document with the key ``error``.
    """

    ends_with_body = False

    def __init__(self, *, limit: int = sse.MAX_EVENT_BYTES) -> None:
        self._splitter = Splitter(limit=limit)
        self._foreign = _ForeignLines(self._splitter)
        self._events = sse.Decoder(limit=limit, foreign=self._foreign)
        self._is_sse: bool | None = None  # None until it is known
        self._head = b""
        self._count = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the documents that ``piece`` completes.

        Raises:
            WireError: if one is larger than the limit.
        """
        if self._is_sse:
            found = [_document(event) for event in self._events.feed(piece) if event.data]
        elif self._is_sse is None:
            return self._detect(piece)
        else:
            found = self._splitter.feed(piece)
        self._count += len(found)
        return found

    def flush(self) -> list[bytes]:
        """Return the event whose blank line is missing, if any, and the end of the body."""
        found = [_document(event) for event in self._events.flush() if event.data] if self._is_sse else []
        self._count += len(found)
        return [*found, END_OF_BODY]

    @property
    def leftover(self) -> bytes:
        """What was not an event, or an incomplete one."""
        if self._splitter.is_open:
            return self._splitter.open_bytes[:200]
        return b"" if self._count else (self._foreign.head or bytes(self._splitter.stray) or self._head)[:200]

    def _detect(self, piece: bytes) -> list[bytes]:
        # Content types are not to be trusted, because gateways rewrite them.
        self._head += piece
        start = self._head.removeprefix(_BOM).lstrip(b" \t\r\n")
        if len(self._head) < _DETECT_BYTES and (not start or _BOM.startswith(self._head)):
            return []
        self._is_sse = start[:1] not in (b"{", b"[")
        head, self._head = self._head, b""
        return self.feed(head)


class _ForeignLines:
    """Takes the lines of an event stream that are not fields: an error, JSON, or text, of which ``head`` is kept."""

    def __init__(self, splitter: Splitter) -> None:
        self._splitter = splitter
        self.head = b""

    def __call__(self, line: bytes) -> list[bytes]:
        if line.startswith(_ERROR):
            return [b'{"error":%b}' % (line[len(_ERROR) :].strip() or b"{}")]
        if self._splitter.is_open or line.lstrip()[:1] in (b"{", b"["):
            return self._splitter.feed(line + b"\n")
        if len(self.head) < 200:
            self.head += line + b"\n"
        return []


def _document(event: sse.Event) -> bytes:
    """The data of an event, marked as an error if the event's name says so."""
    if event.type == "error" and event.data[:1] == b"{":
        return b'{"error":%b}' % event.data
    return event.data
