"""The whole server in a FastAPI application: its chat page, ``/api/chat`` for ``useChat``, and the Gemini API.

Run it with ``uvicorn examples.web.whole_server:app`` and open http://127.0.0.1:8000.
"""

from fastapi import FastAPI

from headwater import server
from headwater.engines import GeminiEngine

gemini = server.app(GeminiEngine())  # server.app() alone runs the offline engine, which needs no key
app = FastAPI(lifespan=gemini.router.lifespan_context)  # FastAPI does not run that of a mounted application


@app.get("/hello")
async def hello() -> dict[str, str]:
    """Say hello: routes of your own go before the mount."""
    return {"hello": "world"}


app.mount("/", gemini)  # or below a path, after which everything is the same
