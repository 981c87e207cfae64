"""Steps of the Interactions API: what user, model and tools contribute to an interaction."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from headwater.types.interactions.base import JsonObject, UnknownObject, absent
from headwater.types.interactions.content import (
    AudioContent,
    Content,
    DocumentContent,
    ImageContent,
    ReviewSnippet,
    TextContent,
    ThoughtSummaryContent,
    VideoContent,
)
from headwater.types.interactions.tools import Function

__all__ = [
    "CodeExecutionCallArguments",
    "CodeExecutionCallStep",
    "CodeExecutionResultStep",
    "CodeExecutionResultStepResult",
    "FileSearchCallStep",
    "FileSearchResult",
    "FileSearchResultStep",
    "FunctionCallStep",
    "FunctionResultStep",
    "FunctionResultStepResultUnion",
    "FunctionResultSubcontent",
    "GoogleMapsCallArguments",
    "GoogleMapsCallStep",
    "GoogleMapsResult",
    "GoogleMapsResultPlaces",
    "GoogleMapsResultStep",
    "GoogleSearchCallArguments",
    "GoogleSearchCallStep",
    "GoogleSearchCallStepSearchType",
    "GoogleSearchResult",
    "GoogleSearchResultStep",
    "Language",
    "MCPServerToolCallStep",
    "MCPServerToolResultStep",
    "MCPServerToolResultStepResultUnion",
    "ModelOutputStep",
    "ProcessingCallStep",
    "ProcessingResultStep",
    "RetrievalCallArguments",
    "RetrievalCallStep",
    "RetrievalCallStepRetrievalType",
    "RetrievalResultStep",
    "Status",
    "Step",
    "ThoughtStep",
    "ToolSearchCallStep",
    "ToolSearchCallStepArguments",
    "ToolSearchResultStep",
    "URLContextCallArguments",
    "URLContextCallStep",
    "URLContextResult",
    "URLContextResultStatus",
    "URLContextResultStep",
    "UnknownFunctionResultSubcontent",
    "UnknownStep",
    "UserInputStep",
]


class Status(JsonObject):
    """An error with a number of Google's RPC codes."""

    code: int | None = None
    details: list[dict[str, Any]] | None = None
    message: str | None = None


class UserInputStep(JsonObject):
    """What the user said."""

    content: list[Content] = absent()
    type: Literal["user_input"] = "user_input"


class ModelOutputStep(JsonObject):
    """What the model answered."""

    content: list[Content] = absent()
    error: Status | None = None
    type: Literal["model_output"] = "model_output"


class ThoughtStep(JsonObject):
    """What the model thought: summaries, and the signature to send back."""

    signature: str | None = None
    summary: list[ThoughtSummaryContent] = absent()
    type: Literal["thought"] = "thought"


class FunctionCallStep(JsonObject):
    """A call that the caller has to answer."""

    arguments: dict[str, Any]
    id: str
    name: str
    type: Literal["function_call"] = "function_call"


class UnknownFunctionResultSubcontent(UnknownObject):
    """A part of a function's result of an unknown type."""

    type: Literal["UNKNOWN"] = "UNKNOWN"


FunctionResultSubcontent: TypeAlias = (
    AudioContent
    | DocumentContent
    | Function
    | ImageContent
    | TextContent
    | VideoContent
    | UnknownFunctionResultSubcontent
)
FunctionResultStepResultUnion: TypeAlias = dict[str, Any] | list[FunctionResultSubcontent] | str


class FunctionResultStep(JsonObject):
    """The answer to a call."""

    call_id: str
    result: FunctionResultStepResultUnion
    is_error: bool | None = None
    name: str | None = None
    type: Literal["function_result"] = "function_result"


Language: TypeAlias = Literal["python", "bash"] | str


class CodeExecutionCallArguments(JsonObject):
    """The arguments of a ``code_execution_call`` step."""

    code: str | None = None
    language: Language | None = None


class CodeExecutionCallStep(JsonObject):
    """A ``code_execution_call`` step."""

    arguments: CodeExecutionCallArguments
    id: str
    signature: str | None = None
    type: Literal["code_execution_call"] = "code_execution_call"


CodeExecutionResultStepResult: TypeAlias = list[Content] | str


class CodeExecutionResultStep(JsonObject):
    """A ``code_execution_result`` step."""

    call_id: str
    result: CodeExecutionResultStepResult
    is_error: bool | None = None
    signature: str | None = None
    type: Literal["code_execution_result"] = "code_execution_result"


class FileSearchCallStep(JsonObject):
    """A ``file_search_call`` step."""

    id: str
    signature: str | None = None
    type: Literal["file_search_call"] = "file_search_call"


class FileSearchResult(JsonObject):
    """A passage that was found."""


class FileSearchResultStep(JsonObject):
    """A ``file_search_result`` step."""

    call_id: str
    signature: str | None = None
    type: Literal["file_search_result"] = "file_search_result"


class GoogleMapsCallArguments(JsonObject):
    """The arguments of a ``google_maps_call`` step."""

    queries: list[str] | None = None


class GoogleMapsCallStep(JsonObject):
    """A ``google_maps_call`` step."""

    id: str
    arguments: GoogleMapsCallArguments | None = None
    signature: str | None = None
    type: Literal["google_maps_call"] = "google_maps_call"


class GoogleMapsResultPlaces(JsonObject):
    """A place."""

    name: str | None = None
    place_id: str | None = None
    review_snippets: list[ReviewSnippet] | None = None
    url: str | None = None


