"""Starlette: the endpoint of a page with ``useChat``.

Run it with ``uvicorn examples.web.starlette_app:app``.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from headwater import genai
from headwater.errors import UsageError
from headwater.protocols import AiSdk, aencoded, read_messages

client = genai.Client()


async def chat(request: Request) -> Response:
    """Stream the answer to a page's messages; it stops when the page leaves."""
    try:
        conversation = read_messages(await request.body())
    except UsageError as error:
        return PlainTextResponse(str(error), 400)
    stream = await client.aio.models.generate_content_stream(model="gemini-3.8-flash", contents=conversation.contents)
    return StreamingResponse(aencoded(stream, AiSdk()), headers=dict(AiSdk.headers))


app = Starlette(routes=[Route("/api/chat", chat, methods=["POST"])])
