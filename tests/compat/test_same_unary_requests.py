"""Embeddings, caches, tokens: google-genai and headwater send the same requests and read the same answers."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import pytest

import headwater.genai
from headwater.client.request.platform import VERTEX_ONLY
from headwater.errors import UsageError
from headwater.genai import types
from tests.compat.test_same_requests import OTHER_METHODS, folded
from tests.support.servers import Connection, Request, Server

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    google = pytest.importorskip("google.genai")
    import google.genai.types as google_types
    from google.auth.credentials import Credentials

NOON = datetime(2030, 1, 2, 12, 0, tzinfo=UTC)
#: What the server answers, by the last part of a path.
ANSWERS: dict[str, Any] = {
    "batchEmbedContents": {"embeddings": [{"values": [1, 0.5]}, {"values": [0.25]}], "usageMetadata": {}},
    "embedContent": {
        "embedding": {"values": [1, 2]},
        "truncated": True,
        "usageMetadata": {"promptTokenCount": 3, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}]},
    },
    "predict": {
        "predictions": [{"embeddings": {"values": [0.5], "statistics": {"truncated": False, "token_count": 4}}}],
        "metadata": {"billableCharacterCount": 11},
    },
    "computeTokens": {"tokensInfo": [{"role": "user", "tokenIds": ["1841", "2"], "tokens": ["YQ==", "Yg=="]}]},
    "register": {"files": [{"name": "files/a", "uri": "gs://b/a"}]},
    "auth_tokens": {"name": "auth_tokens/secret"},
    "cachedContents": {"cachedContents": [{"name": "cachedContents/a"}], "name": "cachedContents/new"},
    "a": {"name": "cachedContents/a", "model": "models/m", "usageMetadata": {"totalTokenCount": 7}},
}


class Fixed(Credentials):
    """Credentials whose token is always good."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = "token"
        self._quota_project_id = "quota"

    def refresh(self, request: Any) -> None:
        """Nothing to do."""


def answer(connection: Connection, request: Request) -> None:
    last = request.path.rpartition("/")[2].rpartition(":")[2]
    connection.answer({} if request.method == "DELETE" else ANSWERS[last])


