"""google-genai and headwater send the same request for the same arguments, to the Developer API and to Vertex AI."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import headwater.genai
from headwater.client.request.platform import DEVELOPER_ONLY, VERTEX_ONLY
from headwater.errors import UsageError
from headwater.genai import types
from headwater.types.base import ApiModel
from tests.compat.request_cases import Maker, Node, Writer
from tests.support.servers import Request, Server, whole

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    google = pytest.importorskip("google.genai")
    import google.genai.types as google_types
    from google.auth.credentials import Credentials

CASES = 200
METHODS = ("generate_content", "generate_content_stream", "count_tokens")

#: Headers that may differ, and why. All others are compared.
OTHER_HEADERS = {
    "user-agent": "each library names itself",
    "x-goog-api-client": "each library names itself",
    "accept": "google-genai sends */*, which says nothing",
    "accept-encoding": "what each library can unpack",
    "connection": "the transport's own",
    "host": "the transport's own",
    "content-length": "the same body in other letters",
    "x-server-timeout": "not sent on streams, which it would cut while they still speak; see decision 4",
}
#: What headwater sends and google-genai refuses: why, the API (None: both), the arguments, the part of the body.
TAKEN: list[tuple[str, bool | None, dict[str, Any], dict[str, Any]]] = [
    (
        "the dict of a part beside a turn is a part, as it is alone",
        None,
        {"contents": [{"text": "a"}, types.Content(role="model", parts=[types.Part(text="b")])]},
        {"contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}]},
    ),
    (
        "the parts of the dict of a turn may be texts, as those of UserContent may",
        None,
        {"contents": {"role": "user", "parts": ["a"]}},
        {"contents": [{"role": "user", "parts": [{"text": "a"}]}]},
    ),
    (
        "a FileData stands for a part, as a File does",
        None,
        {"contents": types.FileData(file_uri="u", mime_type="m")},
        {"contents": [{"role": "user", "parts": [{"fileData": {"fileUri": "u", "mimeType": "m"}}]}]},
    ),
    (
        "a JSON schema may be a type",
        None,
        {"contents": "a", "config": {"response_json_schema": int}},
        {"generationConfig": {"responseJsonSchema": {"type": "integer"}}},
    ),
    (
        "the names of a format may stand beside its object",
        True,
        {"contents": "a", "config": {"image_config": {"output_mime_type": "m", "image_output_options": {}}}},
        {"generationConfig": {"imageConfig": {"imageOutputOptions": {"mimeType": "m"}}}},
    ),
]
#: What google-genai sends and headwater refuses, and why.
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("bytes are no text: google-genai decodes them, whatever they are", {"contents": b"raw"}),
]


class Fixed(Credentials):
    """Credentials whose token is always good."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = "token"

    def refresh(self, request: Any) -> None:
        """Nothing to do."""


class Pair(NamedTuple):
    """Both libraries, speaking to one server."""

    server: Server
    official: Any
    ours: Any

    def sent(self, client: Any, method: str, arguments: dict[str, Any]) -> Request:
        """The request that a call makes."""
        before = len(self.server.requests)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = getattr(client.models, method)(**arguments)
            if method.endswith("stream"):
                list(answer)
        assert len(self.server.requests) == before + 1
        return self.server.requests[-1]


