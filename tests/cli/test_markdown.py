"""``headwater ask`` and ``chat`` with a drawn answer, and the bar: what stands on a real terminal in the end."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyte
import pytest

from headwater.cli.screen import Screen
from headwater.errors import UsageError
from tests.support.screens import File

ANSWER = "# River\n\nIt **flows**:\n\n1. down\n2. on\n\n```python\nx = 1\n```\n\nTo the `sea`."
DRAWN = ["River", "", "It flows:", "", "  1 down", "  2 on", "", "x = 1", "", "To the sea."]


def screen_of(seen: Any, columns: Any = 80, rows: Any = 24) -> Any:
    """The lines that a terminal shows after it has read ``seen``, without empty ones at the end."""
    screen = pyte.Screen(columns, rows)
    pyte.Stream(screen).feed(seen)
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def chunks(text: Any, make_chunk: Any, size: Any = 7) -> Any:
    found = [make_chunk(text[start : start + size]) for start in range(0, len(text), size)]
    return [*found, make_chunk("", "STOP")]


def test_markdown_is_drawn_at_a_terminal(terminal: Any, api: Any, make_chunk: Any) -> None:
    """At a terminal an answer is drawn, and its last line is ended."""
    api.pieces = chunks(ANSWER, make_chunk)
    screen = terminal("ask", "hello", env=api.env)
    assert screen.wait() == 0
    lines = screen_of(screen.seen)
    assert [lines[0].strip(), *lines[1:]] == DRAWN
    assert screen.seen.endswith("\n")


@pytest.mark.parametrize("way", [["--plain"], ["NO_COLOR"], ["TERM"]])
def test_text_is_written_where_that_is_wanted(terminal: Any, api: Any, make_chunk: Any, way: Any) -> None:
    """``--plain``, NO_COLOR and a terminal that can do nothing keep the text as it is."""
    api.pieces = chunks(ANSWER, make_chunk)
    variables = {"NO_COLOR": {"NO_COLOR": "1"}, "TERM": {"TERM": "dumb"}}.get(way[0], {})
    screen = terminal("ask", *(way if not variables else ()), "hello", env=api.env | variables)
    assert screen.wait() == 0
    assert screen.written == ANSWER.replace("\n", "\r\n") + "\r\n"


@pytest.mark.parametrize("option", ["--markdown", "--progress"])
def test_pipes_stay_clean(run: Any, api: Any, make_chunk: Any, option: Any) -> None:
    """In a pipe neither is drawn: the text is not touched, and nothing stands beside it."""
    api.pieces = chunks(ANSWER, make_chunk)
    result = run("ask", option, "hello", env=api.env)
    assert (result.returncode, result.stdout, result.stderr) == (0, ANSWER.encode(), b"")


def test_thoughts_stand_above_the_answer(terminal: Any, api: Any) -> None:
    """Thoughts are drawn in the same place, dim, and end before the answer begins."""
    thought = {"candidates": [{"content": {"parts": [{"text": "**Hm**", "thought": True}]}}]}
    api.pieces = [thought, {"candidates": [{"content": {"parts": [{"text": "42"}]}, "finishReason": "STOP"}]}]
    screen = terminal("ask", "--thinking", "hello", env=api.env)
    assert screen.wait() == 0
    assert screen_of(screen.seen) == ["Hm", "", "42"]
    assert "\x1b[1;2mHm" in screen.seen or "\x1b[2;1mHm" in screen.seen


@pytest.mark.parametrize("options", [[], ["--progress"]])
def test_ctrl_c_leaves_a_clean_terminal(terminal: Any, api: Any, make_chunk: Any, options: Any) -> None:
    """Ctrl-C ends a drawn answer at once with 130; what had come stays, and the cursor stands on a line of its own."""
    api.pieces, api.hold = [make_chunk("# One\n\n- two\n- thr")], True
    screen = terminal("ask", *options, "a story in 50 words", env=api.env)
    screen.wait_for("thr")
    screen.type("\x03")
    assert screen.wait() == 130
    lines = screen_of(screen.seen)
    assert [line.strip() for line in lines] == ["One", "", "• two", "• thr", "(stopped)"]
    assert screen.seen.endswith("\n")
    assert screen.seen.count("\x1b[?7l") == screen.seen.count("\x1b[?7h")
    assert "\x1b[?25l" not in screen.seen
    assert api.left.wait(10)


def test_an_error_stands_below_what_had_come(terminal: Any, api: Any, make_chunk: Any) -> None:
    """When the answer breaks, what had come is drawn and the error has a line of its own."""
    api.pieces = [make_chunk("- one\n- tw"), {"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}]
    screen = terminal("ask", "--progress", "hello", env=api.env)
    assert screen.wait() == 1
    assert screen_of(screen.seen) == [" • one", " • tw", "headwater: 400 INVALID_ARGUMENT: bad"]


def test_an_answer_cannot_drive_the_terminal(terminal: Any, api: Any, make_chunk: Any) -> None:
    """Escape sequences in a drawn answer are shown."""
    api.pieces = [make_chunk("before \x1b[2"), make_chunk("J\x9b2J \x1b]0;title\x07 `\x1b[31m`", "STOP")]
    screen = terminal("ask", "--markdown", "hello", env=api.env)
    assert screen.wait() == 0
    assert screen_of(screen.seen) == ["before ␛[2J\\x9b2J ␛]0;title␇ ␛[31m"]


def test_the_bar_stands_below_the_answer_and_goes(terminal: Any, api: Any, make_chunk: Any) -> None:
    """The bar shows how far the answer is while it grows, toward the words asked for, and is gone in the end."""
    api.pieces, api.hold = [make_chunk("one two three four five ")], True
    screen = terminal("ask", "--progress", "a story in 10 words", env=api.env)
    screen.wait_for("5 words")
    assert screen_of(screen.seen)[0] == "one two three four five"
    assert "50%" in screen_of(screen.seen)[1]
    screen.type("\x03")
    assert screen.wait() == 130
    assert screen_of(screen.seen) == ["one two three four five", "(stopped)"]


def test_the_target_of_the_bar_can_be_named(terminal: Any, api: Any, make_chunk: Any) -> None:
    """``--words`` goes before what the prompt says."""
    api.pieces, api.hold = [make_chunk("one two three four five ")], True
    screen = terminal("ask", "--plain", "--progress", "--words", "20", "a story in 10 words", env=api.env)
    screen.wait_for("25%")
    screen.type("\x03")
    assert screen.wait() == 130


def test_the_bar_stays_at_the_terminal_when_the_answer_goes_elsewhere(
    terminal: Any, api: Any, make_chunk: Any, tmp_path: Path
) -> None:
    """With the answer in a file, the file has the text alone and the terminal the bar, until the end."""
    api.pieces, api.hold = [make_chunk("one two three **four** five ")], True
    with (tmp_path / "answer.txt").open("wb") as file:
        screen = terminal("ask", "--progress", "10 words", env=api.env, stdout=file, stdin=subprocess.DEVNULL)
        screen.wait_for("5 words")
        screen.process.send_signal(signal.SIGINT)
        assert screen.wait() == 130
    assert (tmp_path / "answer.txt").read_text() == "one two three **four** five "
    assert screen_of(screen.seen) == ["(stopped)"]


def test_no_bar_between_lines_of_json(terminal: Any, api: Any, make_chunk: Any) -> None:
    """With ``--json`` at a terminal there are the lines of JSON only."""
    api.pieces = chunks("text", make_chunk)
    screen = terminal("ask", "--progress", "--json", "hello", env=api.env)
    assert screen.wait() == 0
    assert "\x1b" not in screen.written


def test_chat_draws_each_answer(terminal: Any, api: Any, make_chunk: Any) -> None:
    """In a conversation each answer is drawn, and the prompt follows on a line of its own."""
    api.pieces = chunks("- one\n- two", make_chunk)
    screen = terminal("chat", env=api.env)
    screen.wait_for("> ")
    screen.type("hello\n")
    screen.wait_for("> ", after=screen.wait_for("two"))
    screen.type("\x04")
    assert screen.wait() == 0
    assert " • two" in screen_of(screen.seen)


def test_rich_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without rich an answer is written; what cannot be done without it says what to install."""
    file = File()
    monkeypatch.setattr(sys, "stdout", file)
    monkeypatch.setitem(os.environ, "TERM", "xterm")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rich" else find(name))
    Screen(markdown=None).text("**bold**")
    assert file.getvalue() == "**bold**"
    with pytest.raises(UsageError, match="install 'rich"):
        Screen(markdown=True)
    with pytest.raises(UsageError, match="install 'rich"):
        Screen().show_progress(lambda: None)  # type: ignore[return-value]
