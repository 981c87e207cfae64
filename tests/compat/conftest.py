"""What the tests with official SDKs share: a server in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest


class Served(NamedTuple):
    """A running ``compat_server.py``: its base URL, and the texts of the chunks of its model ``odd``."""

    url: str
    odd: list[str]


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """A running ``compat_server.py``."""
    command = [sys.executable, Path(__file__).with_name("compat_server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port, odd = json.loads(process.stdout.readline())
        yield Served(f"http://127.0.0.1:{port}", odd)
        process.stdin.close()
        process.wait(10)
