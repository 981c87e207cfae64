"""Saved chats in a database. Every public method blocks, and is one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, Row, and_, delete, exists, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from headwater.errors import api_error
from headwater.server.chats import tokenizer
from headwater.server.chats.model import ChatDraft, ChatRecord, ChatTree, Message, title_of, unknown_message
from headwater.server.chats.tables import chats, messages, open_engine
from headwater.server.chats.text_index import text_index_for


# A position rather than an offset: chats that change while a client pages move to the front, and none is listed twice.
class ListPosition(NamedTuple):
    """Where the next page of a list starts: after the chat with this time of change and number."""

    updated: float
    number: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]  # what a database can compare with


class ChatPage(NamedTuple):
    """A page of the list, and where the next one starts, if there is one."""

    chats: list[ChatRecord]
    next: ListPosition | None


class WriteResult(NamedTuple):
    """A chat after it was written; ``is_new`` if it did not exist before."""

    chat: ChatRecord
    is_new: bool


class RunningAnswer(NamedTuple):
    """An answer that is running as far as the database knows, with its owner and chat."""

    owner: str
    chat: str
    message: Message


_running = exists(select(messages.c.number).where(messages.c.chat == chats.c.number, messages.c.is_running))
_columns = (*chats.c, _running.label("running"))


class ChatStore:
    """The chats of all owners. Every method except ``running`` is limited to one owner."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._index = text_index_for(engine)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def list_page(self, owner: str, query: str, after: ListPosition | None, size: int) -> ChatPage:
        """Return chats, the last changed first; with a ``query``, those that contain its words."""
        statement = select(*_columns).where(chats.c.owner == owner)
        statement = statement.order_by(chats.c.updated.desc(), chats.c.number.desc()).limit(size + 1)
        if after is not None:
            is_older = and_(chats.c.updated == after.updated, chats.c.number < after.number)
            statement = statement.where(or_(chats.c.updated < after.updated, is_older))
        values = {}
        if query.strip():
            prefixes = tokenizer.query_words(query)
            if not prefixes:  # punctuation only
                return ChatPage([], None)
            statement = statement.where(text(self._index.condition))
            # With the owner's word in the query, the index itself leaves out the chats of others.
            values = {"words": self._index.match_expression([_owner_word(owner), *prefixes])}
        # One row more than asked for shows whether there is a next page.
        with self._reading() as connection:
            rows = connection.execute(statement, values).all()
        last = None if len(rows) <= size else ListPosition(rows[size - 1].updated, rows[size - 1].number)
        return ChatPage([_chat(row) for row in rows[:size]], last)

    def get(self, owner: str, id: str) -> ChatTree | None:
        """Return a chat with its messages, or None if it does not exist."""
        with self._reading() as connection:
            row = self._row(connection, owner, id)
            if row is None:
                return None
            bodies = select(messages.c.body).where(messages.c.chat == row.number).order_by(messages.c.number)
            tree = [_read(body) for body in connection.execute(bodies).scalars()]
        return ChatTree(**msgspec.structs.asdict(_chat(row)), messages=tree)

    def write(self, owner: str, draft: ChatDraft, moment: datetime, *, max_chats: int) -> WriteResult:
        """Create the chat if it does not exist, and add those of the messages that it does not have.

        Raises:
            APIError: 400, if a message's parent or the leaf does not exist; 429, if the owner would have more than
                ``max_chats`` chats.
        """
        with self._writing() as connection:
            is_new = self._insert(connection, owner, draft, moment)
            # After the insert, which tells whether the chat is new. Raising rolls it back.
            if is_new and self._count(connection, owner) > max_chats:
                raise api_error(429, f"a key has at most {max_chats} chats: delete some", status="RESOURCE_EXHAUSTED")
            row = self._existing_row(connection, owner, draft.id)
            new = self._add(connection, row, draft.messages)
            leaf = self._new_leaf(connection, row, draft, new)
            # Without new messages nothing has changed, and the chat keeps its place in the list.
            changed: dict[str, Any] = {"leaf": leaf}
            if new and not is_new:
                changed |= {"updated": moment.timestamp(), "model": draft.model or row.model}
            connection.execute(update(chats).where(chats.c.number == row.number).values(changed))
            if is_new or new:
                self._add_words(connection, owner, row.number, [row.title, *(message.text for message in new)])
            row = self._existing_row(connection, owner, draft.id)
        return WriteResult(_chat(row), is_new)

    def change(self, owner: str, id: str, *, title: str | None, leaf: str | None) -> ChatRecord | None:
        """Change the title or the leaf of a chat, and return it, or None if it does not exist.

        Raises:
            APIError: 400, if it has no message ``leaf``.
        """
        values = {name: value for name, value in (("title", title), ("leaf", leaf)) if value is not None}
        with self._writing() as connection:
            row = self._row(connection, owner, id)
            if row is None:
                return None
            if leaf is not None and not self._has(connection, row.number, leaf):
                raise unknown_message(leaf, "the leaf has to be one of its messages")
            if values:
                connection.execute(update(chats).where(chats.c.number == row.number).values(values))
            if title is not None:
                self._add_words(connection, owner, row.number, [title])
            row = self._row(connection, owner, id)
        return None if row is None else _chat(row)

    def delete(self, owner: str, id: str) -> list[str]:
        """Delete a chat. Return the streams of its answers, which are the caller's to discard."""
        with self._writing() as connection:
            row = self._row(connection, owner, id)
            if row is None:
                return []
            statement = select(messages.c.stream).where(messages.c.chat == row.number)
            statement = statement.where(messages.c.stream.is_not(None))
            streams = list(connection.execute(statement).scalars())
            connection.execute(delete(messages).where(messages.c.chat == row.number))
            connection.execute(delete(chats).where(chats.c.number == row.number))
            self._index.forget(connection, row.number)
        return [stream for stream in streams if stream is not None]

    def settle(self, owner: str, id: str, message: Message, moment: datetime) -> None:
        """Replace a running answer by the ended one, unless it has ended already or has another stream by now."""
        with self._writing() as connection:
            row = self._row(connection, owner, id)
            if row is None:
                return
            is_answer = and_(messages.c.chat == row.number, messages.c.id == message.id, messages.c.is_running)
            # By its stream: the answer may have been continued by another one in the meantime.
            is_answer = and_(is_answer, messages.c.stream == message.stream)
            done = update(messages).where(is_answer).values(is_running=False, body=_body(message))
            if connection.execute(done).rowcount:
                connection.execute(update(chats).where(chats.c.number == row.number).values(updated=moment.timestamp()))
                self._add_words(connection, owner, row.number, [message.text])

    def continue_answer(self, owner: str, id: str, message: Message, moment: datetime) -> ChatRecord | None:
        """Replace an answer by its continuation, and return the chat, or None if it does not exist."""
        with self._writing() as connection:
            row = self._row(connection, owner, id)
            if row is None:
                return None
            is_answer = and_(messages.c.chat == row.number, messages.c.id == message.id)
            connection.execute(update(messages).where(is_answer).values(_row_of(row.number, message)))
            changed = {"updated": moment.timestamp(), "leaf": message.id}
            connection.execute(update(chats).where(chats.c.number == row.number).values(changed))
            row = self._row(connection, owner, id)
        return None if row is None else _chat(row)

    def running(self) -> list[RunningAnswer]:
        """Return the running answers of all owners."""
        statement = select(chats.c.owner, chats.c.id, messages.c.body).join(messages, messages.c.chat == chats.c.number)
        with self._reading() as connection:
            rows = connection.execute(statement.where(messages.c.is_running)).all()
        return [RunningAnswer(row.owner, row.id, _read(row.body)) for row in rows]

    # Inside a transaction

    def _insert(self, connection: Connection, owner: str, draft: ChatDraft, moment: datetime) -> bool:
        """Create a chat. Return whether it is new: of several requests at once, one creates it."""
        kind = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        created = (draft.created or moment).timestamp()
        # An imported chat is as old as its last message, but not newer than now, so that the list stays in order.
        updated = max([created, *(message.created.timestamp() for message in draft.messages if message.created)])
        row = {
            "owner": owner,
            "id": draft.id,
            "title": draft.title or title_of(draft.messages),
            "model": draft.model,
            "created": created,
            "updated": min(updated, moment.timestamp()),
        }
        statement = kind.insert(chats).values(row).on_conflict_do_nothing(index_elements=["owner", "id"])
        return bool(connection.execute(statement.returning(chats.c.number)).first())

    def _add(self, connection: Connection, chat: Row[Any], drafts: Sequence[Message]) -> list[Message]:
        """Add messages, each after its parent. Return those that are new: ids that exist are never overwritten."""
        known = set(connection.execute(select(messages.c.id).where(messages.c.chat == chat.number)).scalars())
        new: list[Message] = []
        for message in drafts:
            if message.id in known:
                continue
            if message.parent is not None and message.parent not in known:
                raise unknown_message(message.parent, f"it is the parent of {message.id!r}")
            known.add(message.id)
            new.append(message)
        if new:
            connection.execute(messages.insert(), [_row_of(chat.number, message) for message in new])
        return new

    def _new_leaf(self, connection: Connection, chat: Row[Any], draft: ChatDraft, new: Sequence[Message]) -> str | None:
        leaf: str | None = draft.leaf or (new[-1].id if new else chat.leaf)
        if leaf is not None and not self._has(connection, chat.number, leaf):
            raise unknown_message(leaf, "the leaf has to be one of its messages")
        return leaf

    def _add_words(self, connection: Connection, owner: str, chat: int, texts: Iterable[str]) -> None:
        self._index.add(connection, chat, {_owner_word(owner), *tokenizer.words(texts)})

    def _count(self, connection: Connection, owner: str) -> int:
        return connection.execute(select(func.count()).where(chats.c.owner == owner)).scalar_one()

    def _row(self, connection: Connection, owner: str, id: str) -> Row[Any] | None:
        return connection.execute(select(*_columns).where(chats.c.owner == owner, chats.c.id == id)).first()

    def _existing_row(self, connection: Connection, owner: str, id: str) -> Row[Any]:
        row = self._row(connection, owner, id)
        assert row is not None  # inserted before in this transaction
        return row

    def _has(self, connection: Connection, chat: int, message: str) -> bool:
        statement = select(messages.c.number).where(messages.c.chat == chat, messages.c.id == message)
        return connection.execute(statement).first() is not None

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._engine.connect().execution_options(is_writing=True) as connection, connection.begin():
            yield connection


def open_store(url: str) -> ChatStore:
    """Return the store at ``url`` (see ``open_engine``). The caller closes it."""
    return ChatStore(open_engine(url))


def _owner_word(owner: str) -> str:
    """The word under which an owner's chats are indexed. The tokenizer makes none like it from a text."""
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
