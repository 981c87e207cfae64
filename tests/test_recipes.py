"""The endpoints of examples/web, each on a real server, read over sockets: whole, at once, and left in the middle."""

from __future__ import annotations

import asyncio
import http.client
import importlib
import json
import re
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from headwater import genai
from headwater.errors import api_error
from headwater.types import GenerateContentResponse
from tests.support.grammars import AiSdkReader, documents
from tests.support.live import Held, Live, Reply, Scripted, post_bytes, read_all, read_until, says
from tests.support.servers import PATIENCE, unmeasured

ROOT = Path(__file__).parents[1]
FRAMEWORKS = {"fastapi_app": "fastapi", "starlette_app": "starlette", "django_app": "django", "flask_app": "flask"}
RECIPES = sorted(path.stem for path in (ROOT / "examples" / "web").glob("*.py"))
STORY = "Tell me a story in 100 words."


def asked(text: str = STORY) -> dict[str, Any]:
    """The body of a useChat request."""
    message = {"id": "q", "role": "user", "parts": [{"type": "text", "text": text}]}
    return {"id": "c", "messages": [message], "trigger": "submit-message"}


def offline(url: str = "offline:instant") -> genai.Client:
    """The client that the recipes have."""
    return genai.Client(api_key="any", http_options={"base_url": url})


class Ticking(Held):
    """An engine that never ends, and never says nothing: ``text`` again and again, every ``pause`` seconds."""

    def __init__(self, text: str, pause: float) -> None:
        super().__init__()
        self._text = text
        self._pause = pause

    async def stream(self, request: Any) -> AsyncIterator[GenerateContentResponse]:
        self.running += 1
        try:
            while True:
                yield says(self._text)
                await asyncio.sleep(self._pause)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            self.running -= 1


class Running:
    """A recipe on its server."""

    def __init__(self, recipe: Any, port: int) -> None:
        self.recipe = recipe
        self.port = port

    def connect(self, room: int = 0) -> socket.socket:
        """Return a bare connection, with ``room`` for so many bytes."""
        connection = socket.socket()
        if room:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send one request; returns its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            fields = {"content-type": "application/json"} | headers
            connection.request(method, path, data, fields)
            response = connection.getresponse()
            names = [name.lower() for name, _ in response.getheaders()]
            assert len(names) == len(set(names)), names
            return Reply(response.status, dict(zip(names, response.headers.values(), strict=True)), response.read())
        finally:
            connection.close()


@contextmanager
def running(name: str) -> Iterator[Running]:
    """Serve a recipe, offline: uvicorn for ASGI, werkzeug with a thread for each request for WSGI."""
    pytest.importorskip(FRAMEWORKS.get(name, "fastapi"), reason="the framework is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOOGLE_GEMINI_BASE_URL", "offline:instant")
        patch.syspath_prepend(str(ROOT))
        recipe = importlib.import_module(f"examples.web.{name}")
    port, run, stop = (_wsgi if name == "flask_app" else _asgi)(recipe.app)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield Running(recipe, port)
    finally:
        stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


Served = tuple[int, Callable[[], object], Callable[[], object]]


def _asgi(app: Any) -> Served:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))

    def run() -> None:
        with listener:
            server.run(sockets=[listener])

    return listener.getsockname()[1], run, lambda: setattr(server, "should_exit", True)


def _wsgi(app: Any) -> Served:
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    return server.server_port, lambda: server.serve_forever(0.05), server.shutdown


