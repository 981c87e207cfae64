"""Where an answer comes from: the searches and sources behind it."""

from __future__ import annotations

from typing import Any

from headwater.types.base import Wire


class GroundingChunkWeb(Wire):
    """A web page."""

    uri: str | None = None
    title: str | None = None
    domain: str | None = None


class GroundingChunkRetrievedContext(Wire):
    """A passage of a document store."""

    uri: str | None = None
    title: str | None = None
    text: str | None = None
    document_name: str | None = None
    file_search_store: str | None = None
    custom_metadata: list[dict[str, Any]] | None = None
    rag_chunk: dict[str, Any] | None = None


class GroundingChunkMaps(Wire):
    """A place."""

    uri: str | None = None
    title: str | None = None
    text: str | None = None
    place_id: str | None = None
    place_answer_sources: dict[str, Any] | None = None


class GroundingChunk(Wire):
    """One source."""

    web: GroundingChunkWeb | None = None
    retrieved_context: GroundingChunkRetrievedContext | None = None
    maps: GroundingChunkMaps | None = None
    image: dict[str, Any] | None = None


class Segment(Wire):
    """A piece of the answer, by byte offsets within one part."""

    part_index: int | None = None
    start_index: int | None = None
    end_index: int | None = None
    text: str | None = None


class GroundingSupport(Wire):
    """Which sources stand behind which piece of the answer."""

    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None
    confidence_scores: list[float] | None = None
    rendered_parts: list[int] | None = None


class SearchEntryPoint(Wire):
    """HTML of search suggestions, to be shown with the answer."""

    rendered_content: str | None = None
    sdk_blob: str | None = None


class RetrievalMetadata(Wire):
    """How strongly a search seemed worth while."""

    google_search_dynamic_retrieval_score: float | None = None


class GroundingMetadata(Wire):
    """The searches, sources and supports of a candidate; streams carry it in full on the last chunk only."""

    web_search_queries: list[str] | None = None
    image_search_queries: list[str] | None = None
    retrieval_queries: list[str] | None = None
    search_entry_point: SearchEntryPoint | None = None
    grounding_chunks: list[GroundingChunk] | None = None
    grounding_supports: list[GroundingSupport] | None = None
    retrieval_metadata: RetrievalMetadata | None = None
    google_maps_widget_context_token: str | None = None
    source_flagging_uris: list[dict[str, Any]] | None = None
