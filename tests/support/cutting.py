"""A TCP proxy that cuts its connections after so many bytes of the answer: what a bad line does."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

from tests.support.servers import PATIENCE


class CuttingProxy:
    """Carries bytes to ``port`` and back from ``__enter__`` to ``__exit__``.

    ``allowance`` is asked at each connection for how many bytes of the answer may pass, None being all of them. Every
    other cut is a reset, the rest are clean.
    """

    def __init__(self, port: int, allowance: Callable[[], int | None]) -> None:
        self.cuts = 0
        self._port = port
        self._allowance = allowance
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> CuttingProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in [self._thread, *self._threads]:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._carry, args=(client, self._allowance()), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, client: socket.socket, allowed: int | None) -> None:
        with client, socket.create_connection(("127.0.0.1", self._port)) as server:
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asking = threading.Thread(target=_pump, args=(client, server), daemon=True)
            asking.start()
            with contextlib.suppress(OSError):
                while data := server.recv(4096):
                    if allowed is not None and len(data) > allowed:
                        client.sendall(data[:allowed])
                        self._cut(client)
                        break
                    client.sendall(data)
                    allowed = None if allowed is None else allowed - len(data)
            for end in (client, server):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            asking.join(PATIENCE)

    def _cut(self, client: socket.socket) -> None:
        self.cuts += 1
        if self.cuts % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
