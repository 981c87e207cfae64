"""``client_args`` and ``async_client_args``: what headwater's own transports honor, and what is refused."""

from __future__ import annotations

import importlib
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import respx

from headwater import genai
from headwater.errors import HeadwaterError, UsageError
from tests.support.servers import Server, says, server_context, whole
from tests.support.sides import run_async


def options(side: Any, client: Any, **more: Any) -> dict[str, Any]:
    """``http_options`` with a client for this side."""
    return {("httpx_client" if side.name == "sync" else "httpx_async_client"): client, **more}


def args(side: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"client_args" if side.name == "sync" else "async_client_args": arguments}


@pytest.fixture
def client(side: Any) -> Iterator[Any]:
    made = (httpx.Client if side.name == "sync" else httpx.AsyncClient)()
    yield made
    side.do(made.close() if side.name == "sync" else made.aclose())


# --- arguments that headwater's own transports honor -----------------------------------------------------------------


def test_headers_cookies_and_authentication_are_sent(side: Any) -> None:
    arguments = {"headers": {"X-Own": "1", "User-Agent": "mine"}, "cookies": {"a": "1", "b": "2"}, "auth": ("u", "w")}
    with Server(whole) as server:
        side.ask(server.client(**args(side, arguments)))
        sent = server.requests[0].headers
    assert (sent["x-own"], sent["cookie"], sent["authorization"]) == ("1", "a=1; b=2", "Basic dTp3")
    assert sent["user-agent"].startswith("headwater")  # the request's own headers come first, as in httpx


def test_a_proxy_is_used(side: Any) -> None:
    """The request goes to the proxy, which sees the whole URL."""
    with Server(whole) as proxy:
        made = genai.Client(
            api_key="k", http_options={"base_url": "http://nowhere.invalid", **args(side, {"proxy": proxy.url})}
        )
        side.ask(made)
        assert proxy.requests[0].target.startswith("http://nowhere.invalid/v1/models/m:generateContent")


