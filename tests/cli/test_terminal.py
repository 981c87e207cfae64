"""``headwater ask`` at a real terminal: what a person sees, and Ctrl-C."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest

DIM = "\x1b[2m"


def test_the_last_line_is_ended(terminal: Any, api: Any, make_chunk: Any) -> None:
    """At a terminal the answer's last line is ended, once."""
    api.pieces = [make_chunk("Once", "STOP")]
    screen = terminal("ask", "--plain", "hello", env=api.env)
    assert screen.wait() == 0
    assert screen.written == "Once\r\n"


def test_offline_is_said(terminal: Any, offline: Any) -> None:
    """At a terminal one dim line says that no model answers."""
    screen = terminal("ask", "--offline", "hello", env=offline)
    assert screen.wait() == 0
    assert screen.seen.startswith(f"{DIM}offline engine: no model answers here")


def test_no_color(terminal: Any, offline: Any) -> None:
    """With NO_COLOR no escape sequence is written."""
    screen = terminal("ask", "--offline", "--stats", "hello", env=offline | {"NO_COLOR": "1"})
    assert screen.wait() == 0
    assert "\x1b" not in screen.seen
    assert "tokens/s" in screen.seen


def test_answers_cannot_steer_the_terminal(terminal: Any, api: Any, make_chunk: Any) -> None:
    """Control characters of an answer are shown, not obeyed."""
    api.pieces = [make_chunk("\x1b]0;title\x07 a\rb\x9b31m\x7f\ttab\r\nend", "STOP")]
    screen = terminal("ask", "--plain", "hello", env=api.env)
    assert screen.wait() == 0
    assert screen.written == "␛]0;title␇ a␍b\\x9b31m␡\ttab\r\nend\r\n"


def test_json_and_errors_cannot_either(terminal: Any, api: Any) -> None:
    """Nor can JSON or the message of an error."""
    api.pieces = [b'data: {"candidates":[{"content":{"parts":[{"text":"\xc2\x9b1m"}]}}]}\n\n']
    api.pieces.append({"error": {"code": 500, "message": "\x1b[2J", "status": "INTERNAL"}})
    screen = terminal("ask", "--json", "hello", env=api.env)
    assert screen.wait() == 1
    assert "\\x9b1m" in screen.seen
    assert "␛[2J" in screen.seen
    assert "\x1b" not in screen.written


def test_thoughts_are_dim_and_on_lines_of_their_own(terminal: Any, api: Any) -> None:
    """Thoughts are dim, and the answer begins on a new line."""
    thought = {"candidates": [{"content": {"parts": [{"text": "Hm", "thought": True}]}}]}
    api.pieces = [thought, {"candidates": [{"content": {"parts": [{"text": "42"}]}, "finishReason": "STOP"}]}]
    screen = terminal("ask", "--plain", "--thinking", "hello", env=api.env)
    assert screen.wait() == 0
    assert screen.written == f"{DIM}Hm\x1b[0m\r\n42\r\n"


def test_no_prompt_is_a_usage_error(terminal: Any, offline: Any) -> None:
    """At a terminal a missing prompt does not wait for one."""
    screen = terminal("ask", env=offline)
    assert screen.wait() == 2
    assert "no prompt" in screen.seen


def test_a_dash_reads_the_terminal(terminal: Any, api: Any, make_chunk: Any) -> None:
    """A dash reads what is typed up to Ctrl-D."""
    api.pieces = [make_chunk("ok", "STOP")]
    screen = terminal("ask", "-", env=api.env)
    screen.wait_for("reading from the terminal, Ctrl-D ends")
    screen.type("typed here\n\x04")
    assert screen.wait() == 0
    assert api.requests[0][2]["contents"][0]["parts"] == [{"text": "typed here"}]


def test_ctrl_c_while_the_answer_streams(terminal: Any, api: Any, make_chunk: Any) -> None:
    """Ctrl-C stops the answer at once, closes the connection and says that it is not whole."""
    api.pieces, api.hold = [make_chunk("Once ")], True
    screen = terminal("ask", "--plain", "hello", env=api.env)
    screen.wait_for("Once ")
    screen.type("\x03")
    assert screen.wait() == 130
    assert screen.written == f"Once ^C\r\n{DIM}(stopped)\x1b[0m\r\n"
    assert api.left.wait(10)


