"""``app(...)``: the server as an ASGI application, for any ASGI server or to be mounted into another application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

import headwater
from headwater.contract import paths
from headwater.engines.base import Engine
from headwater.engines.offline import OfflineEngine
from headwater.errors import LogError
from headwater.log.base import Log, is_in_memory
from headwater.log.memory import MemoryLog
from headwater.server.chats.endpoint import ChatsEndpoint
from headwater.server.chats.service import ChatService
from headwater.server.chats.store import ChatStore
from headwater.server.config import ServerConfig
from headwater.server.durable.answer_streams import AnswerStreams
from headwater.server.durable.endpoint import DurableEndpoint
from headwater.server.durable.streams import DurableStreams
from headwater.server.gemini.caches import ServerCaches
from headwater.server.gemini.caches_endpoint import CachesEndpoint
from headwater.server.gemini.endpoint import GeminiEndpoint
from headwater.server.gemini.file_store import FileStore
from headwater.server.gemini.files_endpoint import FilesEndpoint, sweep_files
from headwater.server.gemini.materials import PromptMaterials
from headwater.server.http.auth import Auth
from headwater.server.http.error_handlers import error_handlers
from headwater.server.http.metrics import ServerMetrics
from headwater.server.http.middleware import EdgeMiddleware
from headwater.server.http.responses import json_response
from headwater.server.interactions.endpoint import InteractionsEndpoint
from headwater.server.interactions.stored import KIND as INTERACTION
from headwater.server.interactions.stored import StoredInteractions
from headwater.server.openai.endpoint import ChatCompletionsEndpoint
from headwater.server.openapi import document
from headwater.server.page.routes import page_routes
from headwater.server.protocols.base import Backend, FrontEndProtocol
from headwater.server.protocols.registry import PROTOCOLS, protocol_routes, stream_formats
from headwater.server.streams.endpoint import StreamsEndpoint
from headwater.server.streams.recorder import Recorder
from headwater.server.streams.registry import StreamRegistry
from headwater.server.streams.routing import EngineRouter, check_engines, is_resting
from headwater.server.streams.takeover import ClusterNode
from headwater.server.websocket.endpoint import WebSocketEndpoint

logger = logging.getLogger("headwater.server")

#: How much a log in memory may hold unless ``Limits.store_size`` is set.
MEMORY_BYTES = 512 * 1024 * 1024


class Server:
    """The parts of one application: engines, log, authentication, endpoints and what runs."""

    def __init__(
        self,
        engines: EngineRouter,
        log: Log,
        config: ServerConfig | None = None,
        *,
        chats: ChatStore | None = None,
        protocols: Sequence[FrontEndProtocol] = (),
    ) -> None:
        self.config = config = config or ServerConfig()
        self.engines = engines
        self.auth = auth = Auth(config)
        self.metrics = metrics = ServerMetrics()
        self.recorder = Recorder(log, metrics, lease=config.lease)
        self.files = FileStore(config.limits)
        self.caches = ServerCaches(config.limits)
        self.recorder.prepare = PromptMaterials(self.files, self.caches, auth).prepare
        self.registry = StreamRegistry(engines, self.recorder, auth, secret=config.secret)
        self.chats = ChatService(chats, self.registry, max_chats=config.limits.max_chats)
        self.interactions = StoredInteractions(self.registry, max_bytes=config.limits.max_body)
        readers = {INTERACTION: self.interactions.engine_request}
        self.cluster = ClusterNode(self.registry, self.recorder, engines, readers=readers)
        self.protocols = (*PROTOCOLS, *protocols)
        self._backend = Backend(
            auth=auth, engines=engines, recorder=self.recorder, registry=self.registry, chats=self.chats
        )
        self.sockets = WebSocketEndpoint(self.registry, self.recorder, auth, metrics, grace=config.grace)
        answers = AnswerStreams(self.registry)
        self.streams = DurableStreams(log, max_bytes=config.limits.max_durable_stream, read_only=answers)
        draining, is_writable = self.recorder.draining, config.durable_streams
        self.durable = DurableEndpoint(self.streams, auth, metrics, draining, is_writable=is_writable)

    def routes(self) -> list[BaseRoute]:
        """Return every route."""
        return [
            *page_routes(self._welcome, self.auth.guarded),
            # Load generators and gateways ask OpenAI-compatible servers for the second.
            *(Route(path, self.auth.guarded(self._health), methods=["GET"]) for path in ("/healthz", "/health")),
            Route("/openapi.json", self.auth.guarded(self._description), methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
            WebSocketRoute(paths.WEBSOCKET, self.sockets),
            *FilesEndpoint(self.files, self.auth).routes(),
            *CachesEndpoint(self.caches, self.engines, self.auth).routes(),
            *GeminiEndpoint(self.engines, self.recorder, self.auth, self.registry).routes(),
            *self._interactions_endpoint().routes(),
            *ChatCompletionsEndpoint(self.engines, self.recorder, self.auth, self.registry).routes(),
            *StreamsEndpoint(self.registry, self.auth, stream_formats(self.protocols)).routes(),
            *ChatsEndpoint(self.chats, self.auth).routes(),
            *protocol_routes(self._backend, self.protocols),
            *self.durable.routes(),
        ]

    def _interactions_endpoint(self) -> InteractionsEndpoint:
        store = self.config.interactions_store
        return InteractionsEndpoint(self.engines, self.recorder, self.registry, self.auth, self.interactions, store)

    async def close(self) -> None:
        """Give running answers the grace period, end those that remain, and release everything.

        The order matters: chats read how their answers ended from the log, and leaving the cluster writes to it, so the
        log is closed after both.
        """
        await self.recorder.drain(self.config.grace)
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
                "about": "This server speaks the Gemini API: point a Gemini client's base URL at it. "
                "Clients of OpenAI append /v1.",
                "paths": {
                    "models": "/v1beta/models",
                    "interactions": "/v1beta/interactions",
                    "description": "/openapi.json",
                    "health": "/healthz",
                    "streams": paths.STREAMS,
                    "chats": paths.CHATS,
                    "websocket": paths.WEBSOCKET,
                },
            }
        )

    async def _health(self, _: HttpRequest) -> Response:
        status = "degraded" if self.recorder.health.is_degraded else "ok"
        status = "draining" if self.recorder.draining.is_set() else status
        health = {
            "status": status,
            "engine": self.engines.default.name,
            "engines": [{"name": engine.name, "resting": is_resting(engine)} for engine in self.engines.all()],
            "streams": len(self.recorder),
        }
        return json_response(health)

    async def _description(self, _: HttpRequest) -> Response:
        return json_response(document.document(needs_key=self.auth.needs_key, protocols=self.protocols))

    async def _metrics(self, http: HttpRequest) -> Response:
        self.auth.identify(http)
        return Response(self.metrics.page(), 200, None, "text/plain; version=0.0.4; charset=utf-8")


async def sweep_log(server: Server, period: float = 60.0) -> None:
    """Every ``period`` seconds, delete stored streams that are too old or too large together; until cancelled."""
    log, limits = server.recorder.log, server.config.limits
    size = limits.store_size or (MEMORY_BYTES if is_in_memory(log) else None)
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
    config: ServerConfig | None = None,
    protocols: Sequence[FrontEndProtocol] = (),
) -> Starlette:
    """Return the server as an ASGI application.

    Mounted into another application, it needs that one to run its lifespan (``app.router.lifespan_context``).
    ``app.state.server`` is the ``Server`` behind it.

    Args:
        engine: Answers requests; the offline engine if not given.
        engines: Other engines for some models, by patterns of model names (``{"test-*": engine}``).
        log: Stores streams (see ``open_log``); in memory if not given.
        chats: Stores chats (see ``open_store``); in memory if not given.
        config: Everything else: API keys, origins, limits, timeouts.
        protocols: Front-end protocols besides the built-in ones.
    """
    router = EngineRouter(OfflineEngine() if engine is None else engine, engines)
    server = Server(router, MemoryLog() if log is None else log, config, chats=chats, protocols=protocols)
    application = Starlette(
        routes=server.routes(),
        middleware=[Middleware(EdgeMiddleware, origins=server.auth.origins)],
        exception_handlers=error_handlers(server.metrics),
        lifespan=_lifespan(server),
    )
    # The router would make a redirect from the Host header, which a client controls; and no client needs one.
    application.router.redirect_slashes = False
    application.state.server = server
    return application


def _lifespan(server: Server) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        works = (
            sweep_files(server.files),
            sweep_log(server),
            server.chats.keep_settled(),
            check_engines(server.engines),
        )
        tasks = [asyncio.create_task(work) for work in works]
        server.cluster.join()
        yield
        for task in tasks:
            task.cancel()
        await server.close()

    return lifespan
