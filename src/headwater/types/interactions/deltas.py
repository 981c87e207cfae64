"""Deltas of the Interactions API: what a stream adds to a step."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from headwater.types.interactions.base import JsonObject, UnknownObject, absent
from headwater.types.interactions.content import Annotation, Content, MediaResolution
from headwater.types.interactions.steps import (
    CodeExecutionCallArguments,
    FileSearchResult,
    FunctionResultSubcontent,
    GoogleMapsCallArguments,
    GoogleMapsResult,
    GoogleSearchCallArguments,
    GoogleSearchResult,
    RetrievalCallArguments,
    ToolSearchCallStepArguments,
    URLContextCallArguments,
    URLContextResult,
)
from headwater.types.interactions.tools import Function

__all__ = [
    "ArgumentsDelta",
    "AudioDelta",
    "CodeExecutionCallDelta",
    "CodeExecutionResultDelta",
    "DocumentDelta",
    "FileSearchCallDelta",
    "FileSearchResultDelta",
    "FunctionResultDelta",
    "FunctionResultDeltaResultUnion",
    "GoogleMapsCallDelta",
    "GoogleMapsResultDelta",
    "GoogleSearchCallDelta",
    "GoogleSearchResultDelta",
    "ImageDelta",
    "MCPServerToolCallDelta",
    "MCPServerToolResultDelta",
    "MCPServerToolResultDeltaResultUnion",
    "ProcessingCallDelta",
    "ProcessingResultDelta",
    "RetrievalCallDelta",
    "RetrievalCallDeltaRetrievalType",
    "RetrievalResultDelta",
    "StepDeltaData",
    "TextAnnotationDelta",
    "TextDelta",
    "ThoughtSignatureDelta",
    "ThoughtSummaryDelta",
    "ToolSearchCallDelta",
    "ToolSearchResultDelta",
    "URLContextCallDelta",
    "URLContextResultDelta",
    "UnknownStepDeltaData",
    "VideoDelta",
]


class TextDelta(JsonObject):
    """Text."""

    text: str
    type: Literal["text"] = "text"


class ThoughtSummaryDelta(JsonObject):
    """A part of the summary of a thought."""

    content: Content = absent()
    type: Literal["thought_summary"] = "thought_summary"


class ThoughtSignatureDelta(JsonObject):
    """The signature of a thought."""

    signature: str = absent()
    type: Literal["thought_signature"] = "thought_signature"


class ArgumentsDelta(JsonObject):
    """A part of the JSON text of a call's arguments."""

    arguments: str = absent()
    type: Literal["arguments_delta"] = "arguments_delta"


class TextAnnotationDelta(JsonObject):
    """Citations of the text so far."""

    annotations: list[Annotation] | None = None
    type: Literal["text_annotation_delta"] = "text_annotation_delta"


class AudioDelta(JsonObject):
    """A part of the audio."""

    channels: int | None = None
    data: str | None = None
    mime_type: str | None = None
    rate: int | None = None
    sample_rate: int | None = None
    type: Literal["audio"] = "audio"
    uri: str | None = None


class CodeExecutionCallDelta(JsonObject):
    """A part of a ``code_execution_call`` step."""

    arguments: CodeExecutionCallArguments
    signature: str | None = None
    type: Literal["code_execution_call"] = "code_execution_call"


class CodeExecutionResultDelta(JsonObject):
    """A part of a ``code_execution_result`` step."""

    result: str
    is_error: bool | None = None
    signature: str | None = None
    type: Literal["code_execution_result"] = "code_execution_result"


class DocumentDelta(JsonObject):
    """A document."""

    data: str | None = None
    mime_type: str | None = None
    type: Literal["document"] = "document"
    uri: str | None = None


class FileSearchCallDelta(JsonObject):
    """A part of a ``file_search_call`` step."""

    signature: str | None = None
    type: Literal["file_search_call"] = "file_search_call"


class FileSearchResultDelta(JsonObject):
    """A part of a ``file_search_result`` step."""

    result: list[FileSearchResult]
    signature: str | None = None
    type: Literal["file_search_result"] = "file_search_result"


class FunctionResultDelta(JsonObject):
    """A part of a ``function_result`` step."""

    result: FunctionResultDeltaResultUnion
    is_error: bool | None = None
    name: str | None = None
    type: Literal["function_result"] = "function_result"


class GoogleMapsCallDelta(JsonObject):
    """A part of a ``google_maps_call`` step."""

    arguments: GoogleMapsCallArguments | None = None
    signature: str | None = None
    type: Literal["google_maps_call"] = "google_maps_call"


class GoogleMapsResultDelta(JsonObject):
    """A part of a ``google_maps_result`` step."""

    result: list[GoogleMapsResult] | None = None
    signature: str | None = None
    type: Literal["google_maps_result"] = "google_maps_result"


