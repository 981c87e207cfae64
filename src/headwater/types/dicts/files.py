"""The twins of ``headwater.types.files``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypedDict

from headwater.types.dicts.http import HttpOptionsOrDict
from headwater.types.files import (
    DeleteFileConfig,
    DeleteFileResponse,
    DownloadFileConfig,
    File,
    FileSource,
    FileState,
    FileStatus,
    GetFileConfig,
    ListFilesConfig,
    ListFilesResponse,
    UploadFileConfig,
)


class FileStatusDict(TypedDict, total=False):
    """``FileStatus`` as a dict."""

    code: int | None
    message: str | None
    details: Sequence[Mapping[str, Any]] | None


FileStatusOrDict: TypeAlias = FileStatus | FileStatusDict


class FileDict(TypedDict, total=False):
    """``File`` as a dict."""

    name: str | None
    display_name: str | None
    mime_type: str | None
    size_bytes: int | None
    create_time: datetime | None
    expiration_time: datetime | None
    update_time: datetime | None
    sha256_hash: str | None
    uri: str | None
    download_uri: str | None
    state: FileState | str | None
    source: FileSource | str | None
    video_metadata: Mapping[str, Any] | None
    error: FileStatusOrDict | None


FileOrDict: TypeAlias = File | FileDict


class ListFilesResponseDict(TypedDict, total=False):
    """``ListFilesResponse`` as a dict."""

    files: Sequence[FileOrDict] | None
    next_page_token: str | None


ListFilesResponseOrDict: TypeAlias = ListFilesResponse | ListFilesResponseDict


class DeleteFileResponseDict(TypedDict, total=False):
    """``DeleteFileResponse`` as a dict."""


DeleteFileResponseOrDict: TypeAlias = DeleteFileResponse | DeleteFileResponseDict


class UploadFileConfigDict(TypedDict, total=False):
    """``UploadFileConfig`` as a dict."""

    http_options: HttpOptionsOrDict | None
    name: str | None
    mime_type: str | None
    display_name: str | None


UploadFileConfigOrDict: TypeAlias = UploadFileConfig | UploadFileConfigDict


class GetFileConfigDict(TypedDict, total=False):
    """``GetFileConfig`` as a dict."""

    http_options: HttpOptionsOrDict | None


GetFileConfigOrDict: TypeAlias = GetFileConfig | GetFileConfigDict


class DeleteFileConfigDict(TypedDict, total=False):
    """``DeleteFileConfig`` as a dict."""

    http_options: HttpOptionsOrDict | None


DeleteFileConfigOrDict: TypeAlias = DeleteFileConfig | DeleteFileConfigDict


class DownloadFileConfigDict(TypedDict, total=False):
    """``DownloadFileConfig`` as a dict."""

    http_options: HttpOptionsOrDict | None


DownloadFileConfigOrDict: TypeAlias = DownloadFileConfig | DownloadFileConfigDict


class ListFilesConfigDict(TypedDict, total=False):
    """``ListFilesConfig`` as a dict."""

    http_options: HttpOptionsOrDict | None
    page_size: int | None
    page_token: str | None


ListFilesConfigOrDict: TypeAlias = ListFilesConfig | ListFilesConfigDict
