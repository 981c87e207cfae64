"""Local ends of uploads and downloads, read and written a slice at a time. Everything here blocks."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from headwater.errors import UsageError

#: The size of a slice; uploads must use a multiple of the API's granularity, which this is.
SLICE_BYTES = 8 * 1024 * 1024


class FileSlice(msgspec.Struct, frozen=True):
    """A slice of an upload; ``is_last`` if the file ends with it."""

    data: bytes
    is_last: bool


class Source:
    """The source of an upload. ``size`` is None if only reading to the end would tell.

    An object that cannot seek is read once; its current slice is kept in memory, so that it can be sent again.
    """

    def __init__(self, file: Any) -> None:
        self.name: str | None = None
        self._is_ours = not hasattr(file, "read")
        if isinstance(file, str | os.PathLike):
            path = Path(file)
            self.name = path.name
            self._file: BinaryIO = path.open("rb")
        elif isinstance(file, bytes | bytearray | memoryview):
            self._file = io.BytesIO(file)
        elif hasattr(file, "read"):
            self._file = file
            self.name = _name_of(file)
        else:
            raise UsageError(f"file is a path, bytes or a file object opened in 'rb', not {type(file).__name__}")
        self.size = self._measure()
        self._held = (0, b"")

    def read(self, offset: int) -> FileSlice:
        """Return the slice that begins at ``offset``.

        Raises:
            UsageError: if it cannot be read again, or the file became shorter.
        """
        if self.size is None:
            return self._read_on(offset)
        self._file.seek(offset)
        data = self._take(min(SLICE_BYTES, self.size - offset))
        if len(data) < min(SLICE_BYTES, self.size - offset):
            raise UsageError(f"the file became shorter than {self.size:,} bytes while it was uploaded")
        return FileSlice(data, offset + len(data) >= self.size)

    def close(self) -> None:
        """Close the file if it was opened here; a file object of the caller stays open."""
        if self._is_ours:
            self._file.close()

    def _measure(self) -> int | None:
        if not (hasattr(self._file, "seekable") and self._file.seekable()):
            return None
        return self._file.seek(0, os.SEEK_END)

    def _read_on(self, offset: int) -> FileSlice:
        start, data = self._held
        if not start <= offset <= start + len(data):
            raise UsageError(f"the API asks for the upload from byte {offset:,}, and this object cannot seek back")
        # What was confirmed is dropped; the rest of the slice is kept and filled up.
        data = data[offset - start :]
        data += self._take(SLICE_BYTES - len(data))
        self._held = (offset, data)
        return FileSlice(data, len(data) < SLICE_BYTES)

    def _take(self, size: int) -> bytes:
        """Read exactly ``size`` bytes; fewer only at the end."""
        # read() of raw files, pipes and sockets may return less than it was asked for.
        pieces: list[bytes] = []
        while size > 0 and (piece := self._file.read(size)):
            if not isinstance(piece, bytes):
                raise UsageError(f"reading the file gives {type(piece).__name__}, not bytes: open it in 'rb'")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


class Sink:
    """The destination of a download: a path, a file object, or memory.

    A path is written atomically: the bytes go to ``path.new``, which replaces it at the end.
    """

    def __init__(self, destination: Any) -> None:
        self._path: Path | None = None
        if destination is None:
            self._file: Any = io.BytesIO()
        elif isinstance(destination, str | os.PathLike):
            self._path = Path(destination)
            self._new = Path(f"{os.fspath(destination)}.new")
            self._file = self._new.open("wb")
        elif hasattr(destination, "write"):
            self._file = destination
        else:
            raise UsageError(f"destination is a path or a file object opened in 'wb', not {type(destination).__name__}")
        self._is_memory = destination is None

    def write(self, data: bytes) -> None:
        """Write the next slice."""
        self._file.write(data)

    def finish(self) -> bytes | None:
        """Finish the download; return its bytes if they are in memory."""
        if self._path is not None:
            self._file.close()
            self._new.replace(self._path)
        return self._file.getvalue() if self._is_memory else None

    def close(self) -> None:
        """Release the file; an unfinished download is deleted."""
        if self._path is not None:
            self._file.close()
            self._new.unlink(missing_ok=True)


def _name_of(file: Any) -> str | None:
    name = getattr(file, "name", None)  # an int where the file was opened by its descriptor, <stdin> for a stream
    return os.path.basename(name) if isinstance(name, str) and name[:1] != "<" else None
