"""Masks the caller's key in errors: a proxy or an API may quote it, and errors end up in logs."""

from __future__ import annotations

import msgspec

from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError

_HEADERS = frozenset({"x-goog-api-key", "authorization", "api-key", "x-api-key"})
#: Shorter keys are placeholders such as "none"; masking them would garble messages that contain the word.
_SHORTEST = 8


def mask_secrets(error: BaseException, request: HttpRequest) -> None:
    """Replace the keys in the headers of ``request`` by ``***`` in ``error`` and what caused it."""
    for name, value in request.headers.items():
        secret = value.rpartition(" ")[2]  # of "Bearer ..."
        if name.lower() in _HEADERS and len(secret) >= _SHORTEST:
            _mask(error, secret)


def _mask(error: BaseException, secret: str) -> None:
    error.args = tuple(arg.replace(secret, "***") if isinstance(arg, str) else arg for arg in error.args)
    if isinstance(error, APIError):
        error.message = (error.message or "").replace(secret, "***")
        error.headers = {name: value.replace(secret, "***") for name, value in error.headers.items()}
        document = msgspec.json.encode(error.details)
        if secret.encode() in document:
            error.details = msgspec.json.decode(document.replace(secret.encode(), b"***"))
    if error.__cause__ is not None:
        _mask(error.__cause__, secret)