def test_ctrl_c_before_the_answer(terminal: Any, api: Any) -> None:
    """Ctrl-C works as well while nothing has come."""
    api.hold = True
    screen = terminal("ask", "--offline", "--base-url", "offline:first=60", "hello")
    screen.wait_for("no model answers")
    screen.type("\x03")
    assert screen.wait() == 130
    assert "Traceback" not in screen.seen


def test_ctrl_c_offline(terminal: Any) -> None:
    """Ctrl-C stops the offline engine, too."""
    screen = terminal("ask", "Tell me a story in 500 words.", env={"GOOGLE_GEMINI_BASE_URL": "offline:first=0,rate=20"})
    after = screen.wait_for("no model answers here")
    screen.wait_for(" ", after=after)
    screen.type("\x03")
    assert screen.wait() == 130


def test_notes_stay_at_the_terminal_when_the_answer_goes_elsewhere(terminal: Any, offline: Any, tmp_path: Path) -> None:
    """With the answer in a file, the file has the text alone and the terminal the notes."""
    with (tmp_path / "answer.txt").open("wb") as file:
        screen = terminal("ask", "--stats", "hello", env=offline, stdout=file, stdin=subprocess.DEVNULL)
        assert screen.wait() == 0
    assert "no model answers here" in screen.seen
    assert "tokens/s" in screen.seen
    assert b"\x1b" not in (tmp_path / "answer.txt").read_bytes()


@pytest.fixture
def gate(api: Any, make_chunk: Any) -> Iterator[Any]:
    """The API's answer waits for this event."""
    gate = threading.Event()

    def pieces() -> Iterator[Any]:
        gate.wait(60)
        yield make_chunk("Once")
        yield make_chunk(" upon", "STOP")

    api.pieces = pieces()
    yield gate
    gate.set()


def lines(written: Any) -> Any:
    """What a terminal shows."""
    screen = pyte.Screen(80, 24)
    pyte.Stream(screen).feed(written)
    return [line.rstrip() for line in screen.display if line.strip()]


@pytest.mark.parametrize("form", ["--plain", "--markdown", "--json"])
def test_a_spinner_until_the_answer_begins(terminal: Any, api: Any, gate: Any, form: Any) -> None:
    """It turns while nothing has come, and nothing is left of it."""
    screen = terminal("ask", form, "hello", env=api.env)
    after = screen.wait_for("waiting")
    screen.wait_for("waiting", after=after)
    gate.set()
    assert screen.wait() == 0
    shown = lines(screen.seen)
    assert shown[0].startswith('{"candidates"' if form == "--json" else "Once upon")
    assert not any("waiting" in line for line in shown)


def test_a_spinner_where_the_answer_is_redirected(terminal: Any, api: Any, gate: Any, tmp_path: Path) -> None:
    """It is at the terminal, and not in the file. Without colors it has no escape sequences."""
    with (tmp_path / "answer.txt").open("wb") as file:
        screen = terminal("ask", "hello", env=api.env | {"NO_COLOR": "1"}, stdin=subprocess.DEVNULL, stdout=file)
        screen.wait_for("waiting")
        gate.set()
        assert screen.wait() == 0
    assert lines(screen.seen) == []
    assert "\x1b" not in screen.seen
    assert (tmp_path / "answer.txt").read_bytes() == b"Once upon"


def test_ctrl_c_removes_the_spinner(terminal: Any, api: Any, gate: Any) -> None:
    """With the ^C of the terminal; nothing says that an answer was stopped, as there was none."""
    screen = terminal("ask", "hello", env=api.env)
    screen.wait_for("waiting")
    screen.type("\x03")
    assert screen.wait() == 130
    assert lines(screen.seen) == []


def test_no_spinner_in_a_pipe_or_a_dumb_terminal(run: Any, terminal: Any) -> None:
    """Neither can take a line back."""
    env = {"GOOGLE_GEMINI_BASE_URL": "offline:first=1"}
    assert run("ask", "hello", env=env).stderr == b""
    screen = terminal("ask", "hello", env=env | {"TERM": "dumb"})
    assert screen.wait() == 0
    assert "waiting" not in screen.seen
