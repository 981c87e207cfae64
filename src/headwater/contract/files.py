"""The files API without I/O: metadata, the ``File`` resource, and the rules of a resumable upload."""

from __future__ import annotations

import base64
import mimetypes
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from headwater.errors import APIError, UsageError, api_error
from headwater.json_text import decode_json

#: An upload without a request for this many seconds is removed.
UPLOAD_TTL = 3600.0
#: The granularity that Google's server requires of slices. Those of headwater accept any size.
GRANULARITY = "8388608"
#: Addresses that one request registers.
MAX_URIS = 100
_GS = re.compile(r"gs://[a-z0-9][a-z0-9._-]{0,221}/[^\s#?]{1,1024}")
_ID = re.compile("[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_MIME = re.compile(r"[A-Za-z0-9.+*_-]+/[A-Za-z0-9.+*_-]+(?:;[ -~]*)?")
_COMMANDS = frozenset({"upload", "finalize", "query"})


class Metadata(msgspec.Struct, frozen=True):
    """The metadata that a client sends before a file."""

    name: str | None = None
    display_name: str | None = None
    mime_type: str | None = None


class FileInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a complete file. Times are Unix timestamps."""

    id: str
    size: int
    sha256: bytes
    mime_type: str
    display_name: str | None
    created: float
    expires: float
    #: Where a registered file is, in Cloud Storage; None for an uploaded one.
    registered: str | None = None

    def document(self, base: str) -> dict[str, Any]:
        """Return the API's ``File`` resource. ``base`` is the URL of the API with its version."""
        uri = f"{base}/files/{self.id}"
        document: dict[str, str | None] = {
            "name": f"files/{self.id}",
            "displayName": self.display_name,
            "mimeType": self.mime_type,
            "sizeBytes": str(self.size),
            "createTime": timestamp(self.created),
            "updateTime": timestamp(self.created),
            "expirationTime": timestamp(self.expires),
            "sha256Hash": base64.b64encode(self.sha256).decode(),
            "uri": uri,
            "downloadUri": f"{uri}:download?alt=media",
            "state": "ACTIVE",
            "source": "UPLOADED",
        }
        if self.registered is not None:  # its bytes are elsewhere, and nothing is known of them
            absent = dict.fromkeys(("sizeBytes", "sha256Hash", "downloadUri"))
            document |= {**absent, "uri": self.registered, "source": "REGISTERED"}
        return {name: value for name, value in document.items() if value is not None}


def read_metadata(body: bytes) -> Metadata:
    """Return the metadata in the body of ``start``, in camelCase or snake_case as the SDKs send it.

    Raises:
        UsageError: if the body is not a JSON object or a field has the wrong type.
    """
    document = decode_json(body or b"{}", "Invalid JSON payload received.")
    fields = document.get("file") if isinstance(document, dict) else None
    if not isinstance(fields, dict):
        return Metadata()

    def text(*names: str) -> str | None:
        value = next((fields[name] for name in names if fields.get(name)), None)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{names[0]} of a file must be a string")
        return value

    return Metadata(text("name"), text("display_name", "displayName"), text("mime_type", "mimeType"))


def read_uris(body: bytes) -> list[str]:
    """Return the addresses in the body of ``files:register``.

    Raises:
        UsageError: if it is not a JSON object with addresses in Cloud Storage, or has too many.
    """
    document = decode_json(body or b"{}", "Invalid JSON payload received.")
    uris = document.get("uris") if isinstance(document, dict) else None
    if not isinstance(uris, list) or not 1 <= len(uris) <= MAX_URIS:
        raise UsageError(f"uris is a list of at most {MAX_URIS} addresses in Cloud Storage")
    for uri in uris:
        if not isinstance(uri, str) or not _GS.fullmatch(uri):
            raise UsageError(f"{str(uri)[:200]!r} is not an address in Cloud Storage, as gs://bucket/name")
    return uris


def registered_file(uri: str, id: str, now: float, ttl: float) -> FileInfo:
    """Return the file that stands for an address in Cloud Storage."""
    mime_type = safe_mime_type(mimetypes.guess_type(uri)[0] or "")
    return FileInfo(
        id=id,
        size=0,
        sha256=b"",
        mime_type=mime_type,
        display_name=uri.rpartition("/")[2] or None,
        created=now,
        expires=now + ttl,
        registered=uri,
    )


def wanted_id(metadata: Metadata) -> str:
    """Return the id that a client chose for its file; empty if it left that to the server.

    Raises:
        UsageError: if the metadata is invalid.
    """
    name = (metadata.name or "").removeprefix("files/")
    if metadata.name and not _ID.fullmatch(name):
        raise UsageError("the name of a file is 'files/' and at most 40 lower-case letters, digits and dashes")
    if len(metadata.display_name or "") > 512:
        raise UsageError("the display name of a file has at most 512 characters")
    return name


def safe_mime_type(text: str) -> str:
    """Return a MIME type that may become a header of downloads."""
    return text if _MIME.fullmatch(text) else "application/octet-stream"


def commands_of(header: str) -> set[str]:
    """Return the commands in ``X-Goog-Upload-Command``."""
    return {word.strip().lower() for word in header.split(",")}


def check_slice(commands: set[str], offset: int | None, received: int) -> None:
    """Refuse a slice that does not continue an upload of which ``received`` bytes have arrived.

    Raises:
        UsageError: if no command is known, or the slice starts elsewhere.
    """
    if not commands & _COMMANDS:
        raise UsageError("X-Goog-Upload-Command is one of upload, finalize, query and cancel")
    if "upload" in commands and offset is not None and offset != received:
        raise UsageError(f"the slice starts at {offset}, but {received} bytes have arrived")


def check_size(received: int, announced: int | None) -> None:
    """Refuse to complete an upload whose size is not the one announced.

    Raises:
        UsageError: if the sizes differ.
    """
    if announced is not None and received != announced:
        raise UsageError(f"{received} bytes arrived of {announced} announced")


def upload_state(word: str) -> dict[str, str]:
    """Return the header that says whether an upload is active, final or cancelled."""
    return {"x-goog-upload-status": word}


def unknown_file(name: str) -> APIError:
    """Return the error for a file that does not exist."""
    return api_error(404, f"the file {name!r} does not exist, or no longer", status="NOT_FOUND")


def unknown_upload() -> APIError:
    """Return the error for an upload that does not exist."""
    return api_error(404, "there is no such upload", status="NOT_FOUND")


def name_taken(name: str) -> APIError:
    """Return the error for a file whose name another one has."""
    return api_error(409, f"a file named {name!r} exists already", status="ALREADY_EXISTS")


def timestamp(seconds: float) -> str:
    """Return a Unix timestamp as the API writes times."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
