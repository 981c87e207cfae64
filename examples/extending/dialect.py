"""A dialect of another API, and an engine that calls the API in it.

The API is made up: ``POST /v1/complete`` with ``{"prompt": "..."}`` streams events, ``{"delta": "..."}`` for text and
``{"stop": "end"}`` at the end. An error has a JSON body, ``{"problem": "..."}``. This program serves it, too.
"""

import asyncio
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from headwater.dialects import (
    BrokenStream,
    Continuation,
    Dialect,
    DocumentStream,
    Framing,
    HttpRequest,
    SingleDocument,
    StreamEnd,
)
from headwater.engines import EngineRequest, HttpCaller
from headwater.errors import APIError, HeadwaterError, WireError, api_error
from headwater.types import Content, CountTokensResponse, GenerateContentResponse, Model, Part

REASONS = {"end": "STOP", "length": "MAX_TOKENS"}


class Completions:
    """The dialect of the API. One object serves all calls, so it holds no state."""

    api_name = "the completions API"

    def stream_framing(self) -> Framing:
        """Events with JSON in them; server-sent events are cut by the framing that Gemini uses."""
        return DocumentStream()

    def single_framing(self) -> Framing:
        """A body with one JSON document."""
        return SingleDocument()

    def decode(
        self, data: bytes, headers: Mapping[str, str]
    ) -> tuple[GenerateContentResponse | HeadwaterError | StreamEnd, ...]:
        """One event: text, the end, or an error. Nothing is raised."""
        match json.loads(data):
            case {"delta": str(text)}:
                return (chunk(text),)
            case {"stop": str(reason)}:
                return (chunk("", finish_reason=REASONS.get(reason, "OTHER")),)
            case {"problem": str(message)}:
                return (api_error(500, message),)
            case _:
                return (WireError("an event without delta, stop or problem"),)

    def is_final(self, result: object) -> bool:
        """A stream that ends without a stop event was cut."""
        return isinstance(result, GenerateContentResponse) and result.finish_reason is not None

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """The error of a response with a status other than 2xx; 429 and 5xx are retried by the machine."""
        return api_error(status, json.loads(body).get("problem", "no reason given"), headers=headers)

    # The API cannot resume a stream, so there is no name of it, and no position in it.

    def stream_name(self, headers: Mapping[str, str]) -> str | None:
        """No response names a stored stream."""
        return None

    def keep(self, request: HttpRequest) -> HttpRequest:
        """There is nothing to add to a request that would make its stream resumable."""
        return request

    def position(self, request: HttpRequest, stream: str, after: int) -> str:
        """Never called, as no stream has a name."""
        raise NotImplementedError

    def resume(self, broken: BrokenStream) -> Continuation | None:
        """A broken answer cannot be continued."""
        return None

    # Function calling needs these two.

    def contents(self, request: HttpRequest) -> list[Content]:
        """The conversation of a request: one prompt."""
        return [Content(role="user", parts=[Part(text=json.loads(request.body or b"{}")["prompt"])])]

    def add_turns(self, request: HttpRequest, turns: list[Content]) -> HttpRequest:
        """The API has no functions, so there are no turns to add."""
        return request


COMPLETIONS: Dialect[GenerateContentResponse] = Completions()  # mypy checks here that nothing is missing


class CompletionsEngine:
    """Answers requests of the Gemini API with the completions API."""

    name = "completions"

    def __init__(self, url: str) -> None:
        self._url = url
        self._caller = HttpCaller(COMPLETIONS)

    async def stream(self, request: EngineRequest):
        """Yield the chunks of the answer as they arrive."""
        contents = request.content.contents or []
        prompt = " ".join(part.text or "" for content in contents for part in content.parts or [])
        body = json.dumps({"prompt": prompt}).encode()
        http = HttpRequest("POST", f"{self._url}/v1/complete", {"content-type": "application/json"}, body)
        async for result in self._caller.stream(http):
            yield result

    async def count_tokens(self, request: EngineRequest):
        """Return an estimate, as the API does not count."""
        return CountTokensResponse(total_tokens=len(request.body) // 4)

    async def models(self):
        """Return the one model."""
        return [Model(name="models/completions")]

    async def aclose(self):
        """Close the connections."""
        await self._caller.aclose()


def chunk(text: str, finish_reason: str | None = None) -> GenerateContentResponse:
    """Return a chunk."""
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finish_reason": finish_reason}
    return GenerateContentResponse.model_validate({"candidates": [candidate]})


class Upstream(BaseHTTPRequestHandler):
    """The completions API, for this program."""

    def do_POST(self) -> None:
        """Refuse a prompt without words, and stream the words of any other in upper case."""
        words = json.loads(self.rfile.read(int(self.headers["content-length"])))["prompt"].upper().split()
        self.send_response(200 if words else 400)
        self.end_headers()
        if not words:
            self.wfile.write(b'{"problem": "the prompt is empty"}')
            return
        for event in [*({"delta": f"{word} "} for word in words), {"stop": "end"}]:
            self.wfile.write(b"data: %b\n\n" % json.dumps(event).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


async def main(url: str) -> None:
    """Ask the engine twice: it answers, and it passes a refusal on as a typed error."""
    engine = CompletionsEngine(url)
    for prompt in "rivers run to the sea", " ":
        body = json.dumps({"contents": [{"parts": [{"text": prompt}]}]}).encode()
        try:
            async for piece in engine.stream(EngineRequest("completions", body)):
                print(piece.text, end="")
            print()
        except APIError as error:
            print(f"{type(error).__name__} {error.code}: {error.message}")
    await engine.aclose()


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        asyncio.run(main(f"http://127.0.0.1:{upstream.server_port}"))
        upstream.shutdown()
