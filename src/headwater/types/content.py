"""``Content`` and its ``Part``s, in prompts and in answers."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from headwater.errors import UsageError
from headwater.types.base import ApiModel
from headwater.types.enums import FunctionResponseScheduling, Language, Outcome, ToolType
from headwater.types.media import (
    AudioMetadata,
    Blob,
    DocumentMetadata,
    FileData,
    Image,
    MediaProcessing,
    PartMediaResolution,
    SpeechMetadata,
    SpreadsheetMetadata,
    Transcription,
    VideoMetadata,
    pillow_blob,
)

#: The URI of an uploaded file. The API knows its MIME type, so none is required.
_UPLOADED = re.compile(r"https://[\w.-]*generativelanguage\.[\w.]*googleapis\.com/[^/?]+/files/")


class PartialArg(ApiModel):
    """A fragment of a streamed function argument (Vertex AI).

    ``json_path`` (RFC 9535) says which argument; ``will_continue`` that more of it follows.
    """

    #: RFC 9535: ``$.location``.
    json_path: str | None = None
    string_value: str | None = None
    number_value: float | None = None
    bool_value: bool | None = None
    null_value: str | None = None
    #: Whether more of this value follows.
    will_continue: bool | None = None


class FunctionCall(ApiModel):
    """A function call by the model. ``id`` is None for models without call ids.

    ``partial_args`` and ``will_continue``: Vertex AI only, with ``stream_function_call_arguments``.
    """

    #: None for models without call ids; repeat it in the response.
    id: str | None = None
    name: str | None = None
    args: dict[str, Any] | None = None
    #: Vertex AI only.
    partial_args: list[PartialArg] | None = None
    #: Vertex AI only.
    will_continue: bool | None = None


class FunctionResponsePart(ApiModel):
    """Media in the response of a function."""

    inline_data: Blob | None = None
    file_data: FileData | None = None
    #: Developer API only.
    media_processing: MediaProcessing | None = None
    media_resolution: PartMediaResolution | None = None
    video_metadata: VideoMetadata | None = None
    document_metadata: DocumentMetadata | None = None
    spreadsheet_metadata: SpreadsheetMetadata | None = None
    audio_metadata: AudioMetadata | None = None

    @classmethod
    def from_bytes(cls, *, data: bytes, mime_type: str, display_name: str | None = None) -> Self:
        """Return a part with ``data`` inline."""
        return cls(inline_data=Blob(data=data, mime_type=mime_type, display_name=display_name))

    @classmethod
    def from_uri(cls, *, file_uri: str, mime_type: str | None = None, display_name: str | None = None) -> Self:
        """Return a part that refers to a file. The MIME type is guessed from the extension unless it is given.

        Raises:
            UsageError: if the MIME type cannot be guessed.
        """
        kind = mime_type or (None if _UPLOADED.match(file_uri) else _guess_mime_type(file_uri))
        return cls(file_data=FileData(file_uri=file_uri, mime_type=kind, display_name=display_name))


class FunctionResponse(ApiModel):
    """The response of a called function; ``id`` is that of the call."""

    id: str | None = None
    name: str | None = None
    response: dict[str, Any] | None = None
    parts: list[FunctionResponsePart] | None = None
    #: Developer API only.
    will_continue: bool | None = None
    #: Only for functions declared as NON_BLOCKING.
    scheduling: FunctionResponseScheduling | None = None

    @classmethod
    def from_mcp_response(cls, *, name: str, response: Any) -> FunctionResponse:
        """Return the result of an MCP tool (``mcp.types.CallToolResult``) as a function's response."""
        items = list(response.content)
        is_error = response.is_error if hasattr(response, "is_error") else response.isError  # mcp 2, mcp 1
        # google-genai leaves out what the error says; the model can do something about it.
        return cls(name=name, response={"error": items or "MCP response is error."} if is_error else {"result": items})


class ExecutableCode(ApiModel):
    """Code that the model wrote and the API ran."""

    code: str | None = None
    language: Language | None = None
    id: str | None = None


class CodeExecutionResult(ApiModel):
    """The output and outcome of executed code."""

    outcome: Outcome | None = None
    output: str | None = None
    id: str | None = None


