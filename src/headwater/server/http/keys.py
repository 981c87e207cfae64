"""API keys from a file, which can be read again while the server runs: one key per line, ``#`` begins a comment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from headwater.errors import UsageError
from headwater.server.http.auth import Auth

logger = logging.getLogger("headwater.server")


def read_keys(path: str) -> list[str]:
    """Return the keys in a file.

    Raises:
        UsageError: if it cannot be read, or has no keys.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the API keys in {path!r} cannot be read: {error}") from error
    keys = [key for line in lines if (key := line.partition("#")[0].strip())]
    if not keys:
        raise UsageError(f"there are no API keys in {path!r}")
    return keys


def key_reloader(auth: Auth, path: str, others: Sequence[str]) -> Callable[[], None]:
    """Return a function that makes ``others`` and the keys now in the file the only valid ones.

    Whatever is open under another key ends. A file that cannot be read, or has no keys, changes nothing and is logged.
    """

    def reread() -> None:
        try:
            keys = read_keys(path)
        except UsageError as error:
            logger.error("%s; the keys are unchanged", error)
        else:
            auth.change_keys([*others, *keys])
            logger.warning("%d API keys are valid now", len({*others, *keys}))

    return reread
