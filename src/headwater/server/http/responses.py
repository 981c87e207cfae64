"""Values of the API as HTTP responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

JSON = b"application/json; charset=UTF-8"


def json_response(value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value of the API as a response."""
    return Response(msgspec.json.encode(value), 200, headers, JSON.decode())


def created_response(value: Any, location: str, *, is_new: bool) -> Response:
    """Return a created resource and its location; 200 instead of 201 if the same request created it before."""
    response = json_response(value, {"location": location})
    response.status_code = 201 if is_new else 200
    return response
