"""Embeddings: contents as vectors of numbers."""

from __future__ import annotations

from headwater.types.base import ApiModel
from headwater.types.http import HttpOptions
from headwater.types.response import ApiResponse, ModalityTokenCount, UsageMetadata


class EmbedContentConfig(ApiModel):
    """What the vectors are for, and how long they are."""

    http_options: HttpOptions | None = None
    #: ``RETRIEVAL_QUERY``, ``RETRIEVAL_DOCUMENT``, ``SEMANTIC_SIMILARITY``, ``CLASSIFICATION`` ...
    task_type: str | None = None
    #: Of the text, with the task ``RETRIEVAL_DOCUMENT``.
    title: str | None = None
    #: The numbers in a vector.
    output_dimensionality: int | None = None
    #: Of the input. Vertex AI only.
    mime_type: str | None = None
    #: Whether input that is too long is cut; otherwise it is an error. Vertex AI only.
    auto_truncate: bool | None = None
    #: Whether text in documents is recognized. Vertex AI only.
    document_ocr: bool | None = None
    #: Whether the sound of videos counts. Vertex AI only.
    audio_track_extraction: bool | None = None


class ContentEmbeddingStatistics(ApiModel):
    """What was read of the input (Vertex AI)."""

    truncated: bool | None = None
    token_count: float | None = None
    tokens_details: list[ModalityTokenCount] | None = None


class ContentEmbedding(ApiModel):
    """The vector of one content."""

    values: list[float] | None = None
    statistics: ContentEmbeddingStatistics | None = None


class EmbedContentMetadata(ApiModel):
    """What is billed (Vertex AI)."""

    billable_character_count: int | None = None


class EmbedContentResponse(ApiResponse):
    """The vectors of contents, in their order."""

    embeddings: list[ContentEmbedding] | None = None
    metadata: EmbedContentMetadata | None = None
    #: Whether the input was cut (Vertex AI).
    truncated: bool | None = None
    usage_metadata: UsageMetadata | None = None
