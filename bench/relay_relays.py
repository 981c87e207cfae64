"""The relays that are compared: how each is installed, started in a process of its own, and ended."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from environment import BENCH, install_checkout, virtual_environment

SERVER_PACKAGES = [
    "starlette",
    "uvicorn",
    "httptools",
    "uvloop",
    "websockets",
    "prometheus-client",
    "sqlalchemy",
    "httpx",
]
LITELLM_PACKAGES = ["litellm[proxy]"]
START_TIMEOUT = 60.0
STOP_TIMEOUT = 5.0
NGINX = """
worker_processes 1;
error_log stderr crit;
pid {directory}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream gemini {{ server 127.0.0.1:{upstream}; keepalive 1024; }}
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location / {{
            proxy_pass http://gemini;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 600s;
        }}
    }}
}}
"""
LITELLM = """
model_list:
  - model_name: stamped-20
    litellm_params:
      model: gemini/stamped-20
      api_key: k
      api_base: {url}/v1beta/models/stamped-20
"""


@dataclass(frozen=True)
class Running:
    """A relay that accepts connections. ``pid`` None: there is no relay, the client speaks to the upstream."""

    base: str
    pid: int | None
    key: str = "k"


def free_port() -> int:
    """A free port of 127.0.0.1."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def process(command: list[str | Path], port: int, environment: dict[str, str] | None = None) -> Iterator[int]:
    """A relay's process, once ``port`` accepts connections; it and its children end with the block."""
    bare = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with tempfile.TemporaryFile() as said:
        started = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**bare, **(environment or {})},
            cwd=tempfile.gettempdir(),
        )
        try:
            _wait_for(port, started, said)
            yield started.pid
        finally:
            started.terminate()
            try:
                started.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def _wait_for(port: int, started: subprocess.Popen[bytes], said: object) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and started.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    said.seek(0)  # type: ignore[attr-defined]
    raise RelayError(f"it did not start: {said.read()[-800:].decode('utf-8', 'replace')}")  # type: ignore[attr-defined]


class RelayError(Exception):
    """A relay could not be installed or started."""


@contextmanager
def direct(upstream: int) -> Iterator[Running]:
    """No relay: the latency that is there anyway."""
    yield Running(f"http://127.0.0.1:{upstream}", None)


@cache
def server_python() -> Path:
    """The environment of headwater's server and of the clients, with this checkout in it."""
    python = virtual_environment("relay", SERVER_PACKAGES)
    install_checkout(python)
    return python


@contextmanager
def headwater(upstream: int, source: Path | None = None) -> Iterator[Running]:
    """``headwater serve`` with its defaults, except for the limit of streams for one key.

    ``source`` is the ``src`` directory of another revision, instead of this checkout.
    """
    port, url = free_port(), f"http://127.0.0.1:{upstream}"
    command: list[str | Path] = [server_python(), "-m", "headwater", "serve", "--engine", "gemini"]
    command += ["--upstream", url, "--port", str(port), "--max-streams", "100000", "--grace", "0"]
    environment = {"GEMINI_API_KEY": "k", **({"PYTHONPATH": str(source)} if source else {})}
    with process(command, port, environment) as pid:
        yield Running(f"http://127.0.0.1:{port}", pid)


@contextmanager
def nginx(upstream: int) -> Iterator[Running]:
    """nginx with one worker, passing on at once, its connections to the upstream kept alive."""
    program = nginx_program()
    with tempfile.TemporaryDirectory() as directory:
        port, file = free_port(), Path(directory) / "nginx.conf"
        file.write_text(NGINX.format(directory=directory, upstream=upstream, port=port))
        with process([program, "-p", directory, "-c", file, "-g", "daemon off;"], port) as pid:
            yield Running(f"http://127.0.0.1:{port}", pid)


def nginx_program() -> str:
    """The path of nginx; where it is missing, root on Debian or Ubuntu gets the package.

    Raises:
        RelayError: if it cannot be found or installed.
    """
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing nginx ...", file=sys.stderr, flush=True)
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", "nginx-light"]):
            subprocess.run(["apt-get", "-qq", *arguments], capture_output=True, timeout=280, check=False)
        found = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if found is None:
        raise RelayError("nginx is not installed")
    return found


@cache
def litellm_python() -> Path:
    """The environment of LiteLLM's proxy."""
    return virtual_environment("litellm", LITELLM_PACKAGES)


@contextmanager
def litellm(upstream: int) -> Iterator[Running]:
    """LiteLLM's proxy, one worker, no database, with the upstream as its one model and a master key, as it insists."""
    key = f"sk-{secrets.token_hex(24)}"
    port, url = free_port(), f"http://127.0.0.1:{upstream}"
    needed = {
        "GEMINI_API_BASE": url,
        "GEMINI_API_KEY": "k",
        "LITELLM_MASTER_KEY": key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "LITELLM_TELEMETRY": "False",
    }
    command: list[str | Path] = [litellm_python().parent / "litellm", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", "1", "--telemetry", "False"]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "litellm.yaml"
        file.write_text(LITELLM.format(url=url))
        with process([*command, "--config", file], port, needed) as pid:
            yield Running(f"http://127.0.0.1:{port}", pid, key)


@contextmanager
def starlette(upstream: int) -> Iterator[Running]:
    """Starlette and httpx on uvicorn (``relay_starlette.py``)."""
    port = free_port()
    command: list[str | Path] = [server_python(), "-m", "uvicorn", "--app-dir", BENCH, "relay_starlette:app"]
    command += ["--port", str(port), "--no-access-log", "--log-level", "warning", "--backlog", "2048"]
    with process(command, port, {"UPSTREAM": f"http://127.0.0.1:{upstream}"}) as pid:
        yield Running(f"http://127.0.0.1:{port}", pid)
