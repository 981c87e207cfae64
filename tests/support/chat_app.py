"""The endpoints of ``useChat`` and of an AG-UI agent in Starlette, over headwater's client: what people would write.

``POST /api/chat`` (majors 6 and 7: ``/api/v6/chat``, ``/api/v7/chat``), ``GET {chat}/{id}/stream`` for who comes back,
``POST {chat}/{id}/stop``; ``POST /agent``. An answer goes on when its reader leaves.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from headwater import genai
from headwater.errors import HeadwaterError, UsageError
from headwater.protocols import AgUi, AiSdk, aencoded, read_messages, read_run
from headwater.types import Content, GenerateContentResponse


class Running:
    """An answer on its way, which goes on when its reader leaves; whoever reads it gets all of it."""

    def __init__(self, stream: Any, message_id: str, before: list[Content]) -> None:
        self.stream = stream
        self.message_id = message_id
        self.before = before
        self.is_over = False
        self._chunks: list[GenerateContentResponse] = []
        self._error: HeadwaterError | None = None
        self._more = asyncio.Condition()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async for chunk in self.stream:
                await self._tell(chunk)
        except HeadwaterError as error:
            self._error = error
        self.is_over = True
        await self._tell()

    async def _tell(self, *chunks: GenerateContentResponse) -> None:
        async with self._more:
            self._chunks += chunks
            self._more.notify_all()

    async def read(self) -> AsyncIterator[GenerateContentResponse]:
        """Yield the chunks from the first on; raise what they end with."""
        count = 0
        while True:
            async with self._more:
                while count == len(self._chunks) and not self.is_over:
                    await self._more.wait()
            if count == len(self._chunks):
                break
            yield self._chunks[count]
            count += 1
        if self._error is not None:
            raise self._error


def chat_app(client: genai.Client) -> Starlette:
    """Return the application."""
    running: dict[str, Running] = {}

    async def chat(request: Request) -> Response:
        asked = await request.json()
        version = request.path_params.get("major", 5)
        last = asked["messages"][-1]
        conversation = read_messages(asked["messages"])
        stream = await client.aio.models.generate_content_stream(
            model="stage",
            contents=conversation.contents,
            config={"system_instruction": conversation.system_instruction},
            raise_on_cancel=True,
        )
        if last["role"] == "assistant":  # it goes on after the output of a tool, and keeps its id
            answer = Running(stream, last["id"], read_messages([last]).contents)
        else:
            answer = Running(stream, f"msg-{uuid.uuid4()}", [])
        running[asked["id"]] = answer
        encoder = AiSdk(version=version, message_id=answer.message_id)
        return StreamingResponse(aencoded(answer.read(), encoder), headers=dict(AiSdk.headers))

    async def resume(request: Request) -> Response:
        answer = running.get(request.path_params["id"])
        if answer is None or answer.is_over:
            return Response(None, 204)
        version = request.path_params.get("major", 5)
        encoder = AiSdk(version=version, message_id=answer.message_id, before=answer.before)
        return StreamingResponse(aencoded(answer.read(), encoder), headers=dict(AiSdk.headers))

    async def stop(request: Request) -> Response:
        answer = running[request.path_params["id"]]
        answer.stream.cancel("the user pressed stop")
        return Response(None, 204)

    async def agent(request: Request) -> Response:
        run = read_run(await request.json())
        config = {"system_instruction": run.system_instruction, "tools": run.tools}
        stream = await client.aio.models.generate_content_stream(model="stage", contents=run.contents, config=config)
        encoder = AgUi(thread_id=run.thread_id, run_id=run.run_id)
        return StreamingResponse(aencoded(stream, encoder), headers=dict(AgUi.headers))

    async def refuse(request: Request, error: Exception) -> Response:
        return PlainTextResponse(str(error), 400)

    chats = ["/api/chat", "/api/v{major:int}/chat"]
    routes = [Route(path, chat, methods=["POST"]) for path in chats]
    routes += [Route(path + "/{id}/stream", resume) for path in chats]
    routes += [Route(path + "/{id}/stop", stop, methods=["POST"]) for path in chats]
    routes += [Route("/agent", agent, methods=["POST"])]
    return Starlette(routes=routes, exception_handlers={UsageError: refuse})
