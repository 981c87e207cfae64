"""The Gemini endpoint over HTTP, as clients see it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from headwater import genai
from headwater.errors import StreamInterrupted, UsageError, api_error
from tests.support.live import ASK, Held, Live, Scripted, events, read_until, says

STREAM = "/v1beta/models/m:streamGenerateContent"


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with Live() as server:
        yield server


@pytest.mark.parametrize("version", ["/v1", "/v1beta", "/v1alpha", "/v1beta1", ""])
@pytest.mark.parametrize(
    "scope",
    [
        "/models",
        "/tunedModels",
        "/publishers/google/models",
        "/projects/p/locations/l/publishers/google/models",
        "/projects/p/locations/l/models",
    ],
)
def test_every_version_and_scope_answers(live: Live, version: str, scope: str) -> None:
    """A client finds the API whichever version and scope it puts into its paths."""
    reply = live.post(f"{version}{scope}/gemini-2.5-flash:generateContent")
    assert reply.status == 200
    assert reply.json["candidates"][0]["content"]["parts"][0]["text"]
    assert live.get(f"{version}{scope}").status == 200


def test_stream_is_framed_as_google_frames_it(live: Live) -> None:
    """With alt=sse each chunk is one ``data: `` line and a blank line, CRLF-ended, with no terminator."""
    reply = live.post(STREAM + "?alt=sse")
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.headers["cache-control"] == "no-cache, no-store, no-transform"
    assert reply.headers["x-accel-buffering"] == "no"
    frames = reply.body.split(b"\r\n\r\n")
    assert frames.pop() == b""
    assert all(frame.startswith(b"data: {") and b"\n" not in frame for frame in frames)
    assert json.loads(frames[-1][6:])["candidates"][0]["finishReason"] == "STOP"


def test_stream_without_alt_is_an_array(live: Live) -> None:
    """Without alt=sse the same chunks come as one JSON array."""
    chunks = [json.loads(event) for event in events(live.post(STREAM + "?alt=sse").body)]
    reply = live.post(STREAM)
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.json == chunks


def test_snake_case_is_read(live: Live) -> None:
    """Fields in snake_case mean the same as in camelCase."""
    text = {"parts": [{"text": "Say something."}]}
    both = [{name: text, "contents": [text]} for name in ("systemInstruction", "system_instruction")]
    camel, snake = (live.post("/v1/models/m:countTokens", {"generateContentRequest": body}).json for body in both)
    assert camel == snake


def test_own_client_streams_and_counts(live: Live) -> None:
    """headwater's own client gets chunks, a whole answer, a count and the models."""
    client = live.client()
    chunks = list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="Tell me a story."))
    assert len(chunks) > 1
    assert client.models.generate_content(model="gemini-2.5-flash", contents="Hello").text
    assert client.models.count_tokens(model="gemini-2.5-flash", contents="Hello").total_tokens
    names = [model.name for model in client.models.list()]
    assert client.models.get(model=names[0] or "").name == names[0]


def test_models_come_in_pages(live: Live) -> None:
    """nextPageToken leads through all models and ends."""
    whole, found, token = live.get("/v1beta/models?pageSize=1000").json["models"], [], ""
    while True:
        page = live.get(f"/v1beta/models?pageSize=2&pageToken={token}").json
        found += page["models"]
        token = page.get("nextPageToken")
        if not token:
            break
    assert found == whole
    assert live.get("/v1beta/models?pageSize=x").status == 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "Invalid JSON"),
        (b"[]", "the request"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[" * 10_000 + b"]" * 10_000, "Invalid JSON"),
        (b'{"contents":' + b"[" * 10_000 + b"]" * 10_000 + b"}", ""),
        (b'{"contents":[],"generationConfig":{"maxOutputTokens":' + b"9" * 1_000_000 + b"}}", ""),
        (b'{"contents":[{"parts":[{"text":5}]}]}', ""),
    ],
    ids=["broken", "array", "no-utf8", "deep", "deep-inside", "million-digits", "wrong-type"],
)
@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent?alt=sse", "countTokens"])
def test_a_body_that_is_no_request_is_refused(live: Live, method: str, body: bytes, said: str) -> None:
    """Whatever is wrong with a body, the answer is 400 INVALID_ARGUMENT, and the server goes on."""
    reply = live.post(f"/v1beta/models/m:{method}", body)
    assert (reply.status, reply.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert said in reply.json["error"]["message"]
    assert live.post(STREAM).status == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/openapi.json"])
def test_small_pages(live: Live, path: str) -> None:
    """The pages that say what this is are JSON, to HEAD too."""
    assert live.get(path).json
    head = live.request("HEAD", path)
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/nope", "/v1beta/models/", "//v1beta/models", "/V1BETA/models", "/v1beta/models/nope"]
)
def test_unknown_paths_are_404_in_googles_shape(live: Live, path: str) -> None:
    """A path that is not there is a 404 that says so as Google would, and never a redirect."""
    reply = live.get(path)
    assert (reply.status, reply.json["error"]["code"], reply.json["error"]["status"]) == (404, 404, "NOT_FOUND")


