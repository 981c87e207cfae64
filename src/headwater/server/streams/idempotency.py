"""Idempotency keys: at most one stream for each key and owner, on any server that shares the log."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from headwater.contract.headers import IDEMPOTENCY_KEY
from headwater.contract.limits import MAX_KEY_LENGTH
from headwater.errors import ConflictError, UnknownStreamError, UsageError
from headwater.log.base import Log, LogState
from headwater.server.http.errors import server_error
from headwater.server.streams.log_keys import header_of
from headwater.server.streams.record_format import StreamHeader


class IdempotencyKeys:
    """Each key has a log whose note is the name of its stream. Of many who create that log at once, one succeeds."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def find(self, claim: str, digest: str) -> tuple[str, StreamHeader] | None:
        """Return the stream that was started with this key, or None if it has been dropped since.

        Raises:
            APIError: 422, if it was started by another request.
        """
        try:
            return await self._resolve(await self._log.state(claim), digest)
        except UnknownStreamError:
            return None

    async def claim(self, claim: str, name: str, digest: str) -> tuple[str, StreamHeader] | None:
        """Bind the key to the stream ``name`` and return None, or return the stream that it is bound to already.

        Raises:
            APIError: 422, as ``find``.
        """
        while True:
            try:
                await self._log.create(claim, note=name.encode())
            except ConflictError:
                with suppress(ConflictError, UnknownStreamError):  # another request was faster, or dropped it
                    state = await self._log.state(claim)
                    found = await self._resolve(state, digest)
                    if found is None:  # bound to a stream that is gone: ``at`` lets one of several take the key over
                        await self._log.append(claim, [b"."], at=state.next, note=name.encode())
                    return found
            else:
                return None

    async def _resolve(self, state: LogState, digest: str) -> tuple[str, StreamHeader] | None:
        name = state.note.decode()
        header = await header_of(self._log, name)
        if header is None:
            return None
        if not hmac.compare_digest(header.digest, digest):
            raise server_error(422, "INVALID_ARGUMENT", "KEY_USED", "the key was already used for another request")
        return name, header


def parse_idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the idempotency key of a request, or None.

    Raises:
        UsageError: if it is too long, or empty.
    """
    key = headers.get(IDEMPOTENCY_KEY)
    if key is not None and not 0 < len(key) <= MAX_KEY_LENGTH:
        raise UsageError(f"{IDEMPOTENCY_KEY} must have 1 to {MAX_KEY_LENGTH} characters")
    return key


def request_digest(model: str, body: bytes) -> str:
    """Return a hash that tells requests apart, however their JSON is written."""
    with suppress(msgspec.MsgspecError):
        # Sorted: a client may write the same object in another order when it repeats a request.
        body = msgspec.json.encode(msgspec.json.decode(body), order="sorted")
    return hashlib.sha256(model.encode() + b"\0" + body).hexdigest()[:32]
