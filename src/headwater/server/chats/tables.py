"""The tables of saved chats, and how to open their database: SQLite or PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    QueuePool,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from headwater.contract.limits import MAX_ID_LENGTH
from headwater.errors import LogError, UsageError
from headwater.extras import missing_package
from headwater.log.open import default_path
from headwater.log.sqlite.store import create_file
from headwater.server.chats.text_index import text_index_for

#: Raised with every change of the tables. An older headwater then refuses to write into them.
VERSION = 1
_KEY = BigInteger().with_variant(Integer, "sqlite")
_BUSY_SECONDS = 10

metadata = MetaData()
versions = Table("headwater_chats_version", metadata, Column("version", Integer, nullable=False))
chats = Table(
    "headwater_chats",
    metadata,
    # Numbers rather than ids connect the tables: ids are the clients', and unique for one owner only.
    Column("number", _KEY, primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("id", String(MAX_ID_LENGTH), nullable=False),
    Column("title", Text, nullable=False),
    Column("model", Text),
    Column("created", Float(53), nullable=False),
    Column("updated", Float(53), nullable=False),
    Column("leaf", String(MAX_ID_LENGTH)),
    UniqueConstraint("owner", "id"),
    Index("headwater_chats_updated", "owner", "updated", "number"),
)
messages = Table(
    "headwater_messages",
    metadata,
    Column("number", _KEY, primary_key=True),
    Column("chat", _KEY, nullable=False),
    Column("id", String(MAX_ID_LENGTH), nullable=False),
    Column("is_running", Boolean, nullable=False),
    Column("stream", Text),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("chat", "id"),
    # Partial: running answers are few, and looked for every few seconds.
    Index(
        "headwater_messages_running",
        "chat",
        sqlite_where=text("is_running"),
        postgresql_where=text("is_running"),
    ),
)


def open_engine(url: str) -> Engine:
    """Return the database at ``url``, with its tables.

    ``memory:`` ends with the process. ``sqlite:PATH`` is a file (without PATH, one in the user's data directory).
    ``postgresql://USER@HOST/DATABASE`` accepts what SQLAlchemy and psycopg accept.

    Raises:
        UsageError: if the kind of database is unknown, or needs a package that is not installed.
        LogError: if it cannot be opened.
    """
    kind, colon, rest = url.partition(":")
    match kind:
        case "memory" if colon and not rest:
            engine = _sqlite(":memory:")
        case "sqlite" if colon:
            engine = _sqlite(_file(rest))
        case "postgresql" | "postgres" if colon:
            engine = _postgres(url)
        case _:
            raise UsageError("the address of the chats is not memory:, sqlite:PATH or postgresql://USER@HOST/DATABASE")
    try:
        _prepare(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        raise LogError(f"the saved chats cannot be opened: {reason(error)}") from error
    except LogError:  # a newer version
        engine.dispose()
        raise
    return engine


def reason(error: SQLAlchemyError) -> str:
    """Return a database's message about an error, without the statement and its values."""
    return " ".join(str(getattr(error, "orig", None) or error).split())[:300]


def _file(rest: str) -> str:
    if rest:
        path = Path(rest.removeprefix("//")).expanduser()
    else:
        path = default_path().with_name("chats.db")
        try:
            path.parent.mkdir(0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LogError(f"the saved chats cannot be opened: {error}") from error
    create_file(str(path))
    return os.fspath(path)


def _sqlite(path: str) -> Engine:
    size = 1 if path == ":memory:" else 4  # a database in memory belongs to one connection
    arguments: dict[str, Any] = {"timeout": _BUSY_SECONDS, "isolation_level": None, "check_same_thread": False}
    pool: dict[str, Any] = {"poolclass": QueuePool, "pool_size": size, "max_overflow": 0}
    engine = create_engine(URL.create("sqlite", database=path), connect_args=arguments, **pool)

    @event.listens_for(engine, "connect")
    def _set(connection: Any, _: object) -> None:
        # Readers do not block the writer (WAL), and a reader never sees half a transaction.
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("PRAGMA synchronous = full")  # what was acknowledged with 201 survives a power cut

    # SQLite begins a transaction as a reader, and fails if another connection writes before it does. Writers therefore
    # take the lock at once.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_writing = connection.get_execution_options().get("is_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def _postgres(url: str) -> Engine:
    _, _, rest = url.partition("://")
    try:
        parsed = make_url(f"postgresql+psycopg://{rest}")
        # No prepared statements: a generic plan reads all chats for a rare word, and poolers do not keep them.
        arguments: dict[str, Any] = {"prepare_threshold": None, "connect_timeout": _BUSY_SECONDS, **parsed.query}
        return create_engine(parsed, connect_args=arguments, pool_size=4, max_overflow=0, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "psycopg":
            raise
        raise UsageError(missing_package("psycopg", "postgres", user="saving chats in PostgreSQL")) from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise UsageError("the address of the chats is not postgresql://USER@HOST/DATABASE") from error


def _prepare(engine: Engine) -> None:
    with engine.connect().execution_options(is_writing=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":  # of several servers that start at once, one creates them
            connection.execute(text("SELECT pg_advisory_xact_lock(4870312)"))
        if inspect(connection).has_table(versions.name):
            version = connection.execute(versions.select()).scalar_one()
            if version != VERSION:
                raise LogError(f"the saved chats have version {version}; this headwater knows {VERSION}")
            return
        metadata.create_all(connection)
        text_index_for(engine).make(connection)
        connection.execute(versions.insert().values(version=VERSION))
