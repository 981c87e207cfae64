"""The tokenizer: cuts text into tokens of a few characters, and counts what a request holds in such tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from headwater.types import Content, GenerateContentRequest, MediaModality, Part

# Accents, variation selectors and skin tones belong to the character before them: no token begins with one.
_EXTEND = "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u1ab0-\u1aff\u20d0-\u20ff"
_EXTEND += "\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
# Scripts whose syllables are built of several characters stay in one token as long as they run on.
_SYLLABIC = "\u0900-\u0fff\u1000-\u11ff\u1780-\u17ff"
_TOKEN = re.compile(
    rf" ?[{_SYLLABIC}]+"
    rf"| ?(?:(?![{_SYLLABIC}])[^\W\d_]){{1,6}}[{_EXTEND}]*(?:\u200d[^\W\d_][{_EXTEND}]*)*"
    r"| ?[\U0001f1e6-\U0001f1ff]{2}"
    r"| ?\d{1,3}"
    r"|\r\n|\n+| +(?= )"
    rf"| ?.[{_EXTEND}\u200d]*(?:(?<=\u200d).[{_EXTEND}\u200d]*)*",
    re.DOTALL,
)
#: Characters of a text that are counted one by one; what is longer is scaled up, so that 32 MB cost no seconds.
_COUNTED = 200_000
_BYTES_PER_TOKEN = {MediaModality.AUDIO: 500, MediaModality.VIDEO: 2000, MediaModality.DOCUMENT: 300}
_KINDS = {"image": MediaModality.IMAGE, "audio": MediaModality.AUDIO, "video": MediaModality.VIDEO}
_IMAGE_TOKENS = 258


def split(text: str) -> Iterator[str]:
    """Yield the tokens of ``text``; joined they are the text again."""
    return (found[0] for found in _TOKEN.finditer(text))


def count(text: str) -> int:
    """Return how many tokens ``text`` has."""
    # Scaled counts differ from exact ones by little, and prompt and count_tokens use the same, so usage adds up.
    if len(text) <= _COUNTED:
        return sum(1 for _ in _TOKEN.finditer(text))
    return count(text[:_COUNTED]) * len(text) // _COUNTED


def modality_of(mime_type: str | None) -> MediaModality:
    """Return the modality that a MIME type counts as."""
    kind = (mime_type or "").partition("/")[0].lower()
    return _KINDS.get(kind, MediaModality.TEXT if kind == "text" else MediaModality.DOCUMENT)


def count_request(request: GenerateContentRequest) -> dict[MediaModality, int]:
    """Return the tokens of a request by modality: contents, system instruction and tools."""
    counts: dict[MediaModality, int] = {MediaModality.TEXT: 0}
    contents: list[Content] = list(request.contents or [])
    if request.system_instruction is not None:
        contents.append(request.system_instruction)
    for content in contents:
        for part in content.parts or []:
            modality, number = _count_part(part)
            counts[modality] = counts.get(modality, 0) + number
    counts[MediaModality.TEXT] += count_value(request.tools)
    return counts


def _count_part(part: Part) -> tuple[MediaModality, int]:
    # A file of somewhere else is not opened and its size unknown: every kind counts as one image.
    if part.file_data is not None:
        return modality_of(part.file_data.mime_type), _IMAGE_TOKENS
    if part.inline_data is not None:
        modality, size = modality_of(part.inline_data.mime_type), len(part.inline_data.data or b"")
        is_image = modality == MediaModality.IMAGE
        return modality, _IMAGE_TOKENS if is_image else max(1, size // _BYTES_PER_TOKEN.get(modality, 4))
    values = (part.function_call, part.function_response, part.executable_code, part.code_execution_result)
    return MediaModality.TEXT, count(part.text or "") + count_value(values)


def count_value(value: Any) -> int:
    """Return the tokens of a JSON value or a struct. No recursion: a value may be nested to any depth."""
    number, open_values = 0, [value]
    while open_values:
        inner = open_values.pop()
        if isinstance(inner, msgspec.Struct):
            open_values.extend(getattr(inner, name) for name in inner.__struct_fields__)
        elif isinstance(inner, dict):
            open_values.extend(inner)
            open_values.extend(inner.values())
        elif isinstance(inner, list | tuple):
            open_values.extend(inner)
        elif inner is not None:
            number += count(inner) if isinstance(inner, str) else 1
    return number
