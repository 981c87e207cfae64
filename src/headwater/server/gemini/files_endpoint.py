"""The files endpoint: Google's resumable upload protocol, and get, list, delete and download.

An upload starts with ``X-Goog-Upload-Command: start``, whose response has its URL. Slices follow with ``upload`` and an
offset, the last one with ``finalize``. After a break the client asks with ``query`` how many bytes have arrived.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from headwater.contract.files import (
    GRANULARITY,
    Metadata,
    check_slice,
    commands_of,
    read_metadata,
    read_uris,
    upload_state,
)
from headwater.errors import UsageError, api_error
from headwater.server.gemini.endpoint import VERSIONS
from headwater.server.gemini.file_store import FileStore, FileUpload
from headwater.server.http.auth import Auth
from headwater.server.http.body import iter_body, read_body, too_large
from headwater.server.http.numbers import parse_count
from headwater.server.http.paging import page_document, parse_page
from headwater.server.http.responses import json_response

_METADATA_BYTES = 64 * 1024
_URIS_BYTES = 256 * 1024
#: Of a number of bytes: what fits into 64 bits.
_SIZE_DIGITS = 18


class FilesEndpoint:
    """The handlers of files. They raise errors that the application turns into responses."""

    def __init__(self, files: FileStore, auth: Auth) -> None:
        self._files = files
        self._auth = auth

    def routes(self) -> list[Route]:
        """Return the routes, with and without a version."""
        routes = []
        for version in VERSIONS:
            routes += [
                Route(f"/upload{version}/files", self._upload, methods=["POST", "PUT"]),
                Route(f"{version}/files", self._list, methods=["GET"]),
                Route(f"{version}/files:register", self._register, methods=["POST"]),
                Route(version + "/files/{name}:download", self._download, methods=["GET"]),
                Route(version + "/files/{name}", self._get, methods=["GET"]),
                Route(version + "/files/{name}", self._delete, methods=["DELETE"]),
            ]
        return routes

    async def _upload(self, http: HttpRequest) -> Response:
        key = http.query_params.get("upload_id")
        if key is not None:  # the id is the permission: official clients send no key with slices
            self._auth.check_host(http)
            self._auth.check_origin(http)
            return await self._continue(http, key)
        principal = self._auth.identify(http)
        match http.headers.get("x-goog-upload-protocol", "").lower():
            case "resumable" if "start" in _commands(http):
                return await self._start(http, principal)
            case "raw":
                return await self._upload_raw(http, principal)
        raise UsageError(
            "an upload starts with X-Goog-Upload-Protocol: resumable and X-Goog-Upload-Command: start, "
            "or is one request with X-Goog-Upload-Protocol: raw"
        )

    async def _start(self, http: HttpRequest, principal: bytes) -> Response:
        limits = self._auth.limits
        metadata = read_metadata(await read_body(http, http.receive, _METADATA_BYTES, stall=limits.stall_timeout))
        key = self._files.begin(principal, metadata, _number(http, "x-goog-upload-header-content-length"))
        url = f"{_origin(http)}{http.scope['path']}?upload_id={key}&upload_protocol=resumable"
        headers = upload_state("active") | {"x-goog-upload-url": url, "x-goog-upload-chunk-granularity": GRANULARITY}
        return Response(b"", 200, headers)

    async def _upload_raw(self, http: HttpRequest, principal: bytes) -> Response:
        mime_type = http.headers.get("x-goog-upload-header-content-type") or http.headers.get("content-type")
        key = self._files.begin(principal, Metadata(mime_type=mime_type), _number(http, "content-length"))
        upload = self._files.upload(key)
        # A raw upload cannot be continued, so nothing is kept of one that breaks off.
        try:
            await self._receive(http, upload)
        except BaseException:
            self._files.cancel(key)
            raise
        return self._finish(http, upload)

    async def _continue(self, http: HttpRequest, key: str) -> Response:
        upload = self._files.upload(key)
        # The key that started the upload may have been revoked since.
        self._auth.check_key(upload.owner)
        commands = _commands(http)
        if upload.result is not None:  # the response to the last slice was lost
            return self._finish(http, upload)
        if upload.is_busy:
            raise api_error(409, "another slice of this upload is in progress", status="ABORTED")
        if "cancel" in commands:
            self._files.cancel(key)
            return json_response({}, upload_state("cancelled"))
        check_slice(commands, _number(http, "x-goog-upload-offset"), upload.received)
        if "upload" in commands:
            await self._receive(http, upload)
        if "finalize" in commands:
            return self._finish(http, upload)
        return json_response({}, upload_state("active") | {"x-goog-upload-size-received": str(upload.received)})

    async def _receive(self, http: HttpRequest, upload: FileUpload) -> None:
        room = self._files.room(upload)
        if (_number(http, "content-length") or 0) > room:
            raise too_large(room)
        # Two slices at once would interleave in the file.
        upload.is_busy = True
        try:
            await upload.receive(iter_body(http, http.receive, room, stall=self._auth.limits.stall_timeout))
        finally:
            upload.is_busy = False

    def _finish(self, http: HttpRequest, upload: FileUpload) -> Response:
        mime_type = http.headers.get("x-goog-upload-header-content-type", "application/octet-stream")
        file = upload.result or self._files.finish(upload, mime_type)
        return json_response({"file": file.document(_base(http))}, upload_state("final"))

    async def _register(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        body = await read_body(http, http.receive, _URIS_BYTES, stall=self._auth.limits.stall_timeout)
        files = self._files.register(principal, read_uris(body))
        return json_response({"files": [file.document(_base(http)) for file in files]})

    async def _list(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        start, size = parse_page(http, default=10, limit=100)
        files = [file.document(_base(http)) for file in self._files.list(principal)]
        return json_response(page_document("files", files, start, size) if files else {})

    async def _get(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        return json_response(self._files.get(principal, http.path_params["name"]).document(_base(http)))

    async def _delete(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        self._files.delete(principal, http.path_params["name"])
        return json_response({})

    async def _download(self, http: HttpRequest) -> Response:
        principal = self._auth.identify(http)
        file = self._files.get(principal, http.path_params["name"])
        if file.path is None:
            raise UsageError("a registered file is in Cloud Storage: download it there")
        # An attachment, so that no uploaded file can run as a page of this server's origin.
        return FileResponse(file.path, media_type=file.mime_type, headers={"content-disposition": "attachment"})


async def sweep_files(files: FileStore, period: float = 600.0) -> None:
    """Remove expired files every ``period`` seconds, until cancelled."""
    while True:
        await asyncio.sleep(period)
        files.sweep()


def _commands(http: HttpRequest) -> set[str]:
    return commands_of(http.headers.get("x-goog-upload-command", ""))


def _number(http: HttpRequest, name: str) -> int | None:
    text = http.headers.get(name)
    return None if text is None else parse_count(text, f"{name} must be a number of bytes", digits=_SIZE_DIGITS)


def _origin(http: HttpRequest) -> str:
    """The URL of this server as the client reached it. The host has been checked by then."""
    return f"{http.scope['scheme']}://{http.headers['host']}"


def _base(http: HttpRequest) -> str:
    """The URL of the API with its version, derived from a request to its files."""
    path: str = http.scope["path"]
    above, _, _ = path.removesuffix(":register").rpartition("/files")
    prefix, slash, version = above.rpartition("/upload")
    is_upload = slash and version in VERSIONS
    return _origin(http) + (prefix + version if is_upload else above)
