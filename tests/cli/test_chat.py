"""``headwater chat``: a conversation at a terminal and through a pipe."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def talkative(api: Any, make_chunk: Any) -> Any:
    """An API that answers everything alike."""
    api.pieces = [make_chunk("I am "), make_chunk("fine.", "STOP")]
    return api


def turns(api: Any) -> Any:
    """The turns of the last request, as (role, text)."""
    return [(turn["role"], turn["parts"][0]["text"]) for turn in api.requests[-1][2]["contents"]]


def test_each_line_of_a_pipe_is_a_message(run: Any, talkative: Any) -> None:
    """Through a pipe each line is a message, answered in order, with the turns before it."""
    result = run("chat", input="How are you?\n\nAnd now?\n", env=talkative.env)
    assert (result.returncode, result.stdout) == (0, b"I am fine.\nI am fine.\n")
    assert turns(talkative) == [("user", "How are you?"), ("model", "I am fine."), ("user", "And now?")]


def test_commands_in_a_pipe(run: Any, talkative: Any, tmp_path: Path) -> None:
    """Commands change what the next message is asked with, and /exit ends it."""
    lines = [
        "first",
        "/system Be brief.",
        "/model gemini-9",
        "/reset",
        "second",
        f"/save {tmp_path / 'talk.json'}",
        "/exit",
        "never",
    ]
    assert run("chat", input="\n".join(lines), env=talkative.env).returncode == 0
    assert len(talkative.requests) == 2
    path, _, body = talkative.requests[1]
    assert "models/gemini-9:" in path
    assert body["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert turns(talkative) == [("user", "second")]
    saved = json.loads((tmp_path / "talk.json").read_bytes())
    assert saved == [
        {"role": "user", "parts": [{"text": "second"}]},
        {"role": "model", "parts": [{"text": "I am fine."}]},
    ]


def test_the_first_failure_ends_a_pipe(run: Any, api: Any) -> None:
    """Through a pipe a failure ends the conversation with its exit code."""
    api.refusal = 503, {"code": 503, "message": "busy", "status": "UNAVAILABLE"}
    assert run("chat", input="one\ntwo\n", env=api.env).returncode == 1
    assert turns(api) == [("user", "one")]


def test_unknown_commands_are_not_sent(run: Any, talkative: Any, tmp_path: Path) -> None:
    """A mistyped command is not a message; a path is."""
    assert run("chat", input="/sav x\n", env=talkative.env).returncode == 2
    assert run("chat", input="/save\n", env=talkative.env).returncode == 2
    assert run("chat", input=f"/save {tmp_path}\n", env=talkative.env).returncode == 1
    assert run("chat", input="/etc/hosts: what is it?\n", env=talkative.env).returncode == 0
    assert turns(talkative) == [("user", "/etc/hosts: what is it?")]


def test_a_conversation_at_a_terminal(terminal: Any, talkative: Any) -> None:
    """At a terminal there is a prompt, and Ctrl-D leaves with exit code 0."""
    screen = terminal("chat", env=talkative.env)
    screen.wait_for("> ")
    screen.type("How are you?\n")
    after = screen.wait_for("I am fine.\r\n")
    screen.wait_for("> ", after=after)
    screen.type("\x04")
    assert screen.wait() == 0


def test_ctrl_c_stops_the_answer_and_not_the_program(terminal: Any, api: Any, make_chunk: Any) -> None:
    """Ctrl-C stops the answer; the program continues, and the next message carries what was received."""
    api.pieces, api.hold = [make_chunk("Once upon")], True
    screen = terminal("chat", env=api.env)
    screen.wait_for("> ")
    screen.type("Tell me\n")
    after = screen.press_ctrl_c_until("> ", after=screen.wait_for("Once upon"))
    assert api.left.wait(10)
    api.pieces, api.hold = [make_chunk(" a time.", "STOP")], False
    screen.type("Go on\n")
    after = screen.wait_for("a time.", after=after)
    assert turns(api) == [("user", "Tell me"), ("model", "Once upon"), ("user", "Go on")]
    screen.wait_for("> ", after=after)
    screen.type("/exit\n")
    assert screen.wait() == 0


def test_ctrl_c_at_the_prompt(terminal: Any, offline: Any) -> None:
    """Ctrl-C at the prompt gives one hint; a second one leaves."""
    screen = terminal("chat", env=offline)
    after = screen.press_ctrl_c_until("again to leave", after=screen.wait_for("> "))
    after = screen.wait_for("> ", after=after)
    screen.press_ctrl_c_until("\r\n", after=after)
    assert screen.wait() == 130


def test_a_failure_does_not_end_a_conversation(terminal: Any, api: Any, make_chunk: Any) -> None:
    """At a terminal an error is said and forgotten: the next question goes out without the failed one."""
    api.refusal = 503, {"code": 503, "message": "busy", "status": "UNAVAILABLE"}
    screen = terminal("chat", env=api.env)
    screen.wait_for("> ")
    screen.type("one\n")
    after = screen.wait_for("503 UNAVAILABLE: busy")
    after = screen.wait_for("> ", after=after)
    api.refusal, api.pieces = None, [make_chunk("fine", "STOP")]
    screen.type("two\n")
    after = screen.wait_for("fine", after=after)
    assert turns(api) == [("user", "two")]
    screen.wait_for("> ", after=after)
    screen.type("/help\n")
    screen.wait_for("> ", after=screen.wait_for("/save FILE", after=after))
    screen.type("\x04")
    assert screen.wait() == 0


def test_a_blocked_exchange_is_forgotten(run: Any, api: Any, make_chunk: Any, terminal: Any) -> None:
    """What was blocked is not sent again."""
    api.pieces = [make_chunk("bad", "SAFETY")]
    screen = terminal("chat", env=api.env)
    screen.wait_for("> ")
    screen.type("one\n")
    after = screen.wait_for("was blocked")
    screen.wait_for("> ", after=after)
    screen.type("two\n")
    screen.wait_for("was blocked", after=after)
    assert turns(api) == [("user", "two")]


def test_answers_go_to_a_file_and_the_prompt_to_the_terminal(terminal: Any, talkative: Any, tmp_path: Path) -> None:
    """With the answers in a file the prompt is still at the terminal."""
    with (tmp_path / "answers.txt").open("wb") as file:
        screen = terminal("chat", env=talkative.env, stdout=file)
        screen.wait_for("> ")
        screen.type("one\n")
        screen.wait_for("> ", after=screen.wait_for("one\r\n"))
        screen.type("\x04")
        assert screen.wait() == 0
    assert (tmp_path / "answers.txt").read_bytes() == b"I am fine.\n"


def test_pasted_lines_are_one_message(terminal: Any, talkative: Any) -> None:
    """A terminal marks what is pasted; Enter sends it, with its line breaks."""
    screen = terminal("chat", "--plain", env=talkative.env)
    screen.wait_for("\x1b[?2004h")  # the terminal is asked to mark pasted text
    screen.type("\x1b[200~def f():\r    return 1\r\rWhat is it?\r\x1b[201~")
    screen.type("\r")
    after = screen.wait_for("I am fine.\r\n")
    assert turns(talkative) == [("user", "def f():\n    return 1\n\nWhat is it?")]
    screen.wait_for("> ", after=after)
    screen.type("\x04")
    assert screen.wait() == 0
    assert len(talkative.requests) == 1


def test_lines_between_quotes_are_one_message(terminal: Any, talkative: Any) -> None:
    """The prompt of the lines between is another one; a line that begins with a slash is no command there."""
    screen = terminal("chat", "--plain", env=talkative.env)
    after = screen.wait_for("> ")
    screen.type('"""First\n')
    after = screen.wait_for("... ", after=after)
    screen.type("/exit\n")
    after = screen.wait_for("... ", after=screen.wait_for("/exit", after=after))
    screen.type('  last"""\n')
    after = screen.wait_for("I am fine.\r\n", after=after)
    assert turns(talkative) == [("user", "First\n/exit\n  last")]
    screen.wait_for("> ", after=after)
    screen.type("\x04")
    assert screen.wait() == 0


@pytest.mark.parametrize(
    ("piped", "messages"),
    [
        ('"""\na\n\n  b\n"""\nc\n', ["a\n\n  b", "c"]),
        ('"""one line"""\n', ["one line"]),
        ('"""no end\nmore', ["no end\nmore"]),
        ('""""""\nc\n', ["c"]),
        ('"""\n/reset\nplease\n"""', ["/reset\nplease"]),
    ],
)
def test_quotes_in_a_pipe(run: Any, talkative: Any, piped: Any, messages: Any) -> None:
    """They keep lines together there, too."""
    assert run("chat", input=piped, env=talkative.env).returncode == 0
    assert [text for role, text in turns(talkative) if role == "user"] == messages
