"""The benchmark's own environment: virtual environments, the upstream's process, clients in theirs.

Standard library only. Environments live in the user's cache directory and are reused if they match.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
REPOSITORY = BENCH.parent
CLIENT_TIMEOUT = 60.0
INSTALL_TIMEOUT = 280.0


def cache_directory() -> Path:
    """Where environments are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "headwater-bench"


def virtual_environment(name: str, packages: Sequence[str]) -> Path:
    """The Python of an environment that has ``packages``; created at first use, and again when the list changes."""
    directory = cache_directory() / f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
    python, note = directory / "bin" / "python", directory / "packages.txt"
    wanted = "\n".join(packages)
    if python.exists() and note.exists() and note.read_text() == wanted:
        return python
    print(f"making the environment {directory} ...", file=sys.stderr, flush=True)
    run([sys.executable, "-m", "venv", "--clear", directory])
    pip_install(python, *packages)
    note.write_text(wanted)
    return python


def install_checkout(python: Path) -> None:
    """Install this checkout of headwater, unless the environment already has exactly these files."""
    digest = hashlib.sha256()
    for path in sorted([*REPOSITORY.glob("src/**/*"), REPOSITORY / "pyproject.toml"]):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path).encode() + b"\0" + path.read_bytes())
    note = python.parent.parent / "checkout.txt"
    if note.exists() and note.read_text() == digest.hexdigest():
        return
    print("installing this checkout ...", file=sys.stderr, flush=True)
    pip_install(python, str(REPOSITORY))
    pip_install(python, "--no-deps", "--force-reinstall", str(REPOSITORY))
    note.write_text(digest.hexdigest())


def pip_install(python: Path, *arguments: str) -> None:
    """Install into the environment of ``python``."""
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments])


def run(command: Sequence[str | Path]) -> None:
    """Run an installation command; its output is shown if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


def versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """The installed versions of ``packages``."""
    code = (
        "import json,sys;from importlib.metadata import version as v;print(json.dumps({p:v(p) for p in sys.argv[1:]}))"
    )
    return json.loads(subprocess.check_output([python, "-c", code, *packages], text=True, timeout=CLIENT_TIMEOUT))


def make_certificate(python: Path, directory: Path) -> tuple[Path, Path]:
    """A fresh CA's certificate, and the server's key and certificate in one file (``python`` must have trustme)."""
    names = ["-i", "localhost", "127.0.0.1"]
    subprocess.run([python, "-m", "trustme", "--quiet", "-d", directory, *names], check=True, timeout=30)
    server = directory / "both.pem"
    server.write_text((directory / "server.key").read_text() + (directory / "server.pem").read_text())
    return directory / "client.pem", server


@dataclass(frozen=True)
class Upstream:
    """A running upstream."""

    port: int
    scheme: str

    @property
    def url(self) -> str:
        """Its base URL; over TLS by name, as certificates want it."""
        return f"{self.scheme}://{'localhost' if self.scheme == 'https' else '127.0.0.1'}:{self.port}"

    def stats(self) -> dict[str, Any]:
        """Its statistics so far (plain HTTP only)."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return json.loads(opener.open(f"{self.url}/stats", timeout=5).read())


@contextmanager
def upstream(python: Path, certificate: Path | None = None) -> Iterator[Upstream]:
    """An upstream in its own process; it ends with the block, or with this process."""
    command: list[str | Path] = [python, BENCH / "upstream.py"]
    if certificate is not None:
        command += ["--certificate", certificate]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Upstream(int(process.stdout.readline()), "http" if certificate is None else "https")
        finally:
            process.terminate()


class ClientError(Exception):
    """A client's process gave no result; the message has the end of its output."""


def run_client(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Run one client process and read the JSON object it prints last."""
    bare = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=CLIENT_TIMEOUT,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**bare, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise ClientError(f"no result after {CLIENT_TIMEOUT:.0f} s") from error
    if done.returncode != 0:
        raise ClientError(done.stderr[-600:])
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> str:
    """The processor, the number of cores and the Python version, in one line."""
    model = "unknown processor"
    try:
        with open("/proc/cpuinfo") as file:
            model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
