"""From an address to a log: ``memory:``, ``sqlite:PATH`` or ``redis://...``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from headwater.errors import LogError, UsageError
from headwater.log.base import Log
from headwater.log.memory import MemoryLog

T = TypeVar("T")

_SYNC = {"normal": "normal", "full": "full"}
_YES = {"yes": True, "no": False}
#: The schemes of both, and what they are for redis-py; with an s, over TLS.
_REDIS = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}


def open_log(url: str) -> Log:
    """Return the log at ``url``; call its ``aclose`` in the end.

    ``memory:`` is gone with the process. ``sqlite:PATH?sync=full&shared=yes`` is a file (without PATH the one in the
    user's data directory). ``redis://HOST:6379/0?prefix=NAME&cluster=yes`` is Redis or Valkey (``rediss:`` with TLS).

    Raises:
        UsageError: there is no such kind of log or option, or it needs something that is not installed.
        LogError: the file cannot be opened.
    """
    kind, colon, rest = url.partition(":")
    if not colon:
        raise UsageError(f"the log {url!r} is not memory:, sqlite:PATH or redis://HOST")
    if kind in _REDIS:
        return _redis(url)
    place, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    match kind:
        case "memory" if not rest:
            return MemoryLog()
        case "sqlite":
            return _sqlite(place, options)
    raise UsageError(f"there is no log {url!r}: memory:, sqlite:PATH or redis://HOST")


def default_path() -> Path:
    """Return where the user's own log is: ``headwater/headwater.db`` in the data directory of the platform."""
    if os.name == "nt":
        home = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "headwater" / "headwater.db"


def _sqlite(place: str, options: dict[str, str]) -> Log:
    from headwater.log.sqlite.log import SqliteLog

    sync = _option(options, "sync", "normal", _SYNC)
    is_shared = _option(options, "shared", "no", _YES)
    _no_more(options)
    path = Path(place.removeprefix("//")) if place else default_path()
    if not place:
        try:
            path.parent.mkdir(0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LogError(f"the log {path} cannot be used: {error}") from error
    return SqliteLog(str(path), sync="full" if sync == "full" else "normal", is_shared=is_shared)


def _redis(url: str) -> Log:
    try:
        from headwater.log.redis.log import RedisLog
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "redis":
            raise
        raise UsageError("redis-py is not installed: pip install 'headwater[redis]'") from error
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    prefix = options.pop("prefix", "headwater")
    is_cluster = _option(options, "cluster", "no", _YES)
    address = parts._replace(scheme=_REDIS[parts.scheme], query=urlencode(options))  # what is left is redis-py's
    return RedisLog(address.geturl(), prefix=prefix, is_cluster=is_cluster)


def _option(options: dict[str, str], name: str, default: str, known: dict[str, T]) -> T:
    said = options.pop(name, default)
    if said not in known:
        raise UsageError(f"{name}={said} of the log is none of {', '.join(known)}")
    return known[said]


def _no_more(options: dict[str, str]) -> None:
    if options:
        raise UsageError(f"the log has no option {', '.join(options)}")
