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


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server on a socket in a folder of its own, and give its address. It refuses to run as root."""
    assert BINARIES is not None
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg") as folder:  # a socket's path is short
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        made = [str(BINARIES / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", "headwater", "--no-sync"]
        subprocess.run(
            [*made, "-E", "UTF8", "--no-locale"], check=True, stdout=subprocess.DEVNULL, cwd=folder, user=user
        )
        settings = [f"unix_socket_directories={folder}", "listen_addresses=", "fsync=off"]
        command = [str(BINARIES / "postgres"), "-D", f"{folder}/data"]
        command += [part for setting in settings for part in ("-c", setting)]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=folder, user=user)
        try:
            ready = [str(BINARIES / "pg_isready"), "-h", folder, "-t", "1", "-q"]
            while subprocess.run(ready, cwd=folder).returncode:
                assert server.poll() is None, "PostgreSQL did not start"
            yield f"postgresql://headwater@/postgres?host={folder}"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
