"""The content of a message as parts: texts, images, audio and files. Nothing is fetched."""

from __future__ import annotations

import mimetypes
import re
from typing import Any

from headwater.protocols.data_urls import UNKNOWN_TYPE, decoded, part_of
from headwater.protocols.openai.fields import ChatFieldError, optional, path, required
from headwater.types import Blob, FileData, Part

#: URIs that Google resolves by itself: no server opens a connection for them.
_GOOGLE = re.compile(r"gs://|https://generativelanguage\.googleapis\.com/")
_FORMAT = re.compile(r"[a-z0-9][a-z0-9.+-]{0,20}")


def content_parts(message: dict[str, Any], where: str) -> list[Part]:
    """Return the parts of a message's content, which may be a text, a list of parts or null.

    Raises:
        ChatFieldError: if it is something else, or has a part that cannot be read.
    """
    content = message.get("content")
    where = path(where, "content")
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [Part(text=content)]
    if not isinstance(content, list):
        raise ChatFieldError(f"{where} must be a text or a list of parts", where)
    return [_part(entry, f"{where}[{number}]") for number, entry in enumerate(content)]


def text_of(message: dict[str, Any], where: str) -> str:
    """Return the content of a message that has to be text.

    Raises:
        ChatFieldError: if it is not.
    """
    parts = content_parts(message, where)
    if any(part.text is None for part in parts):
        raise ChatFieldError(f"{path(where, 'content')} of this role must be text", path(where, "content"))
    return "".join([part.text or "" for part in parts])


def _part(entry: Any, where: str) -> Part:
    if isinstance(entry, str):
        return Part(text=entry)
    if not isinstance(entry, dict):
        raise ChatFieldError(f"{where} must be an object with a type", where)
    match entry.get("type"):
        case "text":
            return Part(text=required(entry, "text", str, where))
        case "refusal":
            return Part(text=required(entry, "refusal", str, where))
        case "image_url" | "video_url" as kind:
            return _media(entry, kind, where)
        case "input_audio":
            return _audio(required(entry, "input_audio", dict, where), path(where, "input_audio"))
        case "file":
            return _file(required(entry, "file", dict, where), path(where, "file"))
        case kind:
            known = "text, image_url, video_url, input_audio or file"
            raise ChatFieldError(f"{where}: there is no part of type {str(kind)[:40]!r}: use {known}", f"{where}.type")


def _media(entry: dict[str, Any], kind: str, where: str) -> Part:
    value = entry.get(kind)
    # Some clients send the URL itself, not an object around it.
    url = (
        value if isinstance(value, str) else required(required(entry, kind, dict, where), "url", str, f"{where}.{kind}")
    )
    return _referenced(url, f"{where}.{kind}.url")


def _referenced(url: str, where: str) -> Part:
    # What a client names is never fetched: neither here nor by an engine's server, which may reach hosts that the
    # client cannot (server-side request forgery).
    if not url.startswith("data:") and not _GOOGLE.match(url):
        raise ChatFieldError(f"{where}: this server fetches no URLs: send the file as a data: URL", where)
    return part_of(url, None, where)


def _audio(audio: dict[str, Any], where: str) -> Part:
    kind = required(audio, "format", str, where).lower()
    if not _FORMAT.fullmatch(kind):
        raise ChatFieldError(f"{where}.format is not a format of audio", f"{where}.format")
    data = decoded(required(audio, "data", str, where), f"{where}.data")
    return Part(inline_data=Blob(data=data, mime_type=f"audio/{kind}"))


def _file(file: dict[str, Any], where: str) -> Part:
    if (uri := optional(file, "file_id", str, where)) is not None:
        return Part(file_data=FileData(file_uri=uri))
    data, name = required(file, "file_data", str, where), optional(file, "filename", str, where)
    kind = (mimetypes.guess_type(name)[0] if name else None) or UNKNOWN_TYPE
    if ":" in data:
        part = _referenced(data, f"{where}.file_data")
    else:
        part = Part(inline_data=Blob(data=decoded(data, f"{where}.file_data"), mime_type=kind))
    if part.inline_data is not None:
        part.inline_data.display_name = name
        # A browser that does not know a file's type says so in its data: URL; the name may still tell.
        if part.inline_data.mime_type == UNKNOWN_TYPE:
            part.inline_data.mime_type = kind
    return part
