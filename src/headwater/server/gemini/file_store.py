"""Uploaded files on disk. Each belongs to the principal that uploaded it, and expires."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import secrets
import tempfile
import time
from collections.abc import AsyncIterable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from headwater.errors import APIError, UsageError, api_error
from headwater.json_text import decode_json
from headwater.server.config import Limits
from headwater.server.http.body import too_large

#: An upload without a request for this many seconds is removed.
_UPLOAD_TTL = 3600.0
_WRITE_BYTES = 1024 * 1024
_ID = re.compile("[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_MIME = re.compile(r"[A-Za-z0-9.+*_-]+/[A-Za-z0-9.+*_-]+(?:;[ -~]*)?")


class Metadata(msgspec.Struct, frozen=True):
    """The metadata that a client sends before a file."""

    name: str | None = None
    display_name: str | None = None
    mime_type: str | None = None


class StoredFile(msgspec.Struct, frozen=True):
    """A complete file. Times are Unix timestamps."""

    id: str
    owner: bytes
    path: Path
    size: int
    sha256: bytes
    mime_type: str
    display_name: str | None
    created: float
    expires: float

    def document(self, base: str) -> dict[str, Any]:
        """Return the API's ``File`` resource. ``base`` is the URL of the API with its version."""
        uri = f"{base}/files/{self.id}"
        document = {
            "name": f"files/{self.id}",
            "displayName": self.display_name,
            "mimeType": self.mime_type,
            "sizeBytes": str(self.size),
            "createTime": _timestamp(self.created),
            "updateTime": _timestamp(self.created),
            "expirationTime": _timestamp(self.expires),
            "sha256Hash": base64.b64encode(self.sha256).decode(),
            "uri": uri,
            "downloadUri": f"{uri}:download?alt=media",
            "state": "ACTIVE",
            "source": "UPLOADED",
        }
        return {name: value for name, value in document.items() if value is not None}


class FileUpload:
    """A file that is being uploaded: ``path`` has the first ``received`` bytes."""

    def __init__(self, owner: bytes, metadata: Metadata, path: Path, *, size: int | None) -> None:
        self.owner = owner
        self.metadata = metadata
        self.path = path
        self.size = size
        self.received = 0
        self.last_request_at = 0.0
        self.is_busy = False
        self.result: StoredFile | None = None
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> bytes:
        """The hash of the bytes received."""
        return self._hash.digest()

    async def receive(self, pieces: AsyncIterable[bytes]) -> None:
        """Append a slice, or nothing of it if it breaks off: the client sends it again from its offset."""
        received, digest = self.received, self._hash.copy()
        try:
            with await asyncio.to_thread(self.path.open, "ab") as file:
                await self._write(file, pieces)
        except BaseException:
            self.received, self._hash = received, digest
            with contextlib.suppress(OSError), self.path.open("r+b") as file:
                file.truncate(received)
            raise

    async def _write(self, file: BinaryIO, pieces: AsyncIterable[bytes]) -> None:
        # Gathered, since each write costs a switch to a thread and back.
        held = bytearray()
        async for piece in pieces:
            held += piece
            if len(held) >= _WRITE_BYTES:
                await asyncio.to_thread(self._put, file, bytes(held))
                held.clear()
        await asyncio.to_thread(self._put, file, bytes(held))

    def _put(self, file: BinaryIO, data: bytes) -> None:
        file.write(data)
        self._hash.update(data)
        self.received += len(data)


