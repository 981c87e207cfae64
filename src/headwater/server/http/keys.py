"""API keys from a file, which can be read again while the server runs: one key per line, ``#`` begins a comment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from headwater.errors import UsageError
from headwater.server.http.auth import Auth

logger = logging.getLogger("headwater.server")


#: The fewest characters of a key: 64 bits even if they are hexadecimal digits.
MIN_LENGTH = 16


def check_keys(keys: Iterable[str]) -> None:
    """Check that keys cannot be guessed.

    Raises:
        UsageError: if one of them is too short; the error does not show it.
    """
    shortest = min(map(len, keys), default=MIN_LENGTH)
    if shortest < MIN_LENGTH:
        raise UsageError(
            f"an API key has {shortest} characters, and needs at least {MIN_LENGTH}, or it can be guessed: "
            'python -c "import secrets; print(secrets.token_urlsafe(24))" makes one'
        )


def read_keys(path: str) -> list[str]:
    """Return the keys in a file.

    Raises:
        UsageError: if it cannot be read, has no keys, or one that is too short.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the API keys in {path!r} cannot be read: {error}") from error
    keys = [key for line in lines if (key := line.partition("#")[0].strip())]
    if not keys:
        raise UsageError(f"there are no API keys in {path!r}")
    check_keys(keys)
    return keys


def key_reloader(auth: Auth, path: str, others: Sequence[str]) -> Callable[[], None]:
    """Return a function that makes ``others`` and the keys now in the file the only valid ones.

    Whatever is open under another key ends. A file that ``read_keys`` refuses changes nothing and is logged.
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
