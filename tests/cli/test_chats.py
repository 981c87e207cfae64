"""``headwater chats`` and ``headwater chat --continue``: the chats of a server, from the command line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import offline
from headwater.engines.offline import OfflineEngine
from headwater.genai import types
from tests.support.live import Held, Live


@pytest.fixture
def live() -> Iterator[Any]:
    with Live(OfflineEngine(offline.INSTANT)) as live:
        yield live


@pytest.fixture
def chats(run: Any, live: Any) -> Any:
    """Run ``headwater chats``; there is one about rivers, ``a1``, and one about lakes, ``a2``."""
    for name, word in (("a1", "rivers"), ("a2", "lakes")):
        begin(live, name, f"What of {word}?", "Much.")
    return lambda *arguments, **options: run("chats", *arguments, "--base-url", live.url, **options)


def begin(live: Any, id: Any, question: Any, answer: Any) -> None:
    messages = [
        {"id": "q", "role": "user", "contents": [{"role": "user", "parts": [{"text": question}]}]},
        {"id": "a", "role": "model", "parent": "q", "contents": [{"role": "model", "parts": [{"text": answer}]}]},
    ]
    body = {"id": id, "model": "gemini-2.5-flash", "messages": messages}
    assert live.post("/v1/chats", body, x_goog_api_key="none").status == 201


def texts(live: Any, id: Any) -> Any:
    """What is said in a chat, in its order."""
    messages = live.get(f"/v1/chats/{id}", x_goog_api_key="none").json["messages"]
    return [content["parts"][0]["text"] for message in messages for content in message["contents"]]


# headwater chats


def test_the_list_has_a_line_for_each_chat(chats: Any) -> None:
    """Its id, when, its title, the last changed first; with a query those with its words, with a limit the last."""
    result = chats("list")
    assert (result.returncode, result.stderr) == (0, b"")
    pattern = r"a2  \d{4}-\d\d-\d\d \d\d:\d\d  What of lakes\?\na1  [\d-]+ [\d:]+  What of rivers\?\n"
    assert re.fullmatch(pattern, result.stdout.decode())
    assert chats("list", "river").stdout.startswith(b"a1  ")
    result = chats("list", "--limit", "1")
    assert result.stdout.count(b"\n") == 1
    assert b"more chats" in result.stderr
    told = [json.loads(line) for line in chats("list", "--json").stdout.splitlines()]
    assert [(chat["id"], chat["title"], chat["running"]) for chat in told] == [
        ("a2", "What of lakes?", False),
        ("a1", "What of rivers?", False),
    ]


def test_an_empty_list_says_what_to_do(run: Any, live: Any) -> None:
    """On standard error: where a chat can be begun, or that a query finds none."""
    result = run("chats", "list", env={"GOOGLE_GEMINI_BASE_URL": live.url})
    assert (result.returncode, result.stdout) == (0, b"")
    assert f"headwater chat --base-url {live.url}" in result.stderr.decode()
    result = run("chats", "list", "deep", "sea", "--base-url", live.url)
    assert (result.returncode, result.stderr) == (0, b"no chat contains these words: deep sea\n")


def test_the_list_at_a_terminal_fits_its_width(terminal: Any, live: Any) -> None:
    """Titles are cut, control characters in them shown, and ids only as long as they have to be."""
    for number in range(2):
        begin(live, f"{number}" * 32, f"\x1b[2J{number} " + "long " * 60, "Much.")
    screen = terminal("chats", "list", "--base-url", live.url, env={"NO_COLOR": "1", "COLUMNS": "80"})
    assert screen.wait() == 0
    assert "\x1b[2J" not in screen.seen
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in screen.seen.splitlines()]
    assert [line[:10] for line in lines if line] == ["11111111  ", "00000000  "]
    assert all(len(line) <= 80 for line in lines)


def test_a_chat_is_shown_as_markdown_or_json(chats: Any, live: Any) -> None:
    """The branch that is shown, on standard output; a beginning of the id is enough, where it is one chat's alone."""
    result = chats("show", "a1")
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.decode() == live.client("none").chats.export("a1")
    assert json.loads(chats("show", "--json", "a1").stdout)["messages"][0]["id"] == "q"
    result = chats("show", "a")
    assert result.returncode == 2
    assert b"2 chats have an id that starts with 'a': a2 (What of lakes?), a1 (What of rivers?)" in result.stderr
    for missing in ("b", "a11", ""):
        result = chats("show", missing)
        assert (result.returncode, b"headwater chats list" in result.stderr) == (1, True)


