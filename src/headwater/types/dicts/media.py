"""The twins of ``headwater.types.media``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypedDict

from headwater.types.enums import PartMediaResolutionLevel
from headwater.types.media import (
    AudioMetadata,
    Blob,
    DocumentMetadata,
    DocumentMetadataContentLayer,
    FileData,
    Image,
    PartMediaResolution,
    SpeechMetadata,
    SpreadsheetMetadata,
    SpreadsheetMetadataContentLayer,
    Transcription,
    VideoMetadata,
    VideoMetadataContentLayer,
    WordInfo,
)


class ImageDict(TypedDict, total=False):
    """``Image`` as a dict."""

    gcs_uri: str | None
    image_bytes: bytes | None
    mime_type: str | None


ImageOrDict: TypeAlias = Image | ImageDict


class BlobDict(TypedDict, total=False):
    """``Blob`` as a dict."""

    data: bytes | None
    mime_type: str | None
    display_name: str | None


BlobOrDict: TypeAlias = Blob | BlobDict


class FileDataDict(TypedDict, total=False):
    """``FileData`` as a dict."""

    file_uri: str | None
    mime_type: str | None
    display_name: str | None


FileDataOrDict: TypeAlias = FileData | FileDataDict


class PartMediaResolutionDict(TypedDict, total=False):
    """``PartMediaResolution`` as a dict."""

    level: PartMediaResolutionLevel | str | None
    num_tokens: int | None


PartMediaResolutionOrDict: TypeAlias = PartMediaResolution | PartMediaResolutionDict


class VideoMetadataDict(TypedDict, total=False):
    """``VideoMetadata`` as a dict."""

    start_offset: str | None
    end_offset: str | None
    fps: float | None
    content_layers: Sequence[VideoMetadataContentLayer | str] | None


VideoMetadataOrDict: TypeAlias = VideoMetadata | VideoMetadataDict


class DocumentMetadataDict(TypedDict, total=False):
    """``DocumentMetadata`` as a dict."""

    start_page: int | None
    end_page: int | None
    content_layers: Sequence[DocumentMetadataContentLayer | str] | None


DocumentMetadataOrDict: TypeAlias = DocumentMetadata | DocumentMetadataDict


class SpreadsheetMetadataDict(TypedDict, total=False):
    """``SpreadsheetMetadata`` as a dict."""

    visible_cells: str | None
    sheet_index: int | None
    content_layers: Sequence[SpreadsheetMetadataContentLayer | str] | None


SpreadsheetMetadataOrDict: TypeAlias = SpreadsheetMetadata | SpreadsheetMetadataDict


class AudioMetadataDict(TypedDict, total=False):
    """``AudioMetadata`` as a dict."""

    start_offset: str | None
    end_offset: str | None


AudioMetadataOrDict: TypeAlias = AudioMetadata | AudioMetadataDict


class SpeechMetadataDict(TypedDict, total=False):
    """``SpeechMetadata`` as a dict."""

    speaker: str | None
    style: str | None


SpeechMetadataOrDict: TypeAlias = SpeechMetadata | SpeechMetadataDict


class WordInfoDict(TypedDict, total=False):
    """``WordInfo`` as a dict."""

    word: str | None
    start_offset: str | None
    end_offset: str | None


WordInfoOrDict: TypeAlias = WordInfo | WordInfoDict


class TranscriptionDict(TypedDict, total=False):
    """``Transcription`` as a dict."""

    text: str | None
    finished: bool | None
    language_code: str | None
    speaker_label: str | None
    words: Sequence[WordInfoOrDict] | None
    start_offset: str | None
    end_offset: str | None


TranscriptionOrDict: TypeAlias = Transcription | TranscriptionDict
