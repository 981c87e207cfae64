"""Who is let in, and what does not get out: the rows of the security table that concern a server without users."""

from __future__ import annotations

import ast
import hashlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

import headwater.server
from headwater.errors import api_error
from tests.support.live import ASK, Held, Live, Scripted, post_bytes, read_all, says

KEY = "sk-canary-0123456789-secret"
PROMPT = "canary-prompt-nobody-else-says-this"
#: The only paths that answer without a key.
OPEN = {"/", "/healthz", "/health", "/openapi.json", "/headwater.js", "/assets/{name}"}


@pytest.fixture(scope="module")
def locked() -> Iterator[Live]:
    with Live(api_keys=[KEY, "second-key"]) as live:
        yield live


def targets(live: Live) -> list[tuple[str, str]]:
    """Every method and path of the application, with something in each place."""
    found = []
    for route in live.server.routes():
        if isinstance(route, Route) and route.path not in OPEN:
            path = route.path.replace("{model:path}", "m").replace("{method}", "generateContent")
            for name in ("publisher", "project", "location", "name", "id"):
                path = path.replace(f"{{{name}}}", "x")
            found += [(method, path) for method in sorted(route.methods or ())]
    return found


def raw(live: Live, method: str, target: str, host: str = "", **headers: str) -> int:
    """The status of a request that is written by hand; 0 where the connection was closed without one."""
    with live.connect() as connection:
        data = post_bytes(target, ASK, host or f"localhost:{live.port}", connection="close", **headers)
        connection.sendall(data.replace(b"POST", method.encode(), 1))
        answer = read_all(connection)
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_goog_api_key": "wrong"},
        {"x_goog_api_key": KEY[:-1]},
        {"x_goog_api_key": KEY.upper()},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {KEY}"},
        {"cookie": f"key={KEY}; x-goog-api-key={KEY}"},
        {"x_api_key": KEY},
        {"referer": f"http://localhost/?key={KEY}"},
        {"x_original_url": "/healthz", "x_rewrite_url": "/healthz", "x_forwarded_host": "localhost"},
    ],
)
def test_no_route_answers_without_a_key(locked: Live, headers: dict[str, str]) -> None:
    """Every route but the open ones refuses a request without a right key in a right place."""
    asked = targets(locked)
    assert len(asked) > 60
    answers = {(method, path): raw(locked, method, path, **headers) for method, path in asked}
    assert set(answers.values()) == {401}, {target: status for target, status in answers.items() if status != 401}


@pytest.mark.parametrize("path", ["/v1beta/models", "/metrics", "/v1beta/files", "/v1beta/models/m:generateContent"])
def test_tricks_with_the_target_do_not_pass(locked: Live, path: str) -> None:
    """Neither the Host header nor an unusual form of the path, nor another method, gets past the key."""
    forms = [f"/{path}", path.upper(), path + "/", f"/healthz/..{path}", f"/healthz/%2e%2e{path}", f"/%2e{path}"]
    forms += [f"http://localhost{path}", f"http://localhost/healthz?{path}", path + ";/healthz", path + "%00/healthz"]
    forms += [path.replace("/v1beta", "/healthz/../v1beta"), f"/healthz%2f..{path}", path + "?x=/healthz", path + "%20"]
    for method in ("GET", "POST", "HEAD", "OPTIONS", "DELETE"):
        for target in forms:
            assert raw(locked, method, target) in (400, 401, 404, 405) or "/healthz?" in target, (method, target)
        for host in ("x/healthz?", "localhost/healthz?x=", "localhost\\@x", "a b", "x@y", "[::1", "x#", ""):
            assert raw(locked, method, path, host=host or "?") in (400, 401, 404, 405), (method, host)


@pytest.mark.parametrize(
    "key", [b"' OR 1=1--", b"\xff\xfe\xfd", b"%00", b"a" * 60_000, b"\xc3\xa9", b"Bearer " + KEY.encode(), b" "]
)
def test_hostile_keys_are_refused_at_once(locked: Live, key: bytes) -> None:
    """A key that is none is 401, quickly, and nothing else happens."""
    with locked.connect() as connection:
        began = time.perf_counter()
        head = b"GET /v1beta/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nx-goog-api-key: "
        connection.sendall(head + key + b"\r\n\r\n")
        answer = read_all(connection)
        assert time.perf_counter() - began < 0.5
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert key[:20] not in answer.partition(b"\r\n\r\n")[2] or key == b" "