def test_an_id_that_begins_others_is_one(chats: Any, live: Any) -> None:
    """An id that was given as a whole is never taken for the beginning of another."""
    begin(live, "a", "What of brooks?", "Little.")
    assert b"brooks" in chats("show", "a").stdout


def test_a_chat_is_written_to_a_file(chats: Any, tmp_path: Path) -> None:
    """As Markdown, or as JSON that can be imported; if the file cannot be written, it says so."""
    for form, start in (("markdown", "# What of rivers?"), ("json", "{")):
        assert chats("export", "a1", "--format", form, "-o", str(tmp_path / form)).returncode == 0
        assert (tmp_path / form).read_text("utf-8").startswith(start)
    assert chats("export", "a1").stdout.decode() == (tmp_path / "markdown").read_text("utf-8")
    result = chats("export", "a1", "-o", str(tmp_path))
    assert (result.returncode, b"cannot write to" in result.stderr) == (1, True)


def test_a_chat_is_renamed(chats: Any) -> None:
    """The words are its new title."""
    result = chats("rename", "a1", "Of", "rivers")
    assert (result.returncode, result.stderr) == (0, b"renamed to 'Of rivers'\n")
    assert b"  Of rivers\n" in chats("list").stdout


def test_nothing_is_deleted_without_a_yes(chats: Any, live: Any, terminal: Any) -> None:
    """Deleting asks first, or needs --yes in a script. If one of the ids is unknown, nothing is deleted at all."""
    assert chats("delete", "a1").returncode == 2
    assert chats("delete", "--yes", "a1", "b").returncode == 1
    for answer, left in (("n", 2), ("y", 0)):
        screen = terminal("chats", "delete", "a1", "a2", "--base-url", live.url)
        screen.wait_for("Delete What of rivers?, What of lakes? permanently? [y/N]")
        screen.type(f"{answer}\n")
        assert screen.wait() == 0
        assert len(live.client("none").chats.list()) == left


def test_without_a_server_it_says_how_to_start_one(run: Any) -> None:
    """An address at which nothing answers, and one that is no server's."""
    for arguments in (("chats", "list"), ("chat", "--continue", "a1")):
        result = run(*arguments, "--base-url", "http://127.0.0.1:1")
        assert result.returncode == 1
        assert b"no headwater server answers at http://127.0.0.1:1: start one with `headwater serve`" in result.stderr
        result = run(*arguments, env={"GOOGLE_GEMINI_BASE_URL": "offline:"})
        assert (result.returncode, b"headwater serve" in result.stderr) == (2, True)


# headwater chat --continue


def test_a_conversation_goes_on_where_it_was(run: Any, chats: Any, live: Any) -> None:
    """The model is shown the turns of the chat, and each exchange is saved after them; the last without an id."""
    result = run("chat", "--continue", "a1", "--base-url", live.url, input="Tell me a story.\n")
    assert (result.returncode, result.stderr.decode()) == (0, "What of rivers? (2 turns; headwater chats show a1)\n")
    said = texts(live, "a1")
    assert said[:3] == ["What of rivers?", "Much.", "Tell me a story."]
    assert result.stdout.decode() == said[3] + "\n"
    options = ("--model", "other", "--base-url", live.url)
    assert run("chat", "--continue", *options, input="And then?\nAnd then?\n").returncode == 0
    assert len(texts(live, "a1")) == 8
    loaded = live.client("none").chats.load("a1")
    assert (loaded.model, len(loaded.get_history(curated=True))) == ("other", 8)


