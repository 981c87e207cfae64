"""The forms of answers: voices, images, transcriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from headwater.types.base import ApiModel
from headwater.types.enums import ProminentPeople
from headwater.types.open_enum import OpenEnum


class PrebuiltVoiceConfig(ApiModel):
    """A voice by name."""

    #: ``Kore``, ``Puck`` ...
    voice_name: str | None = None


class VoiceConsentSignature(ApiModel):
    """The signature of a consent to use a voice (Developer API)."""

    signature: str | None = None


class ReplicatedVoiceConfig(ApiModel):
    """A voice replicated from a sample."""

    mime_type: str | None = None
    #: Raw bytes of the type in ``mime_type``.
    voice_sample_audio: bytes | None = None
    #: Developer API only.
    consent_audio: bytes | None = None
    #: Developer API only.
    voice_consent_signature: VoiceConsentSignature | None = None


class VoiceConfig(ApiModel):
    """A voice."""

    #: One of Google's voices, by name.
    prebuilt_voice_config: PrebuiltVoiceConfig | None = None
    replicated_voice_config: ReplicatedVoiceConfig | None = None
    voice: str | None = None


class SpeakerVoiceConfig(ApiModel):
    """The voice of one speaker."""

    #: As named in the prompt.
    speaker: str | None = None
    voice_config: VoiceConfig | None = None


class MultiSpeakerVoiceConfig(ApiModel):
    """The voices of a dialogue."""

    speaker_voice_configs: list[SpeakerVoiceConfig] | None = None


class SpeechConfig(ApiModel):
    """The voices of an answer. ``SpeechConfig("Kore")`` is short for a prebuilt voice."""

    voice_config: VoiceConfig | None = None
    #: Either this or ``voice_config``.
    multi_speaker_voice_config: MultiSpeakerVoiceConfig | None = None
    #: BCP 47: ``en-US``.
    language_code: str | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            voice: str | Mapping[str, Any] | None = None,
            /,
            *,
            voice_config: VoiceConfig | None = None,
            multi_speaker_voice_config: MultiSpeakerVoiceConfig | None = None,
            language_code: str | None = None,
        ) -> None: ...

    @classmethod
    def _from_positional(cls, value: Any) -> dict[str, Any]:
        return {"voice_config": {"prebuilt_voice_config": {"voice_name": value}}} if isinstance(value, str) else value


class ImageConfigImageOutputOptions(ApiModel):
    """The format of images (Vertex AI)."""

    compression_quality: int | None = None
    mime_type: str | None = None


class ImageConfig(ApiModel):
    """The form of images. Vertex AI takes all fields, the Developer API ``aspect_ratio`` and ``image_size``."""

    #: ``1:1``, ``16:9``, ``3:4`` ...
    aspect_ratio: str | None = None
    #: ``1K`` (default), ``2K`` or ``4K``.
    image_size: str | None = None
    #: Vertex AI only.
    output_mime_type: str | None = None
    #: 0 to 100, of JPEG. Vertex AI only.
    output_compression_quality: int | None = None
    #: Vertex AI only.
    person_generation: str | None = None
    #: Vertex AI only.
    prominent_people: ProminentPeople | None = None
    #: Vertex AI only.
    image_output_options: ImageConfigImageOutputOptions | None = None


class AudioTranscriptionConfigMode(OpenEnum):
    """Whether to transcribe every sound, or an edited text."""

    MODE_UNSPECIFIED = "MODE_UNSPECIFIED"
    VERBATIM = "VERBATIM"
    SMART = "SMART"


class LanguageAuto(ApiModel):
    """Detect the language. Has no options."""


class LanguageHints(ApiModel):
    """The likely languages."""

    language_codes: list[str] | None = None


class AudioTranscriptionConfig(ApiModel):
    """How speech is transcribed."""

    language_codes: list[str] | None = None
    language_auto: LanguageAuto | None = None
    language_hints: LanguageHints | None = None
    custom_vocabulary: list[str] | None = None
    adaptation_phrases: list[str] | None = None
    word_timestamp: bool | None = None
    diarization: bool | None = None
    mode: AudioTranscriptionConfigMode | None = None
    source_text: str | None = None


class Delivery(OpenEnum):
    """Whether an output is in the response, or at a URI."""

    DELIVERY_UNSPECIFIED = "DELIVERY_UNSPECIFIED"
    INLINE = "INLINE"
    URI = "URI"


class AspectRatio(OpenEnum):
    """The aspect ratio of an image or a video."""

    ASPECT_RATIO_UNSPECIFIED = "ASPECT_RATIO_UNSPECIFIED"
    ASPECT_RATIO_ONE_BY_ONE = "ASPECT_RATIO_ONE_BY_ONE"
    ASPECT_RATIO_TWO_BY_THREE = "ASPECT_RATIO_TWO_BY_THREE"
    ASPECT_RATIO_THREE_BY_TWO = "ASPECT_RATIO_THREE_BY_TWO"
    ASPECT_RATIO_THREE_BY_FOUR = "ASPECT_RATIO_THREE_BY_FOUR"
    ASPECT_RATIO_FOUR_BY_THREE = "ASPECT_RATIO_FOUR_BY_THREE"
    ASPECT_RATIO_FOUR_BY_FIVE = "ASPECT_RATIO_FOUR_BY_FIVE"
    ASPECT_RATIO_FIVE_BY_FOUR = "ASPECT_RATIO_FIVE_BY_FOUR"
    ASPECT_RATIO_NINE_BY_SIXTEEN = "ASPECT_RATIO_NINE_BY_SIXTEEN"
    ASPECT_RATIO_SIXTEEN_BY_NINE = "ASPECT_RATIO_SIXTEEN_BY_NINE"
    ASPECT_RATIO_TWENTY_ONE_BY_NINE = "ASPECT_RATIO_TWENTY_ONE_BY_NINE"
    ASPECT_RATIO_ONE_BY_EIGHT = "ASPECT_RATIO_ONE_BY_EIGHT"
    ASPECT_RATIO_EIGHT_BY_ONE = "ASPECT_RATIO_EIGHT_BY_ONE"
    ASPECT_RATIO_ONE_BY_FOUR = "ASPECT_RATIO_ONE_BY_FOUR"
    ASPECT_RATIO_FOUR_BY_ONE = "ASPECT_RATIO_FOUR_BY_ONE"


class ImageSize(OpenEnum):
    """The size of an image."""

    IMAGE_SIZE_UNSPECIFIED = "IMAGE_SIZE_UNSPECIFIED"
    IMAGE_SIZE_FIVE_TWELVE = "IMAGE_SIZE_FIVE_TWELVE"
    IMAGE_SIZE_ONE_K = "IMAGE_SIZE_ONE_K"
    IMAGE_SIZE_TWO_K = "IMAGE_SIZE_TWO_K"
    IMAGE_SIZE_FOUR_K = "IMAGE_SIZE_FOUR_K"


class AudioResponseFormat(ApiModel):
    """The format of audio in an answer."""

    #: Bits per second, of compressed formats.
    bit_rate: int | None = None
    delivery: Delivery | None = None
    mime_type: str | None = None
    #: In Hertz.
    sample_rate: int | None = None


class ImageResponseFormat(ApiModel):
    """The format of images in an answer."""

    aspect_ratio: AspectRatio | None = None
    delivery: Delivery | None = None
    image_size: ImageSize | None = None
    mime_type: str | None = None


class TextResponseFormat(ApiModel):
    """The format of text in an answer."""

    mime_type: str | None = None
    #: The JSON Schema of an answer in JSON. google-genai's name, in the case that it has there.
    jsonSchema: Any = msgspec.field(default=None, name="schema")  # noqa: N815


class VideoResponseFormat(ApiModel):
    """The format of videos in an answer."""

    aspect_ratio: AspectRatio | None = None
    delivery: Delivery | None = None
    #: In seconds, with their unit: ``8s``.
    duration: str | None = None
    #: Where the video is stored, on Vertex AI.
    gcs_uri: str | None = None
    #: ``360p``, ``720p``, ``1080p`` or ``4k``.
    resolution: str | None = None


class ResponseFormat(ApiModel):
    """The format of one kind of output."""

    audio: AudioResponseFormat | None = None
    image: ImageResponseFormat | None = None
    text: TextResponseFormat | None = None
    video: VideoResponseFormat | None = None


class TranslationConfig(ApiModel):
    """How speech is translated while it is spoken (Live API)."""

    #: Whether speech in the target language is repeated rather than skipped.
    echo_target_language: bool | None = None
    #: BCP 47: ``en-US``.
    target_language_code: str | None = None
