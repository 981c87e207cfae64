"""The twins of ``headwater.types.response``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias, TypedDict

from headwater.types.dicts.content import ContentOrDict
from headwater.types.dicts.grounding import GroundingMetadataOrDict
from headwater.types.enums import (
    BlockedReason,
    FinishReason,
    HarmBlockThreshold,
    HarmCategory,
    HarmProbability,
    HarmSeverity,
    MediaModality,
    ModelStage,
    TrafficType,
    UrlRetrievalStatus,
)
from headwater.types.response import (
    Candidate,
    Citation,
    CitationMetadata,
    GenerateContentResponse,
    GenerateContentResponsePromptFeedback,
    GenerateContentResponseUsageMetadata,
    GoogleTypeDate,
    LogprobsResult,
    LogprobsResultCandidate,
    LogprobsResultTopCandidates,
    ModalityTokenCount,
    ModelStatus,
    SafetyRating,
    UrlContextMetadata,
    UrlMetadata,
)


class SafetyRatingDict(TypedDict, total=False):
    """``SafetyRating`` as a dict."""

    category: HarmCategory | str | None
    probability: HarmProbability | str | None
    blocked: bool | None
    probability_score: float | None
    severity: HarmSeverity | str | None
    severity_score: float | None
    overwritten_threshold: HarmBlockThreshold | str | None


SafetyRatingOrDict: TypeAlias = SafetyRating | SafetyRatingDict


class GoogleTypeDateDict(TypedDict, total=False):
    """``GoogleTypeDate`` as a dict."""

    year: int | None
    month: int | None
    day: int | None


GoogleTypeDateOrDict: TypeAlias = GoogleTypeDate | GoogleTypeDateDict


class CitationDict(TypedDict, total=False):
    """``Citation`` as a dict."""

    start_index: int | None
    end_index: int | None
    uri: str | None
    title: str | None
    license: str | None
    publication_date: GoogleTypeDateOrDict | None


CitationOrDict: TypeAlias = Citation | CitationDict


class CitationMetadataDict(TypedDict, total=False):
    """``CitationMetadata`` as a dict."""

    citations: Sequence[CitationOrDict] | None
    citation_sources: Sequence[CitationOrDict] | None


CitationMetadataOrDict: TypeAlias = CitationMetadata | CitationMetadataDict


class UrlMetadataDict(TypedDict, total=False):
    """``UrlMetadata`` as a dict."""

    retrieved_url: str | None
    url_retrieval_status: UrlRetrievalStatus | str | None


UrlMetadataOrDict: TypeAlias = UrlMetadata | UrlMetadataDict


class UrlContextMetadataDict(TypedDict, total=False):
    """``UrlContextMetadata`` as a dict."""

    url_metadata: Sequence[UrlMetadataOrDict] | None


UrlContextMetadataOrDict: TypeAlias = UrlContextMetadata | UrlContextMetadataDict


class LogprobsResultCandidateDict(TypedDict, total=False):
    """``LogprobsResultCandidate`` as a dict."""

    token: str | None
    token_id: int | None
    log_probability: float | None


LogprobsResultCandidateOrDict: TypeAlias = LogprobsResultCandidate | LogprobsResultCandidateDict


class LogprobsResultTopCandidatesDict(TypedDict, total=False):
    """``LogprobsResultTopCandidates`` as a dict."""

    candidates: Sequence[LogprobsResultCandidateOrDict] | None


LogprobsResultTopCandidatesOrDict: TypeAlias = LogprobsResultTopCandidates | LogprobsResultTopCandidatesDict


class LogprobsResultDict(TypedDict, total=False):
    """``LogprobsResult`` as a dict."""

    chosen_candidates: Sequence[LogprobsResultCandidateOrDict] | None
    top_candidates: Sequence[LogprobsResultTopCandidatesOrDict] | None
    log_probability_sum: float | None


LogprobsResultOrDict: TypeAlias = LogprobsResult | LogprobsResultDict


class CandidateDict(TypedDict, total=False):
    """``Candidate`` as a dict."""

    content: ContentOrDict | None
    finish_reason: FinishReason | str | None
    finish_message: str | None
    index: int | None
    safety_ratings: Sequence[SafetyRatingOrDict] | None
    citation_metadata: CitationMetadataOrDict | None
    token_count: int | None
    avg_logprobs: float | None
    logprobs_result: LogprobsResultOrDict | None
    grounding_metadata: GroundingMetadataOrDict | None
    url_context_metadata: UrlContextMetadataOrDict | None
    continuation_token: bytes | None


CandidateOrDict: TypeAlias = Candidate | CandidateDict


class ModalityTokenCountDict(TypedDict, total=False):
    """``ModalityTokenCount`` as a dict."""

    modality: MediaModality | str | None
    token_count: int | None


ModalityTokenCountOrDict: TypeAlias = ModalityTokenCount | ModalityTokenCountDict


class GenerateContentResponseUsageMetadataDict(TypedDict, total=False):
    """``GenerateContentResponseUsageMetadata`` as a dict."""

    prompt_token_count: int | None
    candidates_token_count: int | None
    total_token_count: int | None
    thoughts_token_count: int | None
    cached_content_token_count: int | None
    tool_use_prompt_token_count: int | None
    prompt_tokens_details: Sequence[ModalityTokenCountOrDict] | None
    candidates_tokens_details: Sequence[ModalityTokenCountOrDict] | None
    cache_tokens_details: Sequence[ModalityTokenCountOrDict] | None
    tool_use_prompt_tokens_details: Sequence[ModalityTokenCountOrDict] | None
    traffic_type: TrafficType | str | None
    service_tier: str | None


GenerateContentResponseUsageMetadataOrDict: TypeAlias = (
    GenerateContentResponseUsageMetadata | GenerateContentResponseUsageMetadataDict
)


class GenerateContentResponsePromptFeedbackDict(TypedDict, total=False):
    """``GenerateContentResponsePromptFeedback`` as a dict."""

    block_reason: BlockedReason | str | None
    block_reason_message: str | None
    safety_ratings: Sequence[SafetyRatingOrDict] | None


GenerateContentResponsePromptFeedbackOrDict: TypeAlias = (
    GenerateContentResponsePromptFeedback | GenerateContentResponsePromptFeedbackDict
)


class ModelStatusDict(TypedDict, total=False):
    """``ModelStatus`` as a dict."""

    message: str | None
    model_stage: ModelStage | str | None
    retirement_time: datetime | None


ModelStatusOrDict: TypeAlias = ModelStatus | ModelStatusDict


class GenerateContentResponseDict(TypedDict, total=False):
    """``GenerateContentResponse`` as a dict."""

    candidates: Sequence[CandidateOrDict] | None
    usage_metadata: GenerateContentResponseUsageMetadataOrDict
    model_version: str | None
    response_id: str | None
    prompt_feedback: GenerateContentResponsePromptFeedbackOrDict | None
    create_time: datetime | None
    model_status: ModelStatusOrDict | None


GenerateContentResponseOrDict: TypeAlias = GenerateContentResponse | GenerateContentResponseDict
