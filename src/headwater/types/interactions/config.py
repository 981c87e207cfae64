"""Settings of the Interactions API: generation, formats of the answer, safety."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from headwater.types.interactions.base import JsonObject, UnknownObject
from headwater.types.interactions.tools import ToolChoice

__all__ = [
    "AudioResponseFormat",
    "AudioResponseFormatDelivery",
    "GenerationConfig",
    "HarmCategory",
    "ImageConfig",
    "ImageConfigAspectRatio",
    "ImageConfigImageSize",
    "ImageResponseFormat",
    "ImageResponseFormatAspectRatio",
    "ImageResponseFormatDelivery",
    "ImageResponseFormatImageSize",
    "Method",
    "Resolution",
    "ResponseFormat",
    "ResponseModality",
    "SafetySetting",
    "ServiceTier",
    "SmartTranscriptionMode",
    "SpeakerConfig",
    "SpeechConfig",
    "SpeechConfigUnion",
    "Task",
    "TextResponseFormat",
    "ThinkingLevel",
    "ThinkingSummaries",
    "Threshold",
    "TranscriptionConfig",
    "TranscriptionConfigMode",
    "TranscriptionConfigModeEnum",
    "TranscriptionMode",
    "UnknownTranscriptionMode",
    "VerbatimTranscriptionMode",
    "VideoConfig",
    "VideoResponseFormat",
    "VideoResponseFormatAspectRatio",
    "VideoResponseFormatDelivery",
    "WebhookConfig",
]

ThinkingLevel: TypeAlias = Literal["minimal", "low", "medium", "high", "xhigh"] | str
ThinkingSummaries: TypeAlias = Literal["auto", "none"] | str
ImageConfigAspectRatio: TypeAlias = (
    Literal["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", "1:8", "8:1", "1:4", "4:1"] | str
)
ImageConfigImageSize: TypeAlias = Literal["1K", "2K", "4K", "512"] | str


class ImageConfig(JsonObject):
    """How images are generated."""

    aspect_ratio: ImageConfigAspectRatio | None = None
    image_size: ImageConfigImageSize | None = None


class SpeechConfig(JsonObject):
    """A voice."""

    language: str | None = None
    speaker: str | None = None
    voice: str | None = None


class SpeakerConfig(JsonObject):
    """The voices of several speakers."""

    speakers: list[SpeechConfig] | None = None


SpeechConfigUnion: TypeAlias = SpeakerConfig | list[SpeechConfig]


class SmartTranscriptionMode(JsonObject):
    """A transcript that reads well."""

    source_text: str | None = None
    type: Literal["smart"] = "smart"


class VerbatimTranscriptionMode(JsonObject):
    """A transcript word by word."""

    diarization_mode: str | None = None
    timestamp_granularities: list[str] | None = None
    type: Literal["verbatim"] = "verbatim"


class UnknownTranscriptionMode(UnknownObject):
    """An unknown mode of transcripts."""

    type: Literal["UNKNOWN"] = "UNKNOWN"


TranscriptionMode: TypeAlias = SmartTranscriptionMode | VerbatimTranscriptionMode | UnknownTranscriptionMode
TranscriptionConfigModeEnum: TypeAlias = Literal["verbatim", "smart"] | str
TranscriptionConfigMode: TypeAlias = TranscriptionMode | TranscriptionConfigModeEnum


class TranscriptionConfig(JsonObject):
    """How speech is transcribed."""

    adaptation_phrases: list[str] | None = None
    custom_vocabulary: list[str] | None = None
    diarization_mode: str | None = None
    language_codes: list[str] | None = None
    language_hints: list[str] | None = None
    mode: TranscriptionConfigMode | None = None
    timestamp_granularities: list[str] | None = None


Task: TypeAlias = Literal["text_to_video", "image_to_video", "reference_to_video", "edit", "extend", "upscale"] | str


class VideoConfig(JsonObject):
    """How videos are generated."""

    task: Task | None = None


class GenerationConfig(JsonObject):
    """How a model generates."""

    image_config: ImageConfig | None = None
    max_output_tokens: int | None = None
    seed: int | None = None
    speech_config: SpeechConfigUnion | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    thinking_level: ThinkingLevel | None = None
    thinking_summaries: ThinkingSummaries | None = None
    tool_choice: ToolChoice | None = None
    top_p: float | None = None
    transcription_config: TranscriptionConfig | None = None
    video_config: VideoConfig | None = None


class TextResponseFormat(JsonObject):
    """An answer as text, or as JSON of a ``schema``."""

    mime_type: str | None = None
    schema: dict[str, Any] | None = None
    type: Literal["text"] = "text"


AudioResponseFormatDelivery: TypeAlias = Literal["inline", "uri"] | str


class AudioResponseFormat(JsonObject):
    """An answer as audio."""

    bit_rate: int | None = None
    delivery: AudioResponseFormatDelivery | None = None
    mime_type: str | None = None
    sample_rate: int | None = None
    type: Literal["audio"] = "audio"


ImageResponseFormatAspectRatio: TypeAlias = (
    Literal["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", "1:8", "8:1", "1:4", "4:1"] | str
)
ImageResponseFormatDelivery: TypeAlias = Literal["inline", "uri"] | str
ImageResponseFormatImageSize: TypeAlias = Literal["512", "1K", "2K", "4K"] | str


class ImageResponseFormat(JsonObject):
    """An answer as an image."""

    aspect_ratio: ImageResponseFormatAspectRatio | None = None
    delivery: ImageResponseFormatDelivery | None = None
    image_size: ImageResponseFormatImageSize | None = None
    mime_type: str | None = None
    type: Literal["image"] = "image"


VideoResponseFormatAspectRatio: TypeAlias = Literal["16:9", "9:16"] | str
VideoResponseFormatDelivery: TypeAlias = Literal["inline", "uri"] | str
Resolution: TypeAlias = Literal["360p", "720p", "1080p", "4k"] | str


class VideoResponseFormat(JsonObject):
    """An answer as a video."""

    aspect_ratio: VideoResponseFormatAspectRatio | None = None
    delivery: VideoResponseFormatDelivery | None = None
    duration: str | None = None
    gcs_uri: str | None = None
    resolution: Resolution | None = None
    type: Literal["video"] = "video"


ResponseFormat: TypeAlias = (
    TextResponseFormat | AudioResponseFormat | ImageResponseFormat | VideoResponseFormat | dict[str, Any]
)
ResponseModality: TypeAlias = Literal["text", "image", "audio", "video", "document"] | str
HarmCategory: TypeAlias = (
    Literal[
        "hate_speech",
        "dangerous_content",
        "harassment",
        "sexually_explicit",
        "civic_integrity",
        "image_hate",
        "image_dangerous_content",
        "image_harassment",
        "image_sexually_explicit",
        "jailbreak",
    ]
    | str
)
Method: TypeAlias = Literal["severity", "probability"] | str
Threshold: TypeAlias = (
    Literal["block_low_and_above", "block_medium_and_above", "block_only_high", "block_none", "off"] | str
)


class SafetySetting(JsonObject):
    """The threshold of one category of harm."""

    threshold: Threshold
    type: HarmCategory
    method: Method | None = None


ServiceTier: TypeAlias = Literal["flex", "standard", "priority", "deferred"] | str


class WebhookConfig(JsonObject):
    """Where the API reports what becomes of an interaction."""

    uris: list[str] | None = None
    user_metadata: dict[str, Any] | None = None
