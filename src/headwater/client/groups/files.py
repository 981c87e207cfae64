"""``client.files``, sync and async: upload, get, wait for, list, download and delete files."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, TypeVar, overload

from headwater.client.groups import transfers
from headwater.client.groups.base import MethodGroup
from headwater.client.groups.pagers import AsyncPager, Pager
from headwater.client.groups.transfers import (
    Progress,
    RunLocally,
    SendRequest,
    Sleep,
    Transfer,
    file_name,
)
from headwater.client.request import build
from headwater.client.request.credentials import AccessTokens
from headwater.client.request.settings import Settings
from headwater.client.stream.aio import AsyncCaller
from headwater.client.stream.dialects import LenientGemini
from headwater.client.stream.sync import Caller
from headwater.core.wire.request import HttpRequest
from headwater.errors import HeadwaterError, UsageError
from headwater.types import (
    DeleteFileConfig,
    DeleteFileResponse,
    DownloadFileConfig,
    File,
    GetFileConfig,
    HttpOptions,
    ListFilesConfig,
    ListFilesResponse,
    RegisterFilesConfig,
    RegisterFilesResponse,
    UploadFileConfig,
)

T = TypeVar("T")
FilePath = str | os.PathLike[str]

_FILES = LenientGemini(File)
_FILE_LISTS = LenientGemini(ListFilesResponse)
_DELETED = LenientGemini(DeleteFileResponse)
_REGISTERED = LenientGemini(RegisterFilesResponse)


class Files(MethodGroup[Caller]):
    """Files for prompts. Developer API only; Vertex AI reads Cloud Storage instead."""

    def upload(
        self,
        *,
        file: FilePath | bytes | BinaryIO,
        config: UploadFileConfig | Mapping[str, Any] | None = None,
        on_progress: Progress | None = None,
    ) -> File:
        """Upload a path, bytes or a file object and return the new ``File``.

        It is sent in slices of 8 MiB; if one breaks off, the missing part is sent again. ``on_progress(sent, total)``
        is called after each slice that has arrived.

        Raises:
            UsageError: if the file cannot be read, or its MIME type is unknown.
            APIError: if the API refused it.
            StreamError: if the connection failed, retries included.
        """
        settings = _require_developer_api(self._caller.settings)
        upload_config = build.to_config(config, UploadFileConfig)
        return self._execute(transfers.upload(settings, file, upload_config, on_progress))

    def get(self, *, name: str, config: GetFileConfig | Mapping[str, Any] | None = None) -> File:
        """Return the details of a file."""
        settings = build.to_config(config, GetFileConfig)
        request = _file_request(self._caller.settings, name, settings.http_options)
        return self._caller.call(_FILES, request, settings.http_options)

    def wait_until_active(
        self,
        name: str | File,
        *,
        timeout: float = 600.0,
        config: GetFileConfig | Mapping[str, Any] | None = None,
    ) -> File:
        """Wait until the file can be used in a prompt, and return it. Videos take a while.

        Raises:
            APIError: if the API could not process it; the message says why.
            DeadlineExceeded: if it is not ready after ``timeout`` seconds.
        """
        options = build.to_config(config, GetFileConfig).http_options
        request = _file_request(self._caller.settings, name, options)
        return self._execute(transfers.until_active(request, _FILES, options, timeout, time.monotonic))

    def delete(self, *, name: str, config: DeleteFileConfig | Mapping[str, Any] | None = None) -> DeleteFileResponse:
        """Delete a file."""
        settings = build.to_config(config, DeleteFileConfig)
        request = _file_request(self._caller.settings, name, settings.http_options, method="DELETE")
        return self._caller.call(_DELETED, request, settings.http_options)

    @overload
    def download(
        self,
        *,
        file: str | File,
        destination: None = None,
        config: DownloadFileConfig | Mapping[str, Any] | None = None,
    ) -> bytes: ...

    @overload
    def download(
        self,
        *,
        file: str | File,
        destination: FilePath | BinaryIO,
        config: DownloadFileConfig | Mapping[str, Any] | None = None,
    ) -> None: ...

    def download(
        self,
        *,
        file: str | File,
        destination: FilePath | BinaryIO | None = None,
        config: DownloadFileConfig | Mapping[str, Any] | None = None,
    ) -> bytes | None:
        """Return the bytes of a file, or write them to ``destination``, slice by slice.

        The API lets generated files be downloaded, uploaded ones not.
        """
        settings = build.to_config(config, DownloadFileConfig)
        request = _file_request(self._caller.settings, file, settings.http_options, suffix=":download?alt=media")
        return self._execute(transfers.download(request, settings.http_options, destination))

    def register_files(
        self, *, auth: Any, uris: Sequence[str], config: RegisterFilesConfig | Mapping[str, Any] | None = None
    ) -> RegisterFilesResponse:
        """Make files of Cloud Storage (``gs://``) files of this API.

        ``auth`` are credentials of google-auth that may read them.

        Raises:
            UsageError: if ``auth`` or ``uris`` are something else.
            APIError: if the API refused it.
        """
        request, tokens, options = _registration(self._caller.settings, auth, uris, config)
        return self._caller.call(_REGISTERED, request, options, tokens=tokens)

    def list(self, *, config: ListFilesConfig | Mapping[str, Any] | None = None) -> Pager[File]:
        """Return the files of this key. Further pages are fetched as they are iterated over."""
        settings = build.to_config(config, ListFilesConfig)
        return Pager(self._page, settings, self._page(settings))

    def _page(self, config: ListFilesConfig) -> ListFilesResponse:
        return self._caller.call(_FILE_LISTS, _list_request(self._caller.settings, config), config.http_options)

    def _execute(self, transfer: Transfer[T]) -> T:
        # Drives the generator: performs each step that it yields, and sends in the outcome or throws in the error.
        outcome: Any = None
        failure: HeadwaterError | None = None
        while True:
            try:
                step = transfer.send(outcome) if failure is None else transfer.throw(failure)
            except StopIteration as end:
                result: T = end.value
                return result
            outcome = failure = None
            match step:
                case SendRequest(dialect, request, http_options, options):
                    try:
                        outcome = self._caller.call(dialect, request, http_options, options)
                    except HeadwaterError as error:
                        failure = error
                case RunLocally(work):
                    outcome = work()
                case Sleep(seconds):
                    time.sleep(seconds)


class AsyncFiles(MethodGroup[AsyncCaller]):
    """Files for prompts, from coroutines. Local files are read and written in a thread."""

    async def upload(
        self,
        *,
        file: FilePath | bytes | BinaryIO,
        config: UploadFileConfig | Mapping[str, Any] | None = None,
        on_progress: Progress | None = None,
    ) -> File:
        """Upload a path, bytes or a file object and return the new ``File``. See ``Files.upload``."""
        settings = _require_developer_api(self._caller.settings)
        upload_config = build.to_config(config, UploadFileConfig)
        return await self._execute(transfers.upload(settings, file, upload_config, on_progress))

    async def get(self, *, name: str, config: GetFileConfig | Mapping[str, Any] | None = None) -> File:
        """Return the details of a file."""
        settings = build.to_config(config, GetFileConfig)
        request = _file_request(self._caller.settings, name, settings.http_options)
        return await self._caller.call(_FILES, request, settings.http_options)

    async def wait_until_active(
        self,
        name: str | File,
        *,
        timeout: float = 600.0,
        config: GetFileConfig | Mapping[str, Any] | None = None,
    ) -> File:
        """Wait until the file can be used in a prompt. See ``Files.wait_until_active``."""
        options = build.to_config(config, GetFileConfig).http_options
        request = _file_request(self._caller.settings, name, options)
        return await self._execute(transfers.until_active(request, _FILES, options, timeout, time.monotonic))

    async def delete(
        self, *, name: str, config: DeleteFileConfig | Mapping[str, Any] | None = None
    ) -> DeleteFileResponse:
        """Delete a file."""
        settings = build.to_config(config, DeleteFileConfig)
        request = _file_request(self._caller.settings, name, settings.http_options, method="DELETE")
        return await self._caller.call(_DELETED, request, settings.http_options)

    @overload
    async def download(
        self,
        *,
        file: str | File,
        destination: None = None,
        config: DownloadFileConfig | Mapping[str, Any] | None = None,
    ) -> bytes: ...

    @overload
    async def download(
        self,
        *,
        file: str | File,
        destination: FilePath | BinaryIO,
        config: DownloadFileConfig | Mapping[str, Any] | None = None,
    ) -> None: ...

    async def download(
        self,
        *,
        file: str | File,
        destination: FilePath | BinaryIO | None = None,
        config: DownloadFileConfig | Mapping[str, Any] | None = None,
    ) -> bytes | None:
        """Return the bytes of a file, or write them to ``destination``. See ``Files.download``."""
        settings = build.to_config(config, DownloadFileConfig)
        request = _file_request(self._caller.settings, file, settings.http_options, suffix=":download?alt=media")
        return await self._execute(transfers.download(request, settings.http_options, destination))

    async def register_files(
        self, *, auth: Any, uris: Sequence[str], config: RegisterFilesConfig | Mapping[str, Any] | None = None
    ) -> RegisterFilesResponse:
        """Make files of Cloud Storage (``gs://``) files of this API. See ``Files.register_files``."""
        request, tokens, options = _registration(self._caller.settings, auth, uris, config)
        return await self._caller.call(_REGISTERED, request, options, tokens=tokens)

    async def list(self, *, config: ListFilesConfig | Mapping[str, Any] | None = None) -> AsyncPager[File]:
        """Return the files of this key. Further pages are fetched as they are iterated over."""
        settings = build.to_config(config, ListFilesConfig)
        return AsyncPager(self._page, settings, await self._page(settings))

    async def _page(self, config: ListFilesConfig) -> ListFilesResponse:
        return await self._caller.call(_FILE_LISTS, _list_request(self._caller.settings, config), config.http_options)

    async def _execute(self, transfer: Transfer[T]) -> T:
        from asyncio import sleep, to_thread  # imported here, so that sync programs do not load asyncio

        outcome: Any = None
        failure: HeadwaterError | None = None
        while True:
            try:
                step = transfer.send(outcome) if failure is None else transfer.throw(failure)
            except StopIteration as end:
                result: T = end.value
                return result
            outcome = failure = None
            match step:
                case SendRequest(dialect, request, http_options, options):
                    try:
                        outcome = await self._caller.call(dialect, request, http_options, options)
                    except HeadwaterError as error:
                        failure = error
                case RunLocally(work):
                    outcome = await to_thread(work)
                case Sleep(seconds):
                    await sleep(seconds)


def _file_request(
    settings: Settings, file: Any, options: HttpOptions | None, *, method: str = "GET", suffix: str = ""
) -> HttpRequest:
    path = file_name(file) + suffix
    return HttpRequest(method, _require_developer_api(settings).url(path, options), settings.headers(options))


def _list_request(settings: Settings, config: ListFilesConfig) -> HttpRequest:
    url = _require_developer_api(settings).url("files", config.http_options)
    query = {"pageSize": config.page_size, "pageToken": config.page_token}
    return build.get(settings, url, config.http_options, query)


def _registration(
    settings: Settings, auth: Any, uris: Sequence[str], value: Any
) -> tuple[HttpRequest, AccessTokens, HttpOptions | None]:
    """The request, what signs it in the place of the client's own key, and its options."""
    options = build.to_config(value, RegisterFilesConfig).http_options
    if not (hasattr(auth, "refresh") and hasattr(auth, "apply")):
        raise UsageError("auth must be a google.auth.credentials.Credentials object: google.auth.default()[0] is one")
    if isinstance(uris, str) or not uris or not all(isinstance(uri, str) for uri in uris):
        raise UsageError("uris is a list of addresses in Cloud Storage, as ['gs://bucket/name']")
    url = _require_developer_api(settings).url("files:register", options)
    return build.post(settings, url, {"uris": list(uris)}, options), AccessTokens(auth), options


def _require_developer_api(settings: Settings) -> Settings:
    if settings.vertexai:
        raise UsageError(
            "Vertex AI has no files API: put the file into Cloud Storage and pass "
            "types.Part.from_uri(file_uri='gs://bucket/name', mime_type=...)"
        )
    return settings
