"""The description of the server says what the server has."""

from __future__ import annotations

import re

import pytest
from starlette.routing import Route

from headwater.errors import api_error
from headwater.server import app
from headwater.server.openapi import document
from tests.support.live import Live, Scripted


def test_every_route_is_described() -> None:
    """Each path of /v1beta and each path without a version stands in the description with its verbs, and no other."""
    routes = app().state.server.routes()
    served = set()
    for route in routes:
        if isinstance(route, Route) and not re.search(
            r"^/(v1(?!/streams|/chats|/chat/completions|/models|/responses)|v1beta/openai|v1alpha|v1beta1|upload/(?!v1beta/).*)/|/tuned|/pub|/proj",
            route.path,
        ):
            path = route.path.replace(":path}", "}")
            is_own = path in ("/", "/healthz", "/health", "/openapi.json", "/metrics")
            if is_own or path.startswith(
                ("/v1beta", "/upload/v1beta", "/v1/streams", "/v1/chat", "/v1/models", "/v1/responses", "/api/")
            ):
                served |= {(path, verb.lower()) for verb in route.methods or () if verb not in ("HEAD", "PUT")}
    described = {(path, verb) for path, verbs in document.document(needs_key=True)["paths"].items() for verb in verbs}
    methods = {path for path in described if path[0].startswith("/v1beta/models/{model}:")}
    assert described - methods == served - {
        (f"/{version}/models/{{model}}:{{method}}", "post") for version in ("v1", "v1beta")
    }
    assert len(methods) == 7


@pytest.mark.parametrize("key", ["a-key", "wrong"])
def test_refused_stream_is_as_described(key: str) -> None:
    """Without alt=sse the engine's refusal is an array, and one of the server itself an object: both are described."""
    jsonschema = pytest.importorskip("jsonschema")
    refusal = Scripted(lambda _: [api_error(400, "no", status="INVALID_ARGUMENT")])
    with Live(refusal, api_keys=["a-key"]) as live:
        path = "/v1beta/models/m:streamGenerateContent"
        reply, described = live.post(path, x_goog_api_key=key), live.get("/openapi.json").json
    assert reply.status == (400 if key == "a-key" else 401)
    responses = described["paths"]["/v1beta/models/{model}:streamGenerateContent"]["post"]["responses"]
    schema = responses["default"]["content"]["application/json"]["schema"]
    jsonschema.validate(reply.json, {**schema, "components": described["components"]})


def test_it_is_valid_openapi() -> None:
    """A validator of OpenAPI has nothing to say about it."""
    validator = pytest.importorskip("openapi_spec_validator")
    for needs_key in (True, False):
        validator.validate(document.document(needs_key=needs_key))
