"""A real Redis server of a test's own, and the ways to open each log."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

BINARY = shutil.which("redis-server") or shutil.which("valkey-server")
needs_redis = pytest.mark.skipif(BINARY is None, reason="redis-server is not installed (apt-get install redis-server)")


#: The bus of a Redis Cluster listens on the port that is 10,000 above that of its clients.
_HIGHEST_PORT = 55_535


def free_port() -> int:
    """Return a free port that leaves room for the bus of a cluster."""
    with contextlib.ExitStack() as taken:
        for _ in range(100):
            probe = taken.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            if (port := int(probe.getsockname()[1])) < _HIGHEST_PORT:
                return port
    raise AssertionError("there is no free port below 55535")


class RedisServer:
    """A Redis that can be killed, frozen and started again. With ``is_durable`` it keeps what it acknowledged."""

    def __init__(self, folder: Path, *options: str, is_durable: bool = False) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        append_only = ["--appendonly", "yes", "--appendfsync", "always"] if is_durable else ["--appendonly", "no"]
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        self._command = [str(BINARY), *where, *append_only, *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            with contextlib.suppress(OSError):
                if self.tell("PING").startswith(b"+PONG"):
                    return
            time.sleep(0.01)
        self.kill()
        raise AssertionError("redis-server did not start")

    def tell(self, command: str) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(65536)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self, *, frozen: bool) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)


@contextlib.contextmanager
def redis_server(folder: Path, *options: str, is_durable: bool = False) -> Iterator[RedisServer]:
    server = RedisServer(folder, *options, is_durable=is_durable)
    server.start()
    try:
        yield server
    finally:
        server.kill()
