"""``headwater ask --continue``: the last conversation, kept in a file of the user."""

import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def kept(tmp_path: Path) -> Any:
    """The file that has the last conversation."""
    return tmp_path / "share" / "headwater" / "last-conversation.json"


@pytest.fixture
def ask(run: Any, api: Any, make_chunk: Any, tmp_path: Path) -> Any:
    """Ask as one user, who has nothing kept yet. The API gives the answer that is named."""

    def ask(*arguments: Any, answer: Any = "Fine.", finish: Any = "STOP", **env: Any) -> Any:
        api.pieces = [make_chunk(answer, finish)]
        return run("ask", *arguments, env=api.env | {"XDG_DATA_HOME": str(tmp_path / "share")} | env)

    return ask


def turns(api: Any) -> Any:
    """The turns of the last request, as (role, text)."""
    return [(turn["role"], turn["parts"][0]["text"]) for turn in api.requests[-1][2]["contents"]]


def test_it_continues_where_it_was(ask: Any, api: Any) -> None:
    """With the turns, the system instruction and the model of the conversation; each can be changed."""
    assert ask("-m", "gemini-9", "-s", "Be brief.", "How are you?").returncode == 0
    result = ask("-c", "And now?", answer="Better.")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"Better.", b"")
    assert turns(api) == [("user", "How are you?"), ("model", "Fine."), ("user", "And now?")]
    path, _, body = api.requests[-1]
    assert "models/gemini-9:" in path
    assert body["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert ask("--continue", "-m", "gemini-10", "-s", "", "Bye").returncode == 0
    path, _, body = api.requests[-1]
    assert "models/gemini-10:" in path
    assert "systemInstruction" not in body
    assert len(body["contents"]) == 5


def test_without_it_a_new_one_begins(ask: Any, api: Any) -> None:
    """And is the one that is continued."""
    ask("one")
    ask("two")
    ask("-c", "three")
    assert turns(api) == [("user", "two"), ("model", "Fine."), ("user", "three")]


def test_only_the_user_can_read_it(ask: Any, kept: Any) -> None:
    """The file has the mode 600 and its folder 700, whatever the umask is, and no key is in it."""
    before = os.umask(0)
    try:
        assert ask("hello").returncode == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert b"kept-secret" not in kept.read_bytes()
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_keeping_can_be_turned_off(ask: Any, api: Any, kept: Any) -> None:
    """By an option, or for good by a variable; a conversation that is kept already can still be continued."""
    ask("--no-save", "one")
    ask("one", HEADWATER_NO_SAVE="1")
    assert not kept.exists()
    result = ask("-c", "two")
    assert (result.returncode, b"no conversation to continue" in result.stderr) == (2, True)
    ask("three")
    data = kept.read_bytes()
    ask("-c", "--no-save", "four")
    assert turns(api)[0] == ("user", "three")
    assert kept.read_bytes() == data


def test_a_failure_leaves_the_last_one(ask: Any, api: Any, kept: Any) -> None:
    """A request that was refused was no exchange."""
    ask("one")
    data = kept.read_bytes()
    api.refusal = 400, {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}
    assert ask("two").returncode == 1
    assert kept.read_bytes() == data


def test_the_part_of_a_stopped_answer_is_kept(start: Any, ask: Any, api: Any, make_chunk: Any, tmp_path: Path) -> None:
    """The user saw it, so the model should know it too."""
    api.pieces, api.hold = [make_chunk("Once ")], True
    process = start("ask", "Tell me", env=api.env | {"XDG_DATA_HOME": str(tmp_path / "share")})
    assert process.stdout.read(5) == b"Once "
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    api.hold = False
    ask("-c", "Go on")
    assert turns(api) == [("user", "Tell me"), ("model", "Once "), ("user", "Go on")]


def test_what_cannot_be_read_is_said(ask: Any, kept: Any) -> None:
    """A damaged file is an error of one line that names it; a folder that cannot be written is none."""
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"{")
    result = ask("-c", "hello")
    assert (result.returncode, kept.name.encode() in result.stderr) == (2, True)
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.write_bytes(b"a file in the way")
    result = ask("hello")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"Fine.", b"")
