"""``headwater completion``: the line that turns on completion in a shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_prints_a_line(run: Any, shell: Any) -> None:
    """For the shell that is named, or the user's own, and nothing else, so that it can be appended to a file."""
    result = run("completion", shell)
    assert (result.returncode, result.stderr, result.stdout.count(b"\n")) == (0, b"", 1)
    assert f"{shell}_source headwater".encode() in result.stdout
    assert run("completion", env={"SHELL": f"/usr/bin/{shell}"}).stdout == result.stdout
    result = run("completion", env={"SHELL": "/bin/dash"})
    assert (result.returncode, b"bash, zsh, fish" in result.stderr) == (2, True)


def test_at_a_terminal_it_says_where_the_line_belongs(terminal: Any) -> None:
    """In the start-up file of the shell."""
    screen = terminal("completion", "zsh")
    assert screen.wait() == 0
    assert "add this line to ~/.zshrc" in screen.seen


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_line_works(run: Any, tmp_path: Path) -> None:
    """Bash completes commands and options after it."""
    program = tmp_path / "headwater"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m headwater "$@"\n')
    program.chmod(0o755)
    line = run("completion", "bash").stdout.decode()
    script = (
        f"{line}\nCOMP_WORDS=(headwater ask --sch) COMP_CWORD=2\n"
        "_headwater_completion headwater --sch ask\necho ${COMPREPLY[@]}\n"
    )
    environ = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    result = subprocess.run(["bash", "-c", script], capture_output=True, env=environ, check=True, timeout=60)
    assert result.stdout.split() == [b"--schema"]
