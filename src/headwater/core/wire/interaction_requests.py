"""The requests that follow another in one answer: the rest of a stream, the next hop, the results of functions."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from headwater.contract.headers import IDEMPOTENCY_KEY
from headwater.core.answer.interaction_fold import EventFold
from headwater.core.answer.interaction_steps import document_of
from headwater.core.wire.dialect import BrokenStream, Continuation
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, HeadwaterError
from headwater.types import Part
from headwater.types.content import FunctionResponsePart
from headwater.types.interactions.base import plain

#: With these the API says that it does not keep the interaction.
_GONE = (404, 410)
_OWN_HEADERS = ("accept", "content-type", "content-length")


def resume(broken: BrokenStream) -> Continuation | None:
    """Return how the rest of an interaction is asked for, None if that is impossible."""
    fold = broken.fold
    assert isinstance(fold, EventFold)
    if broken.error is None:
        return _next_hop(broken.request, fold)
    if fold.stored_name is not None and _may_be_kept(broken):
        from headwater.core.answer.interaction_joining import ReplayJoiner  # here, since most streams never break

        after = fold.cursor.event_id if fold.cursor else None
        # What is refused as a stream may be had whole: the API streams what runs, and it may have ended meanwhile.
        request = get_request(broken.request, fold.stored_name, after, is_stream=not broken.refusals)
        return Continuation(request=request, joiner=ReplayJoiner(fold), is_stored=True)
    return _from_checkpoint(broken.request, fold)


def get_request(request: HttpRequest, name: str, event_id: str | None, *, is_stream: bool = True) -> HttpRequest:
    """Return the request for the events of a stored interaction that follow ``event_id``, or for all of it at once."""
    address = urlsplit(request.url)
    path = address.path.partition("/interactions")[0] + f"/interactions/{quote(name, safe='')}"
    # What the caller added to the URL (a key, a proxy's parameters) stays.
    kept = [pair for pair in address.query.split("&") if pair and pair.partition("=")[0] not in _OWN_PARAMETERS]
    after = [f"last_event_id={quote(event_id, safe='')}"] if event_id and is_stream else []
    query = [*kept, f"stream={'true' if is_stream else 'false'}", *after]
    url = urlunsplit((address.scheme, address.netloc, path, "&".join(query), ""))
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _OWN_HEADERS}
    return HttpRequest("GET", url, {"Accept": "text/event-stream" if is_stream else "application/json", **headers})


def may_repeat(request: HttpRequest, error: HeadwaterError) -> bool:
    """Return whether ``request`` may be sent again after an error before any content.

    What runs in the background continues without a reader, and costs what it costs. So it is asked for again only
    if it was not begun for certain: the connection was never made, or the API refused.
    """
    has_key = any(name.lower() == IDEMPOTENCY_KEY.lower() for name in request.headers)  # a headwater server knows it
    if request.method != "POST" or has_key or not _body(request).get("background"):
        return True
    if isinstance(error, APIError):
        return error.phase != "body"
    return getattr(error.__cause__, "kind", None) == "connect"


def after_calls(request: HttpRequest, fold: EventFold, parts: list[Part]) -> HttpRequest:
    """Return the request with the results of functions.

    Where the API keeps the interaction, the next one refers to it; else the conversation is sent again.
    """
    body = _body(request)
    results = [_result(part) for part in parts if part.function_response is not None]
    if body.get("store") is False or fold.stored_name is None:
        body["input"] = [*input_steps(body.get("input")), *plain(fold.response.steps), *results]
    else:
        body["input"], body["previous_interaction_id"] = results, fold.stored_name
    body.pop("continuation_token", None)  # it belongs to the interaction before
    settings = body.get("generation_config")
    if isinstance(settings, dict) and _forces_calls(settings.get("tool_choice")):
        body["generation_config"] = {**settings, "tool_choice": "auto"}  # or the model would have to call forever
    return msgspec.structs.replace(request, body=msgspec.json.encode(body))


def input_steps(given: Any) -> list[Any]:
    """Return the input of a request as steps."""
    if isinstance(given, str):
        given = {"type": "text", "text": given}
    entries = given if isinstance(given, list) else [] if given is None else [given]
    if all(isinstance(entry, Mapping) and _is_step(entry.get("type")) for entry in entries):
        return entries
    return [{"type": "user_input", "content": entries}]


def _next_hop(request: HttpRequest, fold: EventFold) -> Continuation | None:
    """The request for the rest of an answer that the API ended at its own limit."""
    body, token = _body(request), fold.continuation_token
    if token is None or body.get("continuation_token") == token.decode():
        return None
    body["continuation_token"] = token.decode()
    if body.get("store") is not False and fold.stored_name is not None:
        body.pop("input", None)
        body["previous_interaction_id"] = fold.stored_name
    return Continuation(request=msgspec.structs.replace(request, body=msgspec.json.encode(body)))


def _from_checkpoint(request: HttpRequest, fold: EventFold) -> Continuation | None:
    """The request for what follows the last token that came, and so for what arrived since then again."""
    from headwater.core.answer.interaction_joining import CheckpointJoiner

    hop = _next_hop(request, fold)
    return None if hop is None else Continuation(request=hop.request, joiner=CheckpointJoiner(fold))


def _may_be_kept(broken: BrokenStream) -> bool:
    """Whether the API may keep the interaction, and still produce it or have all of it."""
    body, error = _body(broken.request), broken.error
    is_told = isinstance(error, APIError) and error.phase == "body"
    if broken.refusals > 1 or body.get("store") is False:
        return False
    if broken.refusals:
        return is_told or not (isinstance(error, APIError) and error.code in _GONE)
    # An error in the stream ended a foreground interaction; one in the background may only have lost its reader.
    return not is_told or bool(body.get("background")) or broken.request.method == "GET"


def _result(part: Part) -> dict[str, Any]:
    response = part.function_response
    assert response is not None
    value = response.response or {}
    failed = set(value) == {"error"}
    result = value["result"] if set(value) == {"result"} else value["error"] if failed else value
    step: dict[str, Any] = {"type": "function_result", "call_id": response.id, "name": response.name}
    media = [content for part in response.parts or () if (content := _media(part)) is not None]
    # The API takes text, an object, or a list of contents; every other JSON value is sent as text.
    step["result"] = media or (result if isinstance(result, str | dict) else msgspec.json.encode(result).decode())
    return {**step, "is_error": True} if failed else step


def _media(part: FunctionResponsePart) -> dict[str, Any] | None:
    """A file in a function's result as content, None if it has no bytes and no address."""
    if (blob := part.inline_data) is not None and blob.data is not None:
        kind, fields = blob.mime_type, {"data": base64.b64encode(blob.data).decode()}
    elif (file := part.file_data) is not None and file.file_uri is not None:
        kind, fields = file.mime_type, {"uri": file.file_uri}
    else:
        return None
    family = (kind or "").partition("/")[0]
    return {"type": family if family in ("image", "audio", "video") else "document", "mime_type": kind, **fields}


def _is_step(kind: Any) -> bool:
    return isinstance(kind, str) and (kind in _STEPS or kind.endswith(("_call", "_result")))


def _forces_calls(choice: Any) -> bool:
    allowed = document_of(choice.get("allowed_tools")) if isinstance(choice, dict) else {}
    return choice == "any" or allowed.get("mode") == "any"


def _body(request: HttpRequest) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(request.body or b"{}")
    return body


_STEPS = frozenset({"user_input", "model_output", "thought"})
_OWN_PARAMETERS = ("stream", "last_event_id", "include_input", "alt")
