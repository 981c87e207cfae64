"""The twins of ``headwater.types.content``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from headwater.types.content import (
    CodeExecutionResult,
    Content,
    ExecutableCode,
    FunctionCall,
    FunctionResponse,
    FunctionResponsePart,
    Part,
    PartialArg,
    ToolCall,
    ToolResponse,
)
from headwater.types.dicts.media import (
    AudioMetadataOrDict,
    BlobOrDict,
    DocumentMetadataOrDict,
    FileDataOrDict,
    PartMediaResolutionOrDict,
    SpeechMetadataOrDict,
    SpreadsheetMetadataOrDict,
    TranscriptionOrDict,
    VideoMetadataOrDict,
)
from headwater.types.enums import FunctionResponseScheduling, Language, Outcome, ToolType
from headwater.types.media import MediaProcessing


class PartialArgDict(TypedDict, total=False):
    """``PartialArg`` as a dict."""

    json_path: str | None
    string_value: str | None
    number_value: float | None
    bool_value: bool | None
    null_value: str | None
    will_continue: bool | None


PartialArgOrDict: TypeAlias = PartialArg | PartialArgDict


class FunctionCallDict(TypedDict, total=False):
    """``FunctionCall`` as a dict."""

    id: str | None
    name: str | None
    args: Mapping[str, Any] | None
    partial_args: Sequence[PartialArgOrDict] | None
    will_continue: bool | None


FunctionCallOrDict: TypeAlias = FunctionCall | FunctionCallDict


class FunctionResponsePartDict(TypedDict, total=False):
    """``FunctionResponsePart`` as a dict."""

    inline_data: BlobOrDict | None
    file_data: FileDataOrDict | None
    media_processing: MediaProcessing | str | None
    media_resolution: PartMediaResolutionOrDict | None
    video_metadata: VideoMetadataOrDict | None
    document_metadata: DocumentMetadataOrDict | None
    spreadsheet_metadata: SpreadsheetMetadataOrDict | None
    audio_metadata: AudioMetadataOrDict | None


FunctionResponsePartOrDict: TypeAlias = FunctionResponsePart | FunctionResponsePartDict


class FunctionResponseDict(TypedDict, total=False):
    """``FunctionResponse`` as a dict."""

    id: str | None
    name: str | None
    response: Mapping[str, Any] | None
    parts: Sequence[FunctionResponsePartOrDict] | None
    will_continue: bool | None
    scheduling: FunctionResponseScheduling | str | None


FunctionResponseOrDict: TypeAlias = FunctionResponse | FunctionResponseDict


class ExecutableCodeDict(TypedDict, total=False):
    """``ExecutableCode`` as a dict."""

    code: str | None
    language: Language | str | None
    id: str | None


ExecutableCodeOrDict: TypeAlias = ExecutableCode | ExecutableCodeDict


class CodeExecutionResultDict(TypedDict, total=False):
    """``CodeExecutionResult`` as a dict."""

    outcome: Outcome | str | None
    output: str | None
    id: str | None


CodeExecutionResultOrDict: TypeAlias = CodeExecutionResult | CodeExecutionResultDict


class ToolCallDict(TypedDict, total=False):
    """``ToolCall`` as a dict."""

    id: str | None
    tool_type: ToolType | str | None
    args: Mapping[str, Any] | None


ToolCallOrDict: TypeAlias = ToolCall | ToolCallDict


class ToolResponseDict(TypedDict, total=False):
    """``ToolResponse`` as a dict."""

    id: str | None
    tool_type: ToolType | str | None
    response: Mapping[str, Any] | None


ToolResponseOrDict: TypeAlias = ToolResponse | ToolResponseDict


class PartDict(TypedDict, total=False):
    """``Part`` as a dict."""

    text: str | None
    thought: bool | None
    thought_signature: bytes | None
    inline_data: BlobOrDict | None
    file_data: FileDataOrDict | None
    function_call: FunctionCallOrDict | None
    function_response: FunctionResponseOrDict | None
    executable_code: ExecutableCodeOrDict | None
    code_execution_result: CodeExecutionResultOrDict | None
    tool_call: ToolCallOrDict | None
    tool_response: ToolResponseOrDict | None
    video_metadata: VideoMetadataOrDict | None
    media_resolution: PartMediaResolutionOrDict | None
    audio_transcription: TranscriptionOrDict | None
    media_processing: MediaProcessing | str | None
    part_metadata: Mapping[str, Any] | None
    speech_metadata: SpeechMetadataOrDict | None
    document_metadata: DocumentMetadataOrDict | None
    spreadsheet_metadata: SpreadsheetMetadataOrDict | None
    audio_metadata: AudioMetadataOrDict | None


PartOrDict: TypeAlias = Part | PartDict


class ContentDict(TypedDict, total=False):
    """``Content`` as a dict."""

    parts: Sequence[PartOrDict | str] | None
    role: str | None


ContentOrDict: TypeAlias = Content | ContentDict
