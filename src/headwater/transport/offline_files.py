"""The files API of the offline transport: uploads in the memory of this process, as ``headwater serve`` answers them.

A file that was uploaded can be used in a prompt: its URI begins with ``PREFIX``, and ``inline`` puts its bytes in the
place of the URI, since the offline engine itself is pure and knows no files.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from headwater.contract import files as rules
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, UsageError, api_error
from headwater.types import Blob, GenerateContentRequest

_BASE = "offline://"
PREFIX = f"{_BASE}/files/"
#: What all files of a process may have together: memory is not given back while a program runs its tests.
MAX_BYTES = 256 * 1024 * 1024
_MAX_FILES = 1_000
_MAX_PAGE = 100
_TTL = 48 * 3600.0
_PATH = re.compile(
    r"(?:upload/)?(?:v\d\w*/)?files(?P<register>:register)?(?:/(?P<name>[^/:]+)(?P<download>:download)?)?"
)
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})")


class Reply(msgspec.Struct, frozen=True):
    """A response to a request for files."""

    body: bytes = b""
    headers: Mapping[str, str] = {}
    status: int = 200


class _File(rules.FileInfo, frozen=True):
    data: bytes


class _Upload:
    """A file that is being uploaded. ``reserved`` counts against the limit from the start if its size is announced."""

    def __init__(self, metadata: rules.Metadata, size: int | None, now: float) -> None:
        self.metadata, self.size, self.last_request_at = metadata, size, now
        self.data = bytearray()

    @property
    def reserved(self) -> int:
        return max(self.size or 0, len(self.data))


class OfflineFiles:
    """The files of one process. May be used from any thread."""

    def __init__(self, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.time) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._files: dict[str, _File] = {}
        self._uploads: dict[str, _Upload] = {}
        self._lock = threading.Lock()

    def respond(self, request: HttpRequest) -> Reply | None:
        """Return the response to a request for files; None if it is for something else."""
        url = urlsplit(request.url)
        found = _PATH.fullmatch(url.path.partition("/")[2])
        if found is None:
            return None
        query = dict(parse_qsl(url.query))
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            with self._lock:
                self._sweep()
                return self._reply(request, found, query, headers)
        except UsageError as error:
            return _refused(api_error(400, str(error), status="INVALID_ARGUMENT"))
        except APIError as error:
            return _refused(error)

    def inline(self, request: GenerateContentRequest) -> None:
        """Put the bytes of uploaded files in the place of their URIs.

        Raises:
            APIError: 404, if a file does not exist, or no longer.
        """
        for content in request.contents or []:
            for part in content.parts or []:
                uri = part.file_data.file_uri if part.file_data is not None else None
                if uri is not None and uri.startswith(PREFIX):
                    with self._lock:
                        self._sweep()
                        file = self._get(uri.removeprefix(PREFIX))
                    part.inline_data, part.file_data = Blob(data=file.data, mime_type=file.mime_type), None

    def _reply(
        self, request: HttpRequest, found: re.Match[str], query: Mapping[str, str], headers: Mapping[str, str]
    ) -> Reply:
        name = found["name"]
        match request.method, name is not None:
            case "POST", False if "upload_id" in query:
                return self._continue(query["upload_id"], headers, request.body or b"")
            case "POST", False if found["register"]:
                return self._register(request.body or b"")
            case "POST", False:
                return self._start(request, headers)
            case "GET", False:
                return self._list(query)
            case "GET", True if found["download"]:
                return _slice(self._get(name), headers.get("range", ""))
            case "GET", True:
                return _json(self._get(name).document(_BASE))
            case "DELETE", True:
                del self._files[self._get(name).id]
                return _json({})
        raise api_error(404, f"the files of the offline engine have no method {request.method}", status="NOT_FOUND")

    def _start(self, request: HttpRequest, headers: Mapping[str, str]) -> Reply:
        if "start" not in _commands(headers):
            raise UsageError("an upload starts with X-Goog-Upload-Command: start")
        metadata = rules.read_metadata(request.body or b"")
        self._check_name(metadata)
        upload = _Upload(metadata, _number(headers, "x-goog-upload-header-content-length"), self._clock())
        self._check_room(upload.reserved)
        if len(self._files) + len(self._uploads) >= _MAX_FILES:
            raise _full(f"{_MAX_FILES:,} files")
        key = secrets.token_urlsafe(24)
        self._uploads[key] = upload
        url = f"{request.url.partition('?')[0]}?upload_id={key}&upload_protocol=resumable"
        started = {"x-goog-upload-url": url, "x-goog-upload-chunk-granularity": rules.GRANULARITY}
        return Reply(headers=rules.upload_state("active") | started)

    def _register(self, body: bytes) -> Reply:
        uris = rules.read_uris(body)
        if len(self._files) + len(self._uploads) + len(uris) > _MAX_FILES:
            raise _full(f"{_MAX_FILES:,} files")
        made = [rules.registered_file(uri, secrets.token_hex(10), self._clock(), _TTL) for uri in uris]
        files = [_File(**msgspec.structs.asdict(file), data=b"") for file in made]
        self._files |= {file.id: file for file in files}
        return _json({"files": [file.document(_BASE) for file in files]})

    def _continue(self, key: str, headers: Mapping[str, str], body: bytes) -> Reply:
        upload, commands = self._uploads.get(key), _commands(headers)
        if upload is None:
            raise rules.unknown_upload()
        upload.last_request_at = self._clock()
        if "cancel" in commands:
            del self._uploads[key]
            return _json({}, rules.upload_state("cancelled"))
        rules.check_slice(commands, _number(headers, "x-goog-upload-offset"), len(upload.data))
        if "upload" in commands:
            self._check_room(max(0, len(upload.data) + len(body) - upload.reserved))
            upload.data += body
        if "finalize" in commands:
            file = self._finish(upload)
            del self._uploads[key]
            return _json({"file": file.document(_BASE)}, rules.upload_state("final"))
        return _json({}, rules.upload_state("active") | {"x-goog-upload-size-received": str(len(upload.data))})

    def _finish(self, upload: _Upload) -> _File:
        metadata, now = upload.metadata, self._clock()
        rules.check_size(len(upload.data), upload.size)
        self._check_name(metadata)  # it may have been taken in the meantime
        file = _File(
            id=rules.wanted_id(metadata) or secrets.token_hex(10),
            size=len(upload.data),
            sha256=hashlib.sha256(upload.data).digest(),
            mime_type=rules.safe_mime_type(metadata.mime_type or ""),
            display_name=metadata.display_name,
            created=now,
            expires=now + _TTL,
            data=bytes(upload.data),
        )
        self._files[file.id] = file
        return file

    def _list(self, query: Mapping[str, str]) -> Reply:
        start = _number(query, "pageToken") or 0
        end = start + min(max(_number(query, "pageSize") or 10, 1), _MAX_PAGE)
        files = [file.document(_BASE) for file in reversed(self._files.values())]
        more = {"nextPageToken": str(end)} if end < len(files) else {}
        return _json({"files": files[start:end], **more} if files else {})

    def _get(self, name: str) -> _File:
        file = self._files.get(name)
        if file is None:
            raise rules.unknown_file(name)
        return file

    def _check_name(self, metadata: rules.Metadata) -> None:
        if (name := rules.wanted_id(metadata)) in self._files:
            raise rules.name_taken(name)

    def _check_room(self, more: int) -> None:
        used = sum(file.size for file in self._files.values()) + sum(one.reserved for one in self._uploads.values())
        if used + more > self._max_bytes:
            raise _full(f"{self._max_bytes:,} bytes of files")

    def _sweep(self) -> None:
        now = self._clock()
        self._files = {name: file for name, file in self._files.items() if file.expires > now}
        self._uploads = {key: one for key, one in self._uploads.items() if one.last_request_at + rules.UPLOAD_TTL > now}


#: The files of this process, whichever client asks: tests use many clients.
FILES = OfflineFiles()


def is_about_files(request: HttpRequest) -> bool:
    """Return whether a request is for files or uses one, so that it may cost as much as a file has bytes."""
    return _PATH.fullmatch(urlsplit(request.url).path.partition("/")[2]) is not None or (
        PREFIX.encode() in (request.body or b"")
    )


def _full(limit: str) -> APIError:
    # 413 and not 429, which clients repeat: waiting does not make room.
    return api_error(413, f"offline: keeps at most {limit} in memory: delete some", status="RESOURCE_EXHAUSTED")


def _slice(file: _File, wanted: str) -> Reply:
    """The bytes of a file, or those of the range that was asked for."""
    headers, found = {"content-type": file.mime_type}, _RANGE.fullmatch(wanted)
    # An empty file has no ranges, and a server may ignore one (RFC 9110, section 14.2).
    if found is None or int(found[1]) >= file.size:
        return Reply(file.data, headers)
    first, last = int(found[1]), min(int(found[2]), file.size - 1)
    headers["content-range"] = f"bytes {first}-{last}/{file.size}"
    return Reply(file.data[first : last + 1], headers, 206)


def _commands(headers: Mapping[str, str]) -> set[str]:
    return rules.commands_of(headers.get("x-goog-upload-command", ""))


def _number(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name)
    if text is not None and not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise UsageError(f"{name} must be a number")
    return None if text is None else int(text)


def _json(document: Any, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(msgspec.json.encode(document), {"content-type": "application/json; charset=UTF-8", **(headers or {})})


def _refused(error: APIError) -> Reply:
    details = {"code": error.code, "message": error.message, "status": error.status}
    reply = _json({"error": details})
    return Reply(reply.body, reply.headers, error.code)
