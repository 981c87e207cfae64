"""Logs in an SQLite file, as plain functions that block: the transactions of the writer, and the queries of readers.

One row holds one group of records that were appended together. Readers have their own connections and see what is
committed; with SQLite's write-ahead log neither side waits for the other.
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
# ``AUTOINCREMENT``: the id of a dropped log is never used again, so a reader that still has it never gets the groups of
# another log. ``WITHOUT ROWID``: groups are stored in the order in which they are read.
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
#: How many rows of logs the writer keeps in memory at most.
_MAX_ROWS = 10_000
#: How many free pages are returned to the file system at once.
_SHRINK_PAGES = 2000
#: How long a writer waits for the transaction of another process.
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
        """Whether it has a writer and is not sealed."""
        return bool(self.writer) and not self.is_sealed


def create_file(path: str) -> None:
    """Create an empty file that only its owner can read, since prompts and answers will be in it.

    SQLite gives its journal the permissions of the file.
    """
    with contextlib.suppress(OSError):  # it exists, or cannot be created, which SQLite reports better
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def connect(path: str, sync: Sync = "normal") -> sqlite3.Connection:
    """Return a connection that one thread at a time may use, whichever it is."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA synchronous = {sync}")
    return connection


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables if they do not exist.

    Raises:
        LogError: if the file was written by a later version of headwater.
        sqlite3.Error: if it is not a database, or cannot be written.
    """
    # Must be set before the first table exists. Without it, freed pages are never returned.
    connection.execute("PRAGMA auto_vacuum = incremental")
    connection.execute("PRAGMA journal_mode = wal")
    # The write-ahead log is reused but not truncated by itself: 64 MiB is enough.
    connection.execute("PRAGMA journal_size_limit = 67108864")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _SCHEMA_VERSION:
        raise LogError(f"the log's file has version {version}; this headwater knows {_SCHEMA_VERSION}")
    if version < _SCHEMA_VERSION:
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT")


class SqliteStore:
    """The writer's side. Its methods are called between ``begin`` and ``commit``; one that raises has no effect.

    Rows of logs are cached, and written back with the commit: a hundred appends to one log update its row once.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute
        self._run_many = connection.executemany
        self._rows: dict[str, LogRow] = {}
        self._changed: dict[str, LogRow] = {}
        self._version = self.version()

    def version(self) -> int:
        """Return a number that changes when another process has written."""
        version: int = self._run("PRAGMA data_version").fetchone()[0]
        return version

    def begin(self) -> None:
        """Begin a transaction. No other process can write until it ends."""
        # IMMEDIATE takes the lock now. A transaction that starts as a reader could fail with SQLITE_BUSY when it first
        # writes.
        self._run("BEGIN IMMEDIATE")
        version = self.version()
        # The cache holds only while no other process writes: what one has committed may be on any row.
        if version != self._version or len(self._rows) > _MAX_ROWS:
            self._rows.clear()
        self._version = version

    def commit(self) -> None:
        """Make everything since ``begin`` durable, as durable as the file's ``synchronous`` setting says."""
        rows = [
            (row.next, row.is_sealed, row.writer, row.lease, row.changed, row.note, row.size, row.id)
            for row in self._changed.values()
        ]
        self._changed.clear()
        self._run_many(
            "UPDATE logs SET next=?, is_sealed=?, writer=?, lease=?, changed=?, note=?, size=? WHERE id=?", rows
        )
        self._run("COMMIT")

    def roll_back(self) -> None:
        """Undo everything since ``begin``."""
        self._rows.clear()
        self._changed.clear()
        try:
            self._run("ROLLBACK")
        except sqlite3.OperationalError:  # SQLite has rolled back by itself, or no transaction was open
            return

    def create(self, key: str, writer: str, lease: float, note: bytes, now: float) -> None:
        """Create an empty log."""
        made = self._run(
            "INSERT OR IGNORE INTO logs (key, next, is_sealed, writer, lease, changed, note, size) "
            "VALUES (?, 0, 0, ?, ?, ?, ?, 0) RETURNING id",
            (key, writer, lease, now, note),
        ).fetchone()
        if made is None:
            raise ConflictError(f"the stream {key!r} already exists")
        self._rows[key] = LogRow(made[0], key, 0, False, writer, lease, now, note, 0)

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
        row = self._open_row(key)
        if writer and writer != row.writer:
            raise ConflictError(f"the stream {key!r} is written by {row.writer!r}, not by {writer!r}")
        # All checks come before the first change: a job that raises must leave the transaction as it was.
        if at is not None and at != row.next:
            raise ConflictError(f"the stream {key!r} is at {row.next}, not at {at}")
        if records:
            data = pack(records)
            last = row.next + len(records)
            self._run("INSERT INTO groups VALUES (?, ?, ?, ?)", (row.id, last, len(records), data))
            row.next = last
            row.size += len(data)
        row.changed, row.is_sealed = now, seal
        if note is not None:
            row.note = note
        self._changed[key] = row
        return row.next

    def seal(self, key: str, now: float) -> int:
        """Seal a log and return the offset of its end."""
        row = self.row(key)
        if not row.is_sealed:
            row.is_sealed, row.changed = True, now
            self._changed[key] = row
        return row.next

    def take_over(self, key: str, writer: str, lease: float, mark: float, now: float) -> LogRow:
        """Make ``writer`` the writer of a log, if the log has not changed since ``mark``.

        ``mark`` is what the caller judged the lease by: a renewal in between means that the writer lives after all.
        """
        row = self._open_row(key)
        if row.changed != mark:
            raise ConflictError(f"the stream {key!r} has a writer again")
        # ``changed`` is the mark of the lease, which this call renews for its new writer.
        row.writer, row.lease, row.changed = writer, lease, now
        self._changed[key] = row
        return row

    def drop(self, key: str) -> None:
        """Delete a log."""
        gone = self._run("DELETE FROM logs WHERE key = ? RETURNING id", (key,)).fetchone()
        self._rows.pop(key, None)
        self._changed.pop(key, None)
        if gone is not None:
            self._run("DELETE FROM groups WHERE log = ?", gone)

    def shrink(self) -> None:
        """Return some of the file's free pages to the file system."""
        (free,) = self._run("PRAGMA freelist_count").fetchone()
        for _ in range(min(free, _SHRINK_PAGES)):
            self._run("PRAGMA incremental_vacuum(1)")  # sqlite3 runs one step of the pragma, which frees one page

    def row(self, key: str) -> LogRow:
        """Return the row of a log, uncommitted changes included."""
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = fetch_row(self._run(_SELECT + "key = ?", (key,)), key)
        return row

    def _open_row(self, key: str) -> LogRow:
        row = self.row(key)
        if row.is_sealed:
            raise SealedError(f"the stream {key!r} has ended")
        return row


