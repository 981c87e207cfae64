"""What a prompt refers to: the caches and the files of its owner, put into the request before an engine gets it.

Engines know neither, so all of them can answer such requests, and a stored stream has everything that another server
needs to take it over.
"""

from __future__ import annotations

import asyncio
import base64
import re
import weakref
from contextlib import suppress
from typing import Any

import msgspec

from headwater.contract.cached_contents import file_uris
from headwater.contract.files import unknown_file
from headwater.engines.base import Engine, EngineRequest
from headwater.errors import api_error
from headwater.json_text import decode_json
from headwater.server.gemini.caches import ServerCaches
from headwater.server.gemini.file_store import FileStore, StoredFile
from headwater.server.http.auth import Auth
from headwater.server.http.body import too_large
from headwater.server.http.offload import run_sized

#: What a body has that refers to a file or a cache. Some encoders escape slashes.
_SIGNS = (b"/files/", rb"\/files\/", b"cachedContent", b"cached_content")
_SLICE = 1024 * 1024
_OVERLAP = 16
_FILE = re.compile(r"https?://(?P<host>[^/]+)/(?:[^?#]*/)?files/(?P<name>[a-z0-9-]{1,40})")
_GOOGLE = ".googleapis.com"
#: References to files in one request: they are looked for on the event loop.
MAX_FILES = 1_000
_Reference = tuple[dict[str, Any], str, str]
_Part = tuple[dict[str, Any], str, StoredFile]


class PromptMaterials:
    """Puts caches and files into requests."""

    def __init__(self, files: FileStore, caches: ServerCaches, auth: Auth) -> None:
        self._files = files
        self._caches = caches
        self._auth = auth

    async def prepare(self, principal: bytes, engine: Engine, request: EngineRequest) -> EngineRequest:
        """Return the request with the cache that it names before its contents, and files in the place of their URIs.

        A request that names none is returned as it is, byte for byte, and so is one whose cache the engine keeps.

        Raises:
            APIError: 400, if it refers to too many files; 403 or 404, if the principal has no such cache or file; 413,
                if the files are too large; 429, if the principal's requests together are.
        """
        body = request.body
        if not await run_sized(len(body), _may_refer, body):
            return request
        document = await run_sized(len(body), decode_json, body, "Invalid JSON payload received.")
        if not isinstance(document, dict):
            return request
        cache = self._caches.named_by(document, principal, engine, request.model)
        if cache is not None:
            await run_sized(len(cache.prompt), cache.put_before, document)
        references = await run_sized(len(body), _references, document)
        parts = self._parts(references, principal)
        if cache is None and not parts:
            return request
        size = sum(file.size for _, _, file in parts)
        if size > self._auth.limits.max_body:
            raise too_large(self._auth.limits.max_body)
        added = size * 4 // 3 + (len(cache.prompt) if cache is not None else 0)
        # Held before the files are read, and for as long as the request exists: an answer may take minutes.
        self._auth.quotas.hold_bytes(principal, added)
        try:
            filled = await run_sized(len(body) + added, _fill, document, parts)
        except BaseException:
            self._auth.quotas.hold_bytes(principal, -added)
            raise
        prepared = EngineRequest(
            request.model, filled, is_stream=request.is_stream, timeout=request.timeout, known=request.known
        )
        prepared.cached_tokens = cache.tokens if cache is not None else 0
        loop = asyncio.get_running_loop()
        weakref.finalize(prepared, self._release, loop, principal, added)
        return prepared

    def _parts(self, references: list[_Reference], principal: bytes) -> list[_Part]:
        """The parts that refer to files of this owner on this server, with the names of their fields."""
        # Each file is looked for once: the store looks for what has expired each time.
        names = dict.fromkeys(name for _, _, name in references)
        files = {name: self._files.find(principal, name) for name in names}
        found = ((part, field, files[name]) for part, field, name in references)
        return [(part, field, file) for part, field, file in found if file is not None and file.path is not None]

    def _release(self, loop: asyncio.AbstractEventLoop, principal: bytes, size: int) -> None:
        # The collector may run in any thread, and quotas belong to the loop.
        with suppress(RuntimeError):  # the loop is closed, and the server with it
            loop.call_soon_threadsafe(self._auth.quotas.hold_bytes, principal, -size)


def _may_refer(body: bytes) -> bool:
    # In slices: one search through all of a large body would hold the interpreter for its whole length.
    slices = (body[start : start + _SLICE + _OVERLAP] for start in range(0, len(body), _SLICE))
    return any(sign in piece for piece in slices for sign in _SIGNS)


def _references(document: dict[str, Any]) -> list[_Reference]:
    """The parts that may refer to files on this server, the names of their fields, and those of the files."""
    found: list[_Reference] = []
    for part, field, uri in file_uris(document):
        match = _FILE.fullmatch(uri)
        if match is not None and not match["host"].endswith(_GOOGLE):
            found.append((part, field, match["name"]))
    if len(found) > MAX_FILES:
        text = f"a request refers to at most {MAX_FILES:,} files, not {len(found):,}"
        raise api_error(400, text, status="INVALID_ARGUMENT")
    return found


def _fill(document: dict[str, Any], parts: list[_Part]) -> bytes:
    for part, field, file in parts:
        try:
            data = file.path.read_bytes() if file.path is not None else b""
        except FileNotFoundError:  # it was deleted a moment ago
            raise unknown_file(file.id) from None
        del part[field]
        part["inlineData"] = {"mimeType": file.mime_type, "data": base64.b64encode(data).decode()}
    return msgspec.json.encode(document)
