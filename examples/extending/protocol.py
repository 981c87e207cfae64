"""A front-end protocol of your own: an encoder, and one record that gives it a format and a route."""

import json
import threading
import urllib.request
from collections.abc import Mapping
from typing import ClassVar

from headwater import server
from headwater.engines import EngineRequest
from headwater.protocols import StreamOutcome
from headwater.server import FrontEndProtocol, ProtocolRequest, Runner, listen, relay_route
from headwater.types import GenerateContentResponse


class Teletype:
    """Writes an answer as plain text, and how it ended as the last line. One object per answer."""

    headers: ClassVar[Mapping[str, str]] = {"content-type": "text/plain; charset=utf-8"}

    def begin(self) -> bytes:
        """Nothing precedes the text."""
        return b""

    def chunk(self, chunk: GenerateContentResponse) -> bytes:
        """The text of a chunk."""
        return chunk.text.encode()

    def end(self, outcome: StreamOutcome | None = None) -> bytes:
        """The last line of an answer that finished or was cancelled."""
        return f"\n[{outcome.reason if outcome else 'finished'}]\n".encode()

    def fail(self, error: Exception | bytes) -> bytes:
        """The last line of an answer that failed."""
        return b"\n[failed]\n"


def read_request(body: bytes) -> ProtocolRequest:
    """Return what a request of the front end asks for: its body is the prompt."""
    request = {"contents": [{"parts": [{"text": body.decode()}]}]}
    return ProtocolRequest(EngineRequest("gemini-3.8-flash", json.dumps(request).encode()), Teletype())


TELETYPE = FrontEndProtocol(
    name="teletype",
    encoder=lambda answer: Teletype(),
    routes=[relay_route("/api/teletype", "teletype", "Answer a prompt as plain text.", read_request)],
)


def main() -> None:
    """Serve it: as a route, and as a format of every stored stream."""
    listener = listen("127.0.0.1", 0)
    running = Runner(server.app(protocols=[TELETYPE]))
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with urllib.request.urlopen(f"{url}/api/teletype", b"Say hello.") as response:
        print(response.read().decode())
    request = {"model": "gemini-3.8-flash", "contents": [{"parts": [{"text": "Say hello."}]}]}
    with urllib.request.urlopen(f"{url}/v1/streams", json.dumps(request).encode()) as response:
        name = json.load(response)["name"]
    with urllib.request.urlopen(f"{url}/v1/streams/{name}/events?format=teletype") as response:
        print(response.read().decode())
    running.should_exit = True
    thread.join()
    listener.close()


if __name__ == "__main__":
    main()
