"""Logs in an SQLite file, as plain functions that block: what one transaction of the writer does, and what readers ask.

One row is one group of records that were appended together. Readers have connections of their own and see what is
committed; with the write-ahead log neither side waits for the other.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from headwater.errors import ConflictError, LogError, SealedError, UnknownStreamError
from headwater.log.base import Page
from headwater.log.packing import cut, pack
from headwater.log.retention import StoredLog

Sync = Literal["normal", "full"]

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, next INTEGER NOT NULL, is_sealed INTEGER NOT NULL,
    writer TEXT NOT NULL, lease REAL NOT NULL, changed REAL NOT NULL, note BLOB NOT NULL, size INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS written ON logs (id) WHERE NOT is_sealed AND writer != '';
CREATE TABLE IF NOT EXISTS groups (
    log INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (log, last)
) WITHOUT ROWID;
"""
_SELECT = "SELECT id, key, next, is_sealed, writer, lease, changed, note, size FROM logs WHERE "
#: How many logs the writer knows by heart at most.
_MOST = 10_000
#: How many pages are given back at once.
_SHRINK_PAGES = 2000
#: How long a writer waits for that of another process.
_BUSY_SECONDS = 10.0


class LogRow(msgspec.Struct):
    """The row of a log."""

    id: int
    key: str
    next: int
    is_sealed: bool
    writer: str
    lease: float
    changed: float
    note: bytes
    size: int

    @property
    def is_leased(self) -> bool:
        """Whether somebody said that he writes it, and it has no end."""
        return bool(self.writer) and not self.is_sealed


def make(path: str) -> None:
    """Make an empty file that only its owner reads: there are questions and answers in it. SQLite keeps to that."""
    with contextlib.suppress(OSError):  # it is there already; or cannot be, which SQLite says better
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def connect(path: str, sync: Sync = "normal") -> sqlite3.Connection:
    """Return a connection for any one thread at a time."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA synchronous = {sync}")
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables where there are none.

    Raises:
        LogError: the file was made by a later version.
        sqlite3.Error: it is no database, or cannot be written.
    """
    connection.execute("PRAGMA auto_vacuum = incremental")
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _SCHEMA_VERSION:
        raise LogError(f"the log's file has version {version}; this headwater knows {_SCHEMA_VERSION}")
    if version < _SCHEMA_VERSION:
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT")


