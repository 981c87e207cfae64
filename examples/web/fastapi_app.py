"""FastAPI: the endpoint of a page with ``useChat``.

Run it with ``uvicorn examples.web.fastapi_app:app``.
"""

from typing import Annotated, Any

from fastapi import Body, FastAPI, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from headwater import genai
from headwater.errors import UsageError
from headwater.protocols import AiSdk, aencoded, read_messages

client = genai.Client()
app = FastAPI()


@app.post("/api/chat")
async def chat(messages: Annotated[list[Any], Body(embed=True)]) -> Response:
    """Stream the answer to a page's messages; it stops when the page leaves."""
    try:
        conversation = read_messages(messages)
    except UsageError as error:
        return PlainTextResponse(str(error), 400)
    stream = await client.aio.models.generate_content_stream(model="gemini-3.8-flash", contents=conversation.contents)
    return StreamingResponse(aencoded(stream, AiSdk()), headers=dict(AiSdk.headers))
