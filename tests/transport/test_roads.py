"""TLS and proxies: the environment says which authorities and which way, for sync and async."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import Any

import pytest
import trustme

from headwater import genai
from headwater.errors import ConnectError
from tests.support.servers import Connection, Request, Server, head, server_context, two_then_stall, whole


def test_tls_with_an_authority_of_the_environment(side: Any, known: ssl.SSLContext) -> None:
    """https works with the authority that SSL_CERT_FILE names, and keeps its connection."""
    with Server(whole, tls=known) as server:
        client = server.client()
        assert "".join(chunk.text for chunk in side.read(side.stream(client))) == "Hello world"
        assert side.ask(client).text == "Hello world"
        assert server.accepted == 1


def test_unknown_authority_is_refused(side: Any, authority: trustme.CA) -> None:
    """A server whose authority is unknown is a ConnectError, and is sent nothing."""
    with Server(whole, tls=server_context(authority)) as server:
        with pytest.raises(ConnectError, match=r"(?i)certificate"):
            side.ask(server.client())
        assert server.requests == []


def test_certificate_of_another_host_is_refused(side: Any, authority: trustme.CA, known: ssl.SSLContext) -> None:
    """A certificate for another name is a ConnectError, and its server is sent nothing."""
    with Server(whole, tls=server_context(authority, "elsewhere.example")) as server:
        with pytest.raises(ConnectError, match=r"(?i)certificate"):
            side.ask(server.client())
        assert server.requests == []


def test_closing_over_tls_is_as_fast(side: Any, known: ssl.SSLContext) -> None:
    """close() closes a connection with TLS within 50 ms too."""
    took = []
    with Server(two_then_stall, tls=known) as server:
        for _ in range(3):
            stream = side.stream(server.client())
            side.next(stream)
            let_go = time.monotonic()
            side.close(stream)
            took.append(server.closed_at() - let_go)
    print(f"LATENCY tls {took}")
    assert min(took) < 0.05, took


def test_close_from_a_thread_over_tls(known: ssl.SSLContext) -> None:
    """close() from another thread ends a loop that waits on a connection with TLS."""
    for _ in range(5):
        with Server(two_then_stall, tls=known) as server:
            stream = server.client().models.generate_content_stream(model="m", contents="hi")
            two = threading.Event()
            texts: list[str] = []

            def read(stream: Any = stream, two: Any = two, texts: Any = texts) -> None:
                for chunk in stream:
                    texts.append(chunk.text)
                    if len(texts) == 2:
                        two.set()
                texts.append("the loop ended")

            thread = threading.Thread(target=read)
            thread.start()
            assert two.wait(5)
            time.sleep(0.01)
            stream.close()
            thread.join(5)
            assert texts == ["one ", "two ", "the loop ended"]
            server.closed_at()


def test_close_from_a_thread_before_the_head_over_tls(known: ssl.SSLContext) -> None:
    """close() from another thread ends a wait for the head on a connection with TLS."""
    with Server(lambda connection, _: connection.stall(), tls=known) as server:
        stream = server.client().models.generate_content_stream(model="m", contents="hi")
        ended: list[Any] = []
        thread = threading.Thread(target=lambda: ended.append(list(stream)))
        thread.start()
        server.wait_for(1)
        time.sleep(0.01)
        stream.close()
        thread.join(5)
        assert ended == [[]]
        server.closed_at()


# --- proxies --------------------------------------------------------------------------------------------------------


def forward(connection: Connection, request: Request) -> None:
    """Be a proxy: fetch an absolute URL, or tunnel a CONNECT."""
    if request.method == "CONNECT":
        host, _, port = request.target.partition(":")
        with socket.create_connection((host, int(port))) as far:
            connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(far, connection.socket))
            back.start()
            _pump(connection.socket, far)
            back.join(5)
        connection.close()
        return
    assert request.target.startswith("http://")
    address, _, path = request.target.removeprefix("http://").partition("/")
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port))) as far:
        fields = {**request.headers, "connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        far.sendall(f"{request.method} /{path} HTTP/1.1\r\n{lines}\r\n".encode() + request.body)
        far.shutdown(socket.SHUT_WR)
        _pump(far, connection.socket)
    connection.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def test_http_proxy_of_the_environment(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY is used for http, with credentials where it has some."""
    with Server(whole) as server, Server(forward) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:secret@127.0.0.1:{proxy.port}")
        assert "".join(chunk.text for chunk in side.read(side.stream(server.client()))) == "Hello world"
        (request,) = proxy.requests
        assert request.target.startswith(server.url)
        assert request.headers["proxy-authorization"] == "Basic dXNlcjpzZWNyZXQ="
        assert len(server.requests) == 1


def test_https_goes_through_a_tunnel(side: Any, known: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY is used for https through CONNECT, and never sees the key."""
    with Server(whole, tls=known) as server, Server(forward) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{proxy.port}")
        client = server.client()
        assert "".join(chunk.text for chunk in side.read(side.stream(client))) == "Hello world"
        (request,) = proxy.requests
        assert (request.method, request.target) == ("CONNECT", f"localhost:{server.port}")
        assert request.headers["proxy-authorization"] == "Basic dXNlcjpzZWNyZXQ="
        assert "x-goog-api-key" not in request.headers
        side.close(client)


def test_closing_through_a_tunnel(side: Any, known: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """close() closes a tunnelled connection at once."""
    with Server(two_then_stall, tls=known) as server, Server(forward) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        stream = side.stream(server.client())
        side.next(stream)
        side.close(stream)
        server.closed_at()


@pytest.mark.parametrize("exempt", ["127.0.0.1", "*", "example.com,127.0.0.1"])
def test_no_proxy_is_obeyed(side: Any, monkeypatch: pytest.MonkeyPatch, exempt: str) -> None:
    """A host in NO_PROXY is asked directly."""
    with Server(whole) as server, Server(forward) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", exempt)
        assert side.ask(server.client()).text == "Hello world"
        assert proxy.accepted == 0


def test_proxy_without_a_scheme(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """http_proxy may be written as host:port, in small letters."""
    with Server(whole) as server, Server(forward) as proxy:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy.port}")
        assert side.ask(server.client()).text == "Hello world"
        assert len(proxy.requests) == 1


def test_proxy_that_is_not_there(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that does not answer is a ConnectError, and its password is not in the message."""
    with Server(whole) as gone:
        pass
    with Server(whole) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:secret@127.0.0.1:{gone.port}")
        with pytest.raises(ConnectError) as caught:
            side.ask(server.client())
        assert "secret" not in str(caught.value)


def test_proxy_that_refuses_the_tunnel(side: Any, known: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that refuses CONNECT is a ConnectError that says why."""

    def refuse(connection: Connection, request: Request) -> None:
        connection.send(head("407 Proxy Authentication Required", {"content-length": "0"}))
        connection.close()

    with Server(whole, tls=known) as server, Server(refuse) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{proxy.port}")
        with pytest.raises(ConnectError, match="407") as caught:
            side.ask(server.client())
        assert "secret" not in str(caught.value)
        assert server.requests == []


@pytest.mark.parametrize("url", ["not a url", "socks5://127.0.0.1:1", "http://", "http://[::1", "http://x:port"])
def test_proxy_that_is_no_address(side: Any, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """A proxy that is not an HTTP proxy is a HeadwaterError."""
    monkeypatch.setenv("HTTP_PROXY", url)
    with Server(whole) as server, pytest.raises(genai.errors.HeadwaterError):
        side.ask(server.client(timeout=2000))
