"""Uploaded files, and the configs of the methods of ``client.files`` (Developer API)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from headwater.types.base import ApiModel
from headwater.types.http import HttpOptions
from headwater.types.open_enum import OpenEnum
from headwater.types.response import ApiResponse


class FileState(OpenEnum):
    """Whether a file can be used in a prompt."""

    STATE_UNSPECIFIED = "STATE_UNSPECIFIED"
    PROCESSING = "PROCESSING"
    ACTIVE = "ACTIVE"
    FAILED = "FAILED"


class FileSource(OpenEnum):
    """The origin of a file."""

    SOURCE_UNSPECIFIED = "SOURCE_UNSPECIFIED"
    UPLOADED = "UPLOADED"
    GENERATED = "GENERATED"
    REGISTERED = "REGISTERED"


class FileStatus(ApiModel):
    """Why the API could not process a file."""

    code: int | None = None
    message: str | None = None
    details: list[dict[str, Any]] | None = None


class File(ApiResponse):
    """A file stored by the API, for 48 hours. ``uri`` refers to it in a prompt."""

    #: ``files/`` and an id.
    name: str | None = None
    display_name: str | None = None
    mime_type: str | None = None
    size_bytes: int | None = None
    create_time: datetime | None = None
    #: When the API deletes it.
    expiration_time: datetime | None = None
    update_time: datetime | None = None
    sha256_hash: str | None = None
    #: For ``FileData`` in a prompt.
    uri: str | None = None
    #: Of generated files only.
    download_uri: str | None = None
    state: FileState | None = None
    source: FileSource | None = None
    video_metadata: dict[str, Any] | None = None
    #: Why it is FAILED.
    error: FileStatus | None = None


class ListFilesResponse(ApiResponse):
    """One page of files."""

    files: list[File] | None = None
    next_page_token: str | None = None

    @property
    def items(self) -> list[File]:
        """The files of this page."""
        return self.files or []


class DeleteFileResponse(ApiResponse):
    """The response to a deletion: empty."""


class RegisterFilesResponse(ApiResponse):
    """The files of Cloud Storage that were registered."""

    files: list[File] | None = None


class RegisterFilesConfig(ApiModel):
    """How to register files."""

    http_options: HttpOptions | None = None
    #: Accepted for google-genai's sake: every response has its headers and ``raw``.
    should_return_http_response: bool | None = None


class UploadFileConfig(ApiModel):
    """The details of an upload. Without a ``name`` the API chooses one."""

    http_options: HttpOptions | None = None
    name: str | None = None
    #: Guessed from the extension unless it is given.
    mime_type: str | None = None
    display_name: str | None = None


class GetFileConfig(ApiModel):
    """How to get a file."""

    http_options: HttpOptions | None = None


class DeleteFileConfig(ApiModel):
    """How to delete a file."""

    http_options: HttpOptions | None = None


class DownloadFileConfig(ApiModel):
    """How to download a file."""

    http_options: HttpOptions | None = None


class ListFilesConfig(ApiModel):
    """The page of files to list, and its size."""

    http_options: HttpOptions | None = None
    #: At most 100 (default 10).
    page_size: int | None = None
    page_token: str | None = None
