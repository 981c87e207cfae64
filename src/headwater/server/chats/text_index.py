"""Full-text search of chats, for each of the two databases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlalchemy import Connection, Engine, text

_FOREIGN = re.compile(r"[^a-z0-9]")


class TextIndex(Protocol):
    """The words of each chat, under its number."""

    #: A condition on ``headwater_chats``, where ``:words`` is the result of ``match_expression``.
    condition: str

    def make(self, connection: Connection) -> None:
        """Create the table or column if it does not exist."""

    def add(self, connection: Connection, chat: int, words: Iterable[str]) -> None:
        """Add words to a chat."""

    def forget(self, connection: Connection, chat: int) -> None:
        """Remove the words of a chat."""

    def match_expression(self, prefixes: Sequence[str]) -> str:
        """Return an expression that matches chats which have a word with each of these prefixes."""


class SqliteTextIndex:
    """Words in an FTS5 table, encoded as ASCII: its tokenizer has an older Unicode than Python."""

    condition = (
        "headwater_chats.number IN (SELECT rowid FROM headwater_chat_words WHERE headwater_chat_words MATCH :words)"
    )

    def make(self, connection: Connection) -> None:
        """Create the table if it does not exist."""
        connection.execute(
            text(
                # No positions and sizes are kept (detail, columnsize): prefixes of words are all that is searched.
                "CREATE VIRTUAL TABLE IF NOT EXISTS headwater_chat_words USING fts5("
                "words, tokenize=\"ascii tokenchars '_'\", prefix='1 2 3', detail=none, columnsize=0)"
            )
        )

    def add(self, connection: Connection, chat: int, words: Iterable[str]) -> None:
        """Add words to a chat."""
        statement = text("SELECT words FROM headwater_chat_words WHERE rowid = :chat")
        # FTS5 cannot add to a row; the words are few, and stored once each.
        present = set(str(connection.execute(statement, {"chat": chat}).scalar() or "").split())
        wanted = present | set(map(_ascii, words))
        if wanted != present:
            query = text("INSERT OR REPLACE INTO headwater_chat_words (rowid, words) VALUES (:chat, :words)")
            connection.execute(query, {"chat": chat, "words": " ".join(wanted)})

    def forget(self, connection: Connection, chat: int) -> None:
        """Remove the words of a chat."""
        connection.execute(text("DELETE FROM headwater_chat_words WHERE rowid = :chat"), {"chat": chat})

    def match_expression(self, prefixes: Sequence[str]) -> str:
        """Return the query in FTS5's syntax."""
        return " ".join(f'"{_ascii(prefix)}"*' for prefix in prefixes)


class PostgresTextIndex:
    """Words in a ``tsvector`` column, without positions."""

    # A bind parameter, and the tokenizer's words contain no quotes: a query cannot change the statement.
    condition = "headwater_chats.words @@ CAST(:words AS tsquery)"

    def make(self, connection: Connection) -> None:
        """Create the column if it does not exist."""
        connection.execute(text("ALTER TABLE headwater_chats ADD COLUMN IF NOT EXISTS words tsvector"))
        connection.execute(
            text("CREATE INDEX IF NOT EXISTS headwater_chats_words ON headwater_chats USING gin (words)")
        )

    def add(self, connection: Connection, chat: int, words: Iterable[str]) -> None:
        """Add words to a chat."""
        merged = "COALESCE(words, ''::tsvector) || array_to_tsvector(CAST(:words AS text[]))"
        query = text(f"UPDATE headwater_chats SET words = {merged} WHERE number = :chat")  # noqa: S608 - no input
        connection.execute(query, {"chat": chat, "words": sorted(words)})

    def forget(self, connection: Connection, chat: int) -> None:
        """Do nothing: the words are in the chat's own row."""

    def match_expression(self, prefixes: Sequence[str]) -> str:
        """Return the query in the syntax of ``tsquery``."""
        return " & ".join(f"'{prefix}':*" for prefix in prefixes)


def text_index_for(engine: Engine) -> TextIndex:
    """Return the text index for the database of an engine."""
    return PostgresTextIndex() if engine.dialect.name == "postgresql" else SqliteTextIndex()


def _ascii(word: str) -> str:
    """A word in ASCII letters. Words with a common prefix still have one."""
    return _FOREIGN.sub(lambda match: f"_{match[0].encode('utf-8', 'surrogatepass').hex()}", word)
