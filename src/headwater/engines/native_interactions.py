"""The Interactions API of an upstream, passed through: a request's bytes out, the bytes of events and documents in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import msgspec

from headwater.core.machine.policy import Deadlines
from headwater.core.wire.dialect import AnswerRules, Dialect
from headwater.core.wire.interactions import InteractionDialect
from headwater.core.wire.request import HttpRequest
from headwater.engines.base import UpstreamCall
from headwater.engines.http import HttpCaller
from headwater.errors import APIError, HeadwaterError, StreamTruncated, WireError, api_error
from headwater.transport.base import AsyncTransport

_JSON = {"content-type": "application/json"}
_RETRY = "type.googleapis.com/google.rpc.RetryInfo"
#: Agents work for minutes without a word; whoever waits for them has deadlines of its own.
_DEADLINES = Deadlines(first_content=3600.0, content_gap=3600.0)


class UpstreamDocument(msgspec.Struct, frozen=True):
    """An event, or a whole body, as it came."""

    raw: bytes
    is_last: bool = False


class _RawInteractions(InteractionDialect):
    """The dialect with documents left as they are: what is an error, and what the end, is still known."""

    answers = AnswerRules()  # type: ignore[assignment]  # nothing is folded here

    def decode(  # type: ignore[override]
        self, data: bytes, headers: Mapping[str, str]
    ) -> tuple[UpstreamDocument | HeadwaterError, ...]:
        found, is_last = super().decode(data, headers), super().is_final
        return tuple(one if isinstance(one, HeadwaterError) else UpstreamDocument(data, is_last(one)) for one in found)

    def is_final(self, result: object) -> bool:
        return isinstance(result, UpstreamDocument) and result.is_last


_RAW: Dialect[UpstreamDocument] = _RawInteractions()


class UpstreamInteractions:
    """Calls the Interactions API of an upstream.

    Args:
        request_to: Returns the request for a method and a path below the API's version, with the server's own key.
        transport: Returns what carries a request.
    """

    def __init__(
        self, request_to: Callable[[str, str], HttpRequest], transport: Callable[[HttpRequest], AsyncTransport]
    ) -> None:
        self._request_to = request_to
        self._transport = transport

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[UpstreamDocument, None]:
        """Yield the events of a stream as they came.

        Raises:
            HeadwaterError: if the upstream refuses, or the stream breaks before its end.
        """
        caller, request = self._prepare(call)
        try:
            async for event in caller.stream(request):
                yield event
        except APIError as error:
            raise _restated(error) from error

    async def call(self, call: UpstreamCall) -> bytes:
        """Return the body of a response as it came.

        Raises:
            HeadwaterError: if the upstream refuses, or does not respond.
        """
        caller, request = self._prepare(call)
        try:
            return (await caller.call(request)).raw
        except APIError as error:
            raise _restated(error) from error
        except (StreamTruncated, WireError):
            # The deletion of an interaction is answered by an empty body or by an empty object.
            if call.method != "DELETE":
                raise
            return b"{}"

    def _prepare(self, call: UpstreamCall) -> tuple[HttpCaller[UpstreamDocument], HttpRequest]:
        path, mark, query = call.path.partition("?")
        request = self._request_to(call.method, path)
        headers = {**request.headers, **(_JSON if call.body is not None else {})}
        request = HttpRequest(call.method, request.url + mark + query, headers, call.body)
        return HttpCaller(_RAW, self._transport(request), deadlines=_DEADLINES), request


def _restated(error: APIError) -> APIError:
    """The error in Google's older shape, which logs have; its status is the code that the API gave."""
    body: dict[str, Any] = {"code": error.code, "message": error.message, "status": error.status or "UNKNOWN"}
    if error.retry_after is not None:
        body["details"] = [{"@type": _RETRY, "retryDelay": f"{error.retry_after:g}s"}]
    return api_error(error.code, error.message, status=error.status, details={"error": body})
