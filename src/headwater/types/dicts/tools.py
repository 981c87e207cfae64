"""The twins of ``headwater.types.tools``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypedDict

from headwater.types.dicts.retrieval import RetrievalOrDict
from headwater.types.dicts.schema import SchemaOrDict
from headwater.types.dicts.search import (
    ComputerUseOrDict,
    EnterpriseWebSearchOrDict,
    FileSearchOrDict,
    GoogleMapsOrDict,
    GoogleSearchOrDict,
    GoogleSearchRetrievalOrDict,
    McpServerOrDict,
    ToolCodeExecutionOrDict,
    ToolExaAiSearchOrDict,
    ToolParallelAiSearchOrDict,
    UrlContextOrDict,
)
from headwater.types.enums import Behavior, FunctionCallingConfigMode
from headwater.types.tools import FunctionCallingConfig, FunctionDeclaration, LatLng, RetrievalConfig, Tool, ToolConfig


class FunctionDeclarationDict(TypedDict, total=False):
    """``FunctionDeclaration`` as a dict."""

    name: str | None
    description: str | None
    parameters: SchemaOrDict | None
    parameters_json_schema: Any
    response: SchemaOrDict | None
    response_json_schema: Any
    behavior: Behavior | str | None


FunctionDeclarationOrDict: TypeAlias = FunctionDeclaration | FunctionDeclarationDict


class ToolDict(TypedDict, total=False):
    """``Tool`` as a dict."""

    function_declarations: Sequence[FunctionDeclarationOrDict] | None
    google_search: GoogleSearchOrDict | None
    google_search_retrieval: GoogleSearchRetrievalOrDict | None
    code_execution: ToolCodeExecutionOrDict | None
    url_context: UrlContextOrDict | None
    google_maps: GoogleMapsOrDict | None
    file_search: FileSearchOrDict | None
    computer_use: ComputerUseOrDict | None
    mcp_servers: Sequence[McpServerOrDict] | None
    retrieval: RetrievalOrDict | None
    enterprise_web_search: EnterpriseWebSearchOrDict | None
    parallel_ai_search: ToolParallelAiSearchOrDict | None
    exa_ai_search: ToolExaAiSearchOrDict | None


ToolOrDict: TypeAlias = Tool | ToolDict


class FunctionCallingConfigDict(TypedDict, total=False):
    """``FunctionCallingConfig`` as a dict."""

    mode: FunctionCallingConfigMode | str | None
    allowed_function_names: Sequence[str] | None
    stream_function_call_arguments: bool | None


FunctionCallingConfigOrDict: TypeAlias = FunctionCallingConfig | FunctionCallingConfigDict


class LatLngDict(TypedDict, total=False):
    """``LatLng`` as a dict."""

    latitude: float | None
    longitude: float | None


LatLngOrDict: TypeAlias = LatLng | LatLngDict


class RetrievalConfigDict(TypedDict, total=False):
    """``RetrievalConfig`` as a dict."""

    lat_lng: LatLngOrDict | None
    language_code: str | None


RetrievalConfigOrDict: TypeAlias = RetrievalConfig | RetrievalConfigDict


class ToolConfigDict(TypedDict, total=False):
    """``ToolConfig`` as a dict."""

    function_calling_config: FunctionCallingConfigOrDict | None
    retrieval_config: RetrievalConfigOrDict | None
    include_server_side_tool_invocations: bool | None


ToolConfigOrDict: TypeAlias = ToolConfig | ToolConfigDict
