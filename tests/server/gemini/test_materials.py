"""Files and caches in prompts, embeddings and lists of tokens, as a server with any engine answers them."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from headwater import genai
from headwater.contract import cached_contents
from headwater.engines import GeminiEngine
from headwater.engines.base import EngineRequest
from headwater.errors import APIError
from headwater.genai import types
from headwater.server import Limits
from headwater.server.gemini.file_store import FileStore
from headwater.types import CountTokensResponse, GenerateContentResponse, Model
from tests.support.live import Live
from tests.support.servers import PATIENCE

NOTES = "The river rises in the hills above the town. It flows past mills and meadows and reaches the sea after a week."
FIRST = "The river rises in the hills above the town."


class Noting:
    """An engine that only knows ``generateContent``, and keeps what it is asked."""

    name = "noting"

    def __init__(self) -> None:
        self.requests: list[EngineRequest] = []

    async def stream(self, request: EngineRequest) -> AsyncIterator[GenerateContentResponse]:
        self.requests.append(request)
        yield GenerateContentResponse(candidates=[{"content": {"parts": [{"text": "noted"}]}, "finish_reason": "STOP"}])

    async def count_tokens(self, request: EngineRequest) -> CountTokensResponse:
        self.requests.append(request)
        return CountTokensResponse(total_tokens=1)

    async def models(self) -> list[Model]:
        return []

    async def aclose(self) -> None: ...


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with Live() as server:
        yield server


@pytest.fixture
def client(live: Live) -> genai.Client:
    return live.client()


def upload(client: genai.Client, data: bytes = NOTES.encode(), **config: Any) -> types.File:
    return client.files.upload(file=data, config={"mime_type": "text/plain"} | config)


# --- files -----------------------------------------------------------------------------------------------------------


def test_an_uploaded_file_is_read(side: Any, client: genai.Client) -> None:
    """As with ``offline:`` in-process: whole, streamed and counted, by its URI or as a ``File``."""
    offline = genai.Client(http_options={"base_url": "offline:instant"})
    here, there = upload(client), upload(offline)
    contents = ["Summarize this.", here]
    answer = side.ask(client, contents=contents)
    assert answer.text == side.ask(offline, contents=["Summarize this.", there]).text == FIRST
    assert "".join(chunk.text for chunk in side.read(side.stream(client, contents=contents))) == FIRST
    linked = ["Summarize this.", types.Part.from_uri(file_uri=here.uri, mime_type="text/plain")]
    assert side.ask(client, contents=linked).text == FIRST
    counts = [
        side.call(one, "models.count_tokens", model="m", contents=["Summarize this.", file]).total_tokens
        for one, file in ((client, here), (offline, there))
    ]
    assert counts[0] == counts[1]


def test_a_stored_stream_reads_files(client: genai.Client) -> None:
    file = upload(client)
    part = {"file_data": {"file_uri": file.uri, "mime_type": "text/plain"}}
    contents = [{"role": "user", "parts": [{"text": "Summarize this."}, part]}]
    stream = client.streams.start(model="m", contents=contents)
    assert "".join(chunk.text for chunk in stream) == FIRST


def test_a_stored_stream_has_its_cache_in_the_log(client: genai.Client) -> None:
    """Deleted while the answer runs, or on another server that takes it over, it is not needed any more."""
    cache = client.caches.create(model="m", config={"contents": NOTES})
    config = {"cached_content": cache.name}
    stream = client.streams.start(model="m", contents="Summarize the text above.", config=config)
    client.caches.delete(name=cache.name)
    assert "".join(chunk.text for chunk in stream) == FIRST


def test_a_file_that_vanishes_is_said_to_be_gone() -> None:
    with Live() as live:
        client = live.client()
        file = upload(client)
        [stored] = live.on_loop(lambda: list(live.server.files._files.values()))
        stored.path.unlink()
        with pytest.raises(APIError, match="no longer"):
            client.models.generate_content(model="m", contents=["Summarize this.", file])
        assert not live.on_loop(lambda: dict(live.server.auth.quotas._bytes))


def test_files_of_others_are_not_read() -> None:
    with Live(api_keys=["one", "two"]) as live:
        file = upload(live.client("one"))
        contents = ["Summarize this.", types.Part.from_uri(file_uri=file.uri, mime_type="text/plain")]
        assert live.client("one").models.generate_content(model="m", contents=contents).text == FIRST
        assert FIRST not in live.client("two").models.generate_content(model="m", contents=contents).text


def test_other_addresses_are_left_to_the_engine() -> None:
    """A file of Google's with the name of one here, one elsewhere, and one that is gone."""
    engine = Noting()
    with Live(engine) as live:
        client = live.client()
        file = upload(client, name="files/mine")
        gone = upload(client)
        client.files.delete(name=gone.name)
        uris = ["https://generativelanguage.googleapis.com/v1beta/files/mine", "https://example.org/a.png", gone.uri]
        contents = [types.Part.from_uri(file_uri=uri, mime_type="image/png") for uri in uris]
        client.models.generate_content(model="m", contents=contents)
        body = json.loads(engine.requests[-1].body)
        assert [part["fileData"]["fileUri"] for part in body["contents"][0]["parts"]] == uris
        assert file.name == "files/mine"


