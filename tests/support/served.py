"""An ASGI application of a test's own on uvicorn, in a thread on a free port."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from tests.support.servers import PATIENCE
from tests.support.ticks import quicken

quicken()


class Served:
    """Serves from ``__enter__`` to ``__exit__``. ``POST /release/...`` calls ``release``."""

    def __init__(self, make: Callable[[], Starlette], release: Callable[[], object]) -> None:
        async def let_go(request: Request) -> Response:
            await asyncio.to_thread(release)
            return Response(None, 204)

        app = Starlette(routes=[Route("/release/{id}", let_go, methods=["POST"]), Mount("/", make())])
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})

    def __enter__(self) -> Served:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self._listener.close()
        assert not self._thread.is_alive()