@pytest.fixture(scope="module", params=[False, True], ids=["developer", "vertex"])
def both(request: pytest.FixtureRequest) -> Iterator[tuple[bool, Server, list[Any]]]:
    """Whether Vertex AI is meant, the server, and the clients of both libraries."""
    with Server(answer) as server:
        options: dict[str, Any] = {"http_options": {"base_url": server.url}}
        if request.param:
            options |= {"vertexai": True, "project": "p", "location": "us-central1", "credentials": Fixed()}
        else:
            options |= {"api_key": "key"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            official = google.Client(**options)
        yield request.param, server, [official, headwater.genai.Client(**options)]
        official.close()


Arguments = Callable[[Any], dict[str, Any]]
EMBED: list[Arguments] = [
    lambda t: {"model": "text-embedding-004", "contents": "a"},
    lambda t: {"model": "text-embedding-004", "contents": ["a", "b"], "config": {"output_dimensionality": 5}},
    lambda t: {"model": "gemini-embedding-001", "contents": ["a", "b"], "config": {"task_type": "X", "title": "t"}},
    lambda t: {"model": "gemini-embedding-001", "contents": t.Content(parts=[t.Part(text="a"), t.Part(text="b")])},
    lambda t: {"model": "gemini-embedding-2", "contents": ["a", "b"]},
    lambda t: {"model": "gemini-embedding-2", "contents": [t.Content(parts=[t.Part(text=x)]) for x in "ab"]},
    lambda t: {
        "model": "models/gemini-embedding-2",
        "contents": ["a", t.Part.from_bytes(data=b"x", mime_type="image/png")],
        "config": t.EmbedContentConfig(output_dimensionality=3, task_type="RETRIEVAL_QUERY"),
    },
    lambda t: {"model": "text-embedding-004", "contents": [t.Part(text="a"), {"text": "b"}]},
]
EMBED_VERTEX: list[Arguments] = [
    lambda t: {
        "model": "text-embedding-004",
        "contents": ["a", "b"],
        "config": {"auto_truncate": True, "mime_type": "text/plain", "title": "t", "task_type": "X"},
    },
    lambda t: {
        "model": "gemini-embedding-2",
        "contents": [t.Content(parts=[t.Part(text=x)]) for x in "ab"],
        "config": {"auto_truncate": False, "document_ocr": True, "audio_track_extraction": True},
    },
    lambda t: {"model": "e5-maas", "contents": "a", "config": {"output_dimensionality": 4}},
]


def cache_config(t: Any) -> dict[str, Any]:
    return {
        "contents": ["a", t.Content(role="model", parts=[t.Part(text="b")])],
        "system_instruction": "be brief",
        "tools": [t.Tool(function_declarations=[t.FunctionDeclaration(name="f")])],
        "tool_config": {"function_calling_config": {"mode": "ANY"}},
        "display_name": "d",
        "ttl": "60s",
    }


CALLS: list[tuple[str, Arguments]] = [
    *[("models.embed_content", case) for case in EMBED],
    ("caches.create", lambda t: {"model": "m", "config": cache_config(t)}),
    ("caches.create", lambda t: {"model": "models/m", "config": t.CreateCachedContentConfig(expire_time=NOON)}),
    ("caches.create", lambda t: {"model": "publishers/google/models/m"}),
    ("caches.get", lambda t: {"name": "a"}),
    ("caches.get", lambda t: {"name": "cachedContents/a"}),
    ("caches.update", lambda t: {"name": "a", "config": {"ttl": "5s"}}),
    ("caches.update", lambda t: {"name": "a", "config": t.UpdateCachedContentConfig(expire_time=NOON)}),
    ("caches.delete", lambda t: {"name": "cachedContents/a"}),
    ("caches.list", lambda t: {"config": {"page_size": 2, "page_token": "x"}}),
    ("caches.list", lambda t: {}),
]
DEVELOPER: list[tuple[str, Arguments]] = [
    ("files.register_files", lambda t: {"auth": Fixed(), "uris": ["gs://b/a", "gs://b/c"]}),
    ("auth_tokens.create", lambda t: {}),
    ("auth_tokens.create", lambda t: {"config": {"uses": 2, "expire_time": NOON, "new_session_expire_time": NOON}}),
    ("auth_tokens.create", lambda t: {"config": {"lock_additional_fields": ["temperature", "x"]}}),
    *[
        (
            "auth_tokens.create",
            lambda t, locked=locked: {
                "config": {
                    "live_connect_constraints": {
                        "model": "m",
                        "config": {
                            "temperature": 0.5,
                            "system_instruction": "hi",
                            "response_modalities": ["AUDIO"],
                            "session_resumption": {"handle": "h"},
                            "proactivity": {"proactive_audio": True},
                            "tools": [{"google_search": {}}],
                        },
                    },
                    "lock_additional_fields": locked,
                }
            },
        )
        for locked in (None, [], ["top_k", "labels"])
    ],
]
VERTEX: list[tuple[str, Arguments]] = [
    *[("models.embed_content", case) for case in EMBED_VERTEX],
    ("models.compute_tokens", lambda t: {"model": "m", "contents": ["a", "b"]}),
    ("caches.create", lambda t: {"model": "m", "config": {"kms_key_name": "k", "contents": "a"}}),
    ("caches.get", lambda t: {"name": "projects/p/locations/l/cachedContents/a"}),
    ("caches.get", lambda t: {"name": "locations/l/cachedContents/a"}),
]


def call(client: Any, library: Any, name: str, arguments: Arguments) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return attrgetter(name)(client)(**arguments(library))


def meaning(request: Request) -> Any:
    """What a request says, whatever the letters of its JSON."""
    names = ("authorization", "x-goog-user-project")
    headers = {name: request.headers.get(name) for name in names}
    return request.method, request.target, folded(json.loads(request.body or b"{}")), headers


def plain(value: Any) -> Any:
    """An answer as a dict, without its HTTP response and what the other library has beyond it."""
    if hasattr(value, "page"):
        return [plain(entry) for entry in value.page]
    return json.loads(value.model_dump_json(exclude_none=True, exclude={"sdk_http_response"}))


def test_requests_and_answers_are_the_same(both: tuple[bool, Server, list[Any]]) -> None:
    vertexai, server, (official, ours) = both
    for name, arguments in CALLS + (VERTEX if vertexai else DEVELOPER):
        found = []
        for client, library in ((official, google_types), (ours, types)):
            result = call(client, library, name, arguments)
            found.append((meaning(server.requests[-1]), plain(result)))
        assert found[1] == found[0], name


#: What both libraries refuse: the method, the arguments, and for which API.
REFUSED: list[tuple[str, Arguments, bool | None]] = [
    ("models.compute_tokens", lambda t: {"model": "m", "contents": "a"}, False),
    ("models.embed_content", lambda t: {"model": "", "contents": "a"}, None),
    ("models.embed_content", lambda t: {"model": "m", "contents": "a", "config": {"auto_truncate": True}}, False),
    ("models.embed_content", lambda t: {"model": "m", "contents": "a", "config": {"nonsense": True}}, None),
    ("models.embed_content", lambda t: {"model": "e5-maas", "contents": [t.Content(parts=[])] * 2}, True),
    ("caches.create", lambda t: {"model": "m", "config": {"kms_key_name": "k"}}, False),
    ("auth_tokens.create", lambda t: {}, True),
    ("files.register_files", lambda t: {"auth": Fixed(), "uris": ["gs://b/a"]}, True),
    ("files.register_files", lambda t: {"auth": "token", "uris": ["gs://b/a"]}, False),
]


def test_what_cannot_be_sent_is_refused_by_both(both: tuple[bool, Server, list[Any]]) -> None:
    vertexai, server, clients = both
    before = len(server.requests)
    for name, arguments, only in REFUSED:
        if only in (None, vertexai):
            for client, library in zip(clients, (google_types, types), strict=True):
                with pytest.raises(ValueError):  # noqa: PT011 - each in its own words
                    call(client, library, name, arguments)
    assert len(server.requests) == before


def live_setup(config: dict[str, Any]) -> dict[str, Any]:
    return {"config": {"live_connect_constraints": {"config": config}}}


def for_vertex(kind: str, field: str) -> tuple[str, dict[str, Any]]:
    """A call with a field that only Vertex AI takes."""
    config = {field: "x" if field in ("kms_key_name", "mime_type") else True}
    match kind:
        case "CreateCachedContentConfig":
            return "caches.create", {"model": "m", "config": config}
        case "EmbedContentConfig":
            return "models.embed_content", {"model": "m", "contents": "a", "config": config}
        case "LiveConnectConfig":
            return "auth_tokens.create", live_setup(config)
    assert kind == "SessionResumptionConfig"
    return "auth_tokens.create", live_setup({"session_resumption": config})


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in OTHER_METHODS for field in VERTEX_ONLY[kind]])
def test_fields_for_vertex_ai_are_refused_by_both(kind: str, field: str) -> None:
    name, arguments = for_vertex(kind, field)
    for library in (google, headwater.genai):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client = library.Client(api_key="k")
        with pytest.raises(ValueError, match=field):
            call(client, types, name, lambda _: arguments)