@pytest.fixture(scope="module", params=FRAMEWORKS)
def served(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Each of the endpoints for useChat."""
    with running(request.param) as found:
        yield found


@pytest.fixture
def ask(served: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], Live]]:
    """Put an engine behind the recipe, over HTTP."""
    with ExitStack() as stack:

        def put(engine: Any) -> Live:
            live = stack.enter_context(Live(engine))
            monkeypatch.setattr(served.recipe, "client", live.client(key="a-secret"))
            return live

        yield put


def test_answer_is_whole(served: Running) -> None:
    """What the model says comes word for word, as useChat reads it, under headers that let nobody hold it back."""
    reply = served.send("POST", "/api/chat", asked())
    whole = offline().models.generate_content(model="gemini-3.8-flash", contents=STORY).text
    read = AiSdkReader(reply.body, 5)
    assert (reply.status, read.text, read.ended) == (200, whole, "stop")
    told = {name: reply.headers[name] for name in ("content-type", "cache-control", "x-accel-buffering")}
    assert told == {
        "content-type": "text/event-stream",
        "cache-control": "no-cache, no-store, no-transform",
        "x-accel-buffering": "no",
    }
    assert reply.headers["x-vercel-ai-ui-message-stream"] == "v1"


def test_words_come_as_they_are_said(served: Running, ask: Any) -> None:
    """The first words are with the reader while the model has not said the last ones."""
    held = Held(first=1)
    live = ask(held)
    with served.connect() as connection:
        connection.sendall(post_bytes("/api/chat", asked(), content_type="application/json", connection="close"))
        begun = read_until(connection, b'"delta":"0 "')
        assert held.running == 1
        live.on_loop(lambda: held.gate and held.gate.set())
        assert b'"delta":"end"' not in begun
        assert b'"delta":"end"' in read_all(connection)


@pytest.mark.parametrize("sends", [True, False], ids=["talking", "silent"])
def test_answer_stops_when_the_reader_leaves(served: Running, ask: Any, sends: bool) -> None:
    """The connection to the model is closed. In sync code somebody has to say something first."""
    if served.recipe.__name__.endswith("flask_app") and not sends:
        pytest.skip("a WSGI server sees that the reader has gone when it writes")
    engine: Held = Ticking("0 ", 0.02) if sends else Held(first=1)
    live = ask(engine)
    with served.connect() as connection:
        connection.sendall(post_bytes("/api/chat", asked(), content_type="application/json"))
        read_until(connection, b'"delta":"0 "')
        assert engine.running == 1
    live.until(lambda: engine.cancelled == 1)


def test_answer_stops_when_a_reader_leaves_that_took_nothing(served: Running, ask: Any) -> None:
    """Also while the server waits for room to write."""
    engine = Ticking("word " * 2000, 0)
    live = ask(engine)
    with served.connect(room=4096) as connection:
        connection.sendall(post_bytes("/api/chat", asked(), content_type="application/json"))
        read_until(connection, b'"delta":"word')
        time.sleep(0.3)  # the buffers fill up on the way
    live.until(lambda: engine.cancelled == 1)


def test_refusal_of_the_model_is_told(served: Running, ask: Any) -> None:
    """An error before the first word ends the answer as the protocol says it, without the key."""
    ask(Scripted(lambda _: [api_error(400, "not with me", status="INVALID_ARGUMENT")]))
    reply = served.send("POST", "/api/chat", asked())
    assert AiSdkReader(reply.body, 5).ended == "error"
    assert {"type": "error", "errorText": "not with me"} in documents(reply.body)
    assert b"a-secret" not in reply.body


def test_error_in_the_middle_is_told(served: Running, ask: Any) -> None:
    """What had come stays, and the error comes after it."""
    ask(Scripted(lambda _: [says("half "), api_error(400, "no more", status="INVALID_ARGUMENT")]))
    reply = served.send("POST", "/api/chat", asked())
    read = AiSdkReader(reply.body, 5)
    assert (read.text, read.ended) == ("half ", "error")
    assert {"type": "error", "errorText": "no more"} in documents(reply.body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "JSON|property name"),
        (b"", "Field required|the JSON that useChat sends"),
        (b"\xff\xfe\xff", "body|decode|JSON"),
        ([], "messages|list|valid dict"),
        ({}, "messages"),
        ({"messages": "hello"}, "messages|list"),
        ({"messages": []}, "send at least one message"),
        ({"messages": [{"role": "user", "parts": [{"type": "text", "text": ""}]}]}, "the messages are empty"),
        ({"messages": [{"role": "user", "content": "as version 4 had it"}]}, r"messages\[0\].parts is the list"),
        ({"messages": [7]}, "is not a UIMessage"),
    ],
    ids=repr,
)
def test_what_is_no_request_is_refused_in_words(served: Running, body: Any, words: str) -> None:
    """Bad input is the caller's fault, and useChat shows its user the body of the refusal: no markup."""
    reply = served.send("POST", "/api/chat", body)
    assert reply.status in (400, 422), reply.body
    assert re.search(words, reply.body.decode()), reply.body
    assert b"<" not in reply.body
    assert "html" not in reply.headers["content-type"]


def test_other_methods_are_refused(served: Running) -> None:
    """A GET begins no answer."""
    assert served.send("GET", "/api/chat").status == 405


def test_page_without_a_library() -> None:
    """event_source.py has a page; its stories are plain events, and one that broke off does not begin anew."""
    with running("event_source") as served:
        page = served.send("GET", "/")
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        reply = served.send("GET", "/story?about=a+river")
        assert reply.headers["content-type"] == "text/event-stream"
        assert re.match(rb"(id: \d+\n)?data: ", reply.body)
        assert b"\nevent: end\n" in reply.body
        assert served.send("GET", "/story?about=a+river", **{"last-event-id": "3"}).status == 204
        refused = served.send("GET", "/story")
        assert (refused.status, refused.body) == (400, b"Say what the story is about: /story?about=a+river")


def test_page_without_a_library_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that leaves the page stops the story."""
    held = Held(first=1)
    with Live(held) as live, running("event_source") as served:
        monkeypatch.setattr(served.recipe, "client", live.client())
        with served.connect() as connection:
            connection.sendall(b"GET /story?about=x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            read_until(connection, b"data: 0 ")
        live.until(lambda: held.cancelled == 1)


def test_whole_server() -> None:
    """whole_server.py has the chat page, /api/chat whose chats are kept, and the Gemini API, beside its own routes."""
    with running("whole_server") as served:
        assert served.send("GET", "/hello").json == {"hello": "world"}
        page = served.send("GET", "/", accept="text/html")
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        script = re.search(rb'src="/?(assets/[^"]+\.js)"', page.body)
        assert script is not None
        assert served.send("GET", "/" + script[1].decode()).status == 200
        said = AiSdkReader(served.send("POST", "/api/chat", asked()).body, 5).text
        server = served.recipe.gemini.state.server
        while len(server.recorder):
            time.sleep(0.01)  # the answer is being written into its chat
        kept = served.send("GET", "/v1/chats/c/export?format=ai-sdk").json["messages"]
        told = [(message["role"], message["parts"][-1]["text"]) for message in kept]
        assert told == [("user", STORY), ("assistant", said)]
        client = offline(f"http://127.0.0.1:{served.port}")
        assert client.models.generate_content(model="gemini-3.8-flash", contents=STORY).text == said
        assert not server.recorder.draining.is_set()
    assert server.recorder.draining.is_set()  # its lifespan was run, to the end


@pytest.mark.parametrize("name", RECIPES)
def test_command_runs(name: str) -> None:
    """The command in a recipe's first lines runs it."""
    pytest.importorskip(FRAMEWORKS.get(name, "fastapi"), reason="the framework is not installed")
    source = (ROOT / "examples" / "web" / f"{name}.py").read_text(encoding="utf-8")
    command = re.search(r"^Run it with ``((?:uvicorn|flask) [^`]+)``", source, re.MULTILINE)
    assert command is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = subprocess.Popen(
        [sys.executable, "-m", *shlex.split(command[1]), "--port", str(port)],
        cwd=ROOT,
        env=unmeasured() | {"GOOGLE_GEMINI_BASE_URL": "offline:instant"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert program.stdout is not None
        for line in program.stdout:
            if f"http://127.0.0.1:{port}".encode() in line:
                break
        else:
            pytest.fail("it did not start")
        method, path = ("GET", "/story?about=a+river") if name == "event_source" else ("POST", "/api/chat")
        assert Running(None, port).send(method, path, asked()).status == 200
    finally:
        program.terminate()
        program.communicate(timeout=PATIENCE)


@pytest.mark.parametrize("page", ["recipes.md", "fastapi.md", "extending.md"])
def test_pages_show_the_recipes(page: str) -> None:
    """The code on the pages is the recipes', word for word."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "examples").rglob("*.py")]
    blocks = re.findall(r"^```py\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        assert any(block in source for source in sources), block