class ToolCall(ApiModel):
    """A call of a server-side tool; send it back unchanged (Developer API)."""

    id: str | None = None
    tool_type: ToolType | None = None
    args: dict[str, Any] | None = None


class ToolResponse(ApiModel):
    """The response of a server-side tool; send it back unchanged (Developer API)."""

    id: str | None = None
    tool_type: ToolType | None = None
    response: dict[str, Any] | None = None


class Part(ApiModel):
    """A part of a content: exactly one of text, media, a function call or response, or code.

    ``Part("text")`` is short for ``Part(text="text")``. ``thought`` marks thoughts; ``thought_signature`` is opaque and
    has to be sent back unchanged.
    """

    text: str | None = None
    thought: bool | None = None
    #: Opaque; has to be sent back unchanged.
    thought_signature: bytes | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: ExecutableCode | None = None
    code_execution_result: CodeExecutionResult | None = None
    #: Developer API only.
    tool_call: ToolCall | None = None
    #: Developer API only.
    tool_response: ToolResponse | None = None
    #: Only with video in ``inline_data`` or ``file_data``.
    video_metadata: VideoMetadata | None = None
    media_resolution: PartMediaResolution | None = None
    audio_transcription: Transcription | None = None
    media_processing: MediaProcessing | None = None
    #: Developer API only.
    part_metadata: dict[str, Any] | None = None
    speech_metadata: SpeechMetadata | None = None
    document_metadata: DocumentMetadata | None = None
    spreadsheet_metadata: SpreadsheetMetadata | None = None
    audio_metadata: AudioMetadata | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            value: str | Part | Mapping[str, Any] | Any = None,
            /,
            *,
            text: str | None = None,
            thought: bool | None = None,
            thought_signature: bytes | None = None,
            inline_data: Blob | None = None,
            file_data: FileData | None = None,
            function_call: FunctionCall | None = None,
            function_response: FunctionResponse | None = None,
            executable_code: ExecutableCode | None = None,
            code_execution_result: CodeExecutionResult | None = None,
            tool_call: ToolCall | None = None,
            tool_response: ToolResponse | None = None,
            video_metadata: VideoMetadata | None = None,
            media_resolution: PartMediaResolution | None = None,
            audio_transcription: Transcription | None = None,
            media_processing: MediaProcessing | None = None,
            part_metadata: dict[str, Any] | None = None,
            speech_metadata: SpeechMetadata | None = None,
            document_metadata: DocumentMetadata | None = None,
            spreadsheet_metadata: SpreadsheetMetadata | None = None,
            audio_metadata: AudioMetadata | None = None,
        ) -> None: ...

    @classmethod
    def _from_positional(cls, value: Any) -> dict[str, Any]:
        if isinstance(value, str):
            return {"text": value}
        if isinstance(value, Part):
            return {name: getattr(value, name) for name in value.__struct_fields__}
        if isinstance(value, dict):
            return {"file_data": value} if {"file_uri", "fileUri"} & value.keys() else value
        if (
            isinstance(value, ApiModel) and "uri" in value.__struct_fields__
        ):  # a File, recognized by its field: its module imports this one
            return {"file_data": _data_of(value)}
        if (blob := pillow_blob(value)) is not None:
            return {"inline_data": blob}
        raise UsageError(f"a Part takes text, a File, an image or a dict, not {type(value).__name__}")

    def as_image(self) -> Image | None:
        """Return the inline image of this part, or None."""
        return None if self.inline_data is None else self.inline_data.as_image()

    @classmethod
    def from_text(cls, *, text: str) -> Part:
        """Return a text part."""
        return cls(text=text)

    @classmethod
    def from_bytes(cls, *, data: bytes, mime_type: str, media_resolution: Any = None) -> Part:
        """Return a part with ``data`` inline."""
        return cls(inline_data=Blob(data=data, mime_type=mime_type), media_resolution=_resolution(media_resolution))

    @classmethod
    def from_uri(cls, *, file_uri: str, mime_type: str | None = None, media_resolution: Any = None) -> Part:
        """Return a part that refers to a file. The MIME type is guessed from the extension unless it is given.

        Raises:
            UsageError: if the MIME type cannot be guessed.
        """
        data = FileData(file_uri=file_uri, mime_type=mime_type or _guess_mime_type(file_uri))
        return cls(file_data=data, media_resolution=_resolution(media_resolution))

    @classmethod
    def from_function_call(cls, *, name: str, args: dict[str, Any]) -> Part:
        """Return a part in which the model calls a function."""
        return cls(function_call=FunctionCall(name=name, args=args))

    @classmethod
    def from_function_response(
        cls,
        *,
        name: str,
        response: dict[str, Any],
        parts: list[FunctionResponsePart] | None = None,
        id: str | None = None,
    ) -> Part:
        """Return a part that answers a function call; pass the ``id`` of the call if it has one."""
        return cls(function_response=FunctionResponse(name=name, response=response, parts=parts, id=id))

    @classmethod
    def from_executable_code(cls, *, code: str, language: Language) -> Part:
        """Return a part with code that the model wrote."""
        return cls(executable_code=ExecutableCode(code=code, language=language))

    @classmethod
    def from_code_execution_result(cls, *, outcome: Outcome, output: str) -> Part:
        """Return a part with the output of executed code."""
        return cls(code_execution_result=CodeExecutionResult(outcome=outcome, output=output))


