"""The store of saved chats: the same contract for SQLite, in a file and in memory, and for PostgreSQL."""

from __future__ import annotations

import itertools
import os
import stat
import string
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from headwater.contract.chats import MessageState
from headwater.errors import APIError, LogError, UsageError
from headwater.server.chats import tokenizer
from headwater.server.chats.model import ChatDraft, Message, now
from headwater.server.chats.store import ChatStore, open_store
from tests.support.postgres import needs_postgres, postgres

OWNERS = (f"owner{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres() as server:
        yield server.url


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=needs_postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store."""
    match request.param:
        case "postgresql":
            return str(request.getfixturevalue("database"))
        case "sqlite":
            return f"sqlite:{tmp_path / 'chats.db'}"
    return "memory:"


@pytest.fixture
def store(url: str) -> Iterator[ChatStore]:
    store = open_store(url)
    yield store
    store.close()


@pytest.fixture
def owner() -> str:
    """An owner without chats."""
    return next(OWNERS)


def message(id: str, text: str = "", parent: str | None = None, state: MessageState = "done", **more: str) -> Message:
    role = "model" if parent else "user"
    contents = [{"role": role, "parts": [{"text": text}]}]
    return Message(id=id, role=role, parent=parent, state=state, created=now(), contents=contents, **more)


def write(store: ChatStore, owner: str, id: str, *messages: Message, max_chats: int = 1000, **more: str) -> bool:
    return store.write(owner, ChatDraft(id=id, messages=list(messages), **more), now(), max_chats=max_chats).is_new


def found(store: ChatStore, owner: str, query: str = "") -> list[str]:
    return [chat.id for chat in store.list_page(owner, query, None, 100).chats]


def test_what_was_written_is_there(store: ChatStore, owner: str) -> None:
    """A chat comes back as it was written, messages in their order; its title is its first words."""
    given = [message("q", "How do rivers\n find their way?"), message("a", "Downhill.\u2028\0😀", "q")]
    assert write(store, owner, "one", *given, model="m")
    chat = store.get(owner, "one")
    assert chat is not None
    assert (chat.title, chat.model, chat.leaf, chat.running) == ("How do rivers find their way?", "m", "a", False)
    assert chat.messages == given


def test_a_message_is_written_once(store: ChatStore, owner: str) -> None:
    """Writing again adds what is new and leaves what is known alone."""
    assert write(store, owner, "one", message("q", "first"))
    assert not write(store, owner, "one", message("q", "other"), message("a", "answer", "q"))
    chat = store.get(owner, "one")
    assert chat is not None
    assert [(one.id, one.text) for one in chat.messages] == [("q", "first"), ("a", "answer")]
    assert chat.title == "first"


def test_what_is_wrong_changes_nothing(store: ChatStore, owner: str) -> None:
    """A message after one that is not there, or a leaf that is none, is refused with all that came with it."""
    for messages, leaf in ([message("q"), message("a", "", "nobody")], None), ([message("q")], "nobody"):
        with pytest.raises(APIError, match="nobody"):
            write(store, owner, "one", *messages, **({"leaf": leaf} if leaf else {}))
    assert store.get(owner, "one") is None
    assert store.list_page(owner, "", None, 10).chats == []


def test_owners_do_not_meet(store: ChatStore, owner: str) -> None:
    """The same id of two owners is two chats, and neither finds, changes or deletes the other's."""
    other = next(OWNERS)
    write(store, owner, "one", message("q", "mine river"))
    write(store, other, "one", message("q", "theirs river"))
    assert store.change(next(OWNERS), "one", title="x", leaf=None) is None
    assert found(store, owner, "theirs") == []
    assert found(store, owner, "river") == ["one"]
    store.delete(other, "one")
    chat = store.get(owner, "one")
    assert chat is not None
    assert chat.title == "mine river"


def test_pages_have_each_chat_once(store: ChatStore, owner: str) -> None:
    """Page after page, every chat comes once, the last changed first, also where many changed in one moment."""
    moment = now()
    for number in range(25):
        draft = ChatDraft(id=f"c{number}", messages=[message("q", "x")])
        store.write(owner, draft, moment + timedelta(seconds=number // 5), max_chats=100)
    ids, place = [], None
    while True:
        page = store.list_page(owner, "", place, 4)
        ids += [chat.id for chat in page.chats]
        if (place := page.next) is None:
            break
    assert ids == [f"c{number}" for number in reversed(range(25))]


def test_words_find(store: ChatStore, owner: str) -> None:
    """A search finds chats that have words with each of its beginnings, in titles and messages, whatever the case."""
    write(store, owner, "rivers", message("q", "How do Rivers flow?"), message("a", "Über Stock und Stein", "q"))
    write(store, owner, "chinese", message("q", "河流很长"), message("a", "แม่น้ำ long", "q"))
    expected = {
        "river": ["rivers"],
        "RIV how": ["rivers"],
        "uber": ["rivers"],
        "Über ste": ["rivers"],
        "riverside": [],
        "rivers long": [],
        "河流": ["chinese"],
        "流很长": ["chinese"],
        "长": ["chinese"],
        "河长": [],
        "น้ำ": ["chinese"],
        "": ["chinese", "rivers"],
        "?!": [],
    }
    assert {query: found(store, owner, query) for query in expected} == expected
    assert store.change(owner, "rivers", title="Streams", leaf=None) is not None
    assert found(store, owner, "streams") == ["rivers"]
    store.delete(owner, "rivers")
    assert found(store, owner, "stock") == []


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    text=st.text(st.characters(codec="utf-8"), max_size=60),
    query=st.text(st.sampled_from([*string.printable, *"äÉ河流ไทย\u0301\u2028𐍈ﬁ①٣"]), max_size=20),
)
@example(text="\U0001e94b\u203f x", query="'\"*:&|!<->()\\")
def test_every_text_can_be_kept_and_asked_for(store: ChatStore, owner: str, text: str, query: str) -> None:
    """No text or query upsets the database; a chat is found by its own words and by how they begin."""
    write(store, owner, "any", message("q", text))
    store.list_page(owner, query, None, 10)
    for word in tokenizer.query_words(text):
        assert found(store, owner, word) == ["any"], word
        assert found(store, owner, word[: max(1, len(word) // 2)]) == ["any"], word
    store.delete(owner, "any")


def test_an_answer_ends_once(store: ChatStore, owner: str) -> None:
    """A running answer is settled by the first who knows its end, and not by what another stream had to say."""
    write(store, owner, "one", message("q", "x"), message("a", "", "q", "running", stream="s1"))
    assert [(one.chat, one.message.id) for one in store.running() if one.owner == owner] == [("one", "a")]
    assert store.list_page(owner, "", None, 10).chats[0].running
    store.settle(owner, "one", message("a", "wrong stream", "q", stream="s2"), now())
    store.settle(owner, "one", message("a", "the end", "q", stream="s1"), now())
    store.settle(owner, "one", message("a", "too late", "q", stream="s1"), now())
    chat = store.get(owner, "one")
    assert chat is not None
    assert (chat.messages[1].text, chat.running) == ("the end", False)
    assert found(store, owner, "end") == ["one"]
    assert [one for one in store.running() if one.owner == owner] == []
    assert store.delete(owner, "one") == ["s1"]


def test_there_is_a_most(store: ChatStore, owner: str) -> None:
    """One chat too many is refused, and those that are there can still grow."""
    write(store, owner, "one", message("q"), max_chats=1)
    with pytest.raises(APIError, match="a key has at most 1 chats"):
        write(store, owner, "two", message("q"), max_chats=1)
    assert not write(store, owner, "one", message("a", "x", "q"), max_chats=1)
    assert found(store, owner) == ["one"]


def test_many_write_at_once(store: ChatStore, owner: str) -> None:
    """Writers of one chat in several threads lose nothing of each other."""
    write(store, owner, "one", message("q"))

    def work(name: int) -> None:
        for number in range(10):
            write(store, owner, "one", message(f"a{name}-{number}", f"word{name}x{number}", "q"))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chat = store.get(owner, "one")
    assert chat is not None
    assert len(chat.messages) == 41
    assert found(store, owner, "word3x9 word0x0") == ["one"]


def test_it_is_there_when_opened_again(tmp_path: Path) -> None:
    """A file keeps its chats, is read by its owner only, and one of a later version is not touched."""
    path = tmp_path / "chats.db"
    store = open_store(f"sqlite:{path}")
    write(store, "", "one", message("q", "x"))
    store.close()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    store = open_store(f"sqlite:{path}")
    assert found(store, "") == ["one"]
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE headwater_chats_version SET version = 99")
    store.close()
    with pytest.raises(LogError, match="version 99"):
        open_store(f"sqlite:{path}")


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("mysql://host/db", UsageError, "memory:, sqlite:PATH or postgresql://"),
        ("memory:x", UsageError, "memory:, sqlite:PATH or postgresql://"),
        ("chats.db", UsageError, "memory:, sqlite:PATH or postgresql://"),
        ("sqlite:/nowhere/chats.db", LogError, "cannot be opened"),
        ("postgresql://u:secret@127.0.0.1:1/db?connect_timeout=2", LogError, "cannot be opened"),
    ],
)
def test_what_can_not_be_opened_says_why(url: str, kind: type[Exception], words: str) -> None:
    """A wrong address, a folder that is not there, a server that does not answer: in words, without the password."""
    with pytest.raises(kind, match=words) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_no_moment_is_lost() -> None:
    """The moments of chats are whole milliseconds, which every database keeps."""
    moment: datetime = now()
    assert moment.microsecond % 1000 == 0
    assert moment.utcoffset() == timedelta()
