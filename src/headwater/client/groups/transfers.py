"""Uploads, downloads and waiting for a file, as generators without I/O.

A generator yields a step (``SendRequest``, ``RunLocally``, ``Sleep``) and gets its outcome; ``Files`` and
``AsyncFiles`` perform the steps. An upload is Google's resumable protocol. Its invariant: ``_sent`` is what the API has
confirmed, and the next slice begins there. A slice that breaks off is never simply repeated, since any part of it may
have arrived: a ``query`` asks how much has, and the upload continues from that byte. Failures count since the last
progress, so a long upload over a bad line is not limited by the number of its breaks.
"""

from __future__ import annotations

import mimetypes
import random
import re
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from headwater.client.groups import disk
from headwater.client.groups.disk import FileSlice, Sink, Source
from headwater.client.options.call_options import CallOptions
from headwater.client.request.settings import AGENT, Settings
from headwater.client.stream.dialects import LenientGemini
from headwater.core.machine.policy import Retry
from headwater.core.wire.dialect import Dialect
from headwater.core.wire.gemini import Gemini
from headwater.core.wire.request import HttpRequest
from headwater.errors import (
    APIError,
    DeadlineExceeded,
    HeadwaterError,
    StreamInterrupted,
    UsageError,
    WireError,
    api_error,
)
from headwater.types import File, FileState, HttpOptions, UploadFileConfig
from headwater.types.base import ApiModel
from headwater.types.response import ApiResponse

T = TypeVar("T")

#: Attempts without progress, unless ``retry_options`` are set.
_RETRY = Retry(attempts=5, initial_delay=1.0)
#: The machine does not retry a slice: part of it may have arrived.
_ONCE: CallOptions = {"retry": Retry(attempts=1)}
#: The first and the longest pause between two looks at a file, in seconds.
_PAUSES = (0.5, 5.0)
_GOOGLE = ".googleapis.com"
_SPAN = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")
_NO_SUCH_RANGE = 416

#: Called with the bytes that have arrived and the total (None if unknown).
Progress = Callable[[int, int | None], object]


class SendRequest(msgspec.Struct, frozen=True):
    """Send the request and return what ``dialect`` decodes from the response."""

    dialect: Dialect[Any]
    request: HttpRequest
    http_options: HttpOptions | None
    options: CallOptions = {}


class RunLocally(msgspec.Struct, frozen=True):
    """Do this blocking work, in a thread where there is an event loop, and return its result."""

    work: Callable[[], Any]


class Sleep(msgspec.Struct, frozen=True):
    """Wait for ``seconds``."""

    seconds: float


Transfer = Generator[SendRequest | RunLocally | Sleep, Any, T]