def test_what_names_nothing_is_passed_on_byte_for_byte() -> None:
    engine = Noting()
    with Live(engine) as live:
        for text in ("plain", "see /files/ and cachedContent"):
            body = b'{ "contents" : [{"parts":[{"text":"%b"}]}] }' % text.encode()
            assert live.post("/v1beta/models/m:generateContent", body).status == 200
            assert engine.requests[-1].body == body


def test_files_in_a_prompt_have_bounds() -> None:
    limits = Limits(max_body=20_000, max_bodies=40_000)
    with Live(limits=limits) as live:
        client = live.client(retry_options={"attempts": 1})
        file = upload(client, b"x" * 15_000)
        assert client.models.generate_content(model="m", contents=["What is this?", file]).text
        with pytest.raises(APIError) as caught:
            client.models.generate_content(model="m", contents=["What is this?", file, file])
        assert caught.value.code == 413

        until = time.monotonic() + PATIENCE
        while live.on_loop(lambda: dict(live.server.auth.quotas._bytes)):
            assert time.monotonic() < until, "the bytes of the files are still held"
            gc.collect()


def test_registered_files_are_listed(live: Live, client: genai.Client) -> None:
    uris = ["gs://bucket/a.pdf", "gs://bucket/b"]
    reply = live.post("/v1beta/files:register", {"uris": uris})
    files = reply.json["files"]
    assert [(file["uri"], file["source"]) for file in files] == [(uri, "REGISTERED") for uri in uris]
    names = [file["name"] for file in files]
    assert {file.name for file in client.files.list()} >= set(names)
    assert live.get(f"/v1beta/{names[0]}:download").status == 400
    for name in names:
        client.files.delete(name=name)
    assert live.post("/v1beta/files:register", {"uris": ["https://x"]}).status == 400


# --- caches ----------------------------------------------------------------------------------------------------------


def test_a_cache_is_the_beginning_of_a_prompt(side: Any, client: genai.Client) -> None:
    cache = side.call(client, "caches.create", model="m", config={"contents": NOTES, "system_instruction": "Be brief."})
    config = {"cached_content": cache.name}
    arguments: dict[str, Any] = {"contents": "Summarize the text above.", "config": config}
    answer = side.ask(client, **arguments)
    assert answer.text == FIRST
    assert answer.usage_metadata.cached_content_token_count == cache.usage_metadata.total_token_count > 20
    stream = side.stream(client, **arguments)
    assert "".join(chunk.text for chunk in side.read(stream)) == FIRST
    assert stream.usage_metadata.cached_content_token_count == cache.usage_metadata.total_token_count
    side.call(client, "caches.delete", name=cache.name)
    with pytest.raises(APIError, match="not found"):
        side.ask(client, **arguments)


def test_every_engine_gets_the_whole_prompt() -> None:
    engine = Noting()
    with Live(engine) as live:
        client = live.client()
        file = upload(client)
        part = types.Part.from_uri(file_uri=file.uri, mime_type="text/plain")
        cache = client.caches.create(model="m", config={"contents": [part, "a"], "system_instruction": "s"})
        client.models.generate_content(model="m", contents="b", config={"cached_content": cache.name})
        content = engine.requests[-1].content
        assert [[part.text for part in turn.parts] for turn in content.contents] == [[None, "a"], ["b"]]
        assert content.contents[0].parts[0].inline_data.data == NOTES.encode()
        assert content.system_instruction.parts[0].text == "s"
        assert content.cached_content is None
        # The cache still refers to the file, which is read each time.
        client.models.generate_content(model="m", contents="c", config={"cached_content": cache.name})
        assert engine.requests[-1].content.contents[0].parts[0].inline_data.data == NOTES.encode()
        client.files.delete(name=file.name)
        client.models.generate_content(model="m", contents="d", config={"cached_content": cache.name})
        assert engine.requests[-1].content.contents[0].parts[0].file_data.file_uri == file.uri