class SqliteStore:
    """The writer's side. Its methods are called between ``begin`` and ``commit``; one that raises has done nothing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute
        self._run_many = connection.executemany
        self._heads: dict[str, LogRow] = {}
        self._changed: dict[str, LogRow] = {}
        self._version = self.version()

    def version(self) -> int:
        """Return a number that changes when another process has written."""
        version: int = self._run("PRAGMA data_version").fetchone()[0]
        return version

    def begin(self) -> None:
        """Begin a transaction; no other process writes until it has ended."""
        self._run("BEGIN IMMEDIATE")
        version = self.version()
        if version != self._version or len(self._heads) > _MOST:
            self._heads.clear()
        self._version = version

    def commit(self) -> None:
        """Make all since ``begin`` durable as the file's setting says."""
        rows = [
            (head.next, head.is_sealed, head.writer, head.lease, head.changed, head.note, head.size, head.id)
            for head in self._changed.values()
        ]
        self._changed.clear()
        self._run_many(
            "UPDATE logs SET next=?, is_sealed=?, writer=?, lease=?, changed=?, note=?, size=? WHERE id=?", rows
        )
        self._run("COMMIT")

    def roll_back(self) -> None:
        """Forget all since ``begin``."""
        self._heads.clear()
        self._changed.clear()
        try:
            self._run("ROLLBACK")
        except sqlite3.OperationalError:  # SQLite has done so itself, or the transaction had not begun
            return

    def create(self, key: str, writer: str, lease: float, note: bytes, now: float) -> None:
        """Begin an empty log."""
        made = self._run(
            "INSERT OR IGNORE INTO logs (key, next, is_sealed, writer, lease, changed, note, size) "
            "VALUES (?, 0, 0, ?, ?, ?, ?, 0) RETURNING id",
            (key, writer, lease, now, note),
        ).fetchone()
        if made is None:
            raise ConflictError(f"there is a stream {key!r} already")
        self._heads[key] = LogRow(made[0], key, 0, False, writer, lease, now, note, 0)

    def append(
        self,
        key: str,
        records: Sequence[bytes],
        at: int | None,
        writer: str,
        note: bytes | None,
        now: float,
        *,
        seal: bool,
    ) -> int:
        """Add records as one group and return the offset after them."""
        head = self._open(key)
        if writer and writer != head.writer:
            raise ConflictError(f"the stream {key!r} is written by {head.writer!r}, not by {writer!r}")
        if at is not None and at != head.next:
            raise ConflictError(f"the stream {key!r} is at {head.next}, not at {at}")
        if records:
            data = pack(records)
            last = head.next + len(records)
            self._run("INSERT INTO groups VALUES (?, ?, ?, ?)", (head.id, last, len(records), data))
            head.next = last
            head.size += len(data)
        head.changed, head.is_sealed = now, seal
        if note is not None:
            head.note = note
        self._changed[key] = head
        return head.next

    def seal(self, key: str, now: float) -> int:
        """End a log and return the offset of its end."""
        head = self.head(key)
        if not head.is_sealed:
            head.is_sealed, head.changed = True, now
            self._changed[key] = head
        return head.next

    def take_over(self, key: str, writer: str, lease: float, mark: float, now: float) -> LogRow:
        """Give a log to another writer, if it has not changed since ``mark``."""
        head = self._open(key)
        if head.changed != mark:
            raise ConflictError(f"the stream {key!r} has a writer again")
        head.writer, head.lease, head.changed = writer, lease, now
        self._changed[key] = head
        return head

    def drop(self, key: str) -> None:
        """Forget a log."""
        gone = self._run("DELETE FROM logs WHERE key = ? RETURNING id", (key,)).fetchone()
        self._heads.pop(key, None)
        self._changed.pop(key, None)
        if gone is not None:
            self._run("DELETE FROM groups WHERE log = ?", gone)

    def shrink(self) -> None:
        """Give some of the file's free pages back."""
        (free,) = self._run("PRAGMA freelist_count").fetchone()
        for _ in range(min(free, _SHRINK_PAGES)):
            self._run("PRAGMA incremental_vacuum(1)")  # sqlite3 makes one step of it, which is one page

    def head(self, key: str) -> LogRow:
        """Return the row of a log as it is now."""
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = find(self._run(_SELECT + "key = ?", (key,)), key)
        return head

    def _open(self, key: str) -> LogRow:
        head = self.head(key)
        if head.is_sealed:
            raise SealedError(f"the stream {key!r} has ended")
        return head


def _head(row: Sequence[Any]) -> LogRow:
    return LogRow(row[0], row[1], row[2], bool(row[3]), *row[4:])


def find(rows: sqlite3.Cursor, key: str) -> LogRow:
    """Return the row that was looked for."""
    row = rows.fetchone()
    if row is None:
        raise UnknownStreamError(f"there is no stream {key!r}")
    return _head(row)


def read_head(connection: sqlite3.Connection, key: str) -> LogRow:
    """Return the row of a log as it was committed last."""
    return find(connection.execute(_SELECT + "key = ?", (key,)), key)


def read_page(connection: sqlite3.Connection, key: str, after: int, limit: int) -> Page:
    """Return records that are committed. The row is read first: a log that had its end then has no more records."""
    head = read_head(connection, key)
    records: list[bytes] = []
    rows = connection.execute(
        "SELECT last, count, data FROM groups WHERE log = ? AND last > ? ORDER BY last", (head.id, after)
    )
    for last, count, data in rows:
        records += cut(last, count, data, after)
        if len(records) >= limit:
            break
    rows.close()
    del records[limit:]
    upto = after + len(records)
    return Page(records, upto, head.is_sealed and upto >= head.next)


def read_leased(connection: sqlite3.Connection) -> list[LogRow]:
    """Return the rows of all logs that somebody said to write."""
    rows = connection.execute(_SELECT + "NOT is_sealed AND writer != ''")
    return [_head(row) for row in rows]


def read_kept(connection: sqlite3.Connection, now: float, written: set[str]) -> list[StoredLog]:
    """Return all logs as retention sees them."""
    rows = connection.execute("SELECT key, changed, size FROM logs")
    return [StoredLog(key, now - changed, size, key in written) for key, changed, size in rows]


def read_offsets(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, tuple[int, bool]]:
    """Return the offset of each log and whether it has ended; one that is gone has ended."""
    found = dict.fromkeys(keys, (0, True))
    for key in keys:
        row = connection.execute("SELECT next, is_sealed FROM logs WHERE key = ?", (key,)).fetchone()
        if row is not None:
            found[key] = (row[0], bool(row[1]))
    return found
