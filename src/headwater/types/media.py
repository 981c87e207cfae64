"""Media in prompts and answers: bytes, files, images, and which section of them to use."""

from __future__ import annotations

import io
import mimetypes
import sys
from pathlib import Path
from typing import Any

from headwater.errors import UsageError
from headwater.types.base import ApiModel
from headwater.types.enums import PartMediaResolutionLevel
from headwater.types.open_enum import OpenEnum


class MediaProcessing(OpenEnum):
    """Whether the model gets the media at once, or looks at sections of it as needed."""

    MEDIA_PROCESSING_UNSPECIFIED = "MEDIA_PROCESSING_UNSPECIFIED"
    STATIC = "STATIC"
    AGENTIC = "AGENTIC"


class VideoMetadataContentLayer(OpenEnum):
    """The layers of a video to use."""

    CONTENT_LAYER_UNSPECIFIED = "CONTENT_LAYER_UNSPECIFIED"
    FRAMES = "FRAMES"
    AUDIO = "AUDIO"
    TRANSCRIPT = "TRANSCRIPT"


class DocumentMetadataContentLayer(OpenEnum):
    """The layers of a document to use."""

    CONTENT_LAYER_UNSPECIFIED = "CONTENT_LAYER_UNSPECIFIED"
    PAGE_IMAGE = "PAGE_IMAGE"
    PAGE_TEXT = "PAGE_TEXT"


class SpreadsheetMetadataContentLayer(OpenEnum):
    """The layers of a spreadsheet to use."""

    CONTENT_LAYER_UNSPECIFIED = "CONTENT_LAYER_UNSPECIFIED"
    DATA = "DATA"
    FORMULAS = "FORMULAS"
    VISUAL = "VISUAL"


class Image(ApiModel):
    """An image: bytes and MIME type, or a Cloud Storage URI."""

    gcs_uri: str | None = None
    image_bytes: bytes | None = None
    mime_type: str | None = None

    @classmethod
    def from_file(cls, *, location: str, mime_type: str | None = None) -> Image:
        """Return the image in a file; a ``gs://`` location is referred to, not read.

        Raises:
            UsageError: if the MIME type cannot be guessed.
            OSError: if the file cannot be read.
        """
        if location.startswith("gs://"):
            return cls(gcs_uri=location, mime_type=mime_type)
        kind = mime_type or mimetypes.guess_type(location)[0]
        if kind is None:
            raise UsageError(f"Failed to determine mime type of {location!r} by its extension: pass mime_type=...")
        return cls(image_bytes=Path(location).read_bytes(), mime_type=kind)

    def save(self, location: str) -> None:
        """Write the image to a file.

        Raises:
            UsageError: if the image has only a URI.
            OSError: if the file cannot be written.
        """
        if self.image_bytes is None:
            raise UsageError("this image has no bytes to save, only a URI: download it from gcs_uri")
        Path(location).write_bytes(self.image_bytes)


class Blob(ApiModel):
    """Bytes sent inline. ``data`` is raw bytes in Python and base64 on the wire."""

    data: bytes | None = None
    mime_type: str | None = None
    display_name: str | None = None

    def as_image(self) -> Image | None:
        """Return the bytes as an image; None if the MIME type is another."""
        if not self.data or not (self.mime_type or "").startswith("image/"):
            return None
        return Image(image_bytes=self.data, mime_type=self.mime_type)


class FileData(ApiModel):
    """A file by its URI: of the files API, ``gs://``, or a YouTube URL."""

    file_uri: str | None = None
    mime_type: str | None = None
    display_name: str | None = None


#: google-genai's names of the two in a function's response.
FunctionResponseBlob = Blob
FunctionResponseFileData = FileData


class PartMediaResolution(ApiModel):
    """The resolution of one part's media; overrides the request's."""

    level: PartMediaResolutionLevel | None = None
    #: Instead of a level.
    num_tokens: int | None = None


class VideoMetadata(ApiModel):
    """The section of a video to use. Offsets like "1.5s"; ``fps`` in frames per second (default 1)."""

    start_offset: str | None = None
    end_offset: str | None = None
    #: Frames per second, more than 0 and at most 24 (default 1).
    fps: float | None = None
    content_layers: list[VideoMetadataContentLayer] | None = None


class DocumentMetadata(ApiModel):
    """The pages of a document to use."""

    start_page: int | None = None
    end_page: int | None = None
    content_layers: list[DocumentMetadataContentLayer] | None = None


class SpreadsheetMetadata(ApiModel):
    """The cells of a spreadsheet to use."""

    visible_cells: str | None = None
    sheet_index: int | None = None
    content_layers: list[SpreadsheetMetadataContentLayer] | None = None


class AudioMetadata(ApiModel):
    """The section of a recording to use; offsets like "1.5s"."""

    start_offset: str | None = None
    end_offset: str | None = None


class SpeechMetadata(ApiModel):
    """The speaker and style of a text."""

    speaker: str | None = None
    style: str | None = None


class WordInfo(ApiModel):
    """A spoken word with its times, like "1.5s"."""

    word: str | None = None
    start_offset: str | None = None
    end_offset: str | None = None


class Transcription(ApiModel):
    """The transcript of a recording."""

    text: str | None = None
    finished: bool | None = None
    language_code: str | None = None
    speaker_label: str | None = None
    words: list[WordInfo] | None = None
    start_offset: str | None = None
    end_offset: str | None = None


def pillow_blob(value: Any) -> Blob | None:
    """Return a Pillow image as bytes, as PNG, or as JPEG if it was read from a JPEG file. None for other values.

    Does not import Pillow: a program that has an image has imported it.
    """
    pillow = sys.modules.get("PIL.Image")
    if pillow is None or not isinstance(value, pillow.Image):
        return None
    kind = "JPEG" if value.format == "JPEG" and getattr(value, "filename", "") else "PNG"
    buffer = io.BytesIO()
    value.save(buffer, format=kind)
    return Blob(data=buffer.getvalue(), mime_type=f"image/{kind.lower()}")