def _to_row(row: Sequence[Any]) -> LogRow:
    return LogRow(row[0], row[1], row[2], bool(row[3]), *row[4:])


def fetch_row(rows: sqlite3.Cursor, key: str) -> LogRow:
    """Return the row that a query found.

    Raises:
        UnknownStreamError: if it found none.
    """
    row = rows.fetchone()
    if row is None:
        raise UnknownStreamError(f"there is no stream {key!r}")
    return _to_row(row)


def read_row(connection: sqlite3.Connection, key: str) -> LogRow:
    """Return the row of a log as last committed."""
    return fetch_row(connection.execute(_SELECT + "key = ?", (key,)), key)


def read_page(connection: sqlite3.Connection, key: str, after: int, limit: int) -> Page:
    """Return committed records. The row is read first: a log that was sealed by then has no later records."""
    row = read_row(connection, key)
    records: list[bytes] = []
    rows = connection.execute(
        "SELECT last, count, data FROM groups WHERE log = ? AND last > ? ORDER BY last", (row.id, after)
    )
    for last, count, data in rows:
        records += cut(last, count, data, after)
        if len(records) >= limit:
            break
    rows.close()
    del records[limit:]
    end = after + len(records)
    return Page(records, end, row.is_sealed and end >= row.next)


def read_leased(connection: sqlite3.Connection) -> list[LogRow]:
    """Return the rows of all logs with a writer that are not sealed."""
    rows = connection.execute(_SELECT + "NOT is_sealed AND writer != ''")
    return [_to_row(row) for row in rows]


def read_stored(connection: sqlite3.Connection, now: float, written: set[str]) -> list[StoredLog]:
    """Return all logs as retention sees them."""
    rows = connection.execute("SELECT key, changed, size FROM logs")
    return [StoredLog(key, now - changed, size, key in written) for key, changed, size in rows]


def read_offsets(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, tuple[int, bool]]:
    """Return the offset of each log and whether it is sealed; a log that was dropped counts as sealed."""
    found = dict.fromkeys(keys, (0, True))
    for key in keys:
        row = connection.execute("SELECT next, is_sealed FROM logs WHERE key = ?", (key,)).fetchone()
        if row is not None:
            found[key] = (row[0], bool(row[1]))
    return found
