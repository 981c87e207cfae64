"""How a request is made: ``GenerateContentConfig`` and the HTTP options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Required, TypedDict

from headwater.types.base import Wire
from headwater.types.content import Content
from headwater.types.enums import (
    HarmBlockMethod,
    HarmBlockThreshold,
    HarmCategory,
    MediaResolution,
    Modality,
    ServiceTier,
    ThinkingLevel,
)
from headwater.types.tools import ToolConfig


class HttpRetryOptions(Wire):
    """When a request that failed before its first content is sent again. Delays in seconds."""

    attempts: int | None = None
    initial_delay: float | None = None
    max_delay: float | None = None
    exp_base: float | None = None
    jitter: float | None = None
    http_status_codes: list[int] | None = None


class HttpOptions(Wire):
    """Where requests go and how. ``timeout`` is in milliseconds, as in google-genai: the longest silence allowed."""

    base_url: str | None = None
    base_url_resource_scope: str | None = None
    api_version: str | None = None
    headers: dict[str, str] | None = None
    timeout: int | None = None
    client_args: dict[str, Any] | None = None
    async_client_args: dict[str, Any] | None = None
    extra_body: dict[str, Any] | None = None
    retry_options: HttpRetryOptions | None = None


class SafetySetting(Wire):
    """From which probability on one kind of harm is blocked."""

    category: HarmCategory | None = None
    threshold: HarmBlockThreshold | None = None
    method: HarmBlockMethod | None = None


class ThinkingConfig(Wire):
    """How much the model thinks, and whether its thoughts are sent. A budget of 0 is off, -1 dynamic."""

    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: ThinkingLevel | None = None


class PrebuiltVoiceConfig(Wire):
    """A voice by its name."""

    voice_name: str | None = None


class VoiceConfig(Wire):
    """A voice."""

    prebuilt_voice_config: PrebuiltVoiceConfig | None = None
    replicated_voice_config: dict[str, Any] | None = None


class SpeakerVoiceConfig(Wire):
    """The voice of one speaker."""

    speaker: str | None = None
    voice_config: VoiceConfig | None = None


class MultiSpeakerVoiceConfig(Wire):
    """The voices of a dialogue."""

    speaker_voice_configs: list[SpeakerVoiceConfig] | None = None


class SpeechConfig(Wire):
    """How an answer is spoken. ``SpeechConfig("Kore")`` names a voice."""

    voice_config: VoiceConfig | None = None
    multi_speaker_voice_config: MultiSpeakerVoiceConfig | None = None
    language_code: str | None = None

    @classmethod
    def _from_positional(cls, value: Any) -> dict[str, Any]:
        return {"voice_config": {"prebuilt_voice_config": {"voice_name": value}}} if isinstance(value, str) else value


class ImageConfig(Wire):
    """How images are made."""

    aspect_ratio: str | None = None
    image_size: str | None = None
    output_mime_type: str | None = None
    output_compression_quality: int | None = None
    person_generation: str | None = None
    prominent_people: str | None = None
    image_output_options: dict[str, Any] | None = None


class AutomaticFunctionCallingConfig(Wire):
    """Whether Python functions given as tools are called by the client, and how often at most."""

    disable: bool | None = None
    maximum_remote_calls: int | None = None
    ignore_call_history: bool | None = None


class GenerateContentConfig(Wire):
    """Everything about a request but its model and contents; a dict of these names does as well.

    ``stream=True`` is headwater's own: ``generate_content`` then returns the stream.
    """

    http_options: HttpOptions | None = None
    should_return_http_response: bool | None = None
    stream: bool | None = None
    system_instruction: Any = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    response_mime_type: str | None = None
    response_schema: Any = None
    response_json_schema: Any = None
    routing_config: dict[str, Any] | None = None
    model_selection_config: dict[str, Any] | None = None
    safety_settings: list[SafetySetting] | None = None
    tools: list[Any] | None = None
    tool_config: ToolConfig | None = None
    labels: dict[str, str] | None = None
    cached_content: str | None = None
    response_modalities: list[Modality] | None = None
    media_resolution: MediaResolution | None = None
    speech_config: SpeechConfig | None = None
    audio_timestamp: bool | None = None
    automatic_function_calling: AutomaticFunctionCallingConfig | None = None
    thinking_config: ThinkingConfig | None = None
    image_config: ImageConfig | None = None
    enable_enhanced_civic_answers: bool | None = None
    model_armor_config: dict[str, Any] | None = None
    service_tier: ServiceTier | None = None
    audio_transcription_config: dict[str, Any] | None = None
    continuation_token: bytes | None = None
    automatic_continuation: bool | None = None
    generation_output_config: dict[str, Any] | None = None
    store: bool | None = None


class GenerateContentConfigDict(TypedDict, total=False):
    """``GenerateContentConfig`` as a dict, for type checkers; enums as their text."""

    http_options: HttpOptions | Mapping[str, Any]
    should_return_http_response: bool
    system_instruction: Any
    temperature: float
    top_p: float
    top_k: float
    candidate_count: int
    max_output_tokens: int
    stop_sequences: Sequence[str]
    response_logprobs: bool
    logprobs: int
    presence_penalty: float
    frequency_penalty: float
    seed: int
    response_mime_type: str
    response_schema: Any
    response_json_schema: Any
    routing_config: dict[str, Any]
    model_selection_config: dict[str, Any]
    safety_settings: Sequence[SafetySetting | Mapping[str, Any]]
    tools: Sequence[Any]
    tool_config: ToolConfig | Mapping[str, Any]
    labels: dict[str, str]
    cached_content: str
    response_modalities: Sequence[Modality | str]
    media_resolution: MediaResolution | str
    speech_config: SpeechConfig | Mapping[str, Any] | str
    audio_timestamp: bool
    automatic_function_calling: AutomaticFunctionCallingConfig | Mapping[str, Any]
    thinking_config: ThinkingConfig | Mapping[str, Any]
    image_config: ImageConfig | Mapping[str, Any]
    enable_enhanced_civic_answers: bool
    model_armor_config: dict[str, Any]
    service_tier: ServiceTier | str
    audio_transcription_config: dict[str, Any]
    continuation_token: bytes
    automatic_continuation: bool
    generation_output_config: dict[str, Any]
    store: bool


class StreamConfigDict(GenerateContentConfigDict):
    """The same with ``"stream": True``, which makes ``generate_content`` return the stream."""

    stream: Required[Literal[True]]


class CountTokensConfig(Wire):
    """How tokens are counted; the last three on Vertex AI only."""

    http_options: HttpOptions | None = None
    system_instruction: Any = None
    tools: list[Any] | None = None
    generation_config: dict[str, Any] | None = None


class GetModelConfig(Wire):
    """How a model is looked up."""

    http_options: HttpOptions | None = None


class ListModelsConfig(Wire):
    """Which models are listed: ``page_size`` each time, base models unless ``query_base`` is False."""

    http_options: HttpOptions | None = None
    page_size: int | None = None
    page_token: str | None = None
    filter: str | None = None
    query_base: bool | None = None


class GenerateContentRequest(Wire):
    """The body of a generateContent request, as the API and every engine see it."""

    contents: list[Content] | None = None
    system_instruction: Content | None = None
    generation_config: GenerationConfig | None = None
    safety_settings: list[SafetySetting] | None = None
    tools: list[Any] | None = None
    tool_config: ToolConfig | None = None
    cached_content: str | None = None
    labels: dict[str, str] | None = None
    service_tier: ServiceTier | None = None
    store: bool | None = None
    continuation_token: bytes | None = None
    model_armor_config: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None


class GenerationConfig(Wire):
    """The part of the configuration that concerns the answer itself."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    response_mime_type: str | None = None
    response_schema: Any = None
    response_json_schema: Any = None
    response_modalities: list[Modality] | None = None
    media_resolution: MediaResolution | None = None
    speech_config: SpeechConfig | None = None
    thinking_config: ThinkingConfig | None = None
    image_config: ImageConfig | None = None
    audio_transcription_config: dict[str, Any] | None = None
    audio_timestamp: bool | None = None
    enable_enhanced_civic_answers: bool | None = None
    routing_config: dict[str, Any] | None = None
    model_config: dict[str, Any] | None = None
