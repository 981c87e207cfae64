"""Tokens for the Live API, and what they may fix of its sessions. The Live API itself is not here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from headwater.types.base import ApiModel
from headwater.types.config import GenerationConfig, SafetySetting, ThinkingConfig
from headwater.types.enums import MediaResolution, Modality
from headwater.types.http import HttpOptions
from headwater.types.open_enum import OpenEnum
from headwater.types.output import AudioTranscriptionConfig, SpeechConfig, TranslationConfig
from headwater.types.response import ApiResponse
from headwater.types.tools import Tool


class StartSensitivity(OpenEnum):
    """How easily speech is taken to have started."""

    START_SENSITIVITY_UNSPECIFIED = "START_SENSITIVITY_UNSPECIFIED"
    START_SENSITIVITY_HIGH = "START_SENSITIVITY_HIGH"
    START_SENSITIVITY_LOW = "START_SENSITIVITY_LOW"


class EndSensitivity(OpenEnum):
    """How easily speech is taken to have ended."""

    END_SENSITIVITY_UNSPECIFIED = "END_SENSITIVITY_UNSPECIFIED"
    END_SENSITIVITY_HIGH = "END_SENSITIVITY_HIGH"
    END_SENSITIVITY_LOW = "END_SENSITIVITY_LOW"


class ActivityHandling(OpenEnum):
    """Whether the user's speech interrupts the model."""

    ACTIVITY_HANDLING_UNSPECIFIED = "ACTIVITY_HANDLING_UNSPECIFIED"
    START_OF_ACTIVITY_INTERRUPTS = "START_OF_ACTIVITY_INTERRUPTS"
    NO_INTERRUPTION = "NO_INTERRUPTION"


class TurnCoverage(OpenEnum):
    """Which input counts as the user's turn."""

    TURN_COVERAGE_UNSPECIFIED = "TURN_COVERAGE_UNSPECIFIED"
    TURN_INCLUDES_ONLY_ACTIVITY = "TURN_INCLUDES_ONLY_ACTIVITY"
    TURN_INCLUDES_ALL_INPUT = "TURN_INCLUDES_ALL_INPUT"
    TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO = "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"


class AutomaticActivityDetection(ApiModel):
    """How the API recognizes speech."""

    disabled: bool | None = None
    start_of_speech_sensitivity: StartSensitivity | None = None
    end_of_speech_sensitivity: EndSensitivity | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None


class RealtimeInputConfig(ApiModel):
    """How input is handled while it arrives."""

    automatic_activity_detection: AutomaticActivityDetection | None = None
    activity_handling: ActivityHandling | None = None
    turn_coverage: TurnCoverage | None = None
    interim_transcript_timestamp_enabled: bool | None = None


class SessionResumptionConfig(ApiModel):
    """Which session is resumed."""

    handle: str | None = None
    #: Vertex AI only.
    transparent: bool | None = None


class SlidingWindow(ApiModel):
    """How much is kept when a long session is shortened."""

    target_tokens: int | None = None


class ContextWindowCompressionConfig(ApiModel):
    """When a long session is shortened."""

    trigger_tokens: int | None = None
    sliding_window: SlidingWindow | None = None


class ProactivityConfig(ApiModel):
    """Whether the model may answer, or not, of its own accord."""

    proactive_audio: bool | None = None
    proactive_video: bool | None = None


class HistoryConfig(ApiModel):
    """Whether the client sends the turns so far at the start."""

    initial_history_in_client_content: bool | None = None


class CustomizedAvatar(ApiModel):
    """An avatar after an image."""

    image_mime_type: str | None = None
    image_data: bytes | None = None


class AvatarConfig(ApiModel):
    """The avatar that speaks."""

    avatar_name: str | None = None
    customized_avatar: CustomizedAvatar | None = None
    audio_bitrate_bps: int | None = None
    video_bitrate_bps: int | None = None


class LiveConnectConfig(ApiModel):
    """How a session of the Live API is set up."""

    http_options: HttpOptions | None = None
    generation_config: GenerationConfig | None = None
    response_modalities: list[Modality] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    max_output_tokens: int | None = None
    media_resolution: MediaResolution | None = None
    seed: int | None = None
    speech_config: SpeechConfig | None = None
    thinking_config: ThinkingConfig | None = None
    enable_affective_dialog: bool | None = None
    system_instruction: Any = None
    tools: list[Tool | Callable[..., Any]] | None = None
    session_resumption: SessionResumptionConfig | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    realtime_input_config: RealtimeInputConfig | None = None
    context_window_compression: ContextWindowCompressionConfig | None = None
    proactivity: ProactivityConfig | None = None
    #: Vertex AI only.
    explicit_vad_signal: bool | None = None
    history_config: HistoryConfig | None = None
    avatar_config: AvatarConfig | None = None
    safety_settings: list[SafetySetting] | None = None
    translation_config: TranslationConfig | None = None
    labels: dict[str, str] | None = None


class LiveConnectConstraints(ApiModel):
    """The model and the setup that a token fixes."""

    model: str | None = None
    config: LiveConnectConfig | None = None


class CreateAuthTokenConfig(ApiModel):
    """How long a token lives, how often it can be used, and what it fixes."""

    http_options: HttpOptions | None = None
    #: When sessions with the token end.
    expire_time: datetime | None = None
    #: Until when sessions can be started with it (default: a minute).
    new_session_expire_time: datetime | None = None
    #: Sessions that can be started with it (default 1; 0 for any number).
    uses: int | None = None
    live_connect_constraints: LiveConnectConstraints | None = None
    #: None fixes the whole setup; a list fixes the fields that are set, and those in the list.
    lock_additional_fields: list[str] | None = None


class CreateAuthTokenParameters(ApiModel):
    """The argument of ``auth_tokens.create``."""

    config: CreateAuthTokenConfig | None = None


class AuthToken(ApiResponse):
    """A token that stands for an API key in sessions of the Live API."""

    #: ``auth_tokens/`` and the secret: pass it as ``api_key``.
    name: str | None = None
    expire_time: str | None = None
    new_session_expire_time: str | None = None
    uses: int | None = None