class GoogleSearchCallDelta(JsonObject):
    """A part of a ``google_search_call`` step."""

    arguments: GoogleSearchCallArguments
    signature: str | None = None
    type: Literal["google_search_call"] = "google_search_call"


class GoogleSearchResultDelta(JsonObject):
    """A part of a ``google_search_result`` step."""

    result: list[GoogleSearchResult]
    is_error: bool | None = None
    signature: str | None = None
    type: Literal["google_search_result"] = "google_search_result"


class ImageDelta(JsonObject):
    """An image."""

    data: str | None = None
    mime_type: str | None = None
    resolution: MediaResolution | None = None
    type: Literal["image"] = "image"
    uri: str | None = None


class MCPServerToolCallDelta(JsonObject):
    """A part of a ``mcp_server_tool_call`` step."""

    arguments: dict[str, Any]
    name: str
    server_name: str
    type: Literal["mcp_server_tool_call"] = "mcp_server_tool_call"


class MCPServerToolResultDelta(JsonObject):
    """A part of a ``mcp_server_tool_result`` step."""

    result: MCPServerToolResultDeltaResultUnion
    name: str | None = None
    server_name: str | None = None
    type: Literal["mcp_server_tool_result"] = "mcp_server_tool_result"


class ProcessingCallDelta(JsonObject):
    """A part of a ``processing_call`` step."""

    signature: str | None = None
    type: Literal["processing_call"] = "processing_call"


class ProcessingResultDelta(JsonObject):
    """A part of a ``processing_result`` step."""

    signature: str | None = None
    type: Literal["processing_result"] = "processing_result"


class RetrievalCallDelta(JsonObject):
    """A part of a ``retrieval_call`` step."""

    arguments: RetrievalCallArguments
    retrieval_type: RetrievalCallDeltaRetrievalType | None = None
    signature: str | None = None
    type: Literal["retrieval_call"] = "retrieval_call"


class RetrievalResultDelta(JsonObject):
    """A part of a ``retrieval_result`` step."""

    is_error: bool | None = None
    signature: str | None = None
    type: Literal["retrieval_result"] = "retrieval_result"


class ToolSearchCallDelta(JsonObject):
    """A part of a ``tool_search_call`` step."""

    arguments: ToolSearchCallStepArguments | None = None
    signature: str | None = None
    type: Literal["tool_search_call"] = "tool_search_call"


class ToolSearchResultDelta(JsonObject):
    """A part of a ``tool_search_result`` step."""

    result: list[Function] | None = None
    signature: str | None = None
    type: Literal["tool_search_result"] = "tool_search_result"


class URLContextCallDelta(JsonObject):
    """A part of a ``url_context_call`` step."""

    arguments: URLContextCallArguments
    signature: str | None = None
    type: Literal["url_context_call"] = "url_context_call"


class URLContextResultDelta(JsonObject):
    """A part of a ``url_context_result`` step."""

    result: list[URLContextResult]
    is_error: bool | None = None
    signature: str | None = None
    type: Literal["url_context_result"] = "url_context_result"


class VideoDelta(JsonObject):
    """A video."""

    data: str | None = None
    mime_type: str | None = None
    resolution: MediaResolution | None = None
    type: Literal["video"] = "video"
    uri: str | None = None


FunctionResultDeltaResultUnion: TypeAlias = dict[str, Any] | list[FunctionResultSubcontent] | str
MCPServerToolResultDeltaResultUnion: TypeAlias = dict[str, Any] | list[FunctionResultSubcontent] | str
RetrievalCallDeltaRetrievalType: TypeAlias = (
    Literal["vertex_ai_search", "rag_store", "exa_ai_search", "parallel_ai_search"] | str
)


class UnknownStepDeltaData(UnknownObject):
    """A delta of an unknown type."""

    type: Literal["UNKNOWN"] = "UNKNOWN"


StepDeltaData: TypeAlias = (
    ArgumentsDelta
    | AudioDelta
    | CodeExecutionCallDelta
    | CodeExecutionResultDelta
    | DocumentDelta
    | FileSearchCallDelta
    | FileSearchResultDelta
    | FunctionResultDelta
    | GoogleMapsCallDelta
    | GoogleMapsResultDelta
    | GoogleSearchCallDelta
    | GoogleSearchResultDelta
    | ImageDelta
    | MCPServerToolCallDelta
    | MCPServerToolResultDelta
    | ProcessingCallDelta
    | ProcessingResultDelta
    | RetrievalCallDelta
    | RetrievalResultDelta
    | TextAnnotationDelta
    | TextDelta
    | ThoughtSignatureDelta
    | ThoughtSummaryDelta
    | ToolSearchCallDelta
    | ToolSearchResultDelta
    | URLContextCallDelta
    | URLContextResultDelta
    | VideoDelta
    | UnknownStepDeltaData
)
