"""``headwater ask`` at a real terminal: what a person sees, and Ctrl-C."""

import subprocess
from pathlib import Path
from typing import Any

DIM = "\x1b[2m"


def test_the_last_line_is_ended(terminal: Any, api: Any, make_chunk: Any) -> None:
    """At a terminal the answer's last line is ended, once."""
    api.pieces = [make_chunk("Once", "STOP")]
    screen = terminal("ask", "--plain", "hello", env=api.env)
    assert screen.wait() == 0
    assert screen.seen == "Once\r\n"


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
    assert screen.seen == "␛]0;title␇ a␍b\\x9b31m␡\ttab\r\nend\r\n"


def test_json_and_errors_cannot_either(terminal: Any, api: Any) -> None:
    """Nor can JSON or the message of an error."""
    api.pieces = [b'data: {"candidates":[{"content":{"parts":[{"text":"\xc2\x9b1m"}]}}]}\n\n']
    api.pieces.append({"error": {"code": 500, "message": "\x1b[2J", "status": "INTERNAL"}})
    screen = terminal("ask", "--json", "hello", env=api.env)
    assert screen.wait() == 1
    assert "\\x9b1m" in screen.seen
    assert "␛[2J" in screen.seen
    assert "\x1b" not in screen.seen


def test_thoughts_are_dim_and_on_lines_of_their_own(terminal: Any, api: Any) -> None:
    """Thoughts are dim, and the answer begins on a new line."""
    thought = {"candidates": [{"content": {"parts": [{"text": "Hm", "thought": True}]}}]}
    api.pieces = [thought, {"candidates": [{"content": {"parts": [{"text": "42"}]}, "finishReason": "STOP"}]}]
    screen = terminal("ask", "--plain", "--thinking", "hello", env=api.env)
    assert screen.wait() == 0
    assert screen.seen == f"{DIM}Hm\x1b[0m\r\n42\r\n"


def test_no_prompt_is_a_usage_error(terminal: Any, offline: Any) -> None:
    """At a terminal a missing prompt does not wait for one."""
    screen = terminal("ask", env=offline)
    assert screen.wait() == 2
    assert "no prompt" in screen.seen


def test_a_dash_reads_the_terminal(terminal: Any, api: Any, make_chunk: Any) -> None:
    """A dash reads what is typed up to Ctrl-D."""
    api.pieces = [make_chunk("ok", "STOP")]
    screen = terminal("ask", "-", env=api.env)
    screen.type("typed here\n\x04")
    assert screen.wait() == 0
    assert api.requests[0][2]["contents"][0]["parts"] == [{"text": "typed here"}]


def test_ctrl_c_while_the_answer_streams(terminal: Any, api: Any, make_chunk: Any) -> None:
    """Ctrl-C stops the answer at once, closes the connection and leaves the prompt on a line of its own."""
    api.pieces, api.hold = [make_chunk("Once ")], True
    screen = terminal("ask", "--plain", "hello", env=api.env)
    screen.wait_for("Once ")
    screen.type("\x03")
    assert screen.wait() == 130
    assert screen.seen == "Once ^C\r\n"
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
