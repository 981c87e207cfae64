"""The tokenizer: cuts text into pieces of a few characters, and counts what a request holds in such pieces."""

from __future__ import annotations

import re

from headwater.types import Blob, Content, FileData, GenerateContentRequest, MediaModality, Part
from headwater.types.base import to_snake

# What belongs to the character before it: accents, variation selectors, skin tones. A piece never begins with one.
_EXTEND = "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u1ab0-\u1aff\u20d0-\u20ff"
_EXTEND += "\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
# Scripts whose syllables are built of several characters are left in one piece as long as they run on.
_SYLLABIC = "\u0900-\u0fff\u1000-\u11ff\u1780-\u17ff"
_PIECE = re.compile(
    rf" ?[{_SYLLABIC}]+"
    rf"| ?(?:(?![{_SYLLABIC}])[^\W\d_]){{1,6}}[{_EXTEND}]*(?:\u200d[^\W\d_][{_EXTEND}]*)*"
    r"| ?[\U0001f1e6-\U0001f1ff]{2}"
    r"| ?\d{1,3}"
    r"|\r\n|\n+| +(?= )"
    rf"| ?.[{_EXTEND}\u200d]*(?:(?<=\u200d).[{_EXTEND}\u200d]*)*",
    re.DOTALL,
)
_BYTES_PER_TOKEN = {MediaModality.AUDIO: 500, MediaModality.VIDEO: 2000, MediaModality.DOCUMENT: 300}
_KINDS = {"image": MediaModality.IMAGE, "audio": MediaModality.AUDIO, "video": MediaModality.VIDEO}
IMAGE_TOKENS = 258


def split(text: str) -> list[str]:
    """Return the tokens of ``text``; joined they are the text again."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """Return how many tokens ``text`` has."""
    return sum(1 for _ in _PIECE.finditer(text))


def modality_of(mime_type: str | None) -> MediaModality:
    """Return the modality that a MIME type counts as."""
    kind = (mime_type or "").split("/", 1)[0].lower()
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
    if request.tools:
        counts[MediaModality.TEXT] += count(repr(to_snake(request.tools)))
    return counts


def _count_part(part: Part) -> tuple[MediaModality, int]:
    if part.inline_data is not None:
        return _count_blob(part.inline_data)
    if part.file_data is not None:
        return _count_file(part.file_data)
    number = count(part.text or "")
    for entry in (part.function_call, part.function_response, part.executable_code, part.code_execution_result):
        if entry is not None:
            number += count(repr(to_snake(entry)))
    return MediaModality.TEXT, number


def _count_blob(blob: Blob) -> tuple[MediaModality, int]:
    modality, size = modality_of(blob.mime_type), len(blob.data or b"")
    if modality == MediaModality.IMAGE:
        return modality, IMAGE_TOKENS
    return modality, max(1, size // _BYTES_PER_TOKEN.get(modality, 4))


def _count_file(file: FileData) -> tuple[MediaModality, int]:
    # The file is never opened, so its size is not known: every kind counts like one image.
    return modality_of(file.mime_type), IMAGE_TOKENS
