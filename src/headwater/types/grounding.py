"""Grounding: the searches and sources of an answer."""

from __future__ import annotations

from headwater.types.base import ApiModel


class GroundingChunkWeb(ApiModel):
    """A web page."""

    uri: str | None = None
    title: str | None = None
    domain: str | None = None


class RagChunkPageSpan(ApiModel):
    """The pages of a passage."""

    first_page: int | None = None
    last_page: int | None = None


class RagChunk(ApiModel):
    """A passage of a RAG corpus."""

    page_span: RagChunkPageSpan | None = None
    text: str | None = None
    chunk_id: str | None = None
    file_id: str | None = None


class GroundingChunkStringList(ApiModel):
    """A list of texts."""

    values: list[str] | None = None


class GroundingChunkCustomMetadata(ApiModel):
    """A key and value of a document's metadata."""

    key: str | None = None
    numeric_value: float | None = None
    string_list_value: GroundingChunkStringList | None = None
    string_value: str | None = None


class GroundingChunkRetrievedContext(ApiModel):
    """A passage of a document store."""

    uri: str | None = None
    title: str | None = None
    text: str | None = None
    document_name: str | None = None
    file_search_store: str | None = None
    custom_metadata: list[GroundingChunkCustomMetadata] | None = None
    rag_chunk: RagChunk | None = None
    page_number: int | None = None
    media_id: str | None = None


class GroundingChunkImage(ApiModel):
    """An image on a web page."""

    source_uri: str | None = None
    image_uri: str | None = None
    title: str | None = None
    domain: str | None = None


class GroundingChunkMapsRoute(ApiModel):
    """A route between places."""

    distance_meters: int | None = None
    duration: str | None = None
    encoded_polyline: str | None = None


class GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution(ApiModel):
    """The author of a review."""

    display_name: str | None = None
    photo_uri: str | None = None
    uri: str | None = None


class GroundingChunkMapsPlaceAnswerSourcesReviewSnippet(ApiModel):
    """A snippet of a review."""

    author_attribution: GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution | None = None
    flag_content_uri: str | None = None
    google_maps_uri: str | None = None
    relative_publish_time_description: str | None = None
    review: str | None = None
    review_id: str | None = None
    title: str | None = None


class GroundingChunkMapsPlaceAnswerSources(ApiModel):
    """The reviews that support statements about a place."""

    review_snippet: list[GroundingChunkMapsPlaceAnswerSourcesReviewSnippet] | None = None
    review_snippets: list[GroundingChunkMapsPlaceAnswerSourcesReviewSnippet] | None = None
    flag_content_uri: str | None = None


class GroundingChunkMaps(ApiModel):
    """A place."""

    uri: str | None = None
    title: str | None = None
    text: str | None = None
    place_id: str | None = None
    place_answer_sources: GroundingChunkMapsPlaceAnswerSources | None = None
    route: GroundingChunkMapsRoute | None = None


class GroundingChunk(ApiModel):
    """A source."""

    web: GroundingChunkWeb | None = None
    retrieved_context: GroundingChunkRetrievedContext | None = None
    maps: GroundingChunkMaps | None = None
    image: GroundingChunkImage | None = None


class Segment(ApiModel):
    """A segment of the answer; the offsets are in bytes (UTF-8) within one part."""

    #: Of the part in the content.
    part_index: int | None = None
    #: In bytes (UTF-8) of the part's text; the end is exclusive.
    start_index: int | None = None
    end_index: int | None = None
    text: str | None = None


class GroundingSupport(ApiModel):
    """The sources of a segment; the indices refer to ``grounding_chunks``."""

    segment: Segment | None = None
    #: Into ``grounding_chunks`` of the metadata.
    grounding_chunk_indices: list[int] | None = None
    #: 0 to 1, one for each index; not every model sends them.
    confidence_scores: list[float] | None = None
    rendered_parts: list[int] | None = None


class SearchEntryPoint(ApiModel):
    """HTML of search suggestions. Google requires it to be shown with the answer."""

    rendered_content: str | None = None
    sdk_blob: str | None = None


class RetrievalMetadata(ApiModel):
    """The score by which the model decided to search, 0 to 1."""

    #: 0 to 1.
    google_search_dynamic_retrieval_score: float | None = None


class GroundingMetadataSourceFlaggingUri(ApiModel):
    """The URI for reporting a source."""

    flag_content_uri: str | None = None
    source_id: str | None = None


class GroundingMetadata(ApiModel):
    """The searches and sources of a candidate. In streams only the last chunk has all of it."""

    web_search_queries: list[str] | None = None
    image_search_queries: list[str] | None = None
    retrieval_queries: list[str] | None = None
    search_entry_point: SearchEntryPoint | None = None
    grounding_chunks: list[GroundingChunk] | None = None
    grounding_supports: list[GroundingSupport] | None = None
    retrieval_metadata: RetrievalMetadata | None = None
    google_maps_widget_context_token: str | None = None
    source_flagging_uris: list[GroundingMetadataSourceFlaggingUri] | None = None
