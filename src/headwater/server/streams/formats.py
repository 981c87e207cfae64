"""Formats of stored streams: the values of ``?format=`` and the encoding that each stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from headwater.contract.headers import LAST_EVENT_ID
from headwater.errors import UsageError
from headwater.server.streams.encodings import EventEncoding, NumberedEncoding, ResponseEncoding

DEFAULT_FORMAT = "numbered"


class StreamFormat(NamedTuple):
    """One format. ``encoding`` takes the stream's name, after how many events to start, and the model."""

    name: str
    encoding: Callable[[str, int, str], ResponseEncoding]
    is_resumable: bool = False


NATIVE_FORMATS = (
    StreamFormat("numbered", lambda name, after, model: NumberedEncoding(after), is_resumable=True),
    StreamFormat("gemini", lambda name, after, model: EventEncoding(), is_resumable=True),
)


class StreamFormats:
    """All formats of a server. Rooms above this one add those of front-end protocols."""

    def __init__(self, formats: Iterable[StreamFormat] = NATIVE_FORMATS) -> None:
        self._formats = {one.name: one for one in formats}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all formats."""
        return tuple(self._formats)

    def encoding(self, name: str, stream: str, after: int = 0, *, model: str = "") -> ResponseEncoding:
        """Return the encoding of format ``name`` for what follows the first ``after`` events of ``stream``.

        Raises:
            UsageError: if there is no such format, or it can only be read from the beginning.
        """
        found = self._formats.get(name)
        if found is None:
            raise UsageError(f"there is no format {name[:50]!r}: use one of {', '.join(self.names)}")
        if after and not found.is_resumable:
            raise UsageError(f"the format {name} is always read from the beginning: omit after and {LAST_EVENT_ID}")
        return found.encoding(stream, after, model)
