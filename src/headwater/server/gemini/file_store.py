"""Uploaded files on disk. Each belongs to the principal that uploaded it, and expires."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import tempfile
import time
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from headwater.contract import files as rules
from headwater.contract.files import FileInfo, Metadata
from headwater.errors import api_error
from headwater.server.config import Limits
from headwater.server.http.body import too_large

_WRITE_BYTES = 1024 * 1024
#: Files of one owner when more are registered: they cost memory, and no storage.
_MAX_FILES = 10_000


class StoredFile(FileInfo, frozen=True):
    """A complete file: on disk, or registered, with its bytes in Cloud Storage."""

    owner: bytes
    path: Path | None


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
            raise rules.unknown_upload()
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
        rules.check_size(upload.received, upload.size)
        self._check(upload.owner, upload.metadata)  # the name may have been taken in the meantime
        now, metadata = self._clock(), upload.metadata
        name = rules.wanted_id(metadata) or secrets.token_hex(10)
        upload.result = StoredFile(
            id=name,
            owner=upload.owner,
            path=upload.path,
            size=upload.received,
            sha256=upload.sha256,
            mime_type=rules.safe_mime_type(metadata.mime_type or mime_type),
            display_name=metadata.display_name,
            created=now,
            expires=now + self._limits.file_ttl,
        )
        self._files[upload.owner, name] = upload.result
        return upload.result

    def register(self, owner: bytes, uris: list[str]) -> list[StoredFile]:
        """Note files that are in Cloud Storage.

        Raises:
            APIError: 429, if the owner has too many files.
        """
        self.sweep()
        if len(self.list(owner)) + len(uris) > _MAX_FILES:
            raise api_error(429, "this key has too many files", status="RESOURCE_EXHAUSTED")
        now, ttl = self._clock(), self._limits.file_ttl
        infos = [rules.registered_file(uri, secrets.token_hex(10), now, ttl) for uri in uris]
        files = [StoredFile(**msgspec.structs.asdict(info), owner=owner, path=None) for info in infos]
        self._files |= {(owner, file.id): file for file in files}
        return files

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
        file = self.find(owner, name)
        if file is None:
            raise rules.unknown_file(name)
        return file

    def find(self, owner: bytes, name: str) -> StoredFile | None:
        """Return a file of this owner, or None."""
        self.sweep()
        return self._files.get((owner, name))

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
        for key in [key for key, upload in self._uploads.items() if upload.last_request_at + rules.UPLOAD_TTL <= now]:
            self.cancel(key)

    def close(self) -> None:
        """Remove everything."""
        self._files.clear()
        self._uploads.clear()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def _check(self, owner: bytes, metadata: Metadata) -> None:
        name = rules.wanted_id(metadata)
        # Names are an owner's own: another's file of this name neither blocks it nor becomes known.
        if (owner, name) in self._files:
            raise rules.name_taken(name)

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
        if file.path is not None:
            file.path.unlink(missing_ok=True)
