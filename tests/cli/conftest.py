"""The command line from outside: a real process, a real terminal, and a tiny API to talk to."""

import contextlib
import json
import os
import pty
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.servers import unmeasured

PATIENCE = 20.0
_HEADWATER = [sys.executable, "-m", "headwater"]
#: Makes standard input the controlling terminal, so that ^C typed there is a signal, and becomes the program.
_AT_TERMINAL = "import fcntl,os,sys,termios; fcntl.ioctl(0,termios.TIOCSCTTY,0); os.execv(sys.argv[1],sys.argv[1:])"

#: Frames of the spinner, and the spaces that remove it.
_SPINNER = re.compile("\r(?:(?:\x1b\\[2m)?[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] waiting(?:\x1b\\[0m)?| +\r)")


def environment(**extra: Any) -> Any:
    """The environment of a run: no keys but those in ``extra``."""
    names = (
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GOOGLE_GEMINI_BASE_URL",
        "HEADWATER_MODEL",
        "HEADWATER_DEBUG",
        "HEADWATER_NO_SAVE",
    )
    env = {name: value for name, value in os.environ.items() if name not in (*names, "NO_COLOR")}
    return env | {"TERM": "xterm", "PYTHONWARNINGS": "error", "PYTHONUTF8": "1"} | extra


@pytest.fixture
def offline() -> Any:
    """The environment of a run that the offline engine answers at once."""
    return {"GOOGLE_GEMINI_BASE_URL": "offline:instant"}


@pytest.fixture
def run() -> Any:
    """Run ``headwater`` to its end with pipes for a terminal."""

    def run(*arguments: Any, input: Any = b"", env: Any = None, **options: Any) -> Any:
        return subprocess.run(
            [*_HEADWATER, *arguments],
            input=input.encode() if isinstance(input, str) else input,
            capture_output=True,
            env=environment(**(env or {})),
            timeout=PATIENCE,
            check=False,
            **options,
        )

    return run


@pytest.fixture
def start() -> Iterator[Any]:
    """Start ``headwater`` with pipes for a terminal, to be read while it runs."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: Any, env: Any) -> Any:
            process = subprocess.Popen(
                [*_HEADWATER, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=unmeasured(environment(**env)),
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


class Terminal:
    """A terminal with ``headwater`` running in it: type into it and wait for what it shows."""

    def __init__(self, *arguments: Any, env: Any = None, stdin: Any = None, stdout: Any = None) -> None:
        self._master, slave = pty.openpty()
        self.seen = ""
        command = [sys.executable, "-c", _AT_TERMINAL] if stdin is None else []
        self.process = subprocess.Popen(
            [*command, *_HEADWATER, *arguments],
            stdin=slave if stdin is None else stdin,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            env=unmeasured(environment(**(env or {}))),
            start_new_session=True,
        )
        os.close(slave)

    @property
    def written(self) -> Any:
        """What was written, without the spinner, which a slow machine shows and a fast one does not."""
        return _SPINNER.sub("", self.seen)

    def type(self, text: Any) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: Any, *, after: Any = 0) -> Any:
        """Wait until ``text`` is on the screen behind the first ``after`` characters; return where it ends."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen[after:]:
            assert time.monotonic() < end, f"{text!r} did not come; there is {self.seen!r}"
            assert self._read(end - time.monotonic()), f"{text!r} did not come before the end; there is {self.seen!r}"
        return self.seen.index(text, after) + len(text)

    def press_ctrl_c_until(self, text: Any, *, after: Any) -> Any:
        """Press Ctrl-C, and again where it got lost, until ``text`` is on the screen; return where it ends.

        Python overlooks a signal between its last look and a wait in C (readline's, a socket's); the next one wakes it.
        """
        end = time.monotonic() + PATIENCE
        while text not in self.seen[after:]:
            assert time.monotonic() < end, f"{text!r} did not come; there is {self.seen!r}"
            self.type("\x03")
            pause = time.monotonic() + 2
            while text not in self.seen[after:] and time.monotonic() < pause:
                assert self._read(0.1), f"{text!r} did not come before the end; there is {self.seen!r}"
        return self.seen.index(text, after) + len(text)

    def wait(self) -> Any:
        """Wait for the end and return the exit code."""
        end = time.monotonic() + PATIENCE
        while self._read(max(0.0, end - time.monotonic())):
            assert time.monotonic() < end, f"it does not end; there is {self.seen!r}"
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _read(self, seconds: Any) -> Any:
        if not select.select([self._master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # what Linux says when nobody holds the other side any more
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


@pytest.fixture
def terminal() -> Iterator[Any]:
    """Open terminals that are closed at the end."""
    with contextlib.ExitStack() as stack:

        def open_terminal(*arguments: Any, **options: Any) -> Any:
            opened = Terminal(*arguments, **options)
            stack.callback(opened.close)
            return opened

        yield open_terminal


def chunk(text: Any = None, finish: Any = None, **extra: Any) -> Any:
    """A chunk as the API sends it."""
    candidate: dict[str, Any] = {"index": 0}
    if text is not None:
        candidate["content"] = {"parts": [{"text": text}], "role": "model"}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], **extra}


class Api:
    """An API that answers every request with ``pieces``, or refuses it with ``refusal``.

    With ``hold`` it then keeps the connection open and silent until the client goes; ``left`` says that it went.
    """

    def __init__(self) -> None:
        self.pieces: list[Any] = []
        self.refusal: Any = None
        self.hold = False
        self.requests: list[Any] = []
        self.left = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                api.requests.append((self.path, dict(self.headers), json.loads(body)))
                with contextlib.suppress(OSError):  # the client has gone
                    api._answer(self)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.env = {
            "GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{self.server.server_address[1]}",
            "GEMINI_API_KEY": "a-key-to-be-kept-secret",
            "NO_PROXY": "127.0.0.1",
        }
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def _answer(self, handler: Any) -> None:
        if self.refusal:
            code, error = self.refusal
            data = json.dumps({"error": error}).encode()
            handler.send_response(code)
            handler.send_header("content-length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)
            return
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.end_headers()
        for piece in self.pieces:
            data = piece if isinstance(piece, bytes) else b"data: " + json.dumps(piece).encode() + b"\r\n\r\n"
            handler.wfile.write(data)
            handler.wfile.flush()
        if self.hold:
            handler.connection.settimeout(PATIENCE)
            with contextlib.suppress(ConnectionError):
                handler.connection.recv(1)
            self.left.set()


@pytest.fixture
def api() -> Iterator[Any]:
    """A tiny API."""
    api = Api()
    yield api
    api.server.shutdown()
    api.server.server_close()


@pytest.fixture
def make_chunk() -> Any:
    """Make chunks as the API sends them."""
    return chunk
