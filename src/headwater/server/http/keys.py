"""API keys from a file, which is read again when it has changed: one key a line, ``#`` begins a comment."""

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
        UsageError: it can not be read, or holds none.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the API keys in {path!r} can not be read: {error}") from error
    keys = [key for line in lines if (key := line.partition("#")[0].strip())]
    if not keys:
        raise UsageError(f"there are no API keys in {path!r}")
    return keys


def key_reloader(auth: Auth, path: str, others: Sequence[str]) -> Callable[[], None]:
    """Return what lets in the keys that are in the file by now, and ``others``, and ends what is open under the rest.

    A file that can not be read, or holds no key, changes nothing and is said in the log.
    """

    def reread() -> None:
        try:
            keys = read_keys(path)
        except UsageError as error:
            logger.error("%s; the keys stay as they were", error)
        else:
            auth.change_keys([*others, *keys])
            logger.warning("%d API keys are let in now", len({*others, *keys}))

    return reread
