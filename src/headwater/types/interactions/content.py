"""Contents of the Interactions API: text and media, how media is read, citations."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from headwater.types.interactions.base import JsonObject, UnknownObject, absent

__all__ = [
    "Annotation",
    "AudioContent",
    "AudioMediaProcessing",
    "AudioProcessing",
    "AudioProcessingEnum",
    "AudioStaticMediaProcessing",
    "Content",
    "DocumentContent",
    "DocumentMediaProcessing",
    "DocumentProcessing",
    "DocumentProcessingEnum",
    "DocumentStaticMediaProcessing",
    "FileCitation",
    "ImageContent",
    "MediaProcessing",
    "MediaResolution",
    "PageProcessingOptions",
    "PageProcessingOptionsContentLayer",
    "PlaceCitation",
    "Processing",
    "ProcessingEnum",
    "ReviewSnippet",
    "SpeechAnnotation",
    "SpreadsheetProcessingOptions",
    "SpreadsheetProcessingOptionsContentLayer",
    "StaticMediaProcessing",
    "StaticMediaProcessingContentLayer",
    "TextContent",
    "ThoughtSummaryContent",
    "URLCitation",
    "UnknownAnnotation",
    "UnknownContent",
    "UnknownThoughtSummaryContent",
    "VideoContent",
    "WordInfo",
]

MediaResolution: TypeAlias = Literal["low", "medium", "high", "ultra_high"] | str


class AudioStaticMediaProcessing(JsonObject):
    """The part of an audio file that is read."""

    end_offset: str | None = None
    start_offset: str | None = None
    type: Literal["static"] = "static"


AudioMediaProcessing: TypeAlias = AudioStaticMediaProcessing
AudioProcessingEnum: TypeAlias = Literal["static"] | str
AudioProcessing: TypeAlias = AudioMediaProcessing | AudioProcessingEnum
PageProcessingOptionsContentLayer: TypeAlias = Literal["page_image", "page_text"] | str


class PageProcessingOptions(JsonObject):
    """Which pages of a document are read, and how."""

    content_layers: list[PageProcessingOptionsContentLayer] | None = None
    end_page: int | None = None
    start_page: int | None = None


SpreadsheetProcessingOptionsContentLayer: TypeAlias = Literal["visual", "data", "formulas"] | str


class SpreadsheetProcessingOptions(JsonObject):
    """Which sheet of a spreadsheet is read, and how."""

    content_layers: list[SpreadsheetProcessingOptionsContentLayer] | None = None
    sheet_index: int | None = None
    visible_cells: str | None = None


class DocumentStaticMediaProcessing(JsonObject):
    """How a document is read."""

    page_options: PageProcessingOptions | None = None
    spreadsheet_options: SpreadsheetProcessingOptions | None = None
    type: Literal["static"] = "static"


DocumentMediaProcessing: TypeAlias = DocumentStaticMediaProcessing
DocumentProcessingEnum: TypeAlias = Literal["static"] | str
DocumentProcessing: TypeAlias = DocumentMediaProcessing | DocumentProcessingEnum
StaticMediaProcessingContentLayer: TypeAlias = Literal["frames", "audio", "transcript"] | str


class StaticMediaProcessing(JsonObject):
    """Which part of a video is read, and at what rate."""

    content_layers: list[StaticMediaProcessingContentLayer] | None = None
    end_offset: str | None = None
    fps: float | None = None
    start_offset: str | None = None
    type: Literal["static"] = "static"


MediaProcessing: TypeAlias = StaticMediaProcessing
ProcessingEnum: TypeAlias = Literal["static", "agentic"] | str
Processing: TypeAlias = MediaProcessing | ProcessingEnum


class ReviewSnippet(JsonObject):
    """A part of a review of a place."""

    review_id: str | None = None
    title: str | None = None
    url: str | None = None


class FileCitation(JsonObject):
    """A citation of a file; indexes count bytes of the text."""

    custom_metadata: dict[str, Any] | None = None
    document_uri: str | None = None
    end_index: int | None = None
    file_name: str | None = None
    media_id: str | None = None
    page_number: int | None = None
    source: str | None = None
    start_index: int | None = None
    type: Literal["file_citation"] = "file_citation"


class PlaceCitation(JsonObject):
    """A citation of a place on the map."""

    end_index: int | None = None
    name: str | None = None
    place_id: str | None = None
    review_snippets: list[ReviewSnippet] | None = None
    start_index: int | None = None
    type: Literal["place_citation"] = "place_citation"
    url: str | None = None


class SpeechAnnotation(JsonObject):
    """Who speaks a part of a transcript, and how."""

    end_index: int | None = None
    speaker: str | None = None
    start_index: int | None = None
    style: str | None = None
    type: Literal["speech_metadata"] = "speech_metadata"


class URLCitation(JsonObject):
    """A citation of a web page; indexes count bytes of the text."""

    end_index: int | None = None
    start_index: int | None = None
    title: str | None = None
    type: Literal["url_citation"] = "url_citation"
    url: str | None = None


class WordInfo(JsonObject):
    """A word of a transcript, with its times."""

    end_index: int | None = None
    end_offset: str | None = None
    speaker: str | None = None
    start_index: int | None = None
    start_offset: str | None = None
    text: str | None = None
    type: Literal["word_info"] = "word_info"


class UnknownAnnotation(UnknownObject):
    """An annotation of an unknown type."""

    type: Literal["UNKNOWN"] = "UNKNOWN"


Annotation: TypeAlias = FileCitation | PlaceCitation | SpeechAnnotation | URLCitation | WordInfo | UnknownAnnotation


class TextContent(JsonObject):
    """Text, with its citations."""

    text: str
    annotations: list[Annotation] | None = None
    type: Literal["text"] = "text"


class ImageContent(JsonObject):
    """An image: base64 ``data``, or a ``uri``."""

    data: str = absent()
    mime_type: str | None = None
    resolution: MediaResolution | None = None
    type: Literal["image"] = "image"
    uri: str | None = None


class AudioContent(JsonObject):
    """Audio: base64 ``data``, or a ``uri``."""

    channels: int | None = None
    data: str = absent()
    mime_type: str | None = None
    processing: AudioProcessing | None = None
    sample_rate: int | None = None
    type: Literal["audio"] = "audio"
    uri: str | None = None


class VideoContent(JsonObject):
    """A video: base64 ``data``, or a ``uri``."""

    data: str = absent()
    mime_type: str | None = None
    name: str | None = None
    processing: Processing | None = None
    resolution: MediaResolution | None = None
    type: Literal["video"] = "video"
    uri: str | None = None


class DocumentContent(JsonObject):
    """A document: base64 ``data``, or a ``uri``."""

    data: str = absent()
    mime_type: str | None = None
    processing: DocumentProcessing | None = None
    resolution: MediaResolution | None = None
    type: Literal["document"] = "document"
    uri: str | None = None


class UnknownContent(UnknownObject):
    """A content of an unknown type."""

    type: Literal["UNKNOWN"] = "UNKNOWN"


Content: TypeAlias = AudioContent | DocumentContent | ImageContent | TextContent | VideoContent | UnknownContent


class UnknownThoughtSummaryContent(UnknownObject):
    """A part of a thought of an unknown type."""

    type: Literal["UNKNOWN"] = "UNKNOWN"


ThoughtSummaryContent: TypeAlias = ImageContent | TextContent | UnknownThoughtSummaryContent