@pytest.mark.parametrize("place", [{"x_goog_api_key": KEY}, {"authorization": f"Bearer {KEY}"}, {}])
def test_the_right_key_in_each_of_its_places(locked: Live, place: dict[str, str]) -> None:
    """A right key is taken from x-goog-api-key, from Authorization and from ?key=."""
    assert locked.get("/v1beta/models" if place else f"/v1beta/models?key={KEY}", **place).status == 200


def test_secrets_are_compared_in_constant_time_only() -> None:
    """In the server no key or digest meets ``==``, ``!=`` or ``in``: only ``hmac.compare_digest`` sees them."""
    for path in Path(headwater.server.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and not isinstance(node.ops[0], ast.Is | ast.IsNot):
                names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
                names |= {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
                assert not names & {"digest", "_digests", "api_key", "api_keys", "token"}, f"{path.name}:{node.lineno}"


def test_keys_are_kept_as_hashes(locked: Live) -> None:
    """What the server holds of a key is its hash."""
    held = vars(locked.server.auth)
    assert hashlib.sha256(KEY.encode()).digest() in held["_digests"]
    assert KEY not in repr(held)


def test_without_keys_only_loopback_names_are_answered() -> None:
    """A web page that reaches the server by a name of its own (DNS rebinding) is refused; so is one that posts."""
    with Live() as live:
        for host in ("evil.test", "localhost.evil.test", "127.0.0.1.nip.io", "169.254.169.254"):
            assert raw(live, "POST", "/v1beta/models/m:generateContent", host=host) == 421
        for host in ("localhost", "127.0.0.1", "LOCALHOST:80", "[::1]:8080"):
            assert raw(live, "POST", "/v1beta/models/m:generateContent", host=host) == 200


def test_hosts_that_are_allowed() -> None:
    """With --allowed-host the server answers to those names and no others, keys or not."""
    with Live(allowed_hosts=["api.example.org", "localhost", "127.0.0.1"], api_keys=[KEY]) as live:
        path = "/v1beta/models/m:countTokens"
        assert raw(live, "POST", path, host="api.example.org:443", x_goog_api_key=KEY) == 200
        assert raw(live, "POST", path, host="other.example.org", x_goog_api_key=KEY) == 421


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://localhost.evil.test", "http://localhost", "x"])
def test_foreign_pages_are_refused(origin: str) -> None:
    """A page of an origin that is not allowed starts no answer, reads none, and its preflight gets no permission."""
    held = Held()
    with Live(held, origins=["https://app.example.org"]) as live:
        path = "/v1beta/models/m:generateContent"
        reply = live.post(path, origin=origin, content_type="text/plain")
        assert reply.status == 403
        preflight = live.request("OPTIONS", path, origin=origin, access_control_request_method="POST")
        assert preflight.status == 405
        assert not any(name.startswith("access-control") for name in reply.headers | preflight.headers)
        assert held.running == held.cancelled == 0


def test_allowed_origins_may_read() -> None:
    """A page of an allowed origin gets its preflight and its answer, each with its own origin and never ``*``."""
    origin = "https://app.example.org"
    with Live(origins=[origin + "/"]) as live:
        preflight = live.request("OPTIONS", "/v1beta/files", origin=origin, access_control_request_method="POST")
        assert preflight.status == 204
        assert "x-goog-api-key" in preflight.headers["access-control-allow-headers"]
        reply = live.post("/v1beta/models/m:generateContent", origin=origin)
        assert reply.status == 200
        for headers in (preflight.headers, reply.headers):
            assert headers["access-control-allow-origin"] == origin
            assert headers["vary"] == "Origin"
            assert "access-control-allow-credentials" not in headers
    with Live() as live:
        assert not any(name.startswith("access-control") for name in live.get("/", origin=live.url).headers)
        assert live.post("/v1beta/models/m:generateContent", origin=live.url).status == 200


def test_every_answer_has_the_security_headers() -> None:
    """Whatever the answer is, a browser neither guesses its type nor runs or frames it."""
    with Live() as live:
        for reply in (live.get("/"), live.get("/nope"), live.post("/v1beta/models/m:streamGenerateContent?alt=sse")):
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in reply.headers["content-security-policy"]
            assert reply.headers["referrer-policy"] == "no-referrer"
            assert "server" not in reply.headers


def test_nothing_changes_by_a_get(locked: Live) -> None:
    """No GET reaches an engine: the methods of models and the upload of files take POST only."""
    for method, path in targets(locked):
        if "generateContent" in path or path.startswith("/upload"):
            assert method in ("POST", "PUT"), path
    for name in ("generateContent", "streamGenerateContent", "countTokens"):
        assert locked.get(f"/v1beta/models/m:{name}?contents=x", x_goog_api_key=KEY).status in (404, 405)


def _misbehave(request: Any) -> list[Any]:
    match request.model:
        case "ok":
            return [says("fine", "STOP")]
        case "4xx":
            return [api_error(400, "bad", status="INVALID_ARGUMENT")]
        case "late":
            return [says("one"), api_error(503, "gone", status="UNAVAILABLE")]
    raise RuntimeError("boom")


def test_keys_and_prompts_stay_out_of_logs_errors_and_metrics(caplog: pytest.LogCaptureFixture) -> None:
    """Through success, refusal, break and crash, at debug level, neither key nor prompt is written down anywhere."""
    caplog.set_level(logging.DEBUG)
    ask = {"contents": [{"parts": [{"text": PROMPT}]}]}
    said = b""
    with Live(Scripted(_misbehave), api_keys=[KEY]) as live:
        for model in ("ok", "4xx", "late", "crash"):
            for method in ("generateContent", "streamGenerateContent?alt=sse", "streamGenerateContent", "nope"):
                said += live.post(f"/v1beta/models/{model}:{method}", ask, x_goog_api_key=KEY).body
                said += live.post(f"/v1beta/models/{model}:{method}", ask, x_goog_api_key=KEY + "x").body
        said += live.get(f"/v1beta/models?key={KEY}").body + live.get(f"/nope?key={KEY}").body
        said += live.get("/metrics", x_goog_api_key=KEY).body + live.get("/healthz").body
    written = said.decode() + caplog.text + "".join(repr(record.__dict__) for record in caplog.records)
    assert "boom" in caplog.text
    assert '"status":401' in caplog.text
    assert hashlib.sha256(KEY.encode()).hexdigest()[:8] in caplog.text
    assert KEY not in written
    assert PROMPT not in written


def test_the_upstream_gets_its_own_key_in_a_header_only() -> None:
    """The client's key stays here, the server's goes upstream in x-goog-api-key, and no request changes the address."""
    from headwater.engines.gemini import GeminiEngine
    from tests.support.servers import Server, whole

    with Server(whole) as upstream:
        engine = GeminiEngine(api_key="upstream-key", http_options={"base_url": upstream.url})
        with Live(engine, api_keys=[KEY]) as live:
            ask = ASK | {"api_base": "http://127.0.0.1:1", "base_url": "http://127.0.0.1:1"}
            assert live.post("/v1beta/models/m:generateContent", ask, x_goog_api_key=KEY).status == 200
            for name in ("http:%2f%2f127.0.0.1:1%2fx", "..%2f..%2fx", "a%3fkey=1", "m@127.0.0.1:1"):
                live.post(f"/v1beta/models/{name}:generateContent", ask, x_goog_api_key=KEY)
        for request in upstream.requests:
            assert request.headers["x-goog-api-key"] == "upstream-key"
            assert KEY not in repr(request)
            assert "upstream-key" not in request.target
            assert request.path.startswith("/v1/models/")


def test_an_upstream_with_a_foreign_certificate_is_refused() -> None:
    """The gemini engine verifies its upstream: a certificate of nobody's ends in 503, and no request was sent."""
    import ssl

    import trustme

    from headwater.engines.gemini import GeminiEngine
    from tests.support.servers import Server, whole

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    upstream = Server(whole, tls=context)
    try:
        with upstream, Live(GeminiEngine(api_key="k", http_options={"base_url": upstream.url})) as live:
            reply = live.post("/v1beta/models/m:generateContent")
            assert (reply.status, reply.json["error"]["status"]) == (503, "UNAVAILABLE")
    except ssl.SSLError:  # what the upstream saw
        pass
    assert not upstream.requests


def test_headers_of_the_upstream_stay_there() -> None:
    """Whatever headers and errors an upstream sends, none of them becomes a header or a line of ours."""
    from headwater.engines.gemini import GeminiEngine
    from tests.support.servers import Connection, Request, Server, refuses

    def evil(connection: Connection, request: Request) -> None:
        body = refuses(429, "RESOURCE_EXHAUSTED", "a\r\nset-cookie: x=1\u2028\x00")
        connection.answer(body, "429 Slow", set_cookie="evil=1", location="http://evil", x_evil="1")

    with Server(evil) as upstream:
        engine = GeminiEngine(api_key="k", http_options={"base_url": upstream.url})
        with Live(engine) as live:
            for method in ("generateContent", "streamGenerateContent?alt=sse", "countTokens"):
                reply = live.post(f"/v1beta/models/m:{method}")
                assert reply.status == 429
                assert not {"set-cookie", "location", "x-evil"} & reply.headers.keys()
                assert reply.json["error"]["message"] == "a\r\nset-cookie: x=1\u2028\x00"
