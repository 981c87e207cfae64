"""How a request is made: ``GenerateContentConfig`` and its like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from headwater.types.base import ApiModel
from headwater.types.content import Content
from headwater.types.enums import (
    FeatureSelectionPreference,
    HarmBlockMethod,
    HarmBlockThreshold,
    HarmCategory,
    MediaResolution,
    Modality,
    ServiceTier,
    ThinkingLevel,
)
from headwater.types.http import HttpOptions
from headwater.types.output import AudioTranscriptionConfig, ImageConfig, SpeechConfig
from headwater.types.tools import Tool, ToolConfig


class SafetySetting(ApiModel):
    """From which probability on one kind of harm is blocked."""

    category: HarmCategory | None = None
    threshold: HarmBlockThreshold | None = None
    method: HarmBlockMethod | None = None


class ThinkingConfig(ApiModel):
    """How much the model thinks, and whether its thoughts are sent. A budget of 0 is off, -1 dynamic."""

    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: ThinkingLevel | None = None


class GenerationConfigRoutingConfigAutoRoutingMode(ApiModel):
    """The service chooses the model; the preference is what it weighs."""

    model_routing_preference: str | None = None


class GenerationConfigRoutingConfigManualRoutingMode(ApiModel):
    """A model is named."""

    model_name: str | None = None


class GenerationConfigRoutingConfig(ApiModel):
    """Which model answers (Vertex AI)."""

    auto_mode: GenerationConfigRoutingConfigAutoRoutingMode | None = None
    manual_mode: GenerationConfigRoutingConfigManualRoutingMode | None = None


class ModelSelectionConfig(ApiModel):
    """What the choice of a model weighs (Vertex AI)."""

    feature_selection_preference: FeatureSelectionPreference | None = None


class ModelArmorConfig(ApiModel):
    """The templates of Model Armor that look at prompt and answer (Vertex AI)."""

    prompt_template_name: str | None = None
    response_template_name: str | None = None


class GenerationOutputConfig(ApiModel):
    """Where in Cloud Storage output is put (Vertex AI)."""

    output_uri_prefix: str | None = None


class AutomaticFunctionCallingConfig(ApiModel):
    """Whether Python functions given as tools are called by the client, and how often at most."""

    disable: bool | None = None
    maximum_remote_calls: int | None = None
    ignore_call_history: bool | None = None


class GenerateContentConfig(ApiModel):
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
    routing_config: GenerationConfigRoutingConfig | None = None
    model_selection_config: ModelSelectionConfig | None = None
    safety_settings: list[SafetySetting] | None = None
    tools: list[Tool | Callable[..., Any]] | None = None
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
    model_armor_config: ModelArmorConfig | None = None
    service_tier: ServiceTier | None = None
    audio_transcription_config: AudioTranscriptionConfig | None = None
    continuation_token: bytes | None = None
    automatic_continuation: bool | None = None
    generation_output_config: GenerationOutputConfig | None = None
    store: bool | None = None


class CountTokensConfig(ApiModel):
    """How tokens are counted; the last three on Vertex AI only."""

    http_options: HttpOptions | None = None
    system_instruction: Any = None
    tools: list[Tool | Callable[..., Any]] | None = None
    generation_config: GenerationConfig | None = None


class GetModelConfig(ApiModel):
    """How a model is looked up."""

    http_options: HttpOptions | None = None


class ListModelsConfig(ApiModel):
    """Which models are listed: ``page_size`` each time, base models unless ``query_base`` is False."""

    http_options: HttpOptions | None = None
    page_size: int | None = None
    page_token: str | None = None
    filter: str | None = None
    query_base: bool | None = None


class GenerateContentRequest(ApiModel):
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
    model_armor_config: ModelArmorConfig | None = None
    output_config: GenerationOutputConfig | None = None


class GenerationConfig(ApiModel):
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
    audio_transcription_config: AudioTranscriptionConfig | None = None
    audio_timestamp: bool | None = None
    enable_enhanced_civic_answers: bool | None = None
    routing_config: GenerationConfigRoutingConfig | None = None
    model_selection_config: ModelSelectionConfig | None = msgspec.field(default=None, name="modelConfig")
