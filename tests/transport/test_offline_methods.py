"""Embeddings, lists of tokens, caches and registered files with ``offline:``, as the API has them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headwater import genai
from headwater.contract import cached_contents
from headwater.contract.auth_tokens import auth_token
from headwater.contract.cached_contents import CacheStore
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, UsageError
from headwater.genai import types
from headwater.offline import embeddings
from headwater.transport.offline_caches import OfflineCaches

NOTES = "The river rises in the hills above the town. It flows past mills and meadows and reaches the sea after a week."
OPTIONS: dict[str, Any] = {"http_options": {"base_url": "offline:instant"}}


@pytest.fixture
def client() -> genai.Client:
    return genai.Client(**OPTIONS)


@pytest.fixture
def vertex() -> genai.Client:
    return genai.Client(vertexai=True, api_key="k", **OPTIONS)


class Credentials:
    """What the files API wants of google-auth."""

    token_state = None
    valid = True
    requires_scopes = False

    def apply(self, headers: dict[str, str]) -> None:
        headers["authorization"] = "Bearer t"

    def refresh(self, request: Any) -> None: ...


def vectors(response: Any) -> list[list[float]]:
    return [entry.values for entry in response.embeddings]


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


# --- embeddings ------------------------------------------------------------------------------------------------------


def test_a_list_has_a_vector_for_each_element(side: Any, client: genai.Client) -> None:
    response = side.call(client, "models.embed_content", model="gemini-embedding-001", contents=["a", "b", "a"])
    first, second, third = vectors(response)
    assert len(first) == 3072
    assert first == third != second
    assert math.isclose(dot(first, first), 1.0, abs_tol=1e-6)
    assert response.usage_metadata.prompt_token_count == 3


def test_texts_that_share_words_are_near(client: genai.Client) -> None:
    texts = ["The river rises in the hills", "rivers rise in hills, a river", "quantum chromodynamics lecture notes"]
    one, near, far = vectors(client.models.embed_content(model="gemini-embedding-001", contents=texts))
    assert dot(one, near) > 0.3 > abs(dot(one, far))


@pytest.mark.parametrize("size", [1, 5, 768, 3072])
def test_the_size_of_a_vector_can_be_chosen(client: genai.Client, vertex: genai.Client, size: int) -> None:
    config = {"output_dimensionality": size}
    for one in (client, vertex):
        for model in ("gemini-embedding-001", "gemini-embedding-2", "text-embedding-004"):
            found = vectors(one.models.embed_content(model=model, contents="to be or not", config=config))
            assert [len(vector) for vector in found] == [size]
            assert any(found[0])


def test_vertex_says_what_was_read(vertex: genai.Client) -> None:
    long = "word " * (embeddings.MAX_WORDS + 1)
    response = vertex.models.embed_content(model="text-embedding-005", contents=["one two", long])
    statistics = [entry.statistics for entry in response.embeddings]
    assert [(entry.truncated, entry.token_count) for entry in statistics] == [(False, 2), (True, embeddings.MAX_WORDS)]
    assert response.metadata.billable_character_count == 7 + len(long)
    one = vertex.models.embed_content(model="gemini-embedding-2", contents=long)
    assert one.embeddings[0].statistics.truncated
    both = vertex.models.embed_content(model="gemini-embedding-001", contents=["a", "b"], config={"title": "t"})
    assert len(both.embeddings) == 2


def test_pictures_have_vectors_of_their_own(client: genai.Client) -> None:
    pictures = [types.Part.from_bytes(data=data, mime_type="image/png") for data in (b"a", b"b")]
    linked = types.Part.from_uri(file_uri="gs://bucket/a.png", mime_type="image/png")
    contents = [types.Content(parts=[part]) for part in (*pictures, linked)]
    found = vectors(client.models.embed_content(model="gemini-embedding-2", contents=contents))
    assert found[0] != found[1] != found[2]


def test_text_without_a_word_has_a_vector(client: genai.Client) -> None:
    assert any(vectors(client.models.embed_content(model="gemini-embedding-001", contents="?!"))[0])


@pytest.mark.parametrize(
    ("method", "body", "words"),
    [
        ("batchEmbedContents", {"requests": []}, "requests"),
        ("batchEmbedContents", {"requests": [{"content": {"parts": [{"text": "a"}]}}] * 101}, "at most 100"),
        ("batchEmbedContents", {"requests": [{"content": {"parts": []}}]}, "empty Part"),
        ("batchEmbedContents", {"requests": [{"nonsense": 1}]}, "nonsense"),
        ("embedContent", {}, "empty Part"),
        ("embedContent", {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 4000}, "between 1 and 3072"),
        ("embedContent", {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": -1}, "between 1 and 3072"),
        ("predict", {"instances": [{"content": ""}]}, "empty Part"),
        ("predict", {}, "instances"),
        ("computeTokens", {"contents": []}, "contents"),
        ("computeTokens", {"contents": [{"parts": [{"text": "a" * 200_001}]}]}, "200,000"),
        ("computeTokens", [], "expected"),
        ("computeTokens", None, "expected"),
        ("embedContent", None, "expected"),
        ("batchEmbedContents", None, "expected"),
        ("predict", None, "expected"),
    ],
)
def test_what_makes_no_sense_is_refused(method: str, body: Any, words: str) -> None:
    with pytest.raises(APIError, match=words) as caught:
        embeddings.call_method(method, json.dumps(body).encode(), model="m")
    assert caught.value.code == 400
    with pytest.raises(APIError, match="JSON"):
        embeddings.call_method(method, b"{", model="m")


def test_tokens_joined_are_the_text(side: Any, vertex: genai.Client) -> None:
    contents = ["What is your name?", types.ModelContent("Ada, naïve 🙂")]
    response = side.call(vertex, "models.compute_tokens", model="m", contents=contents)
    user, model = response.tokens_info
    assert (user.role, b"".join(user.tokens)) == ("user", b"What is your name?")
    assert (model.role, b"".join(model.tokens).decode()) == ("model", "Ada, naïve 🙂")
    assert len(user.token_ids) == len(user.tokens)


# --- caches ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(side: Any, client: genai.Client) -> Iterator[types.CachedContent]:
    config = {"contents": NOTES, "system_instruction": "Be brief.", "display_name": "notes", "ttl": "120s"}
    made = side.call(client, "caches.create", model="m", config=config)
    yield made
    side.call(client, "caches.delete", name=made.name)


def test_a_cache_is_the_beginning_of_a_prompt(side: Any, client: genai.Client, cache: types.CachedContent) -> None:
    config = {"cached_content": cache.name}
    arguments: dict[str, Any] = {"contents": "Summarize the text above.", "config": config}
    cached = side.ask(client, **arguments)
    plain = side.ask(
        client,
        contents=[types.UserContent(NOTES), types.UserContent("Summarize the text above.")],
        config={"system_instruction": "Be brief."},
    )
    assert cached.text == plain.text
    assert "river" in cached.text
    usage = cached.usage_metadata
    assert usage.cached_content_token_count == cache.usage_metadata.total_token_count
    assert usage.prompt_token_count == plain.usage_metadata.prompt_token_count
    assert "".join(chunk.text for chunk in side.read(side.stream(client, **arguments))) == cached.text


def test_a_cache_may_hold_functions(side: Any, client: genai.Client) -> None:
    schema = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
    tool = {"function_declarations": [{"name": "weather", "description": "The weather.", "parameters": schema}]}
    made = side.call(client, "caches.create", model="m", config={"tools": [tool]})
    answer = side.ask(client, contents="What is the weather in Oslo?", config={"cached_content": made.name})
    assert answer.function_calls[0].name == "weather"


def test_a_cache_is_found_listed_changed_and_deleted(side: Any, client: genai.Client) -> None:
    before = datetime.now(UTC)
    made = [
        side.call(client, "caches.create", model="models/m", config={"contents": f"{number}"}) for number in range(3)
    ]
    first = made[0]
    assert first.name.startswith("cachedContents/")
    assert before + timedelta(hours=1) <= first.expire_time <= datetime.now(UTC) + timedelta(hours=1)
    assert side.call(client, "caches.get", name=first.name) == first
    assert side.call(client, "caches.get", name=first.name.partition("/")[2]) == first
    pager = side.call(client, "caches.list", config={"page_size": 2})
    names = [entry.name for entry in side.read(pager)]
    assert [name for name in names if name in {one.name for one in made}] == [one.name for one in reversed(made)]
    later = before + timedelta(days=2)
    changed = side.call(client, "caches.update", name=first.name, config={"expire_time": later})
    assert changed.expire_time == later
    for one in made:
        side.call(client, "caches.delete", name=one.name)
    for method in ("get", "delete", "update"):
        config = {"config": {"ttl": "5s"}} if method == "update" else {}
        with pytest.raises(APIError, match="not found") as caught:
            side.call(client, f"caches.{method}", name=first.name, **config)
        assert caught.value.code == 403


def test_vertex_has_full_names() -> None:
    class Cloud(Credentials):
        token = "t"

    client = genai.Client(vertexai=True, project="p", location="l", credentials=Cloud(), **OPTIONS)
    made = client.caches.create(model="m", config={"contents": NOTES})
    assert made.name.startswith("projects/p/locations/l/cachedContents/")
    answer = client.models.generate_content(model="m", contents="Summarize it.", config={"cached_content": made.name})
    assert "river" in answer.text
    client.caches.delete(name=made.name)


@pytest.mark.parametrize(
    ("model", "config", "words"),
    [
        ("other", {}, "has to be the same"),
        ("m", {"system_instruction": "x"}, "can not be used with"),
        ("m", {"tools": [{"google_search": {}}]}, "can not be used with"),
        ("m", {"tool_config": {"function_calling_config": {"mode": "ANY"}}}, "can not be used with"),
    ],
)
def test_a_request_must_go_with_its_cache(
    side: Any, client: genai.Client, cache: types.CachedContent, model: str, config: dict[str, Any], words: str
) -> None:
    with pytest.raises(APIError, match=words) as caught:
        side.ask(client, model=model, config={"cached_content": cache.name, **config})
    assert caught.value.code == 400


def test_an_unknown_cache_is_said_to_be_unknown(side: Any, client: genai.Client) -> None:
    with pytest.raises(APIError, match="not found"):
        side.ask(client, config={"cached_content": "cachedContents/none"})


CREATIONS: list[tuple[Any, str]] = [
    ([], "is an object"),
    ({}, "needs a model"),
    ({"model": 5}, "needs a model"),
    ({"model": "m"}, "needs contents"),
    ({"model": "m", "contents": "text"}, "expected a list"),
    ({"model": "m", "contents": [{"parts": [{"nonsense": 1}]}]}, "nonsense"),
    ({"model": "m", "nonsense": 1}, "nonsense"),
    ({"model": "m", "displayName": "x" * 200}, "128"),
    ({"model": "m", "ttl": "5m"}, "ttl is"),
    ({"model": "m", "ttl": 5}, "ttl is"),
    ({"model": "m", "ttl": "0s"}, "in the past"),
    ({"model": "m", "expireTime": "2001-01-01T00:00:00Z"}, "in the past"),
    ({"model": "m", "expireTime": "soon"}, "expireTime is"),
    ({"model": "m", "ttl": "5s", "expire_time": "2101-01-01T00:00:00Z"}, "exclude"),
]


@pytest.mark.parametrize(("body", "words"), CREATIONS)
def test_an_invalid_cache_is_refused(body: Any, words: str) -> None:
    if isinstance(body, dict) and ("ttl" in body or "expireTime" in body):
        body = {"contents": [{"parts": [{"text": "a"}]}]} | body
    with pytest.raises(APIError, match=words):
        CacheStore(1000).create(b"", json.dumps(body).encode(), "cachedContents/a", now=1e9)


class Store:
    """A store with a clock."""

    def __init__(self, max_bytes: int = 10_000) -> None:
        self.store = CacheStore(max_bytes)
        self.now = 1e9

    def create(self, name: str, owner: bytes = b"", **fields: Any) -> cached_contents.CachedPrompt:
        body = {"model": "m", "contents": [{"parts": [{"text": "a"}]}]} | fields
        return self.store.create(owner, json.dumps(body).encode(), f"cachedContents/{name}", self.now)


def test_a_cache_expires() -> None:
    store = Store()
    store.create("a", ttl="10.5s")
    store.now += 10
    assert store.store.get(b"", "a", store.now)
    store.store.update(b"", "a", b'{"ttl": "20s"}', store.now)
    store.now += 19
    assert len(store.store.list(b"", store.now)) == 1
    store.now += 1
    assert store.store.list(b"", store.now) == []
    with pytest.raises(APIError):
        store.store.get(b"", "a", store.now)


def test_no_cache_is_kept_for_ever() -> None:
    store = Store()
    assert store.create("a", ttl="9999999999s").expires == store.now + cached_contents.MAX_TTL


@pytest.mark.parametrize("body", [b"{}", b'{"displayName": "x"}', b'{"contents": []}', b"[]", b"{"])
def test_only_the_end_of_a_cache_can_be_changed(body: bytes) -> None:
    store = Store()
    store.create("a")
    with pytest.raises((APIError, UsageError)):
        store.store.update(b"", "a", body, store.now)


def test_caches_belong_to_their_owners() -> None:
    store = Store()
    store.create("a", owner=b"one")
    uses: list[Callable[[], Any]] = [
        lambda: store.store.get(b"two", "a", store.now),
        lambda: store.store.delete(b"two", "a", store.now),
        lambda: store.store.named_by({"cachedContent": "cachedContents/a"}, b"two", "m", store.now),
    ]
    for use in uses:
        with pytest.raises(APIError, match="not found"):
            use()
    assert store.store.list(b"two", store.now) == []
    assert len(store.store.list(b"one", store.now)) == 1


def test_an_owner_has_bounded_room(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(max_bytes=300)
    store.create("a")
    with pytest.raises(APIError, match="at most") as caught:
        store.create("b", display_name="x" * 100, contents=[{"parts": [{"text": "y" * 300}]}])
    assert caught.value.code == 429
    store.create("b", owner=b"other")
    monkeypatch.setattr(cached_contents, "MAX_COUNT", 1)
    with pytest.raises(APIError, match="delete some"):
        store.create("c")


@pytest.mark.parametrize("fields", [{}, {"contents": [], "tools": [{"functionDeclarations": [{"name": "contents"}]}]}])
def test_a_request_is_filled_once(fields: dict[str, Any]) -> None:
    """Its own contents follow those of the cache, whichever of them there are."""
    store, own = Store(), {"parts": [{"text": "own"}]}
    store.create("a", **fields)
    for key in ("cachedContent", "cached_content"):
        document: dict[str, Any] = {key: "cachedContents/a", "contents": [own]}
        cache = store.store.named_by(document, b"", "models/m", store.now)
        cache.put_before(document)
        assert document["contents"] == ([] if fields else [{"parts": [{"text": "a"}]}]) + [own]
        assert key not in document
        assert ("tools" in document) == bool(fields)


def test_the_name_of_a_cache_is_a_text() -> None:
    with pytest.raises(APIError, match="is the name"):
        Store().store.named_by({"cachedContent": 5}, b"", "m", 0.0)
    assert OfflineCaches().fill([], "m") is None


@pytest.mark.parametrize(("method", "path"), [("PUT", "cachedContents/a"), ("DELETE", "cachedContents")])
def test_other_methods_are_unknown(method: str, path: str) -> None:
    with pytest.raises(APIError, match="no method"):
        OfflineCaches().respond(HttpRequest(method, f"offline:/v1/{path}", {}, b""))


def test_a_page_token_is_a_number() -> None:
    with pytest.raises(APIError, match="pageToken"):
        OfflineCaches().respond(HttpRequest("GET", "offline:/v1/cachedContents?pageToken=x", {}, b""))


# --- registered files and tokens -------------------------------------------------------------------------------------


def test_files_of_cloud_storage_can_be_registered(side: Any, client: genai.Client) -> None:
    uris = ["gs://bucket/a.pdf", "gs://bucket/deep/b"]
    files = side.call(client, "files.register_files", auth=Credentials(), uris=uris).files
    assert [(file.uri, file.mime_type, str(file.source)) for file in files] == [
        (uris[0], "application/pdf", "REGISTERED"),
        (uris[1], "application/octet-stream", "REGISTERED"),
    ]
    assert side.call(client, "files.get", name=files[0].name).uri == uris[0]
    assert "application/pdf" in side.ask(client, contents=["What is this?", files[0]]).text
    for file in files:
        side.call(client, "files.delete", name=file.name)


@pytest.mark.parametrize("uri", ["https://example.org/a", "gs://bucket", "gs://b/a b", "gs://bucket/a?x"])
def test_other_addresses_are_refused(side: Any, client: genai.Client, uri: str) -> None:
    with pytest.raises(APIError, match="Cloud Storage"):
        side.call(client, "files.register_files", auth=Credentials(), uris=[uri])


def test_a_token_lives_as_long_as_it_should(side: Any, client: genai.Client) -> None:
    later = datetime.now(UTC) + timedelta(hours=2)
    token = side.call(client, "auth_tokens.create", config={"uses": 3, "expire_time": later})
    assert token.name.startswith("auth_tokens/")
    assert (token.uses, datetime.fromisoformat(token.expire_time)) == (3, later)


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"uses": -1}', b'{"uses": "2"}', b'{"expireTime": "2001-01-01"}'])
def test_an_invalid_token_is_refused(body: bytes) -> None:
    with pytest.raises((APIError, UsageError)):
        auth_token(body, 1e9, "secret")
