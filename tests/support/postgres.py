"""A real PostgreSQL server of a test's own, where its programs are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PROGRAMS = ("initdb", "pg_isready", "postgres")


def _binaries() -> Path | None:
    """Debian keeps the server's programs out of the path."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    places += [Path(found).parent for found in [shutil.which("postgres")] if found]
    return next((place for place in places if all((place / name).exists() for name in _PROGRAMS)), None)


BINARIES = _binaries()
needs_postgres = pytest.mark.skipif(BINARIES is None, reason="PostgreSQL is not installed (apt-get install postgresql)")


class Postgres:
    """A server on a socket in a folder of its own, that can be killed and started again. It refuses to run as root."""

    def __init__(self, folder: str) -> None:
        assert BINARIES is not None
        self._folder = folder
        self._user = "postgres" if os.geteuid() == 0 else None
        self.url = f"postgresql://headwater@/postgres?host={folder}"
        self._process: subprocess.Popen[bytes] | None = None
        if self._user:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, -1)
        made = [str(BINARIES / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", "headwater", "--no-sync"]
        made += ["-E", "UTF8", "--no-locale"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, cwd=folder, user=self._user)

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert BINARIES is not None
        command = [str(BINARIES / "postgres"), "-D", f"{self._folder}/data"]
        for setting in (f"unix_socket_directories={self._folder}", "listen_addresses=", "fsync=off"):
            command += ["-c", setting]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=self._folder, user=self._user)
        ready = [str(BINARIES / "pg_isready"), "-h", self._folder, "-t", "1", "-q"]
        while subprocess.run(ready, cwd=self._folder).returncode:
            assert self._process.poll() is None, "PostgreSQL did not start"

    def stop(self) -> None:
        """Stop it at once, its connections with it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder:  # a socket's path is short
        server = Postgres(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
