"""The paths of the Interactions API. Those of ``/v1beta`` stand for all versions."""

from __future__ import annotations

from typing import Any

from headwater.contract.headers import IDEMPOTENCY_KEY
from headwater.server.interactions.endpoint import ABSENT
from headwater.server.openapi.builders import TEXT, body, header, operation, parameter, query, ref, response

_ALL = "/v1beta/interactions"
_ONE = _ALL + "/{id}"
_ID = parameter("id", "The id of an interaction.")
_CURSOR = query("last_event_id", "string", "The event_id of the last event that the reader has.")
_EVENTS = {"text/event-stream": {"schema": TEXT, "example": "event: interaction.created\ndata: {...}\n\n"}}


def _operation(name: str, summary: str, parameters: list[Any], schema: str | None) -> dict[str, Any]:
    found = operation(name, summary, parameters, schema)
    found["responses"]["default"] = response("An error: a code in snake case and a message.", "InteractionError")
    return found


_create = _operation(
    "createInteraction",
    "Answer an input, whole, as a stream (stream) or in the background (background).",
    [header(IDEMPOTENCY_KEY, "string"), header("X-Server-Timeout", "number", "Seconds.")],
    "Interaction",
)
_create["responses"]["200"]["content"] |= _EVENTS
_get = _operation(
    "getInteraction",
    "Return a stored interaction, or its events.",
    [_ID, query("stream", "boolean"), _CURSOR],
    "Interaction",
)
_get["responses"]["200"]["content"] |= _EVENTS
_stream = _operation("streamInteraction", "Return the events of a stored interaction.", [_ID, _CURSOR], None)
_stream["responses"]["200"]["content"] = _EVENTS


def _cancel(name: str) -> dict[str, Any]:
    return {"post": _operation(name, "Stop a running interaction; what there is of it stays.", [_ID], "Interaction")}


def _absent(name: str, path: str) -> dict[str, Any]:
    where = "OfOne" if path else ""
    rest = [parameter("rest", "Anything.")] if path else []
    verbs = ("get", "post", "delete")
    return {
        verb: _operation(f"{verb}{name.title()}{where}", "Not supported: 501.", rest, "InteractionError")
        for verb in verbs
    }


PATHS: dict[str, Any] = {
    **{f"/v1beta/{name}{path}": _absent(name, path) for name in ABSENT for path in ("", "/{rest}")},
    _ALL: {"post": _create | body(ref("InteractionRequest"))},
    _ALL + "/live": {"get": _operation("liveInteraction", "Not supported: 501.", [], "InteractionError")},
    _ONE: {"get": _get, "delete": _operation("deleteInteraction", "Delete an interaction.", [_ID], "Empty")},
    _ONE + "/cancel": _cancel("cancelInteraction"),
    _ONE + ":cancel": _cancel("cancelInteractionByColon"),
    _ONE + ":stream": {"get": _stream},
}
