"""Saved chats in a database, as plain functions that block: each one is a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, Row, and_, delete, exists, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from headwater.errors import api_error
from headwater.server.chats import tokenizer
from headwater.server.chats.model import ChatRecord, ChatTree, Draft, Message, title_of, unknown_message
from headwater.server.chats.tables import chats, messages, open_engine
from headwater.server.chats.text_index import text_index_for


class ListPosition(NamedTuple):
    """Where a page of the list goes on: after the chat that changed then, and has this number."""

    updated: float
    number: int


class ChatPage(NamedTuple):
    """A page of the list, and where the next one begins, if there is one."""

    chats: list[ChatRecord]
    next: ListPosition | None


class WriteResult(NamedTuple):
    """A chat after something was written into it; ``is_new`` where it was not there before."""

    chat: ChatRecord
    is_new: bool


class RunningAnswer(NamedTuple):
    """An answer that runs as far as the chats know, and who it belongs to."""

    owner: str
    chat: str
    message: Message


_running = exists(select(messages.c.number).where(messages.c.chat == chats.c.number, messages.c.is_running))
_columns = (*chats.c, _running.label("running"))


class ChatStore:
    """The chats of all owners; every method but ``running`` sees those of one owner only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._words = text_index_for(engine)

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    def listed(self, owner: str, query: str, after: ListPosition | None, size: int) -> ChatPage:
        """Return chats, the last changed first; with a ``query``, those that have its words."""
        asked = select(*_columns).where(chats.c.owner == owner)
        asked = asked.order_by(chats.c.updated.desc(), chats.c.number.desc()).limit(size + 1)
        if after is not None:
            is_older = and_(chats.c.updated == after.updated, chats.c.number < after.number)
            asked = asked.where(or_(chats.c.updated < after.updated, is_older))
        values = {}
        if query.strip():
            prefixes = tokenizer.query_words(query)
            if not prefixes:  # nothing in it is a word
                return ChatPage([], None)
            asked = asked.where(text(self._words.condition))
            values = {"words": self._words.asked([_owner_word(owner), *prefixes])}
        with self._reading() as connection:
            rows = connection.execute(asked, values).all()
        last = None if len(rows) <= size else ListPosition(rows[size - 1].updated, rows[size - 1].number)
        return ChatPage([_chat(row) for row in rows[:size]], last)

    def get(self, owner: str, id: str) -> ChatTree | None:
        """Return a chat with its messages; None where there is none."""
        with self._reading() as connection:
            row = self._row(connection, owner, id)
            if row is None:
                return None
            asked = select(messages.c.body).where(messages.c.chat == row.number).order_by(messages.c.number)
            found = [_read(body) for body in connection.execute(asked).scalars()]
        return ChatTree(**msgspec.structs.asdict(_chat(row)), messages=found)

    def write(self, owner: str, draft: Draft, moment: datetime, *, most: int) -> WriteResult:
        """Begin the chat where there is none, and add those of its messages that are not there yet.

        Raises:
            APIError: 400, a message follows one that is not there, or the leaf is none; 429, it would be more than
                ``most`` chats.
        """
        with self._writing() as connection:
            made = self._insert(connection, owner, draft, moment)
            if made and self._count(connection, owner) > most:
                raise api_error(429, f"{most} chats are the most: delete some", status="RESOURCE_EXHAUSTED")
            row = self._row(connection, owner, draft.id)
            assert row is not None
            new = self._add(connection, row, draft.messages)
            leaf = draft.leaf or (new[-1].id if new else row.leaf)
            if leaf is not None and not self._has(connection, row.number, leaf):
                raise unknown_message(leaf, "and its leaf has to be one")
            changed: dict[str, Any] = {"leaf": leaf}
            if new and not made:
                changed |= {"updated": moment.timestamp(), "model": draft.model or row.model}
            connection.execute(update(chats).where(chats.c.number == row.number).values(changed))
            if made or new:
                texts = [message.text for message in new]
                self._add_words(connection, owner, row.number, [row.title, *texts])
            row = self._row(connection, owner, draft.id)
            assert row is not None
        return WriteResult(_chat(row), made)

    def change(self, owner: str, id: str, *, title: str | None, leaf: str | None) -> ChatRecord | None:
        """Give a chat another title or leaf; None where there is no such chat.

        Raises:
            APIError: 400, it has no message ``leaf``.
        """
        values = {name: value for name, value in (("title", title), ("leaf", leaf)) if value is not None}
        with self._writing() as connection:
            row = self._row(connection, owner, id)
            if row is None:
                return None
            if leaf is not None and not self._has(connection, row.number, leaf):
                raise unknown_message(leaf, "and its leaf has to be one")
            if values:
                connection.execute(update(chats).where(chats.c.number == row.number).values(values))
            if title is not None:
                self._add_words(connection, owner, row.number, [title])
            row = self._row(connection, owner, id)
        return None if row is None else _chat(row)

    def delete(self, owner: str, id: str) -> list[str]:
        """Delete a chat, and return the streams that its answers came from."""
        with self._writing() as connection:
            row = self._row(connection, owner, id)
            if row is None:
                return []
            asked = select(messages.c.stream).where(messages.c.chat == row.number, messages.c.stream.is_not(None))
            streams = list(connection.execute(asked).scalars())
            connection.execute(delete(messages).where(messages.c.chat == row.number))
            connection.execute(delete(chats).where(chats.c.number == row.number))
            self._words.forget(connection, row.number)
        return [stream for stream in streams if stream is not None]

    def settle(self, owner: str, id: str, message: Message, moment: datetime) -> None:
        """Put an answer that has ended in the place of the running one; nothing, if it runs no longer."""
        with self._writing() as connection:
            row = self._row(connection, owner, id)
            if row is None:
                return
            is_it = and_(messages.c.chat == row.number, messages.c.id == message.id, messages.c.is_running)
            is_it = and_(is_it, messages.c.stream == message.stream)
            done = update(messages).where(is_it).values(is_running=False, body=_body(message))
            if connection.execute(done).rowcount:
                connection.execute(update(chats).where(chats.c.number == row.number).values(updated=moment.timestamp()))
                self._add_words(connection, owner, row.number, [message.text])

    def go_on(self, owner: str, id: str, message: Message, moment: datetime) -> ChatRecord | None:
        """Put an answer that goes on in the place of what there is of it; None where there is no such chat."""
        with self._writing() as connection:
            row = self._row(connection, owner, id)
            if row is None:
                return None
            is_it = and_(messages.c.chat == row.number, messages.c.id == message.id)
            connection.execute(update(messages).where(is_it).values(_row_of(row.number, message)))
            shown = {"updated": moment.timestamp(), "leaf": message.id}
            connection.execute(update(chats).where(chats.c.number == row.number).values(shown))
            row = self._row(connection, owner, id)
        return None if row is None else _chat(row)

    def running(self) -> list[RunningAnswer]:
        """Return the answers of all owners that are not settled."""
        asked = select(chats.c.owner, chats.c.id, messages.c.body).join(messages, messages.c.chat == chats.c.number)
        with self._reading() as connection:
            rows = connection.execute(asked.where(messages.c.is_running)).all()
        return [RunningAnswer(row.owner, row.id, _read(row.body)) for row in rows]

    # Inside a transaction

    def _insert(self, connection: Connection, owner: str, draft: Draft, moment: datetime) -> bool:
        kind = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        created = (draft.created or moment).timestamp()
        updated = max([created, *(message.created.timestamp() for message in draft.messages if message.created)])
        row = {
            "owner": owner,
            "id": draft.id,
            "title": draft.title or title_of(draft.messages),
            "model": draft.model,
            "created": created,
            "updated": min(updated, moment.timestamp()),
        }
        made = kind.insert(chats).values(row).on_conflict_do_nothing(index_elements=["owner", "id"])
        return bool(connection.execute(made.returning(chats.c.number)).first())

    def _add(self, connection: Connection, chat: Row[Any], given: Sequence[Message]) -> list[Message]:
        """Add messages, each after its parent, and return those that are new."""
        known = set(connection.execute(select(messages.c.id).where(messages.c.chat == chat.number)).scalars())
        new: list[Message] = []
        for message in given:
            if message.id in known:
                continue
            if message.parent is not None and message.parent not in known:
                raise unknown_message(message.parent, f"after which {message.id!r} comes")
            known.add(message.id)
            new.append(message)
        if new:
            connection.execute(messages.insert(), [_row_of(chat.number, message) for message in new])
        return new

    def _add_words(self, connection: Connection, owner: str, chat: int, texts: Iterable[str]) -> None:
        self._words.add(connection, chat, {_owner_word(owner), *tokenizer.words(texts)})

    def _count(self, connection: Connection, owner: str) -> int:
        return connection.execute(select(func.count()).where(chats.c.owner == owner)).scalar_one()

    def _row(self, connection: Connection, owner: str, id: str) -> Row[Any] | None:
        return connection.execute(select(*_columns).where(chats.c.owner == owner, chats.c.id == id)).first()

    def _has(self, connection: Connection, chat: int, message: str) -> bool:
        asked = select(messages.c.number).where(messages.c.chat == chat, messages.c.id == message)
        return connection.execute(asked).first() is not None

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._engine.connect().execution_options(is_writing=True) as connection, connection.begin():
            yield connection


def open_store(url: str) -> ChatStore:
    """Return the chats at ``url``; call its ``close`` in the end. See ``open_engine``."""
    return ChatStore(open_engine(url))


def _owner_word(owner: str) -> str:
    """The word by which the chats of an owner are found, which no text has."""
    return f"0owner0{owner[:24]}"


def _row_of(chat: int, message: Message) -> dict[str, Any]:
    is_running = message.state == "running"
    return {"chat": chat, "id": message.id, "is_running": is_running, "stream": message.stream, "body": _body(message)}


def _body(message: Message) -> bytes:
    return msgspec.json.encode(message)


def _read(body: bytes) -> Message:
    return msgspec.json.decode(body, type=Message)


def _chat(row: Row[Any]) -> ChatRecord:
    created, updated = (datetime.fromtimestamp(moment, UTC) for moment in (row.created, row.updated))
    return ChatRecord(
        id=row.id,
        title=row.title,
        model=row.model,
        created=created,
        updated=updated,
        leaf=row.leaf,
        running=bool(row.running),
    )
