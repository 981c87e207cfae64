"""Values of the API as HTTP responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

JSON = b"application/json; charset=UTF-8"


def json_response(value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value of the API as a response."""
    return Response(msgspec.json.encode(value), 200, headers, JSON.decode())


def external_path(connection: HTTPConnection, path: str) -> str:
    """Return the path by which clients reach a ``path`` of this server, which may be mounted below another one."""
    # ASGI, "HTTP connection scope": the path that the application is mounted at, decoded.
    return quote(connection.scope.get("root_path", "")) + path


def created_response(http: HTTPConnection, value: Any, path: str, *, is_new: bool) -> Response:
    """Return a created resource and its location; 200 instead of 201 if the same request created it before."""
    response = json_response(value, {"location": external_path(http, path)})
    response.status_code = 201 if is_new else 200
    return response
