"""Everything that is tried with google-genai: ``python official_python.py URL`` prints what came of it as JSON.

It runs under any Python that has google-genai, and knows nothing of headwater. Each function is one try; its result, or
the error that it ended with, is an entry of the printed object.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from google import genai
from google.genai import errors, types

MODEL = "gemini-2.5-flash"
PROMPT = "Tell me a story about a river in 100 words."
#: One red pixel.
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")
RECIPE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "rating": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["name", "rating"],
}
WEATHER = types.FunctionDeclaration(
    name="get_weather",
    description="The weather in a city.",
    parameters=types.Schema(
        type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}, required=["city"]
    ),
)


def _streamed(chunks: list[types.GenerateContentResponse]) -> dict[str, Any]:
    last = chunks[-1]
    assert last.candidates is not None
    assert last.usage_metadata is not None
    return {
        "chunks": len(chunks),
        "text": "".join(chunk.text or "" for chunk in chunks),
        "finish": last.candidates[0].finish_reason,
        "total_tokens": last.usage_metadata.total_token_count,
        "models": sorted({chunk.model_version for chunk in chunks if chunk.model_version}),
        "ids": len({chunk.response_id for chunk in chunks}),
    }


def stream(client: genai.Client) -> Any:
    return _streamed(list(client.models.generate_content_stream(model=MODEL, contents=PROMPT)))


def unary(client: genai.Client) -> Any:
    return _streamed([client.models.generate_content(model=MODEL, contents=PROMPT)])


def async_stream(client: genai.Client) -> Any:
    async def read() -> Any:
        async with client.aio as aio:
            found = await aio.models.generate_content_stream(model=MODEL, contents=PROMPT)
            return _streamed([chunk async for chunk in found])

    return asyncio.run(read())


def async_unary(client: genai.Client) -> Any:
    async def read() -> Any:
        async with client.aio as aio:
            return _streamed([await aio.models.generate_content(model=MODEL, contents=PROMPT)])

    return asyncio.run(read())


def async_at_once(client: genai.Client) -> Any:
    async def one(aio: Any) -> Any:
        found = await aio.models.generate_content_stream(model=MODEL, contents=PROMPT)
        return _streamed([chunk async for chunk in found])

    async def read() -> Any:
        async with client.aio as aio:
            return await asyncio.gather(*(one(aio) for _ in range(10)))

    return asyncio.run(read())


def left_early(client: genai.Client) -> Any:
    for chunk in client.models.generate_content_stream(model=MODEL, contents=PROMPT):
        first = chunk.text
        break
    return {"first": first, "then": _streamed([client.models.generate_content(model=MODEL, contents=PROMPT)])}


def chat(client: genai.Client) -> Any:
    talk = client.chats.create(model=MODEL)
    first = "".join(chunk.text or "" for chunk in talk.send_message_stream("My name is Ada. " + PROMPT))
    second = talk.send_message("What is my name?").text
    return {"first": first, "second": second, "roles": [turn.role for turn in talk.get_history()]}


def count_tokens(client: genai.Client) -> Any:
    short = client.models.count_tokens(model=MODEL, contents="hello").total_tokens
    return {"short": short, "long": client.models.count_tokens(model=MODEL, contents="hello there " * 50).total_tokens}


def model_list(client: genai.Client) -> Any:
    pages = client.models.list(config={"page_size": 2})
    first = len(pages)
    return {"first_page": first, "names": [model.name for model in pages]}


def model_get(client: genai.Client) -> Any:
    model = client.models.get(model=MODEL)
    return {"name": model.name, "input": model.input_token_limit, "actions": model.supported_actions}


def _error(call: Any) -> Any:
    try:
        call()
    except errors.APIError as error:
        inner = error.details.get("error", {}) if isinstance(error.details, dict) else {}
        kind = type(error).__name__
        return {"kind": kind, "code": error.code, "status": error.status, "message": error.message, "inner": inner}
    return "no error"


def error_404(client: genai.Client) -> Any:
    asked = {"model": "gemini-nonexistent", "contents": PROMPT}
    return {
        "unary": _error(lambda: client.models.generate_content(**asked)),
        "stream": _error(lambda: list(client.models.generate_content_stream(**asked))),
        "get": _error(lambda: client.models.get(model="gemini-nonexistent")),
    }


def error_400(client: genai.Client) -> Any:
    asked = {"model": MODEL, "contents": PROMPT, "config": {"temperature": 99}}
    return {
        "unary": _error(lambda: client.models.generate_content(**asked)),
        "stream": _error(lambda: list(client.models.generate_content_stream(**asked))),
    }


def async_error_404(client: genai.Client) -> Any:
    async def ask() -> Any:
        async with client.aio as aio:
            try:
                async for _ in await aio.models.generate_content_stream(model="gemini-nonexistent", contents=PROMPT):
                    pass
            except errors.APIError as error:
                return {"kind": type(error).__name__, "code": error.code, "status": error.status}
        return "no error"

    return asyncio.run(ask())


def function_call(client: genai.Client) -> Any:
    tool = types.Tool(function_declarations=[WEATHER])
    question = types.Content(role="user", parts=[types.Part(text="What is the weather in Oslo?")])
    config = types.GenerateContentConfig(tools=[tool])
    answer = client.models.generate_content(model=MODEL, contents=question, config=config)
    calls = answer.function_calls or []
    reply = types.Part.from_function_response(name="get_weather", response={"temperature": "7 degrees", "sky": "rain"})
    assert answer.candidates is not None
    contents = [question, answer.candidates[0].content, types.Content(role="user", parts=[reply])]
    after = client.models.generate_content(model=MODEL, contents=contents, config=config)
    return {"calls": [[call.name, call.args] for call in calls], "after": after.text}


def automatic_function_call(client: genai.Client) -> Any:
    seen: list[str] = []

    def get_weather(city: str) -> str:
        """Return the weather in a city."""
        seen.append(city)
        return "rain"

    answer = client.models.generate_content(
        model=MODEL, contents="What is the weather in Oslo?", config={"tools": [get_weather]}
    )
    return {"seen": seen, "text": answer.text}


def json_schema(client: genai.Client) -> Any:
    config = {"response_mime_type": "application/json", "response_json_schema": RECIPE}
    pieces = client.models.generate_content_stream(model=MODEL, contents="A cookie recipe", config=config)
    return json.loads("".join(chunk.text or "" for chunk in pieces))


def typed_schema(client: genai.Client) -> Any:
    from pydantic import BaseModel

    class Recipe(BaseModel):
        name: str
        minutes: int

    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=list[Recipe])
    answer = client.models.generate_content(model=MODEL, contents="Two cookie recipes", config=config)
    return [type(entry).__name__ for entry in answer.parsed or []]


def inline_image(client: genai.Client) -> Any:
    image = types.Part.from_bytes(data=PIXEL, mime_type="image/png")
    return _streamed(list(client.models.generate_content_stream(model=MODEL, contents=[image, "What is this?"])))


def odd_characters(client: genai.Client) -> Any:
    return [chunk.text for chunk in client.models.generate_content_stream(model="odd", contents="hi")]


def async_odd_characters(client: genai.Client) -> Any:
    async def read() -> Any:
        async with client.aio as aio:
            return [chunk.text async for chunk in await aio.models.generate_content_stream(model="odd", contents="hi")]

    return asyncio.run(read())


def files(client: genai.Client) -> Any:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "river.txt"
        path.write_text("The river is long.")
        file = client.files.upload(file=path, config={"display_name": "river"})
    assert file.name is not None
    again = client.files.get(name=file.name)
    answer = client.models.generate_content(model=MODEL, contents=["What does this say?", file])
    listed = [entry.name for entry in client.files.list()]
    client.files.delete(name=file.name)
    return {
        "same": again.name == file.name,
        "size": file.size_bytes,
        "mime": file.mime_type,
        "state": file.state,
        "listed": file.name in listed,
        "text": answer.text,
        "gone": _error(lambda: client.files.get(name=file.name)),
    }


def embeddings(client: genai.Client) -> Any:
    texts = ["a river in the hills", "the river in the hills", "quantum"]
    found = client.models.embed_content(model="gemini-embedding-001", contents=texts)
    values = [entry.values or [] for entry in found.embeddings or []]
    short = client.models.embed_content(
        model="gemini-embedding-001", contents="a", config={"output_dimensionality": 7, "task_type": "RETRIEVAL_QUERY"}
    )
    vertex = genai.Client(vertexai=True, api_key="k", http_options={"base_url": sys.argv[1]})
    predicted = vertex.models.embed_content(model="text-embedding-005", contents=["a", "b c"])
    tokens = vertex.models.compute_tokens(model=MODEL, contents="What is your name?").tokens_info or []
    return {
        "sizes": [len(vector) for vector in values],
        "near": sum(a * b for a, b in zip(values[0], values[1], strict=True)),
        "far": sum(a * b for a, b in zip(values[0], values[2], strict=True)),
        "short": [len(entry.values or []) for entry in short.embeddings or []],
        "counts": [entry.statistics.token_count for entry in predicted.embeddings or [] if entry.statistics],
        "tokens": [token.decode() for token in tokens[0].tokens or []],
        "refused": _error(lambda: client.models.embed_content(model="m", contents="")),
    }


def caches(client: genai.Client) -> Any:
    notes = "The river rises in the hills above the town. It flows past mills and reaches the sea after a week."
    cache = client.caches.create(model=MODEL, config={"contents": notes, "ttl": "60s", "display_name": "notes"})
    assert cache.name is not None
    assert cache.expire_time is not None
    config = types.GenerateContentConfig(cached_content=cache.name)
    answer = client.models.generate_content(model=MODEL, contents="Summarize the text above.", config=config)
    later = client.caches.update(name=cache.name, config={"ttl": "600s"}).expire_time
    assert later is not None
    listed = [entry.name for entry in client.caches.list()]
    client.caches.delete(name=cache.name)
    return {
        "text": answer.text,
        "cached": answer.usage_metadata.cached_content_token_count if answer.usage_metadata else None,
        "total": cache.usage_metadata.total_token_count if cache.usage_metadata else None,
        "later": later > cache.expire_time,
        "listed": cache.name in listed,
        "gone": _error(lambda: client.caches.get(name=cache.name or "")),
    }


TRIES = (
    stream,
    unary,
    async_stream,
    async_unary,
    async_at_once,
    left_early,
    chat,
    count_tokens,
    model_list,
    model_get,
    error_404,
    error_400,
    async_error_404,
    function_call,
    automatic_function_call,
    json_schema,
    typed_schema,
    inline_image,
    odd_characters,
    async_odd_characters,
    files,
    embeddings,
    caches,
)


def main() -> None:
    """Try everything and print it."""
    found: dict[str, Any] = {"version": genai.__version__}
    for attempt in TRIES:
        client = genai.Client(api_key="k", http_options={"base_url": sys.argv[1]})
        try:
            found[attempt.__name__] = attempt(client)
        except Exception:
            found[attempt.__name__] = {"failed": traceback.format_exc(limit=-4)}
        finally:
            client.close()
    print(json.dumps(found, default=str))


if __name__ == "__main__":
    main()