def test_a_conversation_is_saved_on_the_server_when_that_is_asked_for(run: Any, live: Any) -> None:
    """Then, and after each answer; not after a reset."""
    lines = ["/save", "Tell me a story.", "/save", "And then?", "/reset", "Tell me another."]
    assert run("chat", "--base-url", live.url, input="/save\n").returncode == 2
    result = run("chat", "--base-url", live.url, input="\n".join(lines[1:]))
    assert result.returncode == 0
    (chat,) = live.client("none").chats.list()
    assert f"headwater chat --continue {chat.id}" in result.stderr.decode()
    assert texts(live, chat.id)[::2] == ["Tell me a story.", "And then?"]


def test_without_a_server_a_file_can_be_saved_to(run: Any, offline: Any) -> None:
    """The error says so."""
    result = run("chat", input="Hello.\n/save\n", env=offline)
    assert (result.returncode, b"/save FILE needs no server" in result.stderr) == (2, True)


def test_there_has_to_be_a_last_chat_to_go_on_with(run: Any, live: Any) -> None:
    """Else it says how to begin one."""
    result = run("chat", "--continue", "--base-url", live.url, input="Hello.\n")
    assert (result.returncode, b"leave out --continue" in result.stderr) == (2, True)


def test_what_could_not_be_saved_is_saved_with_the_next_answer(terminal: Any, chats: Any, live: Any) -> None:
    """The conversation continues, and says that it was not saved."""
    screen = terminal("chat", "--plain", "--continue", "a1", "--base-url", live.url)
    after = screen.wait_for("> ")
    live.client("none").chats.delete("a1")
    screen.type("Tell me a story.\n")
    after = screen.wait_for("not saved:", after=after)
    begin(live, "a1", "What of rivers?", "Much.")
    after = screen.wait_for("> ", after=after)
    screen.type("And then?\n")
    screen.wait_for("> ", after=screen.wait_for("And then?\r\n", after=after))
    screen.type("\x04")
    assert screen.wait() == 0
    assert texts(live, "a1")[::2] == ["What of rivers?", "Tell me a story.", "And then?"]


def test_a_key_sees_its_own(run: Any) -> None:
    """The key of the environment goes along."""
    with Live(OfflineEngine(offline.INSTANT), api_keys=["key-of-anna", "key-of-bert"]) as live:
        chat = live.client("key-of-anna").chats.create(
            model="m", history=[types.UserContent("Hi."), types.ModelContent("Ho.")]
        )
        chat.save()
        address = {"GOOGLE_GEMINI_BASE_URL": live.url}
        assert chat.id in run("chats", "list", env=address | {"GEMINI_API_KEY": "key-of-anna"}).stdout.decode()
        assert run("chats", "list", env=address | {"GEMINI_API_KEY": "key-of-bert"}).stdout == b""
        assert run("chats", "show", chat.id, env=address | {"GEMINI_API_KEY": "key-of-bert"}).returncode == 1
        assert run("chats", "list", env=address).returncode == 1


def test_an_answer_that_was_stopped_is_saved_as_far_as_it_came(terminal: Any) -> None:
    """Ctrl-C stops it, and what had come is in the chat, stopped."""
    with Live(Held(2)) as live:
        begin(live, "a1", "What of rivers?", "Much.")
        screen = terminal("chat", "--plain", "--continue", "a1", "--base-url", live.url)
        after = screen.wait_for("> ")
        screen.type("Tell me a story.\n")
        screen.press_ctrl_c_until("> ", after=screen.wait_for("0 1 ", after=after))
        screen.type("\x04")
        assert screen.wait() == 0
        last = live.get("/v1/chats/a1", x_goog_api_key="none").json["messages"][-1]
        assert (last["state"], last["contents"][0]["parts"][0]["text"]) == ("stopped", "0 1 ")
