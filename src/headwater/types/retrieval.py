"""Retrieval from the user's own stores (Vertex AI): search engines, RAG corpora, external APIs."""

from __future__ import annotations

from headwater.types.auth import ApiAuth, AuthConfig
from headwater.types.base import ApiModel
from headwater.types.open_enum import OpenEnum


class ApiSpec(OpenEnum):
    """The protocol of an external search API."""

    API_SPEC_UNSPECIFIED = "API_SPEC_UNSPECIFIED"
    SIMPLE_SEARCH = "SIMPLE_SEARCH"
    ELASTIC_SEARCH = "ELASTIC_SEARCH"


class ExternalApiElasticSearchParams(ApiModel):
    """The index and template of an Elasticsearch search."""

    index: str | None = None
    num_hits: int | None = None
    search_template: str | None = None


class ExternalApiSimpleSearchParams(ApiModel):
    """A simple search. Has no options."""


class ExternalApi(ApiModel):
    """A search API of the user, over HTTP."""

    api_auth: ApiAuth | None = None
    api_spec: ApiSpec | None = None
    auth_config: AuthConfig | None = None
    elastic_search_params: ExternalApiElasticSearchParams | None = None
    endpoint: str | None = None
    simple_search_params: ExternalApiSimpleSearchParams | None = None


class VertexAISearchDataStoreSpec(ApiModel):
    """One data store of a search engine."""

    data_store: str | None = None
    filter: str | None = None


class VertexAISearch(ApiModel):
    """A search engine or data store of Vertex AI Search."""

    data_store_specs: list[VertexAISearchDataStoreSpec] | None = None
    datastore: str | None = None
    engine: str | None = None
    filter: str | None = None
    #: At most 10 (default 10).
    max_results: int | None = None


class VertexRagStoreRagResource(ApiModel):
    """A RAG corpus, or some of its files."""

    rag_corpus: str | None = None
    rag_file_ids: list[str] | None = None


class RagRetrievalConfigFilter(ApiModel):
    """Thresholds and filters for passages."""

    metadata_filter: str | None = None
    vector_distance_threshold: float | None = None
    vector_similarity_threshold: float | None = None


class RagRetrievalConfigHybridSearch(ApiModel):
    """The weight of semantic against keyword search: 0 is keywords only, 1 vectors only."""

    #: 0 is keywords only, 1 vectors only.
    alpha: float | None = None


class RagRetrievalConfigRankingLlmRanker(ApiModel):
    """Ranking by a language model."""

    model_name: str | None = None


class RagRetrievalConfigRankingRankService(ApiModel):
    """Ranking by the rank service."""

    model_name: str | None = None


class RagRetrievalConfigRanking(ApiModel):
    """The ranking of passages."""

    llm_ranker: RagRetrievalConfigRankingLlmRanker | None = None
    rank_service: RagRetrievalConfigRankingRankService | None = None


class RagRetrievalConfig(ApiModel):
    """How passages are retrieved."""

    filter: RagRetrievalConfigFilter | None = None
    hybrid_search: RagRetrievalConfigHybridSearch | None = None
    ranking: RagRetrievalConfigRanking | None = None
    top_k: int | None = None


class VertexRagStore(ApiModel):
    """RAG corpora."""

    rag_corpora: list[str] | None = None
    rag_resources: list[VertexRagStoreRagResource] | None = None
    rag_retrieval_config: RagRetrievalConfig | None = None
    similarity_top_k: int | None = None
    store_context: bool | None = None
    #: Only passages that are closer.
    vector_distance_threshold: float | None = None


class Retrieval(ApiModel):
    """The store to retrieve from."""

    disable_attribution: bool | None = None
    external_api: ExternalApi | None = None
    vertex_ai_search: VertexAISearch | None = None
    vertex_rag_store: VertexRagStore | None = None
