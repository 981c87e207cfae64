"""Serves the page: files built from ``web/``, under a strict Content-Security-Policy."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from headwater.errors import api_error

#: Only the page's own scripts, styles and requests, and no markup of a model may become a script (Trusted Types).
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types dompurify"
)
_STATIC = files("headwater.server.page") / "static"
_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_IMMUTABLE = "public, max-age=31536000, immutable"  # the name changes with the content

Handler = Callable[[HttpRequest], Awaitable[Response]]


class PageFile(NamedTuple):
    """A file, ready to be sent."""

    content_type: str
    tag: str
    plain: bytes
    zipped: bytes


def page_routes(welcome: Handler, guarded: Callable[[Handler], Handler]) -> list[BaseRoute]:
    """Return the routes of the page. ``welcome`` handles ``/`` for clients that do not accept HTML.

    ``guarded`` adds the checks of requests that need no key.
    """

    async def home(http: HttpRequest) -> Response:
        if "text/html" in http.headers.get("accept", ""):
            return _file_response(http, load("index.html"), "no-cache", vary="Accept, Accept-Encoding")
        response = await welcome(http)
        response.headers["vary"] = "Accept"
        return response

    return [
        Route("/", guarded(home), methods=["GET"]),
        Route("/headwater.js", guarded(_script), methods=["GET"]),
        Route("/assets/{name}", guarded(_asset), methods=["GET"]),
    ]


async def _script(http: HttpRequest) -> Response:
    return _file_response(http, load("headwater.js"), "no-cache")


async def _asset(http: HttpRequest) -> Response:
    name = http.path_params["name"]
    if name not in assets():
        raise api_error(404, "there is no such file: the page is at /", status="NOT_FOUND")
    return _file_response(http, load("assets", name), _IMMUTABLE)


def _file_response(http: HttpRequest, file: PageFile, cache_control: str, vary: str = "Accept-Encoding") -> Response:
    headers = {"etag": file.tag, "cache-control": cache_control, "vary": vary, "content-security-policy": POLICY}
    known_tags = [tag.strip() for tag in http.headers.get("if-none-match", "").split(",")]
    if file.tag in known_tags:
        return Response(None, 304, headers)
    if "gzip" in http.headers.get("accept-encoding", ""):
        return Response(file.zipped, 200, headers | {"content-encoding": "gzip"}, file.content_type)
    return Response(file.plain, 200, headers, file.content_type)


@cache
def load(*path: str) -> PageFile:
    """Return a file by its path in ``static``. Read once per process."""
    plain = _STATIC.joinpath(*path).read_bytes()
    tag = hashlib.sha256(plain).hexdigest()[:24]
    # Weak, since it is the same for both encodings (RFC 9110, 8.8.3.3).
    return PageFile(_TYPES[path[-1].rpartition(".")[2]], f'W/"{tag}"', plain, gzip.compress(plain, mtime=0))


@cache
def assets() -> frozenset[str]:
    """Return the names of the files that the page loads: the allow-list of ``/assets/``."""
    return frozenset(entry.name for entry in (_STATIC / "assets").iterdir())