class GoogleMapsResult(JsonObject):
    """Places that were found."""

    places: list[GoogleMapsResultPlaces] | None = None
    widget_context_token: str | None = None


class GoogleMapsResultStep(JsonObject):
    """A ``google_maps_result`` step."""

    call_id: str
    result: list[GoogleMapsResult]
    signature: str | None = None
    type: Literal["google_maps_result"] = "google_maps_result"


class GoogleSearchCallArguments(JsonObject):
    """The arguments of a ``google_search_call`` step."""

    queries: list[str] | None = None


GoogleSearchCallStepSearchType: TypeAlias = Literal["web_search", "image_search", "enterprise_web_search"] | str


class GoogleSearchCallStep(JsonObject):
    """A ``google_search_call`` step."""

    arguments: GoogleSearchCallArguments
    id: str
    search_type: GoogleSearchCallStepSearchType | None = None
    signature: str | None = None
    type: Literal["google_search_call"] = "google_search_call"


class GoogleSearchResult(JsonObject):
    """What a search found."""

    search_suggestions: str | None = None


class GoogleSearchResultStep(JsonObject):
    """A ``google_search_result`` step."""

    call_id: str
    result: list[GoogleSearchResult]
    is_error: bool | None = None
    signature: str | None = None
    type: Literal["google_search_result"] = "google_search_result"


class MCPServerToolCallStep(JsonObject):
    """A ``mcp_server_tool_call`` step."""

    arguments: dict[str, Any]
    id: str
    name: str
    server_name: str
    type: Literal["mcp_server_tool_call"] = "mcp_server_tool_call"


MCPServerToolResultStepResultUnion: TypeAlias = dict[str, Any] | list[FunctionResultSubcontent] | str


class MCPServerToolResultStep(JsonObject):
    """A ``mcp_server_tool_result`` step."""

    call_id: str
    result: MCPServerToolResultStepResultUnion
    name: str | None = None
    server_name: str | None = None
    type: Literal["mcp_server_tool_result"] = "mcp_server_tool_result"


class ProcessingCallStep(JsonObject):
    """A ``processing_call`` step."""

    id: str
    signature: str | None = None
    type: Literal["processing_call"] = "processing_call"


class ProcessingResultStep(JsonObject):
    """A ``processing_result`` step."""

    call_id: str
    signature: str | None = None
    type: Literal["processing_result"] = "processing_result"


class RetrievalCallArguments(JsonObject):
    """The arguments of a ``retrieval_call`` step."""

    queries: list[str] | None = None


RetrievalCallStepRetrievalType: TypeAlias = (
    Literal["vertex_ai_search", "rag_store", "exa_ai_search", "parallel_ai_search"] | str
)


class RetrievalCallStep(JsonObject):
    """A ``retrieval_call`` step."""

    arguments: RetrievalCallArguments
    id: str
    retrieval_type: RetrievalCallStepRetrievalType | None = None
    signature: str | None = None
    type: Literal["retrieval_call"] = "retrieval_call"


class RetrievalResultStep(JsonObject):
    """A ``retrieval_result`` step."""

    call_id: str
    is_error: bool | None = None
    signature: str | None = None
    type: Literal["retrieval_result"] = "retrieval_result"


class ToolSearchCallStepArguments(JsonObject):
    """The arguments of a ``tool_search_call`` step."""

    function_names: list[str] | None = None


class ToolSearchCallStep(JsonObject):
    """A ``tool_search_call`` step."""

    arguments: ToolSearchCallStepArguments
    id: str
    signature: str | None = None
    type: Literal["tool_search_call"] = "tool_search_call"


class ToolSearchResultStep(JsonObject):
    """A ``tool_search_result`` step."""

    call_id: str
    result: list[Function] | None = None
    signature: str | None = None
    type: Literal["tool_search_result"] = "tool_search_result"


class URLContextCallArguments(JsonObject):
    """The arguments of a ``url_context_call`` step."""

    urls: list[str] | None = None


class URLContextCallStep(JsonObject):
    """A ``url_context_call`` step."""

    arguments: URLContextCallArguments
    id: str
    signature: str | None = None
    type: Literal["url_context_call"] = "url_context_call"


URLContextResultStatus: TypeAlias = Literal["success", "error", "paywall", "unsafe"] | str


class URLContextResult(JsonObject):
    """A page that was read."""

    status: URLContextResultStatus | None = None
    url: str | None = None


class URLContextResultStep(JsonObject):
    """A ``url_context_result`` step."""

    call_id: str
    result: list[URLContextResult]
    is_error: bool | None = None
    signature: str | None = None
    type: Literal["url_context_result"] = "url_context_result"


class UnknownStep(UnknownObject):
    """A step of an unknown type."""

    type: Literal["UNKNOWN"] = "UNKNOWN"


Step: TypeAlias = (
    CodeExecutionCallStep
    | CodeExecutionResultStep
    | FileSearchCallStep
    | FileSearchResultStep
    | FunctionCallStep
    | FunctionResultStep
    | GoogleMapsCallStep
    | GoogleMapsResultStep
    | GoogleSearchCallStep
    | GoogleSearchResultStep
    | MCPServerToolCallStep
    | MCPServerToolResultStep
    | ModelOutputStep
    | ProcessingCallStep
    | ProcessingResultStep
    | RetrievalCallStep
    | RetrievalResultStep
    | ThoughtStep
    | ToolSearchCallStep
    | ToolSearchResultStep
    | URLContextCallStep
    | URLContextResultStep
    | UserInputStep
    | UnknownStep
)
