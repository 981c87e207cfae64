"""A server that is killed in the middle of an answer, and started again: the page goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from visitor import ask

from headwater.server.run import listen

ASKED = "Tell me a story about a river."


class Process:
    """``headwater serve`` as a process that can be killed, always on the same port and log."""

    def __init__(self, folder: Path) -> None:
        with listen("127.0.0.1", 0) as listener:
            self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = f"sqlite:{folder / 'log.db'}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it serves."""
        options = ["--port", str(self.port), "--log", self._log, "--lease", "1", "--no-access-log"]
        pace = ["--engine", "offline", "--pace", "first=0.1,rate=80"]
        command = [sys.executable, "-m", "headwater", "serve", *pace, *options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(self.url + "/healthz", timeout=1)
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        """Kill it as the kernel would."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    process.start()
    yield process
    process.kill()


def test_killed_and_started_again(process: Process, visits: Any) -> None:
    """After ``kill -9`` the page says that the connection is lost; then the answer goes on, each word once."""
    page = visits(process.url)[0].new_page()
    page.goto(process.url)
    ask(page, ASKED)
    page.wait_for_function("() => document.querySelector('article.model > .text')?.innerText.length > 150")
    process.kill()
    page.wait_for_selector(".trouble")
    assert page.query_selector("article.model.running")
    process.start()
    page.wait_for_selector("article.model:not(.running) .figures", timeout=60_000)
    message = page.evaluate(
        """() => Object.entries(localStorage).filter(([key]) => key.startsWith("headwater:message:"))
            .map(([_, value]) => JSON.parse(value)).find(({ role }) => role === "model")"""
    )
    assert message["state"] == "done"
    assert message["text"] == whole_answer(process.url, page, message["settings"]["model"])


def whole_answer(url: str, page: Any, model: str) -> str:
    """What the same question is answered with when nothing breaks: the storyteller repeats itself."""
    config = {"thinkingConfig": {"includeThoughts": True}}
    body = {"contents": [{"role": "user", "parts": [{"text": ASKED}]}], "generationConfig": config}
    request = urllib.request.Request(
        f"{url}/v1beta/models/{model}:generateContent", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        parts = json.load(response)["candidates"][0]["content"]["parts"]
    return "".join(part["text"] for part in parts if not part.get("thought"))
