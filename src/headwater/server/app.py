"""``app(...)``: the server as a plain ASGI application, to be run by any ASGI server or mounted into another app."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

import headwater
from headwater.engines.base import Engine
from headwater.engines.offline import OfflineEngine
from headwater.errors import LogError
from headwater.log.base import Log
from headwater.log.memory import MemoryLog
from headwater.server.chats.endpoint import ChatsEndpoint
from headwater.server.chats.service import ChatService
from headwater.server.chats.store import ChatStore
from headwater.server.chats.ui_endpoint import UiEndpoint
from headwater.server.config import Limits
from headwater.server.durable.answer_streams import AnswerStreams
from headwater.server.durable.endpoint import DurableEndpoint
from headwater.server.durable.streams import DurableStreams
from headwater.server.gemini.endpoint import GeminiEndpoint
from headwater.server.gemini.file_store import FileStore
from headwater.server.gemini.files_endpoint import FilesEndpoint, sweep_files
from headwater.server.http.auth import Auth
from headwater.server.http.error_handlers import error_handlers
from headwater.server.http.metrics import ServerMetrics
from headwater.server.http.middleware import EdgeMiddleware
from headwater.server.http.responses import json_response
from headwater.server.openapi import document
from headwater.server.page.routes import page_routes
from headwater.server.streams.endpoint import StreamsEndpoint
from headwater.server.streams.recorder import LEASE, Recorder
from headwater.server.streams.registry import StreamRegistry
from headwater.server.streams.routing import EngineRouter
from headwater.server.streams.takeover import ClusterNode
from headwater.server.websocket.endpoint import WebSocketEndpoint

logger = logging.getLogger("headwater.server")

#: How much is kept in memory at most, unless the limits say it.
MEMORY_BYTES = 512 * 1024 * 1024


class Server:
    """What stands behind one application: its engines, its log, who is let in, what runs."""

    def __init__(
        self,
        engines: EngineRouter,
        log: Log,
        access: Auth,
        *,
        chats: ChatStore | None = None,
        grace: float = 10.0,
        streams: bool = False,
        secret: str | None = None,
        lease: float = LEASE,
    ) -> None:
        self.engines = engines
        self.access = access
        self.metrics = ServerMetrics()
        self.recorder = Recorder(log, self.metrics, lease=lease)
        self.registry = StreamRegistry(engines, self.recorder, access, secret=secret)
        self.chats = ChatService(chats, self.registry, most=access.limits.max_chats)
        self.cluster = ClusterNode(self.registry, self.recorder, engines)
        self.files = FileStore(access.limits)
        self.sockets = WebSocketEndpoint(self.registry, self.recorder, access, self.metrics, grace=grace)
        self.streams = DurableStreams(
            log, max_bytes=access.limits.max_durable_stream, read_only=AnswerStreams(self.registry)
        )
        self.durable = DurableEndpoint(self.streams, access, self.metrics, self.recorder.draining, is_writable=streams)

    def routes(self) -> list[BaseRoute]:
        """Return every route."""
        return [
            *page_routes(self._welcome),
            Route("/healthz", self._health, methods=["GET"]),
            Route("/openapi.json", self._description, methods=["GET"]),
            Route("/metrics", self._figures, methods=["GET"]),
            WebSocketRoute("/ws", self.sockets),
            *FilesEndpoint(self.files, self.access).routes(),
            *GeminiEndpoint(self.engines, self.recorder, self.access, self.registry).routes(),
            *StreamsEndpoint(self.registry, self.access).routes(),
            *ChatsEndpoint(self.chats, self.access).routes(),
            *UiEndpoint(self.chats, self.registry, self.engines, self.recorder, self.access).routes(),
            *self.durable.routes(),
        ]

    async def close(self, grace: float) -> None:
        """Let what runs finish within ``grace`` seconds, end what does not, and let go of everything."""
        await self.recorder.drain(grace)
        await self.chats.close()
        await self.cluster.leave()
        await self.engines.aclose()
        await self.recorder.log.aclose()
        self.files.close()

    async def _welcome(self, _: HttpRequest) -> Response:
        return json_response(
            {
                "name": "headwater",
                "version": headwater.__version__,
                "about": "This server speaks the Gemini API: point a Gemini client's base URL at it.",
                "paths": {
                    "models": "/v1beta/models",
                    "description": "/openapi.json",
                    "health": "/healthz",
                    "streams": "/v1/streams",
                    "chats": "/v1/chats",
                    "websocket": "/ws",
                },
            }
        )

    async def _health(self, _: HttpRequest) -> Response:
        status = "draining" if self.recorder.draining.is_set() else "ok"
        health = {"status": status, "engine": self.engines.default.name, "streams": len(self.recorder)}
        return json_response(health)

    async def _description(self, _: HttpRequest) -> Response:
        return json_response(document.document(needs_key=self.access.needs_key))

    async def _figures(self, http: HttpRequest) -> Response:
        self.access.identify(http)
        return Response(self.metrics.page(), 200, None, "text/plain; version=0.0.4; charset=utf-8")


async def sweep_log(server: Server, period: float = 60.0) -> None:
    """Drop stored answers that are too old or too much, again and again, until cancelled."""
    log, limits = server.recorder.log, server.access.limits
    size = limits.store_size or (MEMORY_BYTES if isinstance(log, MemoryLog) else None)
    while True:
        await asyncio.sleep(period)
        try:
            await server.streams.clean()
            await log.sweep(age=limits.store_ttl, size=size)
        except LogError as error:
            logger.warning("the log could not be swept: %s", error)


def app(
    engine: Engine | None = None,
    *,
    engines: Mapping[str, Engine] | None = None,
    log: Log | None = None,
    chats: ChatStore | None = None,
    api_keys: Collection[str] = (),
    origins: Collection[str] = (),
    hosts: Collection[str] = (),
    limits: Limits | None = None,
    grace: float = 10.0,
    streams: bool = False,
    secret: str | None = None,
    lease: float = LEASE,
) -> Starlette:
    """Return the ASGI application.

    ``engine`` answers (the offline engine when none is given), ``engines`` maps patterns of model names to others.
    ``log`` keeps answers and ``chats`` keeps chats (``open_log`` and ``open_store`` make them): in memory unless given.
    ``api_keys`` are the keys that are let in; with none, everyone who reaches the server by a loopback name is.
    ``origins`` are the web origins that may use it besides its own; ``hosts`` the names that it answers to. At
    shutdown, running answers have ``grace`` seconds to finish. With ``streams``, clients may make streams of their own
    under ``/v1/durable/``. ``secret`` signs links to answers (one in the log, unless given); ``lease`` is for how many
    seconds a server that does not speak up counts as alive by those that share its log. Mounted into another app, it
    needs that app to run its lifespan (``app.router.lifespan_context``). ``app.state.server`` is the ``Server`` behind
    it.
    """
    choice = EngineRouter(engine or OfflineEngine(), engines)
    access = Auth(api_keys, origins=origins, hosts=hosts, limits=limits)
    server = Server(
        choice,
        log or MemoryLog(),
        access,
        chats=chats,
        grace=grace,
        streams=streams,
        secret=secret,
        lease=lease,
    )

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        works = (sweep_files(server.files), sweep_log(server), server.chats.keep_settled())
        tasks = [asyncio.create_task(work) for work in works]
        server.cluster.join()
        yield
        for task in tasks:
            task.cancel()
        await server.close(grace)

    application = Starlette(
        routes=server.routes(),
        middleware=[Middleware(EdgeMiddleware, origins=access.origins)],
        exception_handlers=error_handlers(server.metrics),
        lifespan=lifespan,
    )
    application.router.redirect_slashes = False  # a redirect is made from the Host header, and no client needs one
    application.state.server = server
    return application