class FileStore:
    """All files of one server, in a temporary directory that is created for the first one."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.time) -> None:
        self._limits = limits
        self._clock = clock
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._files: dict[tuple[bytes, str], StoredFile] = {}
        self._uploads: dict[str, FileUpload] = {}

    def begin(self, owner: bytes, metadata: Metadata, size: int | None) -> str:
        """Start an upload and return its id. The id is secret, since it is all that a client needs to continue.

        Raises:
            APIError: 413, if the file is too large; 409, if its name is taken; 429, if the owner has too many files.
            UsageError: if the metadata is invalid.
        """
        # What has expired must not count against the limits.
        self.sweep()
        if size is not None and size > self._limits.max_file:
            raise too_large(self._limits.max_file)
        mine = [upload for upload in self._uploads.values() if upload.owner == owner and upload.result is None]
        if len(mine) >= self._limits.max_streams or self._stored(owner) + (size or 0) > self._limits.max_storage:
            raise api_error(429, "this key has too many files", status="RESOURCE_EXHAUSTED")
        self._check(owner, metadata)
        upload = FileUpload(owner, metadata, self._new_path(), size=size)
        upload.last_request_at = self._clock()
        key = secrets.token_urlsafe(24)
        self._uploads[key] = upload
        return key

    def upload(self, key: str) -> FileUpload:
        """Return an upload.

        Raises:
            APIError: 404, if it does not exist.
        """
        self.sweep()
        upload = self._uploads.get(key)
        if upload is None:
            raise api_error(404, "there is no such upload", status="NOT_FOUND")
        upload.last_request_at = self._clock()
        return upload

    def room(self, upload: FileUpload) -> int:
        """Return how many more bytes an upload may have."""
        limits = self._limits
        max_size = limits.max_file if upload.size is None else min(upload.size, limits.max_file)
        # Never negative: another upload of this owner may have used up the storage in the meantime.
        return max(0, min(max_size - upload.received, limits.max_storage - self._stored(upload.owner)))

    def finish(self, upload: FileUpload, mime_type: str) -> StoredFile:
        """Complete an upload.

        Raises:
            UsageError: if its size is not the one announced.
        """
        if upload.size is not None and upload.received != upload.size:
            raise UsageError(f"{upload.received} bytes arrived of {upload.size} announced")
        self._check(upload.owner, upload.metadata)  # the name may have been taken in the meantime
        now, metadata = self._clock(), upload.metadata
        name = (metadata.name or secrets.token_hex(10)).removeprefix("files/")
        mime_type = metadata.mime_type or mime_type
        upload.result = StoredFile(
            id=name,
            owner=upload.owner,
            path=upload.path,
            size=upload.received,
            sha256=upload.sha256,
            # Checked, since it becomes a header of downloads.
            mime_type=mime_type if _MIME.fullmatch(mime_type) else "application/octet-stream",
            display_name=metadata.display_name,
            created=now,
            expires=now + self._limits.file_ttl,
        )
        self._files[upload.owner, name] = upload.result
        return upload.result

    def cancel(self, key: str) -> None:
        """Remove an upload."""
        upload = self._uploads.pop(key, None)
        if upload is not None and upload.result is None:
            upload.path.unlink(missing_ok=True)

    def get(self, owner: bytes, name: str) -> StoredFile:
        """Return a file of this owner.

        Raises:
            APIError: 404, if the owner has no such file.
        """
        self.sweep()
        file = self._files.get((owner, name))
        if file is None:
            raise _no_file(name)
        return file

    def list(self, owner: bytes) -> list[StoredFile]:
        """Return the files of this owner, the newest first."""
        self.sweep()
        return [file for file in reversed(self._files.values()) if file.owner == owner]

    def delete(self, owner: bytes, name: str) -> None:
        """Remove a file.

        Raises:
            APIError: 404, if the owner has no such file.
        """
        self._remove(self.get(owner, name))

    def sweep(self) -> None:
        """Remove expired files and abandoned uploads."""
        now = self._clock()
        for file in [file for file in self._files.values() if file.expires <= now]:
            self._remove(file)
        for key in [key for key, upload in self._uploads.items() if upload.last_request_at + _UPLOAD_TTL <= now]:
            self.cancel(key)

    def close(self) -> None:
        """Remove everything."""
        self._files.clear()
        self._uploads.clear()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def _check(self, owner: bytes, metadata: Metadata) -> None:
        name = (metadata.name or "").removeprefix("files/")
        if metadata.name and not _ID.fullmatch(name):
            raise UsageError("the name of a file is 'files/' and at most 40 lower-case letters, digits and dashes")
        # Names are an owner's own: another's file of this name neither blocks it nor becomes known.
        if (owner, name) in self._files:
            raise api_error(409, f"a file named {name!r} exists already", status="ALREADY_EXISTS")
        if len(metadata.display_name or "") > 512:
            raise UsageError("the display name of a file has at most 512 characters")

    def _stored(self, owner: bytes) -> int:
        stored = sum(file.size for file in self._files.values() if file.owner == owner)
        return stored + sum(one.received for one in self._uploads.values() if one.owner == owner and one.result is None)

    def _new_path(self) -> Path:
        if self._directory is None:
            # Readable by this user only (mode 0700), and removed with the server.
            self._directory = tempfile.TemporaryDirectory(prefix="headwater-")
        return Path(self._directory.name) / secrets.token_hex(16)

    def _remove(self, file: StoredFile) -> None:
        self._files.pop((file.owner, file.id), None)
        file.path.unlink(missing_ok=True)


def read_metadata(body: bytes) -> Metadata:
    """Return the metadata in the body of ``start``, in camelCase or snake_case as the SDKs send it.

    Raises:
        UsageError: if the body is not a JSON object or a field has the wrong type.
    """
    document = decode_json(body or b"{}", "Invalid JSON payload received.")
    fields = document.get("file") if isinstance(document, dict) else None
    if not isinstance(fields, dict):
        return Metadata()

    def text(*names: str) -> str | None:
        value = next((fields[name] for name in names if fields.get(name)), None)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{names[0]} of a file must be a string")
        return value

    return Metadata(text("name"), text("display_name", "displayName"), text("mime_type", "mimeType"))


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _no_file(name: str) -> APIError:
    return api_error(404, f"the file {name!r} does not exist, or no longer", status="NOT_FOUND")
