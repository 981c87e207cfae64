"""Media in a prompt or an answer: bytes, files, images, and which piece of them is meant."""

from __future__ import annotations

import io
import mimetypes
import sys
from pathlib import Path
from typing import Any

from headwater.errors import UsageError
from headwater.types.base import ApiModel, OpenEnum
from headwater.types.enums import PartMediaResolutionLevel


class MediaProcessing(OpenEnum):
    """Whether media is read at once or by an agent that looks where it needs to."""

    MEDIA_PROCESSING_UNSPECIFIED = "MEDIA_PROCESSING_UNSPECIFIED"
    STATIC = "STATIC"
    AGENTIC = "AGENTIC"


class VideoMetadataContentLayer(OpenEnum):
    """What of a video is read."""

    CONTENT_LAYER_UNSPECIFIED = "CONTENT_LAYER_UNSPECIFIED"
    FRAMES = "FRAMES"
    AUDIO = "AUDIO"
    TRANSCRIPT = "TRANSCRIPT"


class DocumentMetadataContentLayer(OpenEnum):
    """What of a document is read."""

    CONTENT_LAYER_UNSPECIFIED = "CONTENT_LAYER_UNSPECIFIED"
    PAGE_IMAGE = "PAGE_IMAGE"
    PAGE_TEXT = "PAGE_TEXT"


class SpreadsheetMetadataContentLayer(OpenEnum):
    """What of a spreadsheet is read."""

    CONTENT_LAYER_UNSPECIFIED = "CONTENT_LAYER_UNSPECIFIED"
    DATA = "DATA"
    FORMULAS = "FORMULAS"
    VISUAL = "VISUAL"


class Image(ApiModel):
    """An image: its bytes and their type, or its place in Cloud Storage."""

    gcs_uri: str | None = None
    image_bytes: bytes | None = None
    mime_type: str | None = None

    @classmethod
    def from_file(cls, *, location: str, mime_type: str | None = None) -> Image:
        """Return the image in a file; ``gs://`` locations are named, not read.

        Raises:
            UsageError: the MIME type cannot be guessed.
            OSError: the file cannot be read.
        """
        if location.startswith("gs://"):
            return cls(gcs_uri=location, mime_type=mime_type)
        kind = mime_type or mimetypes.guess_type(location)[0]
        if kind is None:
            raise UsageError(f"Failed to determine mime type of {location!r} by its ending: pass mime_type=...")
        return cls(image_bytes=Path(location).read_bytes(), mime_type=kind)

    def save(self, location: str) -> None:
        """Write the image's bytes to a file.

        Raises:
            UsageError: the image has no bytes, only a place.
            OSError: the file cannot be written.
        """
        if self.image_bytes is None:
            raise UsageError("this image has no bytes that could be saved, only a place: download it from gcs_uri")
        Path(location).write_bytes(self.image_bytes)


class Blob(ApiModel):
    """Bytes sent inline. ``data`` is raw bytes in Python and base64 on the wire."""

    data: bytes | None = None
    mime_type: str | None = None
    display_name: str | None = None

    def as_image(self) -> Image | None:
        """Return the bytes as an image; None where they are none."""
        if not self.data or not (self.mime_type or "").startswith("image/"):
            return None
        return Image(image_bytes=self.data, mime_type=self.mime_type)


class FileData(ApiModel):
    """A file named by its URI (``files/...``, ``gs://``, a YouTube URL)."""

    file_uri: str | None = None
    mime_type: str | None = None
    display_name: str | None = None


#: What google-genai calls the two inside a function's answer.
FunctionResponseBlob = Blob
FunctionResponseFileData = FileData


class PartMediaResolution(ApiModel):
    """How finely the media of one part is read."""

    level: PartMediaResolutionLevel | None = None
    num_tokens: int | None = None


class VideoMetadata(ApiModel):
    """Which piece of a video is meant; offsets as "1.5s"."""

    start_offset: str | None = None
    end_offset: str | None = None
    fps: float | None = None
    content_layers: list[VideoMetadataContentLayer] | None = None


class DocumentMetadata(ApiModel):
    """Which pages of a document are meant."""

    start_page: int | None = None
    end_page: int | None = None
    content_layers: list[DocumentMetadataContentLayer] | None = None


class SpreadsheetMetadata(ApiModel):
    """Which cells of a spreadsheet are meant."""

    visible_cells: str | None = None
    sheet_index: int | None = None
    content_layers: list[SpreadsheetMetadataContentLayer] | None = None


class AudioMetadata(ApiModel):
    """Which piece of a recording is meant; offsets as "1.5s"."""

    start_offset: str | None = None
    end_offset: str | None = None


class SpeechMetadata(ApiModel):
    """Who speaks a text, and in what style."""

    speaker: str | None = None
    style: str | None = None


class WordInfo(ApiModel):
    """A spoken word and when it was said."""

    word: str | None = None
    start_offset: str | None = None
    end_offset: str | None = None


class Transcription(ApiModel):
    """What was said in a recording."""

    text: str | None = None
    finished: bool | None = None
    language_code: str | None = None
    speaker_label: str | None = None
    words: list[WordInfo] | None = None
    start_offset: str | None = None
    end_offset: str | None = None


def pillow_blob(value: Any) -> Blob | None:
    """Return an image of Pillow as bytes: a JPEG that was read from a file stays one, all else becomes PNG.

    None where ``value`` is none. Pillow is not imported for the question: who has an image has loaded it.
    """
    pillow = sys.modules.get("PIL.Image")
    if pillow is None or not isinstance(value, pillow.Image):
        return None
    kind = "JPEG" if value.format == "JPEG" and getattr(value, "filename", "") else "PNG"
    buffer = io.BytesIO()
    value.save(buffer, format=kind)
    return Blob(data=buffer.getvalue(), mime_type=f"image/{kind.lower()}")