@pytest.fixture(scope="module", params=[False, True], ids=["developer", "vertex"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[bool, Pair]]:
    """Whether Vertex AI is meant, and both libraries."""
    vertexai = request.param
    with Server(whole) as server:
        options: dict[str, Any] = {"http_options": {"base_url": server.url, "headers": {"X-Client": "both"}}}
        options |= (
            {"vertexai": True, "project": "p", "location": "us-central1", "credentials": Fixed()}
            if vertexai
            else {"api_key": "key"}
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            official = google.Client(**options)
        yield vertexai, Pair(server, official, headwater.genai.Client(**options))
        official.close()


def test_requests_made_up_from_a_seed_mean_the_same(pair: tuple[bool, Pair]) -> None:
    """Each of 200 requests with fields of any kind, as objects or dicts, is the same request from both libraries."""
    vertexai, both = pair
    different = []
    for seed in range(CASES):
        requests = []
        for client, library in ((both.official, google_types), (both.ours, types)):
            method, arguments = case(library, seed, vertexai=vertexai)
            requests.append(meaning(both.sent(client, method, arguments)))
        if requests[0] != requests[1]:
            different.append((seed, method, *requests))
    assert not different, show(different)


def test_the_made_up_requests_hold_much(pair: tuple[bool, Pair]) -> None:
    """The comparison is worth something: every field of a config comes up, and so do all methods and most types."""
    vertexai, _ = pair
    seen: set[tuple[str, str]] = set()
    methods = set()
    for seed in range(CASES):
        maker = Maker(seed, vertexai=vertexai)
        seen |= set(fields(maker.contents())) | set(fields(maker.config()))
        methods.add(METHODS[seed % len(METHODS)])
    kinds = {kind for kind, _ in seen}
    assert {"GenerateContentConfig", "Part", "Tool", "Schema", "GoogleSearch", "FunctionResponsePart"} <= kinds
    config = {name for kind, name in seen if kind == "GenerateContentConfig"}
    left_out = set((DEVELOPER_ONLY if vertexai else VERTEX_ONLY)["GenerateContentConfig"])
    left_out |= {"should_return_http_response", "stream"}
    assert config == set(types.GenerateContentConfig.__struct_fields__) - left_out
    assert len(seen) > 200
    assert methods == set(METHODS)


def case(library: Any, seed: int, *, vertexai: bool) -> tuple[str, dict[str, Any]]:
    """The method and the arguments that a seed stands for, in the types of a library."""
    maker, writer = Maker(seed, vertexai=vertexai), Writer(library, seed)
    method = METHODS[seed % len(METHODS)]
    model = maker.random.choice(["gemini-x", "models/gemini-x", "tunedModels/t", "publishers/google/models/g"])
    arguments = {"model": model, "contents": writer.write(maker.contents())}
    config = maker.config()
    if method == "count_tokens":
        names = {"http_options", "system_instruction", "tools"} if vertexai else {"http_options"}
        kind = types.CountTokensConfig
        config = Node(kind, {name: value for name, value in config.fields.items() if name in names})
    if config.fields:
        arguments["config"] = writer.write(config)
    return method, arguments


def meaning(request: Request) -> dict[str, Any]:
    """What a request says, whatever its letters."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    kept = {name: value for name, value in headers.items() if name not in OTHER_HEADERS}
    return {"target": request.target, "headers": kept, "body": folded(request.json)}


_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d*?)0*)?(?:Z|\+00:00)")


def folded(value: Any) -> Any:
    """JSON with the case of keys, the alphabet of base64 and the spelling of times taken away."""
    if isinstance(value, dict):
        return {key.replace("_", "").lower(): folded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [folded(item) for item in value]
    if isinstance(value, str):
        return _TIME.sub(r"\1.\2Z", value).replace("-", "+").replace("_", "/")
    return value


def fields(value: Any) -> Iterator[tuple[str, str]]:
    """The fields that are set in what was made up."""
    if isinstance(value, Node):
        for name, item in value.fields.items():
            yield value.kind.__name__, name
            yield from fields(item)
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from fields(item)


def show(different: list[Any]) -> str:
    """What differs, a few of them."""
    lines = [f"{len(different)} of {CASES} differ"]
    for seed, method, official, ours in different[:4]:
        lines += [f"seed {seed}, {method}", f"google-genai {json.dumps(official)}", f"headwater    {json.dumps(ours)}"]
    return "\n".join(lines)


def refused(both: Pair, client: Any, **arguments: Any) -> Exception | None:
    """Why a call is refused before anything is sent; None where it is sent."""
    before = len(both.server.requests)
    try:
        client.models.generate_content(**({"model": "m"} | arguments))
    except Exception as error:
        assert len(both.server.requests) == before
        return error
    return None


#: Types of other methods, whose fields ``test_same_unary_requests.py`` tries.
OTHER_METHODS = ("CreateCachedContentConfig", "EmbedContentConfig", "LiveConnectConfig", "SessionResumptionConfig")
BARRED = [
    (vertexai, kind, name)
    for vertexai, table in ((False, VERTEX_ONLY), (True, DEVELOPER_ONLY))
    for kind, names in table.items()
    for name in names
    if kind not in ("CountTokensConfig", *OTHER_METHODS)
]
#: How a request comes to hold a value of a type.
PLACES: dict[str, Any] = {
    "AuthConfig": lambda value: {"config": {"tools": [{"google_maps": {"auth_config": value}}]}},
    "FunctionCall": lambda value: {"contents": {"parts": [{"function_call": value}]}},
    "FunctionCallingConfig": lambda value: {"config": {"tool_config": {"function_calling_config": value}}},
    "FunctionResponse": lambda value: {"contents": {"parts": [{"function_response": value}]}},
    "FunctionResponsePart": lambda value: {"contents": {"parts": [{"function_response": {"parts": [value]}}]}},
    "GenerateContentConfig": lambda value: {"config": value},
    "GoogleMaps": lambda value: {"config": {"tools": [{"google_maps": value}]}},
    "GoogleSearch": lambda value: {"config": {"tools": [{"google_search": value}]}},
    "ImageConfig": lambda value: {"config": {"image_config": value}},
    "McpServer": lambda value: {"config": {"tools": [{"mcp_servers": [value]}]}},
    "Part": lambda value: {"contents": {"parts": [value]}},
    "ReplicatedVoiceConfig": lambda value: {
        "config": {"speech_config": {"voice_config": {"replicated_voice_config": value}}}
    },
    "SafetySetting": lambda value: {"config": {"safety_settings": [value]}},
    "Tool": lambda value: {"config": {"tools": [value]}},
    "ToolConfig": lambda value: {"config": {"tool_config": value}},
}


@pytest.mark.parametrize("pair", [False, True], indirect=True, ids=["developer", "vertex"])
def test_what_is_for_the_other_api_is_refused_by_both(pair: tuple[bool, Pair]) -> None:
    """A field that only one API takes is a ValueError for the other, from both libraries, and nothing is sent."""
    vertexai, both = pair
    for _, kind, name in (case for case in BARRED if case[0] == vertexai):
        value = Maker(1, vertexai=not vertexai).value(types.__dict__[kind].model_fields[name].annotation, 3)
        arguments = {"contents": "a"} | PLACES[kind]({name: plain(value)})
        for client in (both.official, both.ours):
            assert isinstance(refused(both, client, **arguments), ValueError), (kind, name)
        error = refused(both, both.ours, **arguments)
        assert f"{kind}.{name} is for" in str(error)


def plain(value: Any) -> Any:
    """What was made up, in dicts."""
    return Writer(google_types, 0).write(value, in_dict=True)


def test_additional_properties_are_refused_by_both_where_the_api_does_not_know_them(pair: tuple[bool, Pair]) -> None:
    vertexai, both = pair
    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    for client in (both.official, both.ours):
        error = refused(both, client, contents="a", config={"response_schema": schema})
        assert error is None if vertexai else isinstance(error, ValueError)


@pytest.mark.parametrize(("why", "only", "arguments", "body"), TAKEN, ids=[case[0] for case in TAKEN])
def test_what_headwater_takes_beyond_google_genai(
    pair: tuple[bool, Pair], why: str, only: bool | None, arguments: dict[str, Any], body: dict[str, Any]
) -> None:
    """A listed difference is one: google-genai refuses what headwater sends in the way that is listed."""
    vertexai, both = pair
    if only in (None, vertexai):
        assert refused(both, both.official, **translated(arguments)) is not None, why
        assert refused(both, both.ours, **arguments) is None
        assert both.server.requests[-1].json.items() >= body.items()


def translated(value: Any) -> Any:
    """The arguments in google-genai's types."""
    if isinstance(value, ApiModel):
        return getattr(google_types, type(value).__name__)(**value.model_dump(exclude_none=True))
    if isinstance(value, dict):
        return {key: translated(item) for key, item in value.items()}
    return [translated(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("why", "arguments"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_headwater_refuses_and_google_genai_sends(
    pair: tuple[bool, Pair], why: str, arguments: dict[str, Any]
) -> None:
    """A listed difference is one: google-genai sends what headwater refuses."""
    _, both = pair
    assert refused(both, both.official, **arguments) is None, why
    assert isinstance(refused(both, both.ours, **arguments), UsageError)