def test_caches_are_listed_changed_and_deleted(side: Any, client: genai.Client) -> None:
    made = [side.call(client, "caches.create", model="m", config={"contents": "a", "ttl": "50s"}) for _ in range(3)]
    names = {cache.name for cache in made}
    assert {cache.name for cache in side.read(side.call(client, "caches.list", config={"page_size": 1}))} >= names
    first = side.call(client, "caches.get", name=made[0].name)
    later = side.call(client, "caches.update", name=first.name, config={"ttl": "500s"})
    assert later.expire_time > first.expire_time == made[0].expire_time
    for name in names:
        side.call(client, "caches.delete", name=name)
    with pytest.raises(APIError, match="not found") as caught:
        side.call(client, "caches.get", name=first.name)
    assert caught.value.code == 403


def test_vertex_paths_have_full_names(live: Live) -> None:
    place = "/v1beta1/projects/p/locations/l/cachedContents"
    body = {"model": "projects/p/locations/l/publishers/google/models/m", "contents": [{"parts": [{"text": NOTES}]}]}
    cache = live.post(place, body).json
    assert cache["name"].startswith("projects/p/locations/l/cachedContents/")
    assert live.get("/v1beta1/" + cache["name"]).json == cache
    assert live.request("DELETE", "/v1beta1/" + cache["name"]).json == {}


def test_caches_belong_to_their_keys() -> None:
    with Live(api_keys=["one", "two"]) as live:
        one, two = (live.client(key) for key in ("one", "two"))
        cache = one.caches.create(model="m", config={"contents": NOTES})
        assert [entry.name for entry in one.caches.list()] == [cache.name]
        assert list(two.caches.list()) == []
        uses: list[Callable[[], Any]] = [
            lambda: two.caches.get(name=cache.name),
            lambda: two.caches.update(name=cache.name, config={"ttl": "5s"}),
            lambda: two.caches.delete(name=cache.name),
            lambda: two.models.generate_content(model="m", contents="x", config={"cached_content": cache.name}),
        ]
        for use in uses:
            with pytest.raises(APIError, match="not found"):
                use()
        assert live.get("/v1beta/cachedContents").status == 401


def test_an_invalid_cache_is_refused(live: Live) -> None:
    bodies: list[Any] = [b"{", {"model": "m"}, {"contents": []}, [], {"model": 5, "contents": []}]
    for body in bodies:
        assert live.post("/v1beta/cachedContents", body).status == 400


# --- caches and methods of an upstream -------------------------------------------------------------------------------


@pytest.fixture
def relay(live: Live) -> Iterator[Live]:
    """A server with two keys whose engine passes requests on to ``live``."""
    engine = GeminiEngine(api_key="any", http_options={"base_url": live.url, "api_version": "v1beta"})
    with Live(engine, api_keys=["one", "two"]) as server:
        yield server


def test_caches_are_kept_at_the_upstream(side: Any, live: Live, relay: Live) -> None:
    one, two = (relay.client(key) for key in ("one", "two"))
    cache = side.call(one, "caches.create", model="m", config={"contents": NOTES})
    assert live.client().caches.get(name=cache.name).name == cache.name
    config = {"cached_content": cache.name}
    assert side.ask(one, contents="Summarize the text above.", config=config).text == FIRST
    assert side.call(one, "caches.update", name=cache.name, config={"ttl": "9000s"}).expire_time > cache.expire_time
    assert side.call(one, "caches.get", name=cache.name).name == cache.name
    assert [entry.name for entry in side.read(side.call(one, "caches.list"))] == [cache.name]
    # All keys of the server are one key at the upstream, and still what is one's is not another's.
    assert side.read(side.call(two, "caches.list")) == []
    for method in ("get", "delete"):
        with pytest.raises(APIError, match="not found"):
            side.call(two, f"caches.{method}", name=cache.name)
    with pytest.raises(APIError, match="not found"):
        side.ask(two, contents="Summarize the text above.", config=config)
    side.call(one, "caches.delete", name=cache.name)
    with pytest.raises(APIError, match="not found"):
        live.client().caches.get(name=cache.name)


def test_methods_are_passed_on(relay: Live) -> None:
    client = relay.client("one")
    response = client.models.embed_content(
        model="gemini-embedding-001", contents=["a", "b"], config={"output_dimensionality": 4}
    )
    assert [len(entry.values) for entry in response.embeddings] == [4, 4]
    with pytest.raises(APIError, match="between 1 and 3072") as caught:
        client.models.embed_content(model="gemini-embedding-001", contents="a", config={"output_dimensionality": 5000})
    assert caught.value.code == 400


