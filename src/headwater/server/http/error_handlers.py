"""Every error as a response in Google's shape: the exception handlers of the application."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Scope

from headwater.errors import HeadwaterError, api_error
from headwater.protocols.error_documents import error_body, error_code
from headwater.server.http.errors import http_status, retry_after
from headwater.server.http.metrics import ServerMetrics
from headwater.server.http.middleware import id_headers
from headwater.server.http.responses import JSON

Handler = Callable[[HttpRequest, Exception], Response]
#: Writes the body of an error that is given as JSON in Google's shape.
ErrorShape = Callable[[bytes], bytes]
_SHAPE = "headwater.error_shape"


def error_response(error: Exception, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as a response in Google's shape."""
    code = http_status(error_code(error))
    body = error_body(error)
    # RFC 9110: 429 may say when to retry (10.2.3), and 401 must say how to authenticate (15.5.2).
    extra = {"retry-after": retry_after(msgspec.json.decode(body))} if code == 429 else {}
    extra |= {"www-authenticate": "Bearer"} if code == 401 else {}
    return Response(body, code, extra | dict(headers or {}), JSON.decode())


def set_error_shape(scope: Scope, shape: ErrorShape) -> None:
    """Let errors of this request be written by ``shape``, which gets the JSON of an error in Google's shape."""
    scope[_SHAPE] = shape


def _shaped(http: HttpRequest, response: Response) -> Response:
    shape: ErrorShape | None = http.scope.get(_SHAPE)
    if shape is None:
        return response
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(shape(bytes(response.body)), response.status_code, headers)


def error_handlers(metrics: ServerMetrics) -> dict[Any, Handler]:
    """Return the handlers: for headwater's errors, for Starlette's, and for everything else."""

    def refuse(http: HttpRequest, error: Exception) -> Response:
        metrics.refused(str(error_code(error)))
        return _shaped(http, error_response(error))

    def refuse_route(http: HttpRequest, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        metrics.refused(str(error.status_code))
        status = "NOT_FOUND" if error.status_code == 404 else "INVALID_ARGUMENT"
        return error_response(api_error(error.status_code, _message(http, error), status=status), error.headers)

    def fail(http: HttpRequest, error: Exception) -> Response:
        metrics.refused("500")
        reply = api_error(500, "the server failed; see its log", status="INTERNAL")
        return _shaped(http, error_response(reply, id_headers(http.scope)))

    return {HeadwaterError: refuse, HTTPException: refuse_route, Exception: fail}


def _message(http: HttpRequest, error: HTTPException) -> str:
    match error.status_code:
        case 404:
            return "there is nothing at this path: the Gemini API is at /v1beta/models, and /openapi.json has all paths"
        case 405:
            return f"this path does not support {http.method}"
    return error.detail or HTTPStatus(error.status_code).phrase
