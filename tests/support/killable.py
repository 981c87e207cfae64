"""``headwater serve`` as a process of its own, that can be killed and started again on the same port, log and chats."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from headwater.server import listen
from tests.support.servers import PATIENCE, unmeasured


class Process:
    """The offline engine behind a server; ``keeps`` says whether what it has outlives it."""

    def __init__(self, folder: Path, *, pace: str = "first=0.1,rate=80", keeps: bool = True) -> None:
        with listen("127.0.0.1", 0) as listener:
            self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        log, chats = (f"sqlite:{folder}/log.db", f"sqlite:{folder}/chats.db") if keeps else ("memory:", "memory:")
        options = ["--port", str(self.port), "--store", log, "--chats", chats, "--lease", "1", "--no-access-log"]
        options += ["--engine", "offline", "--pace", pace]
        self._command = [sys.executable, "-m", "headwater", "serve", *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it serves."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, env=unmeasured())
        until = time.monotonic() + PATIENCE * 3
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url + "/healthz", timeout=1).close()
                return
            time.sleep(0.02)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        """Kill it as the kernel would."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