def test_unknown_methods(live: Live) -> None:
    """A verb or a method that is not there is refused in Google's shape."""
    reply = live.request("PUT", "/v1beta/models")
    assert (reply.status, reply.json["error"]["code"]) == (405, 405)
    assert "GET" in reply.headers["allow"]
    assert live.request("OPTIONS", "/v1beta/models").status == 405
    assert live.post("/v1beta/models/m:generateImages").status == 404


def test_an_error_before_the_first_chunk_has_its_status() -> None:
    """What an engine refuses is answered with the code and the body that it was refused with, in each form."""
    details = {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED", "details": [{"x": 1}]}}
    error = api_error(429, "slow down", status="RESOURCE_EXHAUSTED", details=details)
    with Live(Scripted(lambda _: [error])) as live:
        for path, body in {
            STREAM + "?alt=sse": details,
            STREAM: [details],
            "/v1/models/m:generateContent": details,
        }.items():
            reply = live.post(path)
            assert (reply.status, reply.json) == (429, body)
            assert reply.headers["content-type"].startswith("application/json")
            assert reply.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (StreamInterrupted("the connection was lost"), 503, "UNAVAILABLE"),
        (RuntimeError("secret details"), 500, "INTERNAL"),
        (UsageError("no"), 400, "INVALID_ARGUMENT"),
    ],
)
def test_an_error_in_the_middle_is_an_event(error: Exception, code: int, status: str) -> None:
    """What breaks an answer arrives behind its chunks as Google's in-stream error, and tells nothing of the inside."""
    with Live(Scripted(lambda _: [says("one"), error])) as live:
        one, last = events(live.post(STREAM + "?alt=sse").body)
        assert b"one" in one
        assert (json.loads(last)["error"]["code"], json.loads(last)["error"]["status"]) == (code, status)
        assert b"secret" not in last
        assert live.post(STREAM).json[1] == json.loads(last)


def test_the_servers_timeout_is_kept() -> None:
    """X-Server-Timeout ends an answer: before its first chunk as a 504, after it as an event."""
    with Live(Held(first=0)) as live:
        reply = live.post(STREAM + "?alt=sse", x_server_timeout="0.05")
        assert (reply.status, reply.json["error"]["status"]) == (504, "DEADLINE_EXCEEDED")
        assert live.post(STREAM, x_server_timeout="soon").status == 400
    with Live(Held(first=1)) as live:
        last = events(live.post(STREAM + "?alt=sse", x_server_timeout="0.05").body)[-1]
        assert json.loads(last)["error"]["code"] == 504


def test_silence_is_filled_with_blank_lines() -> None:
    """While an engine is silent a blank line comes now and then, which every client takes for nothing."""
    held = Held()
    from headwater.server import Limits

    with Live(held, limits=Limits(keep_alive=0.02)) as live:
        connection = live.open_stream()
        read_until(connection, b"\r\n2\r\n\r\n\r\n2\r\n\r\n\r\n")
        live.on_loop(lambda: held.gate and held.gate.set())
        assert b'"STOP"' in read_until(connection, b"\r\n0\r\n\r\n")
        connection.close()
        chunks = list(live.client().models.generate_content_stream(model="m", contents="x"))
        assert "".join(chunk.text or "" for chunk in chunks) == "0 end"


