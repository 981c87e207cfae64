"""Uploaded files: what the API knows of one, and the configs of the methods that handle them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from headwater.types.base import ApiModel, OpenEnum
from headwater.types.http import HttpOptions
from headwater.types.response import ApiResponse


class FileState(OpenEnum):
    """Whether a file can be used in a prompt."""

    STATE_UNSPECIFIED = "STATE_UNSPECIFIED"
    PROCESSING = "PROCESSING"
    ACTIVE = "ACTIVE"
    FAILED = "FAILED"


class FileSource(OpenEnum):
    """Where a file comes from."""

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
    """A file that the API keeps, for 48 hours as a rule. ``uri`` names it in a prompt."""

    name: str | None = None
    display_name: str | None = None
    mime_type: str | None = None
    size_bytes: int | None = None
    create_time: datetime | None = None
    expiration_time: datetime | None = None
    update_time: datetime | None = None
    sha256_hash: str | None = None
    uri: str | None = None
    download_uri: str | None = None
    state: FileState | None = None
    source: FileSource | None = None
    video_metadata: dict[str, Any] | None = None
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
    """What deleting a file answers: nothing."""


class UploadFileConfig(ApiModel):
    """What to say of a file that is uploaded. The API makes a ``name`` up where none is given."""

    http_options: HttpOptions | None = None
    name: str | None = None
    mime_type: str | None = None
    display_name: str | None = None


class GetFileConfig(ApiModel):
    """How a file is looked up."""

    http_options: HttpOptions | None = None


class DeleteFileConfig(ApiModel):
    """How a file is deleted."""

    http_options: HttpOptions | None = None


class DownloadFileConfig(ApiModel):
    """How a file is downloaded."""

    http_options: HttpOptions | None = None


class ListFilesConfig(ApiModel):
    """Which page of files is asked for, and how large it is."""

    http_options: HttpOptions | None = None
    page_size: int | None = None
    page_token: str | None = None
