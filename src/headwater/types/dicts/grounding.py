"""The twins of ``headwater.types.grounding``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypedDict

from headwater.types.grounding import (
    GroundingChunk,
    GroundingChunkCustomMetadata,
    GroundingChunkImage,
    GroundingChunkMaps,
    GroundingChunkMapsPlaceAnswerSources,
    GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution,
    GroundingChunkMapsPlaceAnswerSourcesReviewSnippet,
    GroundingChunkMapsRoute,
    GroundingChunkRetrievedContext,
    GroundingChunkStringList,
    GroundingChunkWeb,
    GroundingMetadata,
    GroundingMetadataSourceFlaggingUri,
    GroundingSupport,
    RagChunk,
    RagChunkPageSpan,
    RetrievalMetadata,
    SearchEntryPoint,
    Segment,
)


class GroundingChunkWebDict(TypedDict, total=False):
    """``GroundingChunkWeb`` as a dict."""

    uri: str | None
    title: str | None
    domain: str | None


GroundingChunkWebOrDict: TypeAlias = GroundingChunkWeb | GroundingChunkWebDict


class RagChunkPageSpanDict(TypedDict, total=False):
    """``RagChunkPageSpan`` as a dict."""

    first_page: int | None
    last_page: int | None


RagChunkPageSpanOrDict: TypeAlias = RagChunkPageSpan | RagChunkPageSpanDict


class RagChunkDict(TypedDict, total=False):
    """``RagChunk`` as a dict."""

    page_span: RagChunkPageSpanOrDict | None
    text: str | None
    chunk_id: str | None
    file_id: str | None


RagChunkOrDict: TypeAlias = RagChunk | RagChunkDict


class GroundingChunkStringListDict(TypedDict, total=False):
    """``GroundingChunkStringList`` as a dict."""

    values: Sequence[str] | None


GroundingChunkStringListOrDict: TypeAlias = GroundingChunkStringList | GroundingChunkStringListDict


class GroundingChunkCustomMetadataDict(TypedDict, total=False):
    """``GroundingChunkCustomMetadata`` as a dict."""

    key: str | None
    numeric_value: float | None
    string_list_value: GroundingChunkStringListOrDict | None
    string_value: str | None


GroundingChunkCustomMetadataOrDict: TypeAlias = GroundingChunkCustomMetadata | GroundingChunkCustomMetadataDict


class GroundingChunkRetrievedContextDict(TypedDict, total=False):
    """``GroundingChunkRetrievedContext`` as a dict."""

    uri: str | None
    title: str | None
    text: str | None
    document_name: str | None
    file_search_store: str | None
    custom_metadata: Sequence[GroundingChunkCustomMetadataOrDict] | None
    rag_chunk: RagChunkOrDict | None
    page_number: int | None
    media_id: str | None


GroundingChunkRetrievedContextOrDict: TypeAlias = GroundingChunkRetrievedContext | GroundingChunkRetrievedContextDict


class GroundingChunkImageDict(TypedDict, total=False):
    """``GroundingChunkImage`` as a dict."""

    source_uri: str | None
    image_uri: str | None
    title: str | None
    domain: str | None


GroundingChunkImageOrDict: TypeAlias = GroundingChunkImage | GroundingChunkImageDict


class GroundingChunkMapsRouteDict(TypedDict, total=False):
    """``GroundingChunkMapsRoute`` as a dict."""

    distance_meters: int | None
    duration: str | None
    encoded_polyline: str | None


GroundingChunkMapsRouteOrDict: TypeAlias = GroundingChunkMapsRoute | GroundingChunkMapsRouteDict


class GroundingChunkMapsPlaceAnswerSourcesAuthorAttributionDict(TypedDict, total=False):
    """``GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution`` as a dict."""

    display_name: str | None
    photo_uri: str | None
    uri: str | None


GroundingChunkMapsPlaceAnswerSourcesAuthorAttributionOrDict: TypeAlias = (
    GroundingChunkMapsPlaceAnswerSourcesAuthorAttribution | GroundingChunkMapsPlaceAnswerSourcesAuthorAttributionDict
)


class GroundingChunkMapsPlaceAnswerSourcesReviewSnippetDict(TypedDict, total=False):
    """``GroundingChunkMapsPlaceAnswerSourcesReviewSnippet`` as a dict."""

    author_attribution: GroundingChunkMapsPlaceAnswerSourcesAuthorAttributionOrDict | None
    flag_content_uri: str | None
    google_maps_uri: str | None
    relative_publish_time_description: str | None
    review: str | None
    review_id: str | None
    title: str | None


GroundingChunkMapsPlaceAnswerSourcesReviewSnippetOrDict: TypeAlias = (
    GroundingChunkMapsPlaceAnswerSourcesReviewSnippet | GroundingChunkMapsPlaceAnswerSourcesReviewSnippetDict
)


class GroundingChunkMapsPlaceAnswerSourcesDict(TypedDict, total=False):
    """``GroundingChunkMapsPlaceAnswerSources`` as a dict."""

    review_snippet: Sequence[GroundingChunkMapsPlaceAnswerSourcesReviewSnippetOrDict] | None
    review_snippets: Sequence[GroundingChunkMapsPlaceAnswerSourcesReviewSnippetOrDict] | None
    flag_content_uri: str | None


GroundingChunkMapsPlaceAnswerSourcesOrDict: TypeAlias = (
    GroundingChunkMapsPlaceAnswerSources | GroundingChunkMapsPlaceAnswerSourcesDict
)


class GroundingChunkMapsDict(TypedDict, total=False):
    """``GroundingChunkMaps`` as a dict."""

    uri: str | None
    title: str | None
    text: str | None
    place_id: str | None
    place_answer_sources: GroundingChunkMapsPlaceAnswerSourcesOrDict | None
    route: GroundingChunkMapsRouteOrDict | None


GroundingChunkMapsOrDict: TypeAlias = GroundingChunkMaps | GroundingChunkMapsDict


class GroundingChunkDict(TypedDict, total=False):
    """``GroundingChunk`` as a dict."""

    web: GroundingChunkWebOrDict | None
    retrieved_context: GroundingChunkRetrievedContextOrDict | None
    maps: GroundingChunkMapsOrDict | None
    image: GroundingChunkImageOrDict | None


GroundingChunkOrDict: TypeAlias = GroundingChunk | GroundingChunkDict


class SegmentDict(TypedDict, total=False):
    """``Segment`` as a dict."""

    part_index: int | None
    start_index: int | None
    end_index: int | None
    text: str | None


SegmentOrDict: TypeAlias = Segment | SegmentDict


class GroundingSupportDict(TypedDict, total=False):
    """``GroundingSupport`` as a dict."""

    segment: SegmentOrDict | None
    grounding_chunk_indices: Sequence[int] | None
    confidence_scores: Sequence[float] | None
    rendered_parts: Sequence[int] | None


GroundingSupportOrDict: TypeAlias = GroundingSupport | GroundingSupportDict


class SearchEntryPointDict(TypedDict, total=False):
    """``SearchEntryPoint`` as a dict."""

    rendered_content: str | None
    sdk_blob: str | None


SearchEntryPointOrDict: TypeAlias = SearchEntryPoint | SearchEntryPointDict


class RetrievalMetadataDict(TypedDict, total=False):
    """``RetrievalMetadata`` as a dict."""

    google_search_dynamic_retrieval_score: float | None


RetrievalMetadataOrDict: TypeAlias = RetrievalMetadata | RetrievalMetadataDict


class GroundingMetadataSourceFlaggingUriDict(TypedDict, total=False):
    """``GroundingMetadataSourceFlaggingUri`` as a dict."""

    flag_content_uri: str | None
    source_id: str | None


GroundingMetadataSourceFlaggingUriOrDict: TypeAlias = (
    GroundingMetadataSourceFlaggingUri | GroundingMetadataSourceFlaggingUriDict
)


class GroundingMetadataDict(TypedDict, total=False):
    """``GroundingMetadata`` as a dict."""

    web_search_queries: Sequence[str] | None
    image_search_queries: Sequence[str] | None
    retrieval_queries: Sequence[str] | None
    search_entry_point: SearchEntryPointOrDict | None
    grounding_chunks: Sequence[GroundingChunkOrDict] | None
    grounding_supports: Sequence[GroundingSupportOrDict] | None
    retrieval_metadata: RetrievalMetadataOrDict | None
    google_maps_widget_context_token: str | None
    source_flagging_uris: Sequence[GroundingMetadataSourceFlaggingUriOrDict] | None


GroundingMetadataOrDict: TypeAlias = GroundingMetadata | GroundingMetadataDict
