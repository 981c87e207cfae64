"""The twins of ``headwater.types.config``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from headwater.types.config import (
    AutomaticFunctionCallingConfig,
    CountTokensConfig,
    GenerateContentConfig,
    GenerationConfig,
    GenerationConfigRoutingConfig,
    GenerationConfigRoutingConfigAutoRoutingMode,
    GenerationConfigRoutingConfigManualRoutingMode,
    GenerationOutputConfig,
    GetModelConfig,
    ListModelsConfig,
    ModelArmorConfig,
    ModelSelectionConfig,
    SafetySetting,
    ThinkingConfig,
)
from headwater.types.dicts.http import HttpOptionsOrDict
from headwater.types.dicts.output import AudioTranscriptionConfigOrDict, ImageConfigOrDict, SpeechConfigOrDict
from headwater.types.dicts.tools import ToolConfigOrDict, ToolOrDict
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


class SafetySettingDict(TypedDict, total=False):
    """``SafetySetting`` as a dict."""

    category: HarmCategory | str | None
    threshold: HarmBlockThreshold | str | None
    method: HarmBlockMethod | str | None


SafetySettingOrDict: TypeAlias = SafetySetting | SafetySettingDict


class ThinkingConfigDict(TypedDict, total=False):
    """``ThinkingConfig`` as a dict."""

    include_thoughts: bool | None
    thinking_budget: int | None
    thinking_level: ThinkingLevel | str | None


ThinkingConfigOrDict: TypeAlias = ThinkingConfig | ThinkingConfigDict


class GenerationConfigRoutingConfigAutoRoutingModeDict(TypedDict, total=False):
    """``GenerationConfigRoutingConfigAutoRoutingMode`` as a dict."""

    model_routing_preference: str | None


GenerationConfigRoutingConfigAutoRoutingModeOrDict: TypeAlias = (
    GenerationConfigRoutingConfigAutoRoutingMode | GenerationConfigRoutingConfigAutoRoutingModeDict
)


class GenerationConfigRoutingConfigManualRoutingModeDict(TypedDict, total=False):
    """``GenerationConfigRoutingConfigManualRoutingMode`` as a dict."""

    model_name: str | None


GenerationConfigRoutingConfigManualRoutingModeOrDict: TypeAlias = (
    GenerationConfigRoutingConfigManualRoutingMode | GenerationConfigRoutingConfigManualRoutingModeDict
)


class GenerationConfigRoutingConfigDict(TypedDict, total=False):
    """``GenerationConfigRoutingConfig`` as a dict."""

    auto_mode: GenerationConfigRoutingConfigAutoRoutingModeOrDict | None
    manual_mode: GenerationConfigRoutingConfigManualRoutingModeOrDict | None


GenerationConfigRoutingConfigOrDict: TypeAlias = GenerationConfigRoutingConfig | GenerationConfigRoutingConfigDict


class ModelSelectionConfigDict(TypedDict, total=False):
    """``ModelSelectionConfig`` as a dict."""

    feature_selection_preference: FeatureSelectionPreference | str | None


ModelSelectionConfigOrDict: TypeAlias = ModelSelectionConfig | ModelSelectionConfigDict


class ModelArmorConfigDict(TypedDict, total=False):
    """``ModelArmorConfig`` as a dict."""

    prompt_template_name: str | None
    response_template_name: str | None


ModelArmorConfigOrDict: TypeAlias = ModelArmorConfig | ModelArmorConfigDict


class GenerationOutputConfigDict(TypedDict, total=False):
    """``GenerationOutputConfig`` as a dict."""

    output_uri_prefix: str | None


GenerationOutputConfigOrDict: TypeAlias = GenerationOutputConfig | GenerationOutputConfigDict


class AutomaticFunctionCallingConfigDict(TypedDict, total=False):
    """``AutomaticFunctionCallingConfig`` as a dict."""

    disable: bool | None
    maximum_remote_calls: int | None
    ignore_call_history: bool | None


AutomaticFunctionCallingConfigOrDict: TypeAlias = AutomaticFunctionCallingConfig | AutomaticFunctionCallingConfigDict


class GenerateContentConfigDict(TypedDict, total=False):
    """``GenerateContentConfig`` as a dict."""

    http_options: HttpOptionsOrDict | None
    should_return_http_response: bool | None
    system_instruction: Any
    temperature: float | None
    top_p: float | None
    top_k: float | None
    candidate_count: int | None
    max_output_tokens: int | None
    stop_sequences: Sequence[str] | None
    response_logprobs: bool | None
    logprobs: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    seed: int | None
    response_mime_type: str | None
    response_schema: Any
    response_json_schema: Any
    routing_config: GenerationConfigRoutingConfigOrDict | None
    model_selection_config: ModelSelectionConfigOrDict | None
    safety_settings: Sequence[SafetySettingOrDict] | None
    tools: Sequence[ToolOrDict | Callable[..., Any]] | None
    tool_config: ToolConfigOrDict | None
    labels: Mapping[str, str] | None
    cached_content: str | None
    response_modalities: Sequence[Modality | str] | None
    media_resolution: MediaResolution | str | None
    speech_config: SpeechConfigOrDict | str | None
    audio_timestamp: bool | None
    automatic_function_calling: AutomaticFunctionCallingConfigOrDict | None
    thinking_config: ThinkingConfigOrDict | None
    image_config: ImageConfigOrDict | None
    enable_enhanced_civic_answers: bool | None
    model_armor_config: ModelArmorConfigOrDict | None
    service_tier: ServiceTier | str | None
    audio_transcription_config: AudioTranscriptionConfigOrDict | None
    continuation_token: bytes | None
    automatic_continuation: bool | None
    generation_output_config: GenerationOutputConfigOrDict | None
    store: bool | None


GenerateContentConfigOrDict: TypeAlias = GenerateContentConfig | GenerateContentConfigDict


class CountTokensConfigDict(TypedDict, total=False):
    """``CountTokensConfig`` as a dict."""

    http_options: HttpOptionsOrDict | None
    system_instruction: Any
    tools: Sequence[ToolOrDict | Callable[..., Any]] | None
    generation_config: GenerationConfigOrDict | None


CountTokensConfigOrDict: TypeAlias = CountTokensConfig | CountTokensConfigDict


class GetModelConfigDict(TypedDict, total=False):
    """``GetModelConfig`` as a dict."""

    http_options: HttpOptionsOrDict | None


GetModelConfigOrDict: TypeAlias = GetModelConfig | GetModelConfigDict


class ListModelsConfigDict(TypedDict, total=False):
    """``ListModelsConfig`` as a dict."""

    http_options: HttpOptionsOrDict | None
    page_size: int | None
    page_token: str | None
    filter: str | None
    query_base: bool | None


ListModelsConfigOrDict: TypeAlias = ListModelsConfig | ListModelsConfigDict


class GenerationConfigDict(TypedDict, total=False):
    """``GenerationConfig`` as a dict."""

    temperature: float | None
    top_p: float | None
    top_k: float | None
    candidate_count: int | None
    max_output_tokens: int | None
    stop_sequences: Sequence[str] | None
    response_logprobs: bool | None
    logprobs: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    seed: int | None
    response_mime_type: str | None
    response_schema: Any
    response_json_schema: Any
    response_modalities: Sequence[Modality | str] | None
    media_resolution: MediaResolution | str | None
    speech_config: SpeechConfigOrDict | None
    thinking_config: ThinkingConfigOrDict | None
    image_config: ImageConfigOrDict | None
    audio_transcription_config: AudioTranscriptionConfigOrDict | None
    audio_timestamp: bool | None
    enable_enhanced_civic_answers: bool | None
    routing_config: GenerationConfigRoutingConfigOrDict | None
    model_selection_config: ModelSelectionConfigOrDict | None


GenerationConfigOrDict: TypeAlias = GenerationConfig | GenerationConfigDict
