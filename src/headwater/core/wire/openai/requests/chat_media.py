"""Media in a turn as content parts of chat completions; what a server cannot read is refused, never left out."""

from __future__ import annotations

import base64
from typing import Any

from headwater.core.wire.openai.requests.server_traits import ServerTraits
from headwater.errors import UsageError
from headwater.types import Blob, FileData, Part

_AUDIO = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
#: Text files are sent as text, which every model reads.
_TEXTS = ("text/", "application/json", "application/xml")
_DETAILS = {"MEDIA_RESOLUTION_LOW": "low", "MEDIA_RESOLUTION_HIGH": "high"}


class MediaWriter:
    """Writes the media of one request for one server."""

    def __init__(self, traits: ServerTraits, resolution: object = None) -> None:
        self._traits = traits
        self._detail = _DETAILS.get(str(resolution))

    def content_part(self, part: Part, where: str) -> dict[str, Any]:
        """Return the content part for media.

        Raises:
            UsageError: if this server cannot read it. ``where`` locates it in the request.
        """
        if part.inline_data is not None:
            return self._inline(part.inline_data, part, where)
        assert part.file_data is not None
        return self._file(part.file_data, part, where)

    def _inline(self, blob: Blob, part: Part, where: str) -> dict[str, Any]:
        kind, data = (blob.mime_type or "").partition(";")[0].strip().lower(), blob.data or b""
        if kind.startswith(_TEXTS):
            name = f"{blob.display_name}:\n" if blob.display_name else ""
            return {"type": "text", "text": name + data.decode("utf-8", "replace")}
        encoded = base64.b64encode(data).decode()
        url = f"data:{kind};base64,{encoded}"
        if kind.startswith("image/") and self._traits.images:
            return self._image(url, part)
        if kind in _AUDIO and self._traits.audio:
            return {"type": "input_audio", "input_audio": {"data": encoded, "format": _AUDIO[kind]}}
        if kind == "application/pdf" and self._traits.pdf:
            file = {"file_data": url, "filename": blob.display_name or "document.pdf"}
            return {"type": "file", "file": file}
        if kind.startswith("video/") and self._traits.video and part.video_metadata is None:
            return {"type": "video_url", "video_url": {"url": url}}
        raise UsageError(f"{where}: this engine's server cannot read {kind or 'data without a MIME type'}")

    def _file(self, file: FileData, part: Part, where: str) -> dict[str, Any]:
        url = file.file_uri or ""
        if not url.startswith(("https://", "http://")) or _is_googles(url):
            raise UsageError(f"{where}: only Google can read {url[:100]!r}; send the data inline")
        kind = (file.mime_type or "image/").lower()
        if kind.startswith("image/") and self._traits.images and self._traits.fetches_urls:
            return self._image(url, part)
        is_whole_video = kind.startswith("video/") and part.video_metadata is None
        if is_whole_video and self._traits.video and self._traits.fetches_urls:
            return {"type": "video_url", "video_url": {"url": url}}
        raise UsageError(f"{where}: this engine's server fetches no {kind} from a URL; send the data inline")

    def _image(self, url: str, part: Part) -> dict[str, Any]:
        level = part.media_resolution.level if part.media_resolution is not None else None
        detail = _DETAILS.get(str(level)) or self._detail
        return {"type": "image_url", "image_url": {"url": url} | ({"detail": detail} if detail else {})}


def _is_googles(url: str) -> bool:
    return "googleapis.com/" in url or "youtube.com/" in url or "youtu.be/" in url
