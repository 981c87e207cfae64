"""A real server for tests: the application on uvicorn, as ``headwater serve`` runs it, in a thread on a free port."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.routing import Mount

from headwater import genai, offline
from headwater.engines.base import EngineRequest
from headwater.engines.offline import OfflineEngine
from headwater.log.base import Log
from headwater.server import FrontEndProtocol, Runner, ServerConfig, app, listen
from headwater.server.application import Server
from headwater.server.chats.store import ChatStore
from headwater.types import CountTokensResponse, GenerateContentResponse, Model
from tests.support.servers import PATIENCE
from tests.support.ticks import quicken

quicken()

ASK = {"contents": [{"parts": [{"text": "Tell me a story about a river."}]}]}


class Reply(NamedTuple):
    """A response as it came. ``headers`` has lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Live:
    """Serves from ``__enter__`` to ``__exit__``. Settings are those of ``ServerConfig``; offline does not wait."""

    def __init__(
        self,
        engine: Any = None,
        *,
        engines: Mapping[str, Any] | None = None,
        log: Log | None = None,
        chats: ChatStore | None = None,
        protocols: Sequence[FrontEndProtocol] = (),
        mount: str = "",
        **settings: Any,
    ) -> None:
        config = ServerConfig(**{"grace": 0.0, **settings})
        engine = engine or OfflineEngine(offline.INSTANT)
        self.app: Starlette = app(engine, engines=engines, log=log, chats=chats, config=config, protocols=protocols)
        self.server: Server = self.app.state.server
        if mount:
            self.app = Starlette(routes=[Mount(mount, self.app)], lifespan=self.app.router.lifespan_context)
            self.app.state.server = self.server
        self._mount = mount
        self.runner = Runner(self.app)
        self._listener = listen("127.0.0.1", 0)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.loop: asyncio.AbstractEventLoop | None = None
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Live:
        self._thread.start()
        assert self.get(self._mount + "/healthz").status == 200
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()
        self.stop()
        self._listener.close()
        assert not self._thread.is_alive()

    def stop(self) -> None:
        """Shut down as a signal would, and wait for the end."""
        self.runner.should_exit = True
        self._thread.join(PATIENCE * 2)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send one request; ``body`` is bytes, or something to send as JSON; ``x_name=`` is the header ``x-name``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            connection.request(method, path, data, {name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, fields, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        """GET."""
        return self.request("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        """POST."""
        return self.request("POST", path, ASK if body is None else body, **headers)

    def connect(self, room: int = 0) -> socket.socket:
        """Return a bare connection, with ``room`` for so many bytes; it is closed at the end, if not before."""
        connection = socket.socket()
        if room:  # to be said before the connection is made, or the other side hears of more
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", self.port))
        self._connections.append(connection)
        return connection

    def open_stream(self, model: str = "m", **headers: str) -> socket.socket:
        """Return a connection on which a stream was asked for."""
        connection = self.connect()
        connection.sendall(post_bytes(f"/v1beta/models/{model}:streamGenerateContent?alt=sse", ASK, **headers))
        return connection

    def client(self, key: str = "test-key", **options: Any) -> genai.Client:
        """Return headwater's own client of this server."""
        return genai.Client(api_key=key, http_options={"base_url": self.url} | options)

    def on_loop(self, call: Callable[[], Any]) -> Any:
        """Return what ``call`` returns on the server's event loop."""

        async def run() -> Any:
            return call()

        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(PATIENCE)

    def until(self, fact: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Wait until ``fact`` is true on the server's event loop."""

        async def watch() -> None:
            async with asyncio.timeout(patience):
                while not fact():
                    await asyncio.sleep(0.005)

        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(watch(), self.loop).result(patience + 1)

    def _run(self) -> None:
        async def main() -> None:
            self.loop = asyncio.get_running_loop()
            await self.runner.serve(sockets=[self._listener])

        asyncio.run(main())


class Held:
    """An engine that says ``first`` chunks and then waits until ``release``; it counts who was cancelled."""

    name = "held"

    def __init__(self, first: int = 1) -> None:
        self._first = first
        self.running = 0
        self.cancelled = 0
        self.gate: asyncio.Event | None = None

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        self.gate = self.gate or asyncio.Event()
        self.running += 1
        try:
            for number in range(self._first):
                yield says(f"{number} ")
            await self.gate.wait()
            yield says("end", "STOP")
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    async def count_tokens(self, request: EngineRequest) -> CountTokensResponse:
        return CountTokensResponse(total_tokens=len(request.body))

    async def models(self) -> list[Model]:
        return [Model(name="models/held")]

    async def aclose(self) -> None:
        pass


class Scripted(Held):
    """An engine that plays ``script(request)``: chunks, and errors to raise."""

    name = "scripted"

    def __init__(self, script: Callable[[EngineRequest], Collection[GenerateContentResponse | Exception]]) -> None:
        super().__init__()
        self._script = script

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        for entry in self._script(request):
            if isinstance(entry, Exception):
                raise entry
            yield entry


def says(text: str, finish: str | None = None) -> GenerateContentResponse:
    """Return a chunk that says ``text``."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if finish:
        candidate["finish_reason"] = finish
    return GenerateContentResponse(candidates=[candidate])


def post_bytes(path: str, body: Any, host: str = "localhost", **headers: str) -> bytes:
    """Return a POST as bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


def read_until(connection: socket.socket, end: bytes) -> bytes:
    """Read until ``end`` has come, or the connection has ended."""
    data = b""
    while end not in data and (piece := connection.recv(65536)):
        data += piece
    return data


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side closes, or resets."""
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionError:
        pass
    return data


def events(body: bytes) -> list[bytes]:
    """Return the data of the events of a body that is already without chunked encoding."""
    return [line.removeprefix(b"data: ") for line in body.split(b"\r\n") if line.startswith(b"data: ")]