#: What headwater refuses and google-genai sends, and why.
BETTER: list[tuple[str, Arguments]] = [
    # The API takes only one of them.
    ("caches.create", lambda t: {"model": "m", "config": {"ttl": "5s", "expire_time": NOON}}),
    # Each would be a URL of something else.
    ("caches.get", lambda t: {"name": "../models/m"}),
    ("caches.delete", lambda t: {"name": ""}),
    # There is nothing to register, or a list of letters.
    ("files.register_files", lambda t: {"auth": Fixed(), "uris": []}),
    ("files.register_files", lambda t: {"auth": Fixed(), "uris": "gs://b/a"}),
    ("models.embed_content", lambda t: {"model": "m", "contents": []}),
]


def test_what_makes_no_sense_is_refused() -> None:
    client = headwater.genai.Client(http_options={"base_url": "offline:instant"})
    for name, arguments in BETTER:
        with pytest.raises(UsageError):
            call(client, types, name, arguments)


def test_a_model_of_texts_takes_nothing_else() -> None:
    """google-genai warns and leaves the image out."""
    client = headwater.genai.Client(vertexai=True, api_key="k", http_options={"base_url": "offline:instant"})
    image = types.Part.from_bytes(data=b"x", mime_type="image/png")
    with pytest.raises(UsageError, match="texts only"):
        client.models.embed_content(model="text-embedding-004", contents=["a", image])
