"""The twins of ``headwater.types.retrieval``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypedDict

from headwater.types.dicts.auth import ApiAuthOrDict, AuthConfigOrDict
from headwater.types.retrieval import (
    ApiSpec,
    ExternalApi,
    ExternalApiElasticSearchParams,
    ExternalApiSimpleSearchParams,
    RagRetrievalConfig,
    RagRetrievalConfigFilter,
    RagRetrievalConfigHybridSearch,
    RagRetrievalConfigRanking,
    RagRetrievalConfigRankingLlmRanker,
    RagRetrievalConfigRankingRankService,
    Retrieval,
    VertexAISearch,
    VertexAISearchDataStoreSpec,
    VertexRagStore,
    VertexRagStoreRagResource,
)


class ExternalApiElasticSearchParamsDict(TypedDict, total=False):
    """``ExternalApiElasticSearchParams`` as a dict."""

    index: str | None
    num_hits: int | None
    search_template: str | None


ExternalApiElasticSearchParamsOrDict: TypeAlias = ExternalApiElasticSearchParams | ExternalApiElasticSearchParamsDict


class ExternalApiSimpleSearchParamsDict(TypedDict, total=False):
    """``ExternalApiSimpleSearchParams`` as a dict."""


ExternalApiSimpleSearchParamsOrDict: TypeAlias = ExternalApiSimpleSearchParams | ExternalApiSimpleSearchParamsDict


class ExternalApiDict(TypedDict, total=False):
    """``ExternalApi`` as a dict."""

    api_auth: ApiAuthOrDict | None
    api_spec: ApiSpec | str | None
    auth_config: AuthConfigOrDict | None
    elastic_search_params: ExternalApiElasticSearchParamsOrDict | None
    endpoint: str | None
    simple_search_params: ExternalApiSimpleSearchParamsOrDict | None


ExternalApiOrDict: TypeAlias = ExternalApi | ExternalApiDict


class VertexAISearchDataStoreSpecDict(TypedDict, total=False):
    """``VertexAISearchDataStoreSpec`` as a dict."""

    data_store: str | None
    filter: str | None


VertexAISearchDataStoreSpecOrDict: TypeAlias = VertexAISearchDataStoreSpec | VertexAISearchDataStoreSpecDict


class VertexAISearchDict(TypedDict, total=False):
    """``VertexAISearch`` as a dict."""

    data_store_specs: Sequence[VertexAISearchDataStoreSpecOrDict] | None
    datastore: str | None
    engine: str | None
    filter: str | None
    max_results: int | None


VertexAISearchOrDict: TypeAlias = VertexAISearch | VertexAISearchDict


class VertexRagStoreRagResourceDict(TypedDict, total=False):
    """``VertexRagStoreRagResource`` as a dict."""

    rag_corpus: str | None
    rag_file_ids: Sequence[str] | None


VertexRagStoreRagResourceOrDict: TypeAlias = VertexRagStoreRagResource | VertexRagStoreRagResourceDict


class RagRetrievalConfigFilterDict(TypedDict, total=False):
    """``RagRetrievalConfigFilter`` as a dict."""

    metadata_filter: str | None
    vector_distance_threshold: float | None
    vector_similarity_threshold: float | None


RagRetrievalConfigFilterOrDict: TypeAlias = RagRetrievalConfigFilter | RagRetrievalConfigFilterDict


class RagRetrievalConfigHybridSearchDict(TypedDict, total=False):
    """``RagRetrievalConfigHybridSearch`` as a dict."""

    alpha: float | None


RagRetrievalConfigHybridSearchOrDict: TypeAlias = RagRetrievalConfigHybridSearch | RagRetrievalConfigHybridSearchDict


class RagRetrievalConfigRankingLlmRankerDict(TypedDict, total=False):
    """``RagRetrievalConfigRankingLlmRanker`` as a dict."""

    model_name: str | None


RagRetrievalConfigRankingLlmRankerOrDict: TypeAlias = (
    RagRetrievalConfigRankingLlmRanker | RagRetrievalConfigRankingLlmRankerDict
)


class RagRetrievalConfigRankingRankServiceDict(TypedDict, total=False):
    """``RagRetrievalConfigRankingRankService`` as a dict."""

    model_name: str | None


RagRetrievalConfigRankingRankServiceOrDict: TypeAlias = (
    RagRetrievalConfigRankingRankService | RagRetrievalConfigRankingRankServiceDict
)


class RagRetrievalConfigRankingDict(TypedDict, total=False):
    """``RagRetrievalConfigRanking`` as a dict."""

    llm_ranker: RagRetrievalConfigRankingLlmRankerOrDict | None
    rank_service: RagRetrievalConfigRankingRankServiceOrDict | None


RagRetrievalConfigRankingOrDict: TypeAlias = RagRetrievalConfigRanking | RagRetrievalConfigRankingDict


class RagRetrievalConfigDict(TypedDict, total=False):
    """``RagRetrievalConfig`` as a dict."""

    filter: RagRetrievalConfigFilterOrDict | None
    hybrid_search: RagRetrievalConfigHybridSearchOrDict | None
    ranking: RagRetrievalConfigRankingOrDict | None
    top_k: int | None


RagRetrievalConfigOrDict: TypeAlias = RagRetrievalConfig | RagRetrievalConfigDict


class VertexRagStoreDict(TypedDict, total=False):
    """``VertexRagStore`` as a dict."""

    rag_corpora: Sequence[str] | None
    rag_resources: Sequence[VertexRagStoreRagResourceOrDict] | None
    rag_retrieval_config: RagRetrievalConfigOrDict | None
    similarity_top_k: int | None
    store_context: bool | None
    vector_distance_threshold: float | None


VertexRagStoreOrDict: TypeAlias = VertexRagStore | VertexRagStoreDict


class RetrievalDict(TypedDict, total=False):
    """``Retrieval`` as a dict."""

    disable_attribution: bool | None
    external_api: ExternalApiOrDict | None
    vertex_ai_search: VertexAISearchOrDict | None
    vertex_rag_store: VertexRagStoreOrDict | None


RetrievalOrDict: TypeAlias = Retrieval | RetrievalDict
