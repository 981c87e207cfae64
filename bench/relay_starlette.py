"""A relay as it is often written, with Starlette and httpx, as a reference in the relay benchmark.

UPSTREAM=http://127.0.0.1:9000 uvicorn relay_starlette:app
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

UPSTREAM = os.environ.get("UPSTREAM", "")
client = httpx.AsyncClient(base_url=UPSTREAM, timeout=None, limits=httpx.Limits(max_connections=None), trust_env=False)


async def relay(request: Request) -> StreamingResponse:
    """Send the request on, and back what comes as it comes."""
    url = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    headers = {"content-type": "application/json", "x-goog-api-key": request.headers.get("x-goog-api-key", "")}
    onward = client.build_request("POST", url, content=await request.body(), headers=headers)
    answer = await client.send(onward, stream=True)

    async def pieces() -> AsyncIterator[bytes]:
        async for piece in answer.aiter_raw():
            yield piece

    label = answer.headers["content-type"]
    return StreamingResponse(pieces(), answer.status_code, media_type=label, background=BackgroundTask(answer.aclose))


app = Starlette(routes=[Route("/{path:path}", relay, methods=["POST"])])
