"""The processes of a chaos run: real servers and a real Redis, killed without warning and restarted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_PATIENCE = 30.0
_SCRUBBED = ("HEADWATER_", "GEMINI_", "GOOGLE_")


class Process:
    """A process with a port of its own, which it keeps across restarts."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.lives = 0
        self.is_up = False
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What to run."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start it, and return when it responds."""
        environment = {name: text for name, text in os.environ.items() if not name.startswith(_SCRUBBED)}
        with (self.folder / f"{self.name}.txt").open("ab") as told:
            self._process = subprocess.Popen(self.command(), stdout=told, stderr=told, env=environment)
        self.lives += 1
        until = time.monotonic() + _PATIENCE
        while not self._answers():
            if time.monotonic() > until or self._process.poll() is not None:
                raise SystemExit(f"{self.name} does not start: see {self.folder}/{self.name}.txt")
            await asyncio.sleep(0.02)
        self.is_up = True

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        self.is_up = False
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


class Node(Process):
    """One ``headwater serve``: the offline engine, at the pace of a model."""

    def __init__(self, name: str, folder: Path, log: str, *, lease: float, pace: str) -> None:
        super().__init__(name, folder)
        self.url = f"http://127.0.0.1:{self.port}"
        self._log, self._lease, self._pace = log, lease, pace

    def command(self) -> list[str]:
        """What to run."""
        more = ["--engine", "offline", "--pace", self._pace, "--max-streams", "100000", "--no-access-log"]
        where = ["--port", str(self.port), "--store", self._log, "--lease", str(self._lease)]
        return [sys.executable, "-m", "headwater", "serve", *where, *more]


class Redis(Process):
    """A Redis that has persisted what it has acknowledged."""

    def command(self) -> list[str]:
        """What to run."""
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return ["redis-server", *where, "--save", "", "--appendonly", "yes", "--appendfsync", "always"]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
            line.sendall(b"PING\r\n")
            return line.recv(64).startswith(b"+PONG")
        return False


@contextlib.asynccontextmanager
async def cluster(folder: Path, kind: str, count: int, *, lease: float, pace: str):
    """Yield ``count`` servers that share a log of this kind, and the Redis if there is one."""
    redis = Redis("redis", folder) if kind == "redis" else None
    log = f"sqlite:{folder}/answers.db?shared=yes" if redis is None else f"redis://127.0.0.1:{redis.port}"
    nodes = [Node(f"node{number}", folder, log, lease=lease, pace=pace) for number in range(count)]
    try:
        if redis is not None:
            await redis.start()
        await asyncio.gather(*(node.start() for node in nodes))
        yield nodes, redis
    finally:
        for process in (*nodes, *([redis] if redis else [])):
            process.kill()


def lines_told(folder: Path) -> Iterator[str]:
    """Yield the errors that the servers logged."""
    for path in sorted(folder.glob("node*.txt")):
        for line in path.read_text("utf-8", "replace").splitlines():
            if "Traceback" in line or "ERROR" in line or '"error"' in line:
                yield f"{path.stem}: {line[:300]}"
