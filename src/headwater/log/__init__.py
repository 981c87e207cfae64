"""Append-only logs of byte records: in memory, in SQLite, in Redis, or your own behind the same protocol."""

from typing import TYPE_CHECKING

from headwater.lazy import lazy_names

if TYPE_CHECKING:
    from headwater.log.base import Log, LogState, Page, tail
    from headwater.log.memory import MemoryLog
    from headwater.log.open import open_log
    from headwater.log.redis.log import RedisLog
    from headwater.log.sqlite.log import SqliteLog
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "Log": "base",
            "LogState": "base",
            "Page": "base",
            "tail": "base",
            "MemoryLog": "memory",
            "open_log": "open",
            "RedisLog": "redis.log",
            "SqliteLog": "sqlite.log",
        },
    )

__all__ = [
    "Log",
    "LogState",
    "MemoryLog",
    "Page",
    "RedisLog",
    "SqliteLog",
    "open_log",
    "tail",
]
