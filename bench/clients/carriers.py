"""The HTTP clients that are compared as transports, each reduced to: open a stream, read bytes, close it.

A carrier is created once (``certificate``: an additional CA file to trust). ``open(url)`` sends the POST and
returns a body whose ``read()`` returns the available bytes, ``b""`` at the end. Libraries are imported inside
the classes, so that each process loads only its own.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any
from urllib.parse import urlsplit

REQUEST = b'{"contents": [{"parts": [{"text": "hi"}], "role": "user"}]}'
HEADERS = {"Content-Type": "application/json", "x-goog-api-key": "k", "Accept-Encoding": "gzip"}
READ_SIZE = 65_536


def tls_context(certificate: str | None) -> ssl.SSLContext:
    """A client's context as in real programs: certifi's bundle, and the benchmark's own CA."""
    try:
        import certifi

        context = ssl.create_default_context(cafile=certifi.where())
    except ImportError:
        context = ssl.create_default_context()
    if certificate is not None:
        context.load_verify_locations(certificate)
    return context


def environment_proxies() -> dict[str, str]:
    """The proxies that the environment names, by scheme (``getproxies`` also gives ``no``: not a proxy)."""
    from urllib.request import getproxies

    return {scheme: proxy for scheme, proxy in getproxies().items() if scheme in ("http", "https")}


def proxy_for(url: str) -> str | None:
    """The proxy of the environment for ``url``, which urllib3 leaves to its user."""
    from urllib.request import proxy_bypass

    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else environment_proxies().get(parts.scheme)


class Urllib3:
    """urllib3's pool, ``preload_content=False``, ``read1``."""

    def __init__(self, certificate: str | None = None, *, environment: bool = False, tls: bool = False) -> None:
        import urllib3

        options: dict[str, Any] = {"maxsize": 200, "retries": False}
        if tls:
            options["ssl_context"] = tls_context(certificate)
        self.pools = {None: urllib3.PoolManager(**options)}
        for proxy in set(environment_proxies().values() if environment else []):
            self.pools[proxy] = urllib3.ProxyManager(proxy, **options)

    def open(self, url: str) -> Urllib3:
        """Send the request; the body is a new object that shares the pool."""
        body = object.__new__(type(self))
        pool = self.pools[proxy_for(url) if len(self.pools) > 1 else None]
        body.response = pool.request("POST", url, body=REQUEST, headers=HEADERS, preload_content=False)
        body.encoded = "content-encoding" in body.response.headers
        return body

    def read(self) -> bytes:
        """The available bytes."""
        return self.response.read1(READ_SIZE, decode_content=self.encoded) or b""

    def close(self) -> None:
        """Close the connection (at the end of the body it is returned to the pool automatically)."""
        self.response.close()

    def abort(self) -> None:
        """Wake a read that is blocked in another thread."""
        self.response.shutdown()


class HttpClient:
    """http.client of the standard library: one connection per stream, no pool."""

    def __init__(self, certificate: str | None = None, *, environment: bool = False, tls: bool = False) -> None:
        import http.client

        self.module = http.client
        self.context = tls_context(certificate) if tls else None

    def open(self, url: str) -> HttpClient:
        """Connect and send the request."""
        body = object.__new__(type(self))
        parts = urlsplit(url)
        if self.context is None:
            body.connection = self.module.HTTPConnection(parts.hostname, parts.port)
        else:
            body.connection = self.module.HTTPSConnection(parts.hostname, parts.port, context=self.context)
        body.connection.request("POST", f"{parts.path}?{parts.query}", body=REQUEST, headers=HEADERS)
        body.response = body.connection.getresponse()
        return body

    def read(self) -> bytes:
        """The available bytes."""
        return self.response.read1(READ_SIZE)

    def close(self) -> None:
        """Close the connection."""
        self.response.close()
        self.connection.close()

    def abort(self) -> None:
        """Wake a read that is blocked in another thread."""
        self.connection.sock.shutdown(2)


class Httpx2:
    """httpx2's sync client, ``iter_raw`` (``iter_bytes`` for gzip)."""

    def __init__(self, certificate: str | None = None, *, environment: bool = False, tls: bool = False) -> None:
        import httpx2

        limits = httpx2.Limits(max_connections=None)
        verify = tls_context(certificate) if tls else True
        self.client = httpx2.Client(limits=limits, timeout=None, trust_env=environment, verify=verify)

    def open(self, url: str) -> Httpx2:
        """Send the request."""
        body = object.__new__(type(self))
        request = self.client.build_request("POST", url, content=REQUEST, headers=HEADERS)
        body.response = self.client.send(request, stream=True)
        body.pieces = body.response.iter_bytes()
        return body

    def read(self) -> bytes:
        """The next bytes."""
        return next(self.pieces, b"")

    def close(self) -> None:
        """Close the response."""
        self.response.close()

    abort = close