@pytest.mark.parametrize("name", ["a\r\nx: y", "a\x00b", "a\u2028b", "é", "a'b\"c<script>", "../../etc/passwd"])
def test_names_of_models_cannot_inject(name: str) -> None:
    """Control characters in a model's name, an error or a chunk make neither a header nor a line."""
    from urllib.parse import quote

    text = "x\r\ny\u2028z\u2029\x85 \x00data: q"
    script = Scripted(lambda request: [says(text + request.model), api_error(400, text + request.model)])
    with Live(script) as live:
        reply = live.post(f"/v1beta/models/{quote(name, safe='')}:streamGenerateContent?alt=sse")
        assert "x" not in reply.headers
        if "\n" in name:
            assert reply.status == 404
            return
        chunk, error = reply.body.decode().splitlines()[::2]
        assert json.loads(chunk.removeprefix("data: "))["candidates"][0]["content"]["parts"][0]["text"] == text + name
        assert json.loads(error.removeprefix("data: "))["error"]["message"] == text + name


def test_engines_are_chosen_by_model() -> None:
    """A pattern of model names leads to its engine, the others to the default; the list has the models of both."""
    with Live(engines={"test-*": Scripted(lambda _: [says("scripted", "STOP")])}) as live:
        client = live.client()
        assert client.models.generate_content(model="test-1", contents="x").text == "scripted"
        assert client.models.generate_content(model="gemini-2.5-flash", contents="x").text != "scripted"
        assert "models/held" in [model.name for model in client.models.list()]


def test_two_servers_in_a_row_change_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """headwater before headwater before the offline engine: the events are the same bytes at both ends."""
    from headwater.engines.gemini import GeminiEngine

    ask = {"contents": [{"parts": [{"text": "Write an essay of 500 words, with thoughts, about été\u2028\u00e9."}]}]}
    ask |= {"generationConfig": {"thinkingConfig": {"include_thoughts": True}}}
    with Live() as back, Live(GeminiEngine(api_key="k", http_options={"base_url": back.url})) as front:
        path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
        near, far = back.post(path, ask).body, front.post(path, ask).body
        assert len(events(near)) > 20
        assert near == far
        assert (
            back.post("/v1/models/m:generateContent", ask).body == front.post("/v1/models/m:generateContent", ask).body
        )
        assert back.get("/v1beta/models").json == front.get("/v1beta/models").json
        assert back.post("/v1/models/m:countTokens").json == front.post("/v1/models/m:countTokens").json


def test_mounts_into_another_application() -> None:
    """Below a path of another Starlette application it serves the same, and its files know their way back."""
    with Live(mount="/gemini") as live:
        assert live.post("/gemini/v1beta/models/m:generateContent").status == 200
        start = {"x_goog_upload_protocol": "resumable", "x_goog_upload_command": "start"}
        begun = live.post("/gemini/upload/v1beta/files", {}, **start)
        assert begun.headers["x-goog-upload-url"].startswith(f"{live.url}/gemini/upload/v1beta/files?upload_id=")
        stream = live.post("/gemini/v1/streams", {"model": "m", **ASK})
        assert stream.headers["location"] == f"/gemini/v1/streams/{stream.json['name']}"
        assert live.get(stream.headers["location"]).json["name"] == stream.json["name"]
        link = live.post(f"{stream.headers['location']}/links", {"seconds": 60}).json["url"]
        assert b"id: 1\r\nevent: chunk" in live.get(link).body
        chat = live.post("/gemini/v1/chats", {"id": "c", "title": "A chat"})
        assert live.get(chat.headers["location"]).json["title"] == "A chat"
        answer = live.post("/gemini/v1/chats/c/answers", {"message": {"parts": [{"text": "x"}]}, "model": "m"})
        assert answer.headers["location"] == chat.headers["location"]
        assert live.client(base_url=live.url + "/gemini").models.generate_content(model="m", contents="Hi").text
    assert live.server.recorder.draining.is_set()


def test_base_url_of_the_client_may_be_a_mount(live: Live) -> None:
    """A client that leaves the version out is served too."""
    client: genai.Client = live.client(api_version="")
    assert client.models.generate_content(model="m", contents="Hello").text