def _data_of(file: Any) -> FileData:
    if not file.uri or not file.mime_type:
        raise UsageError("a file in contents needs its uri and mime_type: upload it, or get it by its name")
    # Only Vertex AI takes a display name, and only it reads gs://. The Developer API refuses the name of its own files.
    name = file.display_name if file.uri.startswith("gs://") else None
    return FileData(file_uri=file.uri, mime_type=file.mime_type, display_name=name)


def _guess_mime_type(uri: str) -> str:
    kind = mimetypes.guess_type(uri.split("?", 1)[0])[0]
    if kind is None:
        raise UsageError(f"Failed to determine mime type of {uri!r} by its extension: pass mime_type=...")
    return kind


def _resolution(value: Any) -> PartMediaResolution | None:
    if value is None or isinstance(value, PartMediaResolution):
        return value
    return PartMediaResolution(**value) if isinstance(value, dict) else PartMediaResolution(level=value)


class Content(ApiModel):
    """One turn: the role (``"user"`` or ``"model"``) and the parts."""

    parts: list[Part] | None = None
    #: ``user`` or ``model``.
    role: str | None = None

    def __eq__(self, other: object) -> bool:
        """Compare roles and parts, not classes: ``UserContent("a") == Content(role="user", parts="a")``."""
        if not isinstance(other, Content):
            return NotImplemented
        return self.role == other.role and self.parts == other.parts

    __hash__ = None  # type: ignore[assignment]  # mutable


#: What a part can be made of. Files and Pillow images are Any here, since this module does not import them.
PartLike: TypeAlias = str | Part | Mapping[str, Any] | Any


class UserContent(Content):
    """A turn of the user: ``UserContent("text")``."""

    if TYPE_CHECKING:

        def __init__(self, parts: PartLike | Sequence[PartLike] | None = None) -> None: ...

    def __post_init__(self) -> None:
        self.role = _check_role(self, "user")

    @classmethod
    def _from_positional(cls, value: Any) -> dict[str, Any]:
        return {"parts": value}


class ModelContent(Content):
    """A turn of the model: ``ModelContent("text")``."""

    if TYPE_CHECKING:

        def __init__(self, parts: PartLike | Sequence[PartLike] | None = None) -> None: ...

    def __post_init__(self) -> None:
        self.role = _check_role(self, "model")

    @classmethod
    def _from_positional(cls, value: Any) -> dict[str, Any]:
        return {"parts": value}


class _RoleError(UsageError, TypeError):
    """``UserContent`` with another role: in google-genai ``role`` is not an argument, so a TypeError."""


def _check_role(content: Content, role: str) -> str:
    """Check and return the role of a subclass. It cannot be the default of the field: defaults are not encoded."""
    if content.role not in (None, role):
        raise _RoleError(f"{type(content).__name__}: its role is {role!r}")
    if content.parts == []:
        raise UsageError(f"{type(content).__name__}: it is empty: pass a text or a part")
    return role
