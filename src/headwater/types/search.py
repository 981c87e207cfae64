"""The options of Google's own tools: search, maps, URLs, code, computer use."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from headwater.types.auth import AuthConfig
from headwater.types.base import ApiModel
from headwater.types.open_enum import OpenEnum


class PhishBlockThreshold(OpenEnum):
    """The confidence from which phishing pages are excluded."""

    PHISH_BLOCK_THRESHOLD_UNSPECIFIED = "PHISH_BLOCK_THRESHOLD_UNSPECIFIED"
    BLOCK_LOW_AND_ABOVE = "BLOCK_LOW_AND_ABOVE"
    BLOCK_MEDIUM_AND_ABOVE = "BLOCK_MEDIUM_AND_ABOVE"
    BLOCK_HIGH_AND_ABOVE = "BLOCK_HIGH_AND_ABOVE"
    BLOCK_HIGHER_AND_ABOVE = "BLOCK_HIGHER_AND_ABOVE"
    BLOCK_VERY_HIGH_AND_ABOVE = "BLOCK_VERY_HIGH_AND_ABOVE"
    BLOCK_ONLY_EXTREMELY_HIGH = "BLOCK_ONLY_EXTREMELY_HIGH"


class DynamicRetrievalConfigMode(OpenEnum):
    """Whether the model decides when to search."""

    MODE_UNSPECIFIED = "MODE_UNSPECIFIED"
    MODE_DYNAMIC = "MODE_DYNAMIC"


class Environment(OpenEnum):
    """The kind of computer that the model operates."""

    ENVIRONMENT_UNSPECIFIED = "ENVIRONMENT_UNSPECIFIED"
    ENVIRONMENT_BROWSER = "ENVIRONMENT_BROWSER"
    ENVIRONMENT_MOBILE = "ENVIRONMENT_MOBILE"
    ENVIRONMENT_DESKTOP = "ENVIRONMENT_DESKTOP"


class SafetyPolicy(OpenEnum):
    """The actions that a model operating a computer must have confirmed by the user."""

    SAFETY_POLICY_UNSPECIFIED = "SAFETY_POLICY_UNSPECIFIED"
    FINANCIAL_TRANSACTIONS = "FINANCIAL_TRANSACTIONS"
    SENSITIVE_DATA_MODIFICATION = "SENSITIVE_DATA_MODIFICATION"
    COMMUNICATION_TOOL = "COMMUNICATION_TOOL"
    ACCOUNT_CREATION = "ACCOUNT_CREATION"
    DATA_MODIFICATION = "DATA_MODIFICATION"
    USER_CONSENT_MANAGEMENT = "USER_CONSENT_MANAGEMENT"
    LEGAL_TERMS_AND_AGREEMENTS = "LEGAL_TERMS_AND_AGREEMENTS"


class Interval(ApiModel):
    """A time interval."""

    start_time: datetime | None = None
    end_time: datetime | None = None


class WebSearch(ApiModel):
    """Web search. Has no options."""


class ImageSearch(ApiModel):
    """Image search. Has no options."""


class SearchTypes(ApiModel):
    """The kinds of search."""

    web_search: WebSearch | None = None
    image_search: ImageSearch | None = None


class GoogleSearch(ApiModel):
    """Google Search. ``blocking_confidence`` and ``exclude_domains``: Vertex AI only."""

    search_types: SearchTypes | None = None
    #: Vertex AI only.
    blocking_confidence: PhishBlockThreshold | None = None
    #: Vertex AI only.
    exclude_domains: list[str] | None = None
    #: Only pages from this time.
    time_range_filter: Interval | None = None


class DynamicRetrievalConfig(ApiModel):
    """The score from which the older search is used, 0 to 1."""

    dynamic_threshold: float | None = None
    mode: DynamicRetrievalConfigMode | None = None


class GoogleSearchRetrieval(ApiModel):
    """The search tool of older models (Gemini 1.5)."""

    dynamic_retrieval_config: DynamicRetrievalConfig | None = None


class EnterpriseWebSearch(ApiModel):
    """Web search for enterprises (Vertex AI)."""

    blocking_confidence: PhishBlockThreshold | None = None
    exclude_domains: list[str] | None = None


class GoogleMapsPlaces(ApiModel):
    """Grounding in places. Has no options."""


class GoogleMapsRouting(ApiModel):
    """Grounding in routes. Has no options."""


class GoogleMapsGroundingTypes(ApiModel):
    """The map data that answers may be grounded in."""

    places: GoogleMapsPlaces | None = None
    routing: GoogleMapsRouting | None = None


class GoogleMaps(ApiModel):
    """Google Maps. ``grounding_types``: Vertex AI only."""

    auth_config: AuthConfig | None = None
    #: Whether the response has a token for the Maps widget.
    enable_widget: bool | None = None
    #: Vertex AI only.
    grounding_types: GoogleMapsGroundingTypes | None = None


class UrlContext(ApiModel):
    """Fetches the URLs in the prompt. Has no options."""


class ToolCodeExecution(ApiModel):
    """Runs Python code of the model on Google's servers. Has no options."""


class FileSearch(ApiModel):
    """Search in uploaded file stores (Developer API)."""

    #: ``fileSearchStores/...``
    file_search_store_names: list[str] | None = None
    top_k: int | None = None
    #: An expression over the documents' metadata (AIP-160).
    metadata_filter: str | None = None


class ComputerUse(ApiModel):
    """Lets the model operate a computer."""

    environment: Environment | None = None
    #: Actions that the model may not use.
    excluded_predefined_functions: list[str] | None = None
    enable_prompt_injection_detection: bool | None = None
    disabled_safety_policies: list[SafetyPolicy] | None = None


class ToolParallelAiSearch(ApiModel):
    """Search by Parallel (Vertex AI)."""

    api_key: str | None = None
    custom_configs: dict[str, Any] | None = None
    enable_data_retention: bool | None = None
    enable_zero_data_retention: bool | None = None


class ToolExaAiSearch(ApiModel):
    """Search by Exa (Vertex AI)."""

    api_key: str | None = None
    custom_configs: dict[str, Any] | None = None


class StreamableHttpTransport(ApiModel):
    """The address of an MCP server; times like "5s"."""

    url: str | None = None
    headers: dict[str, str] | None = None
    timeout: str | None = None
    sse_read_timeout: str | None = None
    terminate_on_close: bool | None = None


class McpServer(ApiModel):
    """An MCP server that the API calls (Developer API)."""

    #: Developer API only.
    name: str | None = None
    #: Developer API only.
    streamable_http_transport: StreamableHttpTransport | None = None
