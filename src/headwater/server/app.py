"""``app(...)``: the server as a plain ASGI application, to be run by any ASGI server or mounted into another app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headwater.engines.base import Engine
from headwater.engines.offline import OfflineEngine
from headwater.errors import HeadwaterError
from headwater.log.base import Log
from headwater.log.memory import MemoryLog
from headwater.server.access import Access, Limits
from headwater.server.choice import Engines
from headwater.server.gemini import GeminiEndpoint
from headwater.server.metrics import Metrics
from headwater.server.recorder import Recorder


def app(
    engine: Engine | None = None,
    *,
    engines: Mapping[str, Engine] | None = None,
    log: Log | None = None,
    api_keys: Collection[str] = (),
    origins: Collection[str] = (),
    hosts: Collection[str] = (),
    limits: Limits | None = None,
    grace: float = 10.0,
) -> Starlette:
    """Return the ASGI application.

    ``engine`` answers (the offline engine when none is given), ``engines`` maps patterns of model names to others.
    ``api_keys`` are the keys that are let in; with none, everyone who reaches the server by a loopback name is.
    ``origins`` are the web origins that may open the WebSocket besides the server's own; ``hosts`` the names that it
    answers to. At shutdown, running answers have ``grace`` seconds to finish.
    """
    choice = Engines(engine or OfflineEngine(), engines)
    metrics = Metrics()
    recorder = Recorder(log or MemoryLog(), metrics)
    access = Access(api_keys, origins=origins, hosts=hosts, limits=limits)
    endpoint = GeminiEndpoint(choice, recorder, access, metrics)

    async def health(http: HttpRequest) -> Response:
        return JSONResponse({"status": "ok", "engine": choice.default.name, "streams": len(recorder)})

    async def figures(http: HttpRequest) -> Response:
        try:
            access.identify(http)
        except HeadwaterError as error:
            return endpoint.refuse(error)
        return Response(metrics.page(), 200, None, "text/plain; version=0.0.4; charset=utf-8")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await recorder.drain(grace)
        await choice.aclose()

    return Starlette(
        routes=[
            Route("/healthz", health, methods=["GET"]),
            Route("/metrics", figures, methods=["GET"]),
            *endpoint.routes(),
        ],
        lifespan=lifespan,
    )
