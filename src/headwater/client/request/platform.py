"""Fields that only one of the two APIs takes: the Gemini Developer API or Vertex AI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headwater.errors import UsageError
from headwater.types.base import ApiModel

DEVELOPER = "the Gemini Developer API"
VERTEX = "Vertex AI"

# The tables are google-genai's (its converters raise for the same fields), by type, since a field's name alone says
# nothing: ``name`` is for one API in ``McpServer`` and for both elsewhere.
#: The type of a value -> its fields that Vertex AI takes and the Developer API does not.
VERTEX_ONLY: dict[str, tuple[str, ...]] = {
    "AuthConfig": (
        "api_key_config",
        "auth_type",
        "google_service_account_config",
        "http_basic_auth_config",
        "oauth_config",
        "oidc_config",
    ),
    "CountTokensConfig": ("system_instruction", "tools", "generation_config"),
    "CreateCachedContentConfig": ("kms_key_name",),
    "EmbedContentConfig": ("audio_track_extraction", "auto_truncate", "document_ocr", "mime_type"),
    "FunctionCall": ("partial_args", "will_continue"),
    "FunctionCallingConfig": ("stream_function_call_arguments",),
    "GenerateContentConfig": (
        "audio_timestamp",
        "generation_output_config",
        "model_armor_config",
        "model_selection_config",
        "routing_config",
    ),
    "GoogleMaps": ("grounding_types",),
    "GoogleSearch": ("blocking_confidence", "exclude_domains"),
    "ImageConfig": (
        "image_output_options",
        "output_compression_quality",
        "output_mime_type",
        "person_generation",
        "prominent_people",
    ),
    "LiveConnectConfig": ("explicit_vad_signal",),
    "SafetySetting": ("method",),
    "SessionResumptionConfig": ("transparent",),
    "Tool": ("enterprise_web_search", "exa_ai_search", "parallel_ai_search", "retrieval"),
}
#: The type of a value -> its fields that the Developer API takes and Vertex AI does not.
DEVELOPER_ONLY: dict[str, tuple[str, ...]] = {
    "FunctionResponse": ("will_continue",),
    "FunctionResponsePart": ("media_processing",),
    "GenerateContentConfig": ("enable_enhanced_civic_answers", "store"),
    "McpServer": ("name", "streamable_http_transport"),
    "Part": ("part_metadata", "tool_call", "tool_response"),
    "ReplicatedVoiceConfig": ("consent_audio", "voice_consent_signature"),
    "Tool": ("file_search",),
    "ToolConfig": ("include_server_side_tool_invocations",),
}


def check_platform(*values: Any, vertexai: bool) -> None:
    """Check that ``values``, parts of a request, have no field that is for the other API.

    Raises:
        UsageError: if a field is for the other API; the message names the field and both APIs.
    """
    barred, this, other = (DEVELOPER_ONLY, VERTEX, DEVELOPER) if vertexai else (VERTEX_ONLY, DEVELOPER, VERTEX)
    for kind, name in _fields(values):
        if name in barred.get(kind, ()):
            raise UsageError(f"{kind}.{name} is for {other} only, and this client speaks to {this}: leave it out")


def check_schema(schema: Any, *, vertexai: bool) -> None:
    """Check that a response schema for the Developer API does not set ``additional_properties``.

    Raises:
        UsageError: if it does.
    """
    if vertexai:
        return
    if any(name == "additional_properties" for _, name in _fields((schema,))):
        raise UsageError(
            f"additional_properties in response_schema is for {VERTEX} only: pass response_json_schema instead"
        )


def _fields(values: Any) -> Iterator[tuple[str, str]]:
    """Yield the type and the name of every field that is set, at any depth."""
    for value in values:
        if isinstance(value, ApiModel):
            pairs = zip(value.__struct_fields__, value.__struct_defaults__, strict=True)
            items = [(name, item) for name, absent in pairs if (item := getattr(value, name)) != absent]
            kind = type(value).__name__
            yield from ((kind, name) for name, _ in items)
            yield from _fields(item for _, item in items)
        elif isinstance(value, Mapping):
            yield from _fields(value.values())
        elif isinstance(value, list | tuple):
            yield from _fields(value)
