"""The twins of ``headwater.types.search``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypedDict

from headwater.types.dicts.auth import AuthConfigOrDict
from headwater.types.search import (
    ComputerUse,
    DynamicRetrievalConfig,
    DynamicRetrievalConfigMode,
    EnterpriseWebSearch,
    Environment,
    FileSearch,
    GoogleMaps,
    GoogleMapsGroundingTypes,
    GoogleMapsPlaces,
    GoogleMapsRouting,
    GoogleSearch,
    GoogleSearchRetrieval,
    ImageSearch,
    Interval,
    McpServer,
    PhishBlockThreshold,
    SafetyPolicy,
    SearchTypes,
    StreamableHttpTransport,
    ToolCodeExecution,
    ToolExaAiSearch,
    ToolParallelAiSearch,
    UrlContext,
    WebSearch,
)


class IntervalDict(TypedDict, total=False):
    """``Interval`` as a dict."""

    start_time: datetime | None
    end_time: datetime | None


IntervalOrDict: TypeAlias = Interval | IntervalDict


class WebSearchDict(TypedDict, total=False):
    """``WebSearch`` as a dict."""


WebSearchOrDict: TypeAlias = WebSearch | WebSearchDict


class ImageSearchDict(TypedDict, total=False):
    """``ImageSearch`` as a dict."""


ImageSearchOrDict: TypeAlias = ImageSearch | ImageSearchDict


class SearchTypesDict(TypedDict, total=False):
    """``SearchTypes`` as a dict."""

    web_search: WebSearchOrDict | None
    image_search: ImageSearchOrDict | None


SearchTypesOrDict: TypeAlias = SearchTypes | SearchTypesDict


class GoogleSearchDict(TypedDict, total=False):
    """``GoogleSearch`` as a dict."""

    search_types: SearchTypesOrDict | None
    blocking_confidence: PhishBlockThreshold | str | None
    exclude_domains: Sequence[str] | None
    time_range_filter: IntervalOrDict | None


GoogleSearchOrDict: TypeAlias = GoogleSearch | GoogleSearchDict


class DynamicRetrievalConfigDict(TypedDict, total=False):
    """``DynamicRetrievalConfig`` as a dict."""

    dynamic_threshold: float | None
    mode: DynamicRetrievalConfigMode | str | None


DynamicRetrievalConfigOrDict: TypeAlias = DynamicRetrievalConfig | DynamicRetrievalConfigDict


class GoogleSearchRetrievalDict(TypedDict, total=False):
    """``GoogleSearchRetrieval`` as a dict."""

    dynamic_retrieval_config: DynamicRetrievalConfigOrDict | None


GoogleSearchRetrievalOrDict: TypeAlias = GoogleSearchRetrieval | GoogleSearchRetrievalDict


class EnterpriseWebSearchDict(TypedDict, total=False):
    """``EnterpriseWebSearch`` as a dict."""

    blocking_confidence: PhishBlockThreshold | str | None
    exclude_domains: Sequence[str] | None


EnterpriseWebSearchOrDict: TypeAlias = EnterpriseWebSearch | EnterpriseWebSearchDict


class GoogleMapsPlacesDict(TypedDict, total=False):
    """``GoogleMapsPlaces`` as a dict."""


GoogleMapsPlacesOrDict: TypeAlias = GoogleMapsPlaces | GoogleMapsPlacesDict


class GoogleMapsRoutingDict(TypedDict, total=False):
    """``GoogleMapsRouting`` as a dict."""


GoogleMapsRoutingOrDict: TypeAlias = GoogleMapsRouting | GoogleMapsRoutingDict


class GoogleMapsGroundingTypesDict(TypedDict, total=False):
    """``GoogleMapsGroundingTypes`` as a dict."""

    places: GoogleMapsPlacesOrDict | None
    routing: GoogleMapsRoutingOrDict | None


GoogleMapsGroundingTypesOrDict: TypeAlias = GoogleMapsGroundingTypes | GoogleMapsGroundingTypesDict


class GoogleMapsDict(TypedDict, total=False):
    """``GoogleMaps`` as a dict."""

    auth_config: AuthConfigOrDict | None
    enable_widget: bool | None
    grounding_types: GoogleMapsGroundingTypesOrDict | None


GoogleMapsOrDict: TypeAlias = GoogleMaps | GoogleMapsDict


class UrlContextDict(TypedDict, total=False):
    """``UrlContext`` as a dict."""


UrlContextOrDict: TypeAlias = UrlContext | UrlContextDict


class ToolCodeExecutionDict(TypedDict, total=False):
    """``ToolCodeExecution`` as a dict."""


ToolCodeExecutionOrDict: TypeAlias = ToolCodeExecution | ToolCodeExecutionDict


class FileSearchDict(TypedDict, total=False):
    """``FileSearch`` as a dict."""

    file_search_store_names: Sequence[str] | None
    top_k: int | None
    metadata_filter: str | None


FileSearchOrDict: TypeAlias = FileSearch | FileSearchDict


class ComputerUseDict(TypedDict, total=False):
    """``ComputerUse`` as a dict."""

    environment: Environment | str | None
    excluded_predefined_functions: Sequence[str] | None
    enable_prompt_injection_detection: bool | None
    disabled_safety_policies: Sequence[SafetyPolicy | str] | None


ComputerUseOrDict: TypeAlias = ComputerUse | ComputerUseDict


class ToolParallelAiSearchDict(TypedDict, total=False):
    """``ToolParallelAiSearch`` as a dict."""

    api_key: str | None
    custom_configs: Mapping[str, Any] | None
    enable_data_retention: bool | None
    enable_zero_data_retention: bool | None


ToolParallelAiSearchOrDict: TypeAlias = ToolParallelAiSearch | ToolParallelAiSearchDict


class ToolExaAiSearchDict(TypedDict, total=False):
    """``ToolExaAiSearch`` as a dict."""

    api_key: str | None
    custom_configs: Mapping[str, Any] | None


ToolExaAiSearchOrDict: TypeAlias = ToolExaAiSearch | ToolExaAiSearchDict


class StreamableHttpTransportDict(TypedDict, total=False):
    """``StreamableHttpTransport`` as a dict."""

    url: str | None
    headers: Mapping[str, str] | None
    timeout: str | None
    sse_read_timeout: str | None
    terminate_on_close: bool | None


StreamableHttpTransportOrDict: TypeAlias = StreamableHttpTransport | StreamableHttpTransportDict


class McpServerDict(TypedDict, total=False):
    """``McpServer`` as a dict."""

    name: str | None
    streamable_http_transport: StreamableHttpTransportOrDict | None


McpServerOrDict: TypeAlias = McpServer | McpServerDict