def test_the_proxies_of_the_environment_can_be_left_out(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with Server(whole) as server:
        assert side.ask(server.client(**args(side, {"trust_env": False}))).text


@pytest.mark.parametrize("form", ["path", "folder", "context", "off"])
def test_certificates_are_those_of_verify(side: Any, authority: Any, tmp_path: Path, form: str) -> None:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    if form == "folder":
        (tmp_path / "folder").mkdir()
        link_by_hash(path, tmp_path / "folder")
    verify = {
        "path": str(path),
        "folder": str(tmp_path / "folder"),
        "context": ssl.create_default_context(cafile=str(path)),
        "off": False,
    }[form]
    with Server(whole, tls=server_context(authority)) as server:
        assert side.ask(server.client(**args(side, {"verify": verify}))).text
        with pytest.raises(HeadwaterError, match=r"certificate|CERTIFICATE"):
            side.ask(server.client())


def link_by_hash(certificate: Path, folder: Path) -> None:
    """Give a certificate the name under which OpenSSL looks for it in a folder."""
    command = ["openssl", "x509", "-noout", "-hash", "-in", str(certificate)]
    name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    (folder / f"{name}.0").write_bytes(certificate.read_bytes())


def test_arguments_of_aiohttp_are_taken(authority: Any, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.create_default_context(cafile=str(path))

    async def work(server: Server) -> None:
        client = server.client(async_client_args={"ssl": context, "headers": {"x-own": "1"}})
        await client.aio.models.generate_content(model="m", contents="hi")
        assert server.requests[0].headers["x-own"] == "1"

    with Server(whole, tls=server_context(authority)) as server:
        run_async(work(server))


def test_a_client_certificate_is_shown(side: Any, authority: Any, tmp_path: Path) -> None:
    ca, own = tmp_path / "ca.pem", tmp_path / "own.pem"
    authority.cert_pem.write_to_path(str(ca))
    authority.issue_cert("me@example.org").private_key_and_cert_chain_pem.write_to_path(str(own))
    context = server_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    with Server(whole, tls=context) as server:
        assert side.ask(server.client(**args(side, {"verify": str(ca), "cert": str(own)}))).text


# --- the package that the environment chooses -------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["httpx", "httpx2"])
def test_the_environment_can_choose_httpx(side: Any, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """As for google-genai: then test libraries that patch httpx see the requests of a program that is not changed."""
    monkeypatch.setenv("GOOGLE_GENAI_HTTP_CLIENT", package)
    module, sent = importlib.import_module(package), list[str]()
    for kind in ("Client", "AsyncClient"):
        build = getattr(module, kind).build_request

        def note(self: Any, method: str, *rest: Any, build: Any = build, **more: Any) -> Any:
            sent.append(method)
            return build(self, method, *rest, **more)

        monkeypatch.setattr(getattr(module, kind), "build_request", note)
    with Server(whole) as server:
        client = server.client(**args(side, {"headers": {"x-own": "1"}}))
        assert side.ask(client).text == "Hello world"
        assert "".join(chunk.text for chunk in side.read(side.stream(client))) == "Hello world"
        assert server.requests[-1].headers["x-own"] == "1"
        side.close(client)
    assert sent == ["POST", "POST"]


def test_respx_sees_the_requests_of_an_unchanged_program(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_HTTP_CLIENT", "httpx")
    with respx.mock(base_url="https://generativelanguage.googleapis.com") as router:
        router.post("/v1/models/m:generateContent").respond(json=says("from respx", "STOP"))
        client = genai.Client(api_key="k")
        assert side.ask(client).text == "from respx"
        side.close(client)


def test_each_loop_has_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_HTTP_CLIENT", "httpx")

    async def work(client: genai.Client) -> None:
        answer = await client.aio.models.generate_content(model="m", contents="hi")
        assert answer.text == "Hello world"
        await client.aio.aclose()

    with Server(whole) as server:
        client = server.client()
        for _ in range(3):
            run_async(work(client))


def test_other_choices_change_nothing(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_HTTP_CLIENT", "auto")
    monkeypatch.setattr(httpx2.Client, "send", None)
    with Server(whole) as server:
        assert side.ask(server.client()).text == "Hello world"


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_HTTP_CLIENT", "httpx")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pip install httpx"):
        genai.Client(api_key="k")


# --- what cannot be honored ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"client_args": {"transport": "x"}}, "has no method handle_request"),
        ({"async_client_args": {"transport": "x"}}, "has no method handle_async_request"),
        ({"client_args": {"proxy": "host:80"}}, "must be a URL"),
        ({"client_args": {"verify": "/nowhere.pem"}}, "'verify' of client_args cannot be used"),
        ({"client_args": {"cert": "/nowhere.pem"}}, "'cert' of client_args cannot be used"),
        ({"client_args": {"base_url": "x"}}, "base_url"),
        ({"client_args": {"nonsense": 1}}, "'nonsense' of client_args cannot be honored here"),
        ({"async_client_args": {"connector": 1}}, "aiohttp_client"),
        ({"async_client_args": {"params": {"a": "b"}, "ssl": False}}, "use 'verify'"),
        ({"httpx_client": httpx.AsyncClient}, "httpx_client is an httpx.Client"),
        ({"httpx_async_client": 5}, "httpx_async_client is an httpx.AsyncClient"),
        ({"aiohttp_client": 5}, r"aiohttp\.ClientSession"),
    ],
)
def test_what_cannot_be_honored_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        genai.Client(api_key="k", http_options=wrong)


def test_sync_and_async_clients_are_told_apart() -> None:
    with httpx.Client() as sync_client, pytest.raises(UsageError, match="httpx_async_client"):
        genai.Client(api_key="k", http_options={"httpx_async_client": sync_client})
    with pytest.raises(UsageError, match="httpx_client is"):
        genai.Client(api_key="k", http_options={"httpx_client": httpx.AsyncClient()})


def test_one_call_cannot_bring_a_client(side: Any, client: Any) -> None:
    """It would be passed over in silence; the client's own, handed on with its options, is fine."""
    with Server(whole) as server:
        made = server.client()
        with pytest.raises(UsageError, match="belongs to the client"):
            side.ask(made, config={"http_options": options(side, client)})
        with pytest.raises(UsageError, match="belongs to the client"):
            side.ask(made, config={"http_options": {"client_args": {"verify": False}}})
        own = server.client(**options(side, client))
        assert side.ask(own, config={"http_options": {**options(side, client), "client_args": {"http2": True}}}).text


def test_without_httpx_its_arguments_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pip install httpx"):
        genai.Client(api_key="k", http_options={"client_args": {"params": {"a": "b"}}})


def test_the_offline_engine_needs_no_client(side: Any) -> None:
    """With ``offline:`` nothing is sent, whatever client there is."""
    own = (httpx.Client if side.name == "sync" else httpx.AsyncClient)(
        transport=httpx.MockTransport(lambda _: pytest.fail("a request was sent"))
    )
    made = genai.Client(http_options=options(side, own, base_url="offline:instant"))
    assert side.ask(made).text
