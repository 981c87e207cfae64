"""The servers whose logs are compared over one protocol: ``headwater serve`` with each log, and the reference server.

The reference server of Durable Streams comes from npm, into the user's cache directory at the first run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from environment import INSTALL_TIMEOUT, run
from relay_relays import free_port, process

REFERENCE = "@durable-streams/server@0.3.7"
_START = """
import { DurableStreamTestServer } from '@durable-streams/server'
const [port, dataDir] = process.argv.slice(2)
await new DurableStreamTestServer({ host: '127.0.0.1', port: Number(port), dataDir }).start()
"""


class Running(NamedTuple):
    """A server that accepts connections; ``store`` is the process of the Redis behind it, if there is one."""

    port: int
    pid: int
    store: int | None = None


class Contender(NamedTuple):
    """A server with a log. ``start`` runs it for as long as its block takes."""

    name: str
    start: Callable[[], AbstractContextManager[Running]]


def contenders() -> list[Contender]:
    """Return the servers that can run on this machine."""
    found = [
        Contender("memory", lambda: headwater("memory:")),
        Contender("SQLite, normal", lambda: _in_folder("sqlite:{}/log.db")),
        Contender("SQLite, full", lambda: _in_folder("sqlite:{}/log.db?sync=full")),
    ]
    if shutil.which("redis-server"):
        found.append(Contender("Redis, everysec", _with_redis))
    if shutil.which("node") and shutil.which("npm"):
        found.append(Contender("reference, memory", reference))
        found.append(Contender("reference, file", _reference_with_file))
    return found


@contextmanager
def headwater(log: str, store: int | None = None) -> Iterator[Running]:
    """``headwater serve`` of this environment, with durable streams."""
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "headwater", "serve", "--engine", "offline", "--grace", "0"]
    command += ["--port", str(port), "--max-streams", "100000", "--durable-streams", "--store", log, "--no-access-log"]
    with process(command, port) as pid:
        yield Running(port, pid, store)


@contextmanager
def _in_folder(log: str) -> Iterator[Running]:
    with tempfile.TemporaryDirectory() as folder, headwater(log.format(folder)) as running:
        yield running


@contextmanager
def redis_server(folder: str) -> Iterator[tuple[str, int]]:
    """A Redis of our own that writes each command to its file within a second: its URL and process."""
    port = free_port()
    command: list[str | Path] = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
    with process([*command, "--save", "", "--appendonly", "yes"], port) as pid:
        yield f"redis://127.0.0.1:{port}", pid


@contextmanager
def _with_redis() -> Iterator[Running]:
    with tempfile.TemporaryDirectory() as folder, redis_server(folder) as (url, pid), headwater(url, pid) as running:
        yield running


@contextmanager
def reference(*arguments: str) -> Iterator[Running]:
    """The reference server; in memory, unless it is given a directory."""
    port = free_port()
    node = shutil.which("node") or "node"
    with process([node, _installed() / "start.mjs", str(port), *arguments], port) as pid:
        yield Running(port, pid)


@contextmanager
def _reference_with_file() -> Iterator[Running]:
    with tempfile.TemporaryDirectory() as folder, reference(folder) as running:
        yield running


def _installed() -> Path:
    """Return the directory that has the reference server in its ``node_modules``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(base) / "headwater-durable-streams-server"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "start.mjs").write_text(_START)
    package = directory / "node_modules" / "@durable-streams" / "server" / "package.json"
    wanted = REFERENCE.rpartition("@")[2]
    if not package.exists() or json.loads(package.read_text())["version"] != wanted:
        (directory / "package.json").write_text('{"name": "reference", "private": true, "type": "module"}')
        run(["npm", "install", "--prefix", directory, "--no-audit", "--no-fund", "--ignore-scripts", REFERENCE])
    return directory


def reference_version() -> str:
    """The reference server and what runs it."""
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=True)
    return f"{REFERENCE} on node {node.stdout.strip()}"
