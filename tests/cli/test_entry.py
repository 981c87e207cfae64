"""The program itself: help, version, and what it loads."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import headwater


def test_alone_it_shows_its_help(run: Any) -> None:
    """``headwater`` alone shows the help and succeeds."""
    result = run()
    assert result.returncode == 0
    assert b"ask " in result.stdout
    assert b"chat " in result.stdout


def test_help_explains_the_exit_codes(run: Any) -> None:
    """Every command's help says what its exit codes mean."""
    for arguments in ["--help"], ["ask", "--help"], ["chat", "-h"]:
        text = run(*arguments).stdout.decode()
        assert re.findall(r"^ +(\d+) +[a-z]", text, re.M) == ["0", "1", "2", "3", "4", "130"]


def test_version(run: Any) -> None:
    """``--version`` says name and version."""
    assert run("--version").stdout.decode().strip() == f"headwater {headwater.__version__}"


def test_unknown_command(run: Any) -> None:
    """An unknown command is a usage error."""
    result = run("answer")
    assert result.returncode == 2
    assert b"No such command" in result.stderr


def test_help_loads_no_http() -> None:
    """Help is quick: it loads no HTTP library, no event loop and not even the wire types."""
    code = (
        "import sys\nfrom headwater.cli import main\ntry:\n    main(['ask', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'urllib3', 'aiohttp', 'asyncio', 'ssl', 'msgspec'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=20)
    assert result.stdout.splitlines()[-1] == b"[]"


def test_an_unexpected_error_is_one_line(run: Any, offline: Any, tmp_path: Path) -> None:
    """A bug is one line too, and HEADWATER_DEBUG shows its traceback."""
    (tmp_path / "sitecustomize.py").write_text(
        "import headwater.cli.options as o\ndef f(self, screen): raise KeyError('boom')\no.Options.connect = f\n"
    )
    env = offline | {"PYTHONPATH": str(tmp_path)}
    result = run("ask", "hello", env=env)
    assert result.returncode == 1
    assert result.stderr.startswith(b"headwater: unexpected KeyError")
    assert b"Traceback" not in result.stderr
    assert b"Traceback" in run("ask", "hello", env=env | {"HEADWATER_DEBUG": "1"}).stderr
