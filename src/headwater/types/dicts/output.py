"""The twins of ``headwater.types.output``: written by tests/types/make_dicts.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypedDict

from headwater.types.enums import ProminentPeople
from headwater.types.output import (
    AudioTranscriptionConfig,
    AudioTranscriptionConfigMode,
    ImageConfig,
    ImageConfigImageOutputOptions,
    LanguageAuto,
    LanguageHints,
    MultiSpeakerVoiceConfig,
    PrebuiltVoiceConfig,
    ReplicatedVoiceConfig,
    SpeakerVoiceConfig,
    SpeechConfig,
    VoiceConfig,
    VoiceConsentSignature,
)


class PrebuiltVoiceConfigDict(TypedDict, total=False):
    """``PrebuiltVoiceConfig`` as a dict."""

    voice_name: str | None


PrebuiltVoiceConfigOrDict: TypeAlias = PrebuiltVoiceConfig | PrebuiltVoiceConfigDict


class VoiceConsentSignatureDict(TypedDict, total=False):
    """``VoiceConsentSignature`` as a dict."""

    signature: str | None


VoiceConsentSignatureOrDict: TypeAlias = VoiceConsentSignature | VoiceConsentSignatureDict


class ReplicatedVoiceConfigDict(TypedDict, total=False):
    """``ReplicatedVoiceConfig`` as a dict."""

    mime_type: str | None
    voice_sample_audio: bytes | None
    consent_audio: bytes | None
    voice_consent_signature: VoiceConsentSignatureOrDict | None


ReplicatedVoiceConfigOrDict: TypeAlias = ReplicatedVoiceConfig | ReplicatedVoiceConfigDict


class VoiceConfigDict(TypedDict, total=False):
    """``VoiceConfig`` as a dict."""

    prebuilt_voice_config: PrebuiltVoiceConfigOrDict | None
    replicated_voice_config: ReplicatedVoiceConfigOrDict | None
    voice: str | None


VoiceConfigOrDict: TypeAlias = VoiceConfig | VoiceConfigDict


class SpeakerVoiceConfigDict(TypedDict, total=False):
    """``SpeakerVoiceConfig`` as a dict."""

    speaker: str | None
    voice_config: VoiceConfigOrDict | None


SpeakerVoiceConfigOrDict: TypeAlias = SpeakerVoiceConfig | SpeakerVoiceConfigDict


class MultiSpeakerVoiceConfigDict(TypedDict, total=False):
    """``MultiSpeakerVoiceConfig`` as a dict."""

    speaker_voice_configs: Sequence[SpeakerVoiceConfigOrDict] | None


MultiSpeakerVoiceConfigOrDict: TypeAlias = MultiSpeakerVoiceConfig | MultiSpeakerVoiceConfigDict


class SpeechConfigDict(TypedDict, total=False):
    """``SpeechConfig`` as a dict."""

    voice_config: VoiceConfigOrDict | None
    multi_speaker_voice_config: MultiSpeakerVoiceConfigOrDict | None
    language_code: str | None


SpeechConfigOrDict: TypeAlias = SpeechConfig | SpeechConfigDict


class ImageConfigImageOutputOptionsDict(TypedDict, total=False):
    """``ImageConfigImageOutputOptions`` as a dict."""

    compression_quality: int | None
    mime_type: str | None


ImageConfigImageOutputOptionsOrDict: TypeAlias = ImageConfigImageOutputOptions | ImageConfigImageOutputOptionsDict


class ImageConfigDict(TypedDict, total=False):
    """``ImageConfig`` as a dict."""

    aspect_ratio: str | None
    image_size: str | None
    output_mime_type: str | None
    output_compression_quality: int | None
    person_generation: str | None
    prominent_people: ProminentPeople | str | None
    image_output_options: ImageConfigImageOutputOptionsOrDict | None


ImageConfigOrDict: TypeAlias = ImageConfig | ImageConfigDict


class LanguageAutoDict(TypedDict, total=False):
    """``LanguageAuto`` as a dict."""


LanguageAutoOrDict: TypeAlias = LanguageAuto | LanguageAutoDict


class LanguageHintsDict(TypedDict, total=False):
    """``LanguageHints`` as a dict."""

    language_codes: Sequence[str] | None


LanguageHintsOrDict: TypeAlias = LanguageHints | LanguageHintsDict


class AudioTranscriptionConfigDict(TypedDict, total=False):
    """``AudioTranscriptionConfig`` as a dict."""

    language_codes: Sequence[str] | None
    language_auto: LanguageAutoOrDict | None
    language_hints: LanguageHintsOrDict | None
    custom_vocabulary: Sequence[str] | None
    adaptation_phrases: Sequence[str] | None
    word_timestamp: bool | None
    diarization: bool | None
    mode: AudioTranscriptionConfigMode | str | None
    source_text: str | None


AudioTranscriptionConfigOrDict: TypeAlias = AudioTranscriptionConfig | AudioTranscriptionConfigDict
