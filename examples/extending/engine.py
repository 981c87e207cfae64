"""An engine of your own, as the Gemini API: ``headwater serve --engine examples.extending.engine:Parrot``."""

import threading

from headwater import genai, server
from headwater.engines import EngineRequest
from headwater.server import Runner, listen
from headwater.types import CountTokensResponse, GenerateContentResponse, Model


class Parrot:
    """Repeats the prompt, one word per chunk."""

    name = "parrot"
    #: The same request gets the same answer, so another server can take it over exactly.
    is_repeatable = True

    async def stream(self, request: EngineRequest):
        """Yield the chunks of the answer. Raise a HeadwaterError to refuse or to fail."""
        contents = request.content.contents or []
        words = [word for part in contents[-1].parts or [] for word in (part.text or "").split()]
        for word in words:
            yield chunk(f"{word} ")
        yield chunk("", finish_reason="STOP")

    async def count_tokens(self, request: EngineRequest):
        """Return how many tokens the request has."""
        return CountTokensResponse(total_tokens=len(request.body) // 4)

    async def models(self):
        """Return the models that this engine offers."""
        return [Model(name="models/parrot")]

    async def aclose(self):
        """Close connections, if there are any."""


def chunk(text: str, finish_reason: str | None = None) -> GenerateContentResponse:
    """Return a chunk."""
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finish_reason": finish_reason}
    return GenerateContentResponse.model_validate({"candidates": [candidate]})


def main() -> None:
    """Serve the parrot, and talk to it with a client of the Gemini API."""
    listener = listen("127.0.0.1", 0)
    running = Runner(server.app(Parrot()))
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with genai.Client(api_key="any", http_options={"base_url": url}) as client:
        for piece in client.models.generate_content_stream(model="parrot", contents="Polly wants a cracker"):
            print(piece.text, end="|")
    print()
    running.should_exit = True
    thread.join()
    listener.close()


if __name__ == "__main__":
    main()
