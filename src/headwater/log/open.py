"""From a URL to a log: ``memory:``, ``sqlite:PATH``, ``redis://...``, an installed package's scheme, or a factory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from headwater.errors import LogError, UsageError
from headwater.extras import missing_package
from headwater.log.base import Log
from headwater.log.memory import MemoryLog
from headwater.plugins import installed, is_import_path, load_installed, load_path

T = TypeVar("T")

#: The entry point group of logs: each is named by its scheme, and called with the URL.
GROUP = "headwater.logs"

#: What ``Log`` requires.
_METHODS = ("create", "append", "read", "wait", "state", "take_over", "stale", "seal", "drop", "sweep", "aclose")

_SYNC = {"normal": "normal", "full": "full"}
_YES = {"yes": True, "no": False}
#: The schemes of Redis and Valkey, and redis-py's names for them. Those with an s use TLS.
_REDIS = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}


def open_log(url: str) -> Log:
    """Return the log at ``url``; call its ``aclose`` in the end.

    ``memory:`` is lost with the process. ``sqlite:PATH?sync=full&shared=yes`` is a file (without PATH the one in the
    user's data directory). ``redis://HOST:6379/0?prefix=NAME&cluster=yes`` is Redis or Valkey (``rediss:`` with TLS).
    Installed packages add schemes: an entry point of the group ``headwater.logs`` is called with the URL. So is the
    function or class at ``package.module:factory``, after which a query may follow (``journals:open_log?path=PATH``).

    Raises:
        UsageError: if no log has that scheme, it has no such option, it needs a package that is not installed, or what
            was called returned no log.
        LogError: if the log cannot be opened.
    """
    scheme, colon, _ = url.partition(":")
    if colon and scheme in _OPENERS:
        return _OPENERS[scheme](url)
    if colon and scheme in installed(GROUP):
        return _call(load_installed(installed(GROUP)[scheme]), url)
    path = url.partition("?")[0]
    if not is_import_path(path):
        raise UsageError(f"{url!r} is not the URL of a log, which begins with {log_schemes()}")
    try:
        opener = load_path(path)
    except UsageError as error:
        raise UsageError(f"{error} (the URL of a log begins with {log_schemes()})") from error
    return _call(opener, url)


def log_schemes() -> str:
    """Return the schemes that ``open_log`` knows, as text."""
    return ", ".join(f"{scheme}:" for scheme in dict.fromkeys([*_OPENERS, *sorted(installed(GROUP))]))


def default_path() -> Path:
    """Return where the user's own log is: ``headwater/headwater.db`` in the data directory of the platform."""
    if os.name == "nt":
        home = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "headwater" / "headwater.db"


def _call(opener: Any, url: str) -> Log:
    if not callable(opener):
        raise UsageError(f"{url!r} does not open a log: it cannot be called")
    log: Log = opener(url)
    # Found out now, not when the first stream is taken over or the server shuts down.
    missing = [f"{method}()" for method in _METHODS if not callable(getattr(log, method, None))]
    if missing:
        raise UsageError(f"{url!r} returned no log: {type(log).__name__} has no {', '.join(missing)}")
    return log


def _memory(url: str) -> Log:
    if url != "memory:":
        raise UsageError(f"the log in memory has no name and no options: 'memory:', not {url!r}")
    return MemoryLog()


def _sqlite(url: str) -> Log:
    from headwater.log.sqlite.log import SqliteLog

    place, _, query = url.partition(":")[2].partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
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
        raise UsageError(missing_package("redis", "redis", user="a store in Redis")) from error
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    prefix = options.pop("prefix", "headwater")
    is_cluster = _option(options, "cluster", "no", _YES)
    address = parts._replace(scheme=_REDIS[parts.scheme], query=urlencode(options))  # what is left is redis-py's
    return RedisLog(address.geturl(), prefix=prefix, is_cluster=is_cluster)


def _option(options: dict[str, str], name: str, default: str, known: dict[str, T]) -> T:
    said = options.pop(name, default)
    if said not in known:
        raise UsageError(f"{name}={said} of the log is not one of {', '.join(known)}")
    return known[said]


def _no_more(options: dict[str, str]) -> None:
    if options:
        raise UsageError(f"the log has no option {', '.join(options)}")


_OPENERS: dict[str, Callable[[str], Log]] = {"memory": _memory, "sqlite": _sqlite, **dict.fromkeys(_REDIS, _redis)}
