"""Converts what a user passes as ``contents`` (text, lists, dicts, parts, files, images, turns) to ``Content``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.errors import UsageError
from headwater.types import Blob, Content, File, FileData, Image, ModelContent, Part, UserContent
from headwater.types.dump import adopt
from headwater.types.media import pillow_blob

_CONTENT_KEYS = {"parts", "role"}
#: Names of ``pathlib`` classes, compared as text: pathlib is not imported only to word an error.
_PATHS = ("PurePath", "PosixPath", "WindowsPath", "Path")


def to_contents(value: Any) -> list[Content]:
    """Return the turns that ``value`` stands for.

    Consecutive texts, parts, files, images and dicts of parts make one turn of the user; function calls make one of
    the model; a list inside the list is a turn of its own.

    Raises:
        UsageError: if it is empty, or contains something that cannot be sent to a model.
    """
    if value is None or (isinstance(value, list | tuple) and not value):
        raise UsageError("contents are required. Pass a text, a Part, a Content or a list of them")
    turns: list[Content] = []
    open_parts: list[Part] = []
    for each in value if isinstance(value, list | tuple) else [value]:
        item = adopt(each)
        if isinstance(item, list | tuple):
            _end_turn(open_parts, turns)
            turns.append(to_content(item))
        elif _is_content(item):
            _end_turn(open_parts, turns)
            turns.append(item if isinstance(item, Content) else Content(**item))
        else:
            part = to_part(item)
            if open_parts and _is_from_model(part) != _is_from_model(open_parts[0]):
                _end_turn(open_parts, turns)
            open_parts.append(part)
    _end_turn(open_parts, turns)
    return turns


def to_embed_contents(model: str, value: Any) -> list[Content]:
    """Return the contents to embed: one for each element of a list, or, for a multimodal model, as in a prompt.

    Raises:
        UsageError: if there are no contents, or something cannot be sent to a model.
    """
    # google-genai's rule: the two models for texts alone are told by their names.
    name = model.rpartition("/")[2]
    if "gemini" in name and not name.startswith(("gemini-embedding-001", "gemini-embedding-exp")):
        return to_contents(value)
    if value is None or (isinstance(value, list | tuple) and not value):
        raise UsageError("contents are required: pass a text, a Part, a Content or a list of them")
    return [to_content(item) for item in (value if isinstance(value, list | tuple) else [value])]


def to_content(value: Any) -> Content:
    """Return ``value`` as one turn: a system instruction, or one message of a chat.

    Raises:
        UsageError: if it is empty, or cannot be sent to a model.
    """
    value = adopt(value)
    if isinstance(value, Content):
        return value
    if _is_content(value):
        return Content(**value)
    if not isinstance(value, list | tuple):
        part = to_part(value)
        return _turn([part])
    if not value:
        raise UsageError("content parts are required. Pass a text, a Part or a list of them")
    return UserContent(parts=[to_part(item) for item in value])


def to_part(value: Any) -> Part:
    """Return ``value`` as one part.

    Raises:
        UsageError: if it cannot be sent to a model; the message says what to pass instead.
    """
    match value := adopt(value):
        case Part():
            return value
        case None:
            # These three errors begin with google-genai's words: programs and tests match them.
            raise UsageError("content part is required. A None is among the contents: pass a text, a Part or a Content")
        case str():
            return Part(text=value)
        case File():
            return Part.model_validate(value)
        case FileData():
            return Part(file_data=value)
        case Blob():
            return Part(inline_data=value)
        case Image():
            return _image_part(value)
        case Mapping():
            return _part_of_dict(value)
        case bytes() | bytearray():
            raise UsageError("bytes need their type: pass types.Part.from_bytes(data=..., mime_type='image/png')")
    if (blob := pillow_blob(value)) is not None:
        return Part(inline_data=blob)
    hint = ": read it, or upload it with client.files.upload" if type(value).__name__ in _PATHS else ""
    raise UsageError(
        f"Unsupported content part type: {type(value)}{hint}. Pass a text, a Part, a Content, a File, an image, "
        "a dict or a list"
    )


def _image_part(image: Image) -> Part:
    if image.gcs_uri:
        return Part(file_data=FileData(file_uri=image.gcs_uri, mime_type=image.mime_type))
    return Part(inline_data=Blob(data=image.image_bytes, mime_type=image.mime_type))


def _part_of_dict(value: Mapping[Any, Any]) -> Part:
    """Convert a dict: with ``uri`` it is a ``File``, with ``file_uri`` a ``FileData``, else a ``Part``."""
    if "uri" in value:
        return Part.model_validate(File(**value))
    if "file_uri" in value or "fileUri" in value:
        return Part(file_data=FileData(**value))
    return Part(**value)


def _is_content(value: Any) -> bool:
    if isinstance(value, Mapping):
        return not value or not _CONTENT_KEYS.isdisjoint(value)
    return isinstance(value, Content)


def _is_from_model(part: Part) -> bool:
    # The API takes function calls from the model only, and everything else that is not in a Content from the user.
    return part.function_call is not None


def _turn(parts: list[Part]) -> Content:
    return ModelContent(parts=parts) if _is_from_model(parts[0]) else UserContent(parts=parts)


def _end_turn(open_parts: list[Part], turns: list[Content]) -> None:
    if open_parts:
        turns.append(_turn(list(open_parts)))
        open_parts.clear()