# --- embeddings ------------------------------------------------------------------------------------------------------


def test_vectors_are_those_of_the_offline_engine(side: Any, client: genai.Client) -> None:
    offline = genai.Client(http_options={"base_url": "offline:instant"})
    arguments: dict[str, Any] = {"model": "gemini-embedding-001", "contents": ["a river", "b"]}
    here, there = (side.call(one, "models.embed_content", **arguments) for one in (client, offline))
    assert here.embeddings == there.embeddings


@pytest.mark.parametrize(
    ("method", "body", "field"),
    [
        ("embedContent", {"content": {"parts": [{"text": "a"}]}}, "embedding"),
        ("batchEmbedContents", {"requests": [{"content": {"parts": [{"text": "a"}]}}]}, "embeddings"),
        ("predict", {"instances": [{"content": "a"}]}, "predictions"),
        ("computeTokens", {"contents": [{"parts": [{"text": "a"}]}]}, "tokensInfo"),
    ],
)
def test_every_method_answers_in_every_scope(live: Live, method: str, body: Any, field: str) -> None:
    for scope in ("/models", "/projects/p/locations/l/publishers/google/models", "/publishers/google/models"):
        reply = live.post(f"/v1beta1{scope}/some-embedding-001:{method}", body)
        assert field in reply.json, reply.json
    assert live.post(f"/v1beta/models/m:{method}", b"{").status == 400


def test_an_engine_without_the_method_says_so() -> None:
    with Live(Noting(), limits=Limits(max_streams=1)) as live:
        reply = live.post("/v1beta/models/m:embedContent", {"content": {"parts": [{"text": "a"}]}})
        assert (reply.status, reply.json["error"]["status"]) == (501, "UNIMPLEMENTED")
        assert "noting" in reply.json["error"]["message"]


def test_the_methods_are_described(live: Live) -> None:
    paths = live.get("/openapi.json").json["paths"]
    for path in (
        "models/{model}:embedContent",
        "models/{model}:batchEmbedContents",
        "cachedContents",
        "files:register",
    ):
        assert f"/v1beta/{path}" in paths
    assert set(paths["/v1beta/cachedContents/{name}"]) == {"get", "patch", "delete"}


def test_a_request_refers_to_a_bounded_number_of_files(live: Live) -> None:
    """A body of 32 MiB has room for 500,000 references; looking for them would hold up everybody."""
    part = {"fileData": {"fileUri": f"{live.url}/v1beta/files/abc"}}
    few, many = ({"contents": [{"parts": [*[part] * count, {"text": "x"}]}]} for count in (1000, 1001))
    assert "at most 1,000 files" not in live.post("/v1beta/models/m:generateContent", few).body.decode()
    refused = live.post("/v1beta/models/m:generateContent", many)
    assert refused.status == 400
    assert "at most 1,000 files, not 1,001" in refused.json["error"]["message"]


def test_a_file_is_looked_for_once_however_often_it_is_named(
    live: Live, client: genai.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store looks for expired files at each search, so searches must not grow with a request."""
    name = upload(client).name or ""
    part = {"fileData": {"fileUri": f"{live.url}/v1beta/{name}"}}
    found: list[str] = []
    find = FileStore.find

    def counted(store: FileStore, owner: bytes, name: str) -> Any:
        found.append(name)
        return find(store, owner, name)

    monkeypatch.setattr(FileStore, "find", counted)
    reply = live.post("/v1beta/models/m:countTokens", {"contents": [{"parts": [part] * 300}]})
    assert reply.status == 200
    assert found == [name.removeprefix("files/")]


def test_a_large_cache_is_read_off_the_event_loop(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading 100,000 contents takes a second, in which no lease would be renewed and no stream served."""
    threads: list[int] = []
    fields = cached_contents._fields

    def noted(body: bytes, known: tuple[str, ...]) -> dict[str, Any]:
        threads.append(threading.get_ident())
        return fields(body, known)

    monkeypatch.setattr(cached_contents, "_fields", noted)
    body = {"model": "models/m", "contents": [{"parts": [{"text": "word"}]}] * 1000}
    created = live.post("/v1beta/cachedContents", body)
    assert created.status == 200
    assert threads
    assert live.on_loop(threading.get_ident) not in threads
    refused = live.request("PATCH", f"/v1beta/{created.json['name']}", {"ttl": "60s", "displayName": "x" * 20_000})
    assert refused.status == 400
    assert "only the expiration" in refused.json["error"]["message"]
