"""``headwater serve`` as a process with its defaults: started, asked and ended."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.live import ASK, post_bytes
from tests.support.servers import PATIENCE


class Process:
    """A running ``headwater serve``; its first lines are read."""

    def __init__(self, *arguments: str, cwd: Path | None = None, **environment: str) -> None:
        self.process = run(*arguments, cwd=cwd, **environment)
        assert self.process.stdout is not None
        self.lines = [self.process.stdout.readline() for _ in range(3)]
        match = re.search(r"http://\S+:(\d+)", self.lines[1])
        assert match, self.lines
        self.port = int(match[1])

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def stream(self, **headers: str) -> socket.socket:
        """Ask for a stream on a connection of its own."""
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        connection.sendall(post_bytes("/v1beta/models/m:streamGenerateContent?alt=sse", ASK, **headers))
        return connection

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal and return the exit code and what was written on standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE * 2)
        return self.process.returncode, errors


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
    """Start ``headwater serve`` in ``cwd``, which Python does not search for modules by itself."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HEADWATER_", "G"))}
    command = [sys.executable, "-P", "-m", "headwater", "serve", "--port", "0", *arguments]
    pipe, variables = subprocess.PIPE, clean | {"HEADWATER_STORE": "memory:"} | environment
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=variables, cwd=cwd)


def refused(*arguments: str, **environment: str) -> tuple[int, str]:
    """The exit code and the words of a server that does not start."""
    process = run(*arguments, cwd=None, **environment)
    _, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, errors


def ask(port: int, model: str, key: str) -> int:
    """The status of a request."""
    url = f"http://127.0.0.1:{port}/v1/models/{model}:generateContent"
    request = urllib.request.Request(url, json.dumps(ASK).encode(), {"x-goog-api-key": key})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
