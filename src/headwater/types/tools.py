"""Function declarations and tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.errors import UsageError
from headwater.types.base import ApiModel
from headwater.types.enums import Behavior, FunctionCallingConfigMode
from headwater.types.retrieval import Retrieval
from headwater.types.schema import Schema
from headwater.types.search import (
    ComputerUse,
    EnterpriseWebSearch,
    FileSearch,
    GoogleMaps,
    GoogleSearch,
    GoogleSearchRetrieval,
    McpServer,
    ToolCodeExecution,
    ToolExaAiSearch,
    ToolParallelAiSearch,
    UrlContext,
)


class FunctionDeclaration(ApiModel):
    """A function that the model may call, with either ``parameters`` or ``parameters_json_schema``."""

    name: str | None = None
    description: str | None = None
    parameters: Schema | None = None
    parameters_json_schema: Any = None
    response: Schema | None = None
    response_json_schema: Any = None
    #: Live API only.
    behavior: Behavior | None = None

    @classmethod
    def from_callable(
        cls,
        *,
        client: Any,
        callable: Callable[..., Any],
        behavior: Behavior | None = None,
        use_json_schema: bool = False,
    ) -> FunctionDeclaration:
        """Return the declaration of a Python function for ``client``. Functions in ``tools`` do not need one.

        Raises:
            UsageError: if the function cannot be a tool; the message says why.
        """
        api_option = "ENTERPRISE" if client.vertexai else "GEMINI_API"
        return cls.from_callable_with_api_option(
            callable=callable, api_option=api_option, behavior=behavior, use_json_schema=use_json_schema
        )

    @classmethod
    def from_callable_with_api_option(
        cls,
        *,
        callable: Callable[..., Any],
        api_option: str = "GEMINI_API",
        behavior: Behavior | None = None,
        use_json_schema: bool = False,
    ) -> FunctionDeclaration:
        """Return the declaration of a Python function; for ``ENTERPRISE`` (Vertex AI) with its result.

        Raises:
            UsageError: if ``api_option`` is unknown, or the function cannot be a tool; the message says why.
        """
        if not _declaration_builders:
            raise UsageError("import headwater.genai first: FunctionDeclaration.from_callable needs it")
        build = _declaration_builders[-1]()
        return build(callable, api_option=api_option, behavior=behavior, use_json_schema=use_json_schema)


_declaration_builders: list[Callable[[], Callable[..., FunctionDeclaration]]] = []


def register_declaration_builder(load: Callable[[], Callable[..., FunctionDeclaration]]) -> None:
    """Register the builder of declarations from Python functions; ``load`` imports and returns it on first use.

    ``types`` imports nothing from above, so ``client/client.py`` registers the builder here.
    """
    _declaration_builders[:] = [load]


class Tool(ApiModel):
    """A set of functions, or one of Google's own tools with its options."""

    function_declarations: list[FunctionDeclaration] | None = None
    google_search: GoogleSearch | None = None
    google_search_retrieval: GoogleSearchRetrieval | None = None
    code_execution: ToolCodeExecution | None = None
    url_context: UrlContext | None = None
    google_maps: GoogleMaps | None = None
    #: Developer API only.
    file_search: FileSearch | None = None
    computer_use: ComputerUse | None = None
    mcp_servers: list[McpServer] | None = None
    #: Vertex AI only.
    retrieval: Retrieval | None = None
    #: Vertex AI only.
    enterprise_web_search: EnterpriseWebSearch | None = None
    #: Vertex AI only.
    parallel_ai_search: ToolParallelAiSearch | None = None
    #: Vertex AI only.
    exa_ai_search: ToolExaAiSearch | None = None


class FunctionCallingConfig(ApiModel):
    """Whether and which functions the model may call. ``stream_function_call_arguments``: Vertex AI only."""

    mode: FunctionCallingConfigMode | None = None
    #: Only with the modes ANY and VALIDATED.
    allowed_function_names: list[str] | None = None
    #: Vertex AI only.
    stream_function_call_arguments: bool | None = None


class LatLng(ApiModel):
    """A location on Earth, in degrees."""

    latitude: float | None = None
    longitude: float | None = None


class RetrievalConfig(ApiModel):
    """The location and language of the user, for search tools."""

    lat_lng: LatLng | None = None
    #: BCP 47: ``en-US``.
    language_code: str | None = None


class ToolConfig(ApiModel):
    """How the model uses tools."""

    function_calling_config: FunctionCallingConfig | None = None
    retrieval_config: RetrievalConfig | None = None
    #: Developer API only.
    include_server_side_tool_invocations: bool | None = None
