"""The paths of front-end protocols, from their records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headwater.server.openapi.builders import ANY, JSON, TEXT, parameter
from headwater.server.protocols.base import FrontEndProtocol, ProtocolRoute, StoredAnswer
from headwater.server.streams.protocol_encoding import media_type


def paths(protocols: Sequence[FrontEndProtocol]) -> dict[str, Any]:
    """Return the paths of ``protocols``."""
    found: dict[str, Any] = {}
    for protocol in protocols:
        if protocol.routes:
            content_type = media_type(protocol.encoder(StoredAnswer("")))
        for route in protocol.routes:
            found.setdefault(route.path, {})[route.method.lower()] = _operation(route, content_type)
    return found


def _operation(route: ProtocolRoute, content_type: str) -> dict[str, Any]:
    # The bodies are the libraries' own, which describe them; here they are objects.
    has_body = route.method == "POST" and route.is_stream
    responses: dict[str, Any] = {"default": {"$ref": "#/components/responses/Error"}}
    if route.is_stream:
        responses["200"] = {"description": "Events.", "content": {content_type: {"schema": TEXT}}}
    if not has_body:
        responses["204"] = {"description": "Nothing to return."}
    operation = {
        "operationId": route.operation,
        "summary": route.summary,
        "parameters": [parameter("id", "The id of a chat.")] if "{id}" in route.path else [],
        "responses": responses,
    }
    body = {"required": True, "content": {JSON: {"schema": ANY}}}
    return operation | ({"requestBody": body} if has_body else {})