class Aiohttp:
    """aiohttp's ClientSession, ``resp.content.readany()``."""

    def __init__(self, certificate: str | None = None, *, environment: bool = False, tls: bool = False) -> None:
        import aiohttp

        connector = aiohttp.TCPConnector(limit=0, ssl=tls_context(certificate) if tls else True)
        timeout = aiohttp.ClientTimeout(total=None)
        self.session = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=environment)

    async def open(self, url: str) -> Aiohttp:
        """Send the request."""
        body = object.__new__(type(self))
        body.response = await self.session.post(url, data=REQUEST, headers=HEADERS)
        body.read = body.response.content.readany
        return body

    async def close(self) -> None:
        """Close the response's connection."""
        self.response.close()


class AioHttpx2:
    """httpx2's async client."""

    def __init__(self, certificate: str | None = None, *, environment: bool = False, tls: bool = False) -> None:
        import httpx2

        limits = httpx2.Limits(max_connections=None)
        verify = tls_context(certificate) if tls else True
        self.client = httpx2.AsyncClient(limits=limits, timeout=None, trust_env=environment, verify=verify)

    async def open(self, url: str) -> AioHttpx2:
        """Send the request."""
        body = object.__new__(type(self))
        request = self.client.build_request("POST", url, content=REQUEST, headers=HEADERS)
        body.response = await self.client.send(request, stream=True)
        body.pieces = body.response.aiter_bytes()
        return body

    async def read(self) -> bytes:
        """The next bytes."""
        return await anext(self.pieces, b"")

    async def close(self) -> None:
        """Close the response."""
        await self.response.aclose()


class Pyreqwest:
    """pyreqwest's async client (reqwest in Rust), with its read-ahead switched off."""

    def __init__(self, certificate: str | None = None, *, environment: bool = False, tls: bool = False) -> None:
        from pyreqwest.client import ClientBuilder

        builder = ClientBuilder()
        if not environment:
            builder = builder.no_proxy()
        if certificate is not None:
            with open(certificate, "rb") as file:
                builder = builder.add_root_certificate_pem(file.read())
        self.client = builder.build()

    async def open(self, url: str) -> Pyreqwest:
        """Send the request."""
        body = object.__new__(type(self))
        builder = self.client.post(url).headers(HEADERS).body_bytes(REQUEST).streamed_read_buffer_limit(0)
        body.request = builder.build_streamed()
        body.response = await body.request.__aenter__()
        body.reader = body.response.body_reader
        return body

    async def read(self) -> bytes:
        """The next bytes."""
        data = await self.reader.read_chunk()
        return b"" if data is None else bytes(data)

    async def close(self) -> None:
        """Close the response."""
        await self.request.__aexit__(None, None, None)


class BareProtocol(asyncio.Protocol):
    """An asyncio Protocol with the least of HTTP in Python: the floor, not a client."""

    def __init__(self, certificate: str | None = None, *, environment: bool = False, tls: bool = False) -> None:
        self.context = tls_context(certificate) if tls else None

    async def open(self, url: str) -> BareProtocol:
        """Connect and send the request."""
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, body = await loop.create_connection(BareBody, parts.hostname, parts.port, ssl=self.context)
        head = f"POST {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(REQUEST)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        body.transport.write(f"{head}\r\n".encode() + REQUEST)
        return body


class BareBody(asyncio.Protocol):
    """The body of one bare connection: strips the head and the chunk sizes."""

    def __init__(self) -> None:
        self.rest = b""
        self.head_done = self.ended = False
        self.ready: list[bytes] = []
        self.waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Unframe and wake the reader."""
        data = self.rest + data
        position = 0
        if not self.head_done:
            position = data.index(b"\r\n\r\n") + 4
            self.head_done = True
        while (line_end := data.find(b"\r\n", position)) >= 0:
            size = int(data[position:line_end], 16)
            end = line_end + 2 + size
            if end + 2 > len(data):
                break
            self.ready.append(data[line_end + 2 : end])
            self.ended = size == 0
            position = end + 2
        self.rest = data[position:]
        self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake the reader for the last time."""
        self.ended = True
        self.wake()

    def wake(self) -> None:
        """Wake a waiting read."""
        if self.waiter is not None and (self.ready or self.ended) and not self.waiter.done():
            self.waiter.set_result(None)

    async def read(self) -> bytes:
        """All available bytes."""
        if not self.ready and not self.ended:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        ready, self.ready = self.ready, []
        return b"".join(ready)

    async def close(self) -> None:
        """Close the connection."""
        self.transport.abort()


SYNC = {"urllib3": Urllib3, "http.client": HttpClient, "httpx2": Httpx2}
ASYNC = {"aiohttp": Aiohttp, "pyreqwest": Pyreqwest, "httpx2 async": AioHttpx2, "bare protocol": BareProtocol}