class UploadResponse(ApiResponse):
    """The response to a slice of an upload; the last one has the ``file``."""

    file: File | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the response, with lower-case names."""
        headers: Mapping[str, str] = self.__dict__["_headers"]
        return headers

    @property
    def state(self) -> str:
        """``"active"``, ``"final"`` or ``"cancelled"``; empty if the response does not say."""
        return self.headers.get("x-goog-upload-status", "").lower()

    @property
    def received(self) -> int | None:
        """The number of bytes that have arrived, if the response says so."""
        text = self.headers.get("x-goog-upload-size-received", "")
        return int(text) if text.isascii() and text.isdecimal() else None


class _UploadDialect(LenientGemini[UploadResponse]):
    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[UploadResponse | HeadwaterError, ...]:
        return super().decode(data or b"{}", headers)  # most of these responses have no body


class _DownloadSlice(ApiModel):
    """A slice of a download. ``span`` is its ``Content-Range``: ``bytes 0-99/1000``."""

    data: bytes
    span: str = ""

    def total(self, offset: int) -> int:
        """Return the size of the whole file, if this is the slice that begins at ``offset``.

        Raises:
            WireError: if it is another slice.
        """
        found = _SPAN.fullmatch(self.span)
        if found is None and offset == 0:
            return len(self.data)  # the whole file, from an API without range requests
        if found is None or int(found[1]) != offset or not self.data:
            raise WireError(
                f"the API was asked for a file from byte {offset:,} on, and sent {self.span or 'all of it'}"
            )
        return int(found[2])


class _DownloadDialect(Gemini[_DownloadSlice]):
    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[_DownloadSlice, ...]:
        return (_DownloadSlice(data=data, span=headers.get("content-range", "")),)


_UPLOADS = _UploadDialect(UploadResponse)
_DOWNLOADS = _DownloadDialect(_DownloadSlice)


def upload(settings: Settings, file: Any, config: UploadFileConfig, on_progress: Progress | None) -> Transfer[File]:
    """Upload ``file`` and return its ``File``."""
    source: Source = yield RunLocally(partial(Source, file))
    try:
        return (yield from _Upload(settings, source, config, on_progress).run())
    finally:
        source.close()


def download(request: HttpRequest, http_options: HttpOptions | None, destination: Any) -> Transfer[bytes | None]:
    """Download ``request``, slice by slice, and return the bytes if there is no ``destination``."""
    sink: Sink = yield RunLocally(partial(Sink, destination))
    try:
        # The total becomes known with the first slice, from its Content-Range.
        offset, total = 0, 1
        while offset < total:
            try:
                piece: _DownloadSlice = yield SendRequest(_DOWNLOADS, _range_request(request, offset), http_options)
            except APIError as error:
                if error.code != _NO_SUCH_RANGE or offset:
                    raise
                piece = yield SendRequest(
                    _DOWNLOADS, request, http_options
                )  # RFC 9110, 15.5.17: no range of an empty file is satisfiable
            total = piece.total(offset)
            offset += len(piece.data)
            yield RunLocally(partial(sink.write, piece.data))
        data: bytes | None = yield RunLocally(sink.finish)
        return data
    finally:
        sink.close()


class _Upload:
    """One upload. ``_sent`` is what the API has confirmed, ``_failures`` the failures since that last grew."""

    def __init__(
        self, settings: Settings, source: Source, config: UploadFileConfig, on_progress: Progress | None
    ) -> None:
        self._settings = settings
        self._source = source
        self._config = config
        self._on_progress = on_progress
        self._mime_type = config.mime_type or _guess_mime_type(source.name)
        self._retry = settings.retry(config.http_options) if _has_retry_options(settings, config) else _RETRY
        self._sent = 0
        self._failures = 0
        self._url = ""

    def run(self) -> Transfer[File]:
        begun = yield SendRequest(_UPLOADS, self._start(), self._config.http_options)
        self._url = _upload_url(begun, self._settings, self._config.http_options)
        self._report(0)
        while True:
            piece: FileSlice = yield RunLocally(partial(self._source.read, self._sent))
            answer, received = yield from self._send(piece)
            match answer.state:
                case "final" if answer.file is not None:
                    self._report(self._sent + len(piece.data))
                    return answer.file
                case "active":
                    self._advance(received)
                case state:
                    raise WireError(f"the API ended the upload as {state!r}, without a file")

    def _send(self, piece: FileSlice) -> Transfer[tuple[UploadResponse, int]]:
        """Send a slice and return how much has arrived. If it breaks off, ask for that instead."""
        # The offset tells the API which bytes these are, so a slice that arrived twice is detected there.
        command = "upload, finalize" if piece.is_last else "upload"
        arrived = self._sent + len(piece.data)  # unless the response says otherwise
        request = self._request(command, piece.data, {"X-Goog-Upload-Offset": str(self._sent)})
        error: HeadwaterError
        while True:
            try:
                answer: UploadResponse = yield SendRequest(_UPLOADS, request, self._config.http_options, _ONCE)
                if answer.state:
                    return answer, arrived if answer.received is None else answer.received
                error = StreamInterrupted("the API did not confirm a slice of the upload")
            except HeadwaterError as problem:
                error = problem
            # After the pause, ask what has arrived instead of repeating the slice.
            self._failures += 1
            if not self._retry.allows(error, self._failures):
                raise error
            yield Sleep(self._retry.delay(self._failures, error, random.random()))  # noqa: S311 - spreads the retries
            # If the query's response does not say how much arrived, assume nothing beyond what was confirmed.
            request, arrived = self._request("query"), self._sent

    def _advance(self, received: int) -> None:
        # An API that confirms slices without moving forward must not keep the loop running for ever.
        if received > self._sent:
            self._failures = 0
            self._report(received)
        else:
            self._failures += 1
            if self._failures > self._retry.attempts:
                raise StreamInterrupted(f"the upload makes no progress after {self._sent:,} bytes")
        self._sent = received

    def _report(self, sent: int) -> None:
        if self._on_progress is not None:
            self._on_progress(sent, self._source.size)

    def _start(self) -> HttpRequest:
        size, name, config = self._source.size, self._source.name, self._config
        about = {
            "name": file_name(config.name) if config.name else None,
            "displayName": config.display_name,
            "mimeType": self._mime_type,
            "sizeBytes": None if size is None else str(size),
        }
        headers = self._settings.headers(config.http_options) | {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Type": self._mime_type,
        }
        if size is not None:
            headers["X-Goog-Upload-Header-Content-Length"] = str(size)
        if name:
            headers["X-Goog-Upload-File-Name"] = quote(name)
        body = msgspec.json.encode({"file": {key: value for key, value in about.items() if value is not None}})
        url = self._settings.url("files", config.http_options, above="upload")
        return HttpRequest("POST", url, headers, body)

    def _request(self, command: str, data: bytes = b"", extra: Mapping[str, str] | None = None) -> HttpRequest:
        options = self._config.http_options
        is_home = _origin(self._url) == _origin(self._settings.url("", options))
        # Another host gets neither the key nor the user's headers: the upload URL itself is the authorization.
        headers = self._settings.headers(options) if is_home else {"User-Agent": AGENT}
        headers |= {"Content-Type": "application/octet-stream", "X-Goog-Upload-Command": command, **(extra or {})}
        # once: a connection that turns out to be closed is not retried inside the transport, either.
        return HttpRequest("POST", self._url, headers, data, once=True)


def until_active(
    request: HttpRequest,
    dialect: Dialect[File],
    options: HttpOptions | None,
    timeout: float,
    clock: Callable[[], float],
) -> Transfer[File]:
    """Poll a file until it can be used, and return it.

    Raises:
        APIError: if the API could not process it.
        DeadlineExceeded: if that takes longer than ``timeout`` seconds.
    """
    start, (pause, longest) = clock(), _PAUSES
    while True:
        file: File = yield SendRequest(dialect, request, options)
        # Servers without processing leave the state out.
        if file.state in (FileState.ACTIVE, None):
            return file
        if file.state is FileState.FAILED:
            raise _processing_error(file)
        elapsed = clock() - start
        if elapsed >= timeout:
            message = f"{file.name} is still {file.state} after {elapsed:.0f} s"
            raise DeadlineExceeded(message, deadline="total", limit=timeout, elapsed=elapsed)
        yield Sleep(min(pause, timeout - elapsed))
        pause = min(pause * 1.5, longest)


def file_name(file: Any) -> str:
    """Return the resource name, ``files/...``, of a file: given as that, as its id, as its URI or as a ``File``.

    Raises:
        UsageError: if ``file`` names no file.
    """
    text = file.name or file.uri or file.download_uri if isinstance(file, File) else file
    if not isinstance(text, str) or not text:
        raise UsageError("pass the name of a file ('files/...'), its URI, or a types.File that has one of them")
    name = text.partition("/files/")[2].partition(":")[0].partition("?")[0] if "://" in text else text
    name = name.removeprefix("files/")
    if not name or name != quote(name, safe="") or set(name) == {"."}:
        raise UsageError(
            f"{text!r} is not the name of a file: a name is 'files/' and lower-case letters, digits and dashes"
        )
    return f"files/{name}"


def _range_request(request: HttpRequest, offset: int) -> HttpRequest:
    # Identity: a range of a compressed representation would not be a range of the file (RFC 9110, section 14).
    last = offset + disk.SLICE_BYTES - 1
    headers = {**request.headers, "Range": f"bytes={offset}-{last}", "Accept-Encoding": "identity"}
    return HttpRequest(request.method, request.url, headers)


def _processing_error(file: File) -> HeadwaterError:
    problem = file.error
    reason = (problem and problem.message) or "no reason given"
    details = {"error": msgspec.to_builtins(problem)} if problem else None
    return api_error(
        400, f"the API could not process {file.name}: {reason}", status="FAILED_PRECONDITION", details=details
    )


def _upload_url(begun: UploadResponse, settings: Settings, options: HttpOptions | None) -> str:
    """Return the URL for the slices.

    It must be on the host that was asked, or Google's. A response must not be able to send a private file elsewhere.

    Raises:
        WireError: if there is no URL, or it is on another host.
    """
    url = begun.headers.get("x-goog-upload-url", "")
    if not url:
        raise WireError("the API did not return an upload URL: this base URL may have no files API")
    home, there = _origin(settings.url("", options)), _origin(url)
    is_google = there[0] == "https" and there[1].endswith(_GOOGLE)
    if there != home and not is_google:
        raise WireError(
            f"the API redirected the upload to another host, {there[0]}://{there[1]}; files are only sent to the host "
            f"of base_url: change it if that host is right"
        )
    return url


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ("", url, None)
    return parts.scheme, (parts.hostname or "").lower(), port


def _has_retry_options(settings: Settings, config: UploadFileConfig) -> bool:
    options = config.http_options
    return bool((options and options.retry_options) or settings.options.retry_options)


def _guess_mime_type(name: str | None) -> str:
    mime_type = mimetypes.guess_type(name)[0] if name else None
    if mime_type is None:
        what = f"of {name!r} cannot be guessed from its extension" if name else "is not known"
        raise UsageError(f"the MIME type of the file {what}: pass config={{'mime_type': 'text/plain'}} or what it is")
    return mime_type
