"""How each of the two databases finds chats by their words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlalchemy import Connection, Engine, text

_FOREIGN = re.compile(r"[^a-z0-9]")


class TextIndex(Protocol):
    """The words of chats, by the chats' numbers."""

    #: What a query over ``headwater_chats`` has after WHERE; ``:words`` is what ``asked`` gives.
    condition: str

    def make(self, connection: Connection) -> None:
        """Make the table or column, where there is none."""

    def add(self, connection: Connection, chat: int, words: Iterable[str]) -> None:
        """Have a chat be found by these words, too."""

    def forget(self, connection: Connection, chat: int) -> None:
        """Forget the words of a chat."""

    def asked(self, prefixes: Sequence[str]) -> str:
        """Return what ``:words`` is for chats that have a word with each of these beginnings."""


class SqliteTextIndex:
    """Words in a table of FTS5, in ASCII: the tokenizer there knows an older Unicode than Python."""

    condition = (
        "headwater_chats.number IN (SELECT rowid FROM headwater_chat_words WHERE headwater_chat_words MATCH :words)"
    )

    def make(self, connection: Connection) -> None:
        """Make the table, where there is none."""
        connection.execute(
            text(
                "CREATE VIRTUAL TABLE IF NOT EXISTS headwater_chat_words USING fts5("
                "words, tokenize=\"ascii tokenchars '_'\", prefix='1 2 3', detail=none, columnsize=0)"
            )
        )

    def add(self, connection: Connection, chat: int, words: Iterable[str]) -> None:
        """Have a chat be found by these words, too."""
        known = text("SELECT words FROM headwater_chat_words WHERE rowid = :chat")
        found = set(str(connection.execute(known, {"chat": chat}).scalar() or "").split())
        more = found | set(map(_ascii, words))
        if more != found:
            query = text("INSERT OR REPLACE INTO headwater_chat_words (rowid, words) VALUES (:chat, :words)")
            connection.execute(query, {"chat": chat, "words": " ".join(more)})

    def forget(self, connection: Connection, chat: int) -> None:
        """Forget the words of a chat."""
        connection.execute(text("DELETE FROM headwater_chat_words WHERE rowid = :chat"), {"chat": chat})

    def asked(self, prefixes: Sequence[str]) -> str:
        """Return the query in the language of FTS5."""
        return " ".join(f'"{_ascii(prefix)}"*' for prefix in prefixes)


class PostgresTextIndex:
    """Words in a column of their own, a ``tsvector`` without positions."""

    condition = "headwater_chats.words @@ CAST(:words AS tsquery)"

    def make(self, connection: Connection) -> None:
        """Make the column, where there is none."""
        connection.execute(text("ALTER TABLE headwater_chats ADD COLUMN IF NOT EXISTS words tsvector"))
        connection.execute(
            text("CREATE INDEX IF NOT EXISTS headwater_chats_words ON headwater_chats USING gin (words)")
        )

    def add(self, connection: Connection, chat: int, words: Iterable[str]) -> None:
        """Have a chat be found by these words, too."""
        more = "COALESCE(words, ''::tsvector) || array_to_tsvector(CAST(:words AS text[]))"
        query = text(f"UPDATE headwater_chats SET words = {more} WHERE number = :chat")  # noqa: S608 - no input
        connection.execute(query, {"chat": chat, "words": sorted(words)})

    def forget(self, connection: Connection, chat: int) -> None:
        """Do nothing: they go with the row."""

    def asked(self, prefixes: Sequence[str]) -> str:
        """Return the query in the language of ``tsquery``."""
        return " & ".join(f"'{prefix}':*" for prefix in prefixes)


def text_index_for(engine: Engine) -> TextIndex:
    """Return how the database of this engine finds words."""
    return PostgresTextIndex() if engine.dialect.name == "postgresql" else SqliteTextIndex()


def _ascii(word: str) -> str:
    """A word in letters that every tokenizer takes for letters; what begins alike still does."""
    return _FOREIGN.sub(lambda found: f"_{found[0].encode('utf-8', 'surrogatepass').hex()}", word)
