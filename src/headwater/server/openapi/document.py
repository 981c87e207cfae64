"""The OpenAPI description of the server (``GET /openapi.json``). A test compares it with the routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import headwater
from headwater.server.openapi import chat_completions, chats, gemini, interactions, streams
from headwater.server.openapi import protocols as protocol_paths
from headwater.server.openapi.builders import JSON, open_operation, response
from headwater.server.openapi.schemas import schemas
from headwater.server.protocols.base import FrontEndProtocol
from headwater.server.protocols.registry import PROTOCOLS, stream_formats

_INFO = {
    "title": "headwater",
    "version": headwater.__version__,
    "summary": "The Gemini API, served by any engine.",
    "description": "The paths of /v1beta exist under /v1, /v1alpha and /v1beta1, too, without a version, and in the "
    "form of Vertex AI. /v1/chat/completions exists without a version and under /v1beta/openai, too.",
}
#: The three ways to send a key: Google's header, the query parameter, and a bearer token.
_SECURITY = {
    "header": {"type": "apiKey", "in": "header", "name": "x-goog-api-key"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def document(*, needs_key: bool, protocols: Sequence[FrontEndProtocol] = PROTOCOLS) -> dict[str, Any]:
    """Return the description of a server with these protocols."""
    description: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": _INFO,
        "paths": _paths(protocols),
        "components": {
            "schemas": schemas() | chat_completions.SCHEMAS,
            "responses": {"Error": response("An error in Google's format.", "Error")},
            "securitySchemes": _SECURITY,
        },
    }
    if needs_key:
        description["security"] = [{name: []} for name in _SECURITY]
    return description


def _paths(protocols: Sequence[FrontEndProtocol]) -> dict[str, Any]:
    metrics = open_operation("metrics", "Metrics for Prometheus.", "text/plain")
    del metrics["security"]  # it needs a key like the rest
    return {
        **gemini.PATHS,
        **interactions.PATHS,
        **chat_completions.PATHS,
        **streams.paths(stream_formats(protocols).names),
        **chats.PATHS,
        **protocol_paths.paths(protocols),
        "/": {"get": open_operation("welcome", "The name and version of the server.", JSON)},
        "/healthz": {"get": open_operation("health", "Whether the server is healthy.", JSON)},
        "/openapi.json": {"get": open_operation("describe", "This description.", JSON)},
        "/metrics": {"get": metrics},
    }
