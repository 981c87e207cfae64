"""Tools of the Interactions API."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from headwater.types.interactions.base import JsonObject, UnknownObject

__all__ = [
    "AllowedTools",
    "CodeExecution",
    "ComputerUse",
    "DisabledSafetyPolicy",
    "EnvironmentEnum",
    "ExaAISearchConfig",
    "Execution",
    "FileSearch",
    "Filter",
    "Function",
    "GoogleMaps",
    "GoogleSearch",
    "GoogleSearchSearchType",
    "HybridSearch",
    "MCPServer",
    "ParallelAISearchConfig",
    "RagResource",
    "RagRetrievalConfig",
    "RagStoreConfig",
    "RankService",
    "Ranking",
    "Retrieval",
    "RetrievalRetrievalType",
    "Tool",
    "ToolChoice",
    "ToolChoiceConfig",
    "ToolChoiceType",
    "ToolSearch",
    "URLContext",
    "UnknownTool",
    "VertexAISearchConfig",
]

ToolChoiceType: TypeAlias = Literal["auto", "any", "none", "validated"] | str


class AllowedTools(JsonObject):
    """The functions that the model may call."""

    mode: ToolChoiceType | None = None
    tools: list[str] | None = None


class ToolChoiceConfig(JsonObject):
    """A choice among the declared functions."""

    allowed_tools: AllowedTools | None = None


ToolChoice: TypeAlias = ToolChoiceConfig | ToolChoiceType


class Function(JsonObject):
    """A function that the caller runs: name, description, JSON Schema of its parameters."""

    defer_loading: bool | None = None
    description: str | None = None
    name: str | None = None
    parameters: Any | None = None
    short_description: str | None = None
    type: Literal["function"] = "function"


class CodeExecution(JsonObject):
    """Python run by the API."""

    type: Literal["code_execution"] = "code_execution"


DisabledSafetyPolicy: TypeAlias = (
    Literal[
        "financial_transactions",
        "sensitive_data_modification",
        "communication_tool",
        "account_creation",
        "data_modification",
        "user_consent_management",
        "legal_terms_and_agreements",
    ]
    | str
)
EnvironmentEnum: TypeAlias = Literal["browser", "mobile", "desktop"] | str


class ComputerUse(JsonObject):
    """A computer that the model uses through the caller."""

    disabled_safety_policies: list[DisabledSafetyPolicy] | None = None
    enable_prompt_injection_detection: bool | None = None
    environment: EnvironmentEnum | None = None
    excluded_predefined_functions: list[str] | None = None
    type: Literal["computer_use"] = "computer_use"


class FileSearch(JsonObject):
    """Search in file search stores."""

    file_search_store_names: list[str] | None = None
    metadata_filter: str | None = None
    top_k: int | None = None
    type: Literal["file_search"] = "file_search"


class GoogleMaps(JsonObject):
    """Places from Google Maps."""

    enable_widget: bool | None = None
    latitude: float | None = None
    longitude: float | None = None
    type: Literal["google_maps"] = "google_maps"


GoogleSearchSearchType: TypeAlias = Literal["web_search", "image_search", "enterprise_web_search"] | str


class GoogleSearch(JsonObject):
    """Google Search."""

    search_types: list[GoogleSearchSearchType] | None = None
    type: Literal["google_search"] = "google_search"


class MCPServer(JsonObject):
    """An MCP server that the API itself calls."""

    allowed_tools: list[AllowedTools | str] | None = None
    defer_loading: bool | None = None
    headers: dict[str, str] | None = None
    name: str | None = None
    type: Literal["mcp_server"] = "mcp_server"
    url: str | None = None


class Filter(JsonObject):
    """What retrieval leaves out."""

    metadata_filter: str | None = None
    vector_distance_threshold: float | None = None
    vector_similarity_threshold: float | None = None


class HybridSearch(JsonObject):
    """The weight of vectors against words."""

    alpha: float | None = None


class RankService(JsonObject):
    """A ranking service."""

    model_name: str | None = None


class Ranking(JsonObject):
    """How retrieved passages are ranked."""

    model_name: str | None = None
    rank_service: RankService | None = None
    ranking_config: Literal["rank_service"] = "rank_service"


class RagResource(JsonObject):
    """A RAG corpus, or files of it."""

    rag_corpus: str | None = None
    rag_file_ids: list[str] | None = None


class RagRetrievalConfig(JsonObject):
    """How a RAG corpus is searched."""

    filter: Filter | None = None
    hybrid_search: HybridSearch | None = None
    ranking: Ranking | None = None
    top_k: int | None = None


class RagStoreConfig(JsonObject):
    """RAG corpora to search."""

    rag_resources: list[RagResource] | None = None
    rag_retrieval_config: RagRetrievalConfig | None = None
    similarity_top_k: int | None = None
    vector_distance_threshold: float | None = None


class ExaAISearchConfig(JsonObject):
    """Search by Exa."""

    api_key: str
    custom_config: dict[str, Any] | None = None


class ParallelAISearchConfig(JsonObject):
    """Search by Parallel."""

    api_key: str | None = None
    custom_config: dict[str, Any] | None = None


class VertexAISearchConfig(JsonObject):
    """Search by Vertex AI Search."""

    datastores: list[str] | None = None
    engine: str | None = None


RetrievalRetrievalType: TypeAlias = (
    Literal["vertex_ai_search", "rag_store", "exa_ai_search", "parallel_ai_search"] | str
)


class Retrieval(JsonObject):
    """Retrieval from stores and search services."""

    exa_ai_search_config: ExaAISearchConfig | None = None
    parallel_ai_search_config: ParallelAISearchConfig | None = None
    rag_store_config: RagStoreConfig | None = None
    retrieval_types: list[RetrievalRetrievalType] | None = None
    type: Literal["retrieval"] = "retrieval"
    vertex_ai_search_config: VertexAISearchConfig | None = None


Execution: TypeAlias = Literal["server", "client"] | str


class ToolSearch(JsonObject):
    """A search for functions that are declared but not loaded."""

    description: str | None = None
    execution: Execution | None = None
    name: str | None = None
    parameters: Any | None = None
    type: Literal["tool_search"] = "tool_search"


class URLContext(JsonObject):
    """Web pages named in the input, read by the API."""

    type: Literal["url_context"] = "url_context"


class UnknownTool(UnknownObject):
    """A tool of an unknown type."""

    type: Literal["UNKNOWN"] = "UNKNOWN"


Tool: TypeAlias = (
    CodeExecution
    | ComputerUse
    | FileSearch
    | Function
    | GoogleMaps
    | GoogleSearch
    | MCPServer
    | Retrieval
    | ToolSearch
    | URLContext
    | UnknownTool
)
