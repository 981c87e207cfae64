"""The paths of stored streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headwater.contract.headers import IDEMPOTENCY_KEY, LAST_EVENT_ID
from headwater.contract.paths import EVENTS, LINKS, STOP, STREAMS
from headwater.contract.streams import StreamDocument
from headwater.server.openapi.builders import TEXT, body, header, object_of, operation, parameter, query, ref

_ONE = STREAMS + "/{name}"
_NAME = parameter("name", "The name of a stream.")
_PAGE = [query("pageSize", "integer"), query("pageToken", "string")]
_READ = [
    _NAME,
    # An EventSource sends the header when it reconnects; `after` is for readers that cannot set headers.
    header(LAST_EVENT_ID, "integer"),
    query("after", "integer"),
    # The two that a link has in place of a key.
    query("expires", "integer"),
    query("signature", "string"),
    query("every", "number", "Send at most once in this many seconds."),
]

_start = operation(
    "startStream",
    "Start an answer that runs independently of its readers.",
    [header(IDEMPOTENCY_KEY, "string")],
    StreamDocument,
    code="201",
)
_link = operation("linkStream", "Make a link for a reader without a key.", [_NAME], "Link")

_PATHS: dict[str, Any] = {
    STREAMS: {
        "post": _start | body(ref("StreamRequest")),
        "get": operation("listStreams", "List your streams.", _PAGE, "StreamList"),
    },
    _ONE: {
        "get": operation("getStream", "Return the state of a stream.", [_NAME], StreamDocument),
        "delete": operation("deleteStream", "Stop and delete a stream.", [_NAME], None, code="204"),
    },
    _ONE + STOP: {"post": operation("stopStream", "Stop a stream; its text so far stays.", [_NAME], StreamDocument)},
    _ONE + LINKS: {"post": _link | body(object_of("seconds", seconds={"type": "number"}))},
}


def paths(formats: Sequence[str]) -> dict[str, Any]:
    """Return the paths. ``formats`` are the values of ``?format=``, which depend on the server's protocols."""
    kind = query("format", "string", f"One of {', '.join(formats)}; numbered by default.")
    read = operation("readStream", "Read the events of a stream: chunks, then end or failed.", [*_READ, kind], None)
    read["responses"]["200"]["content"] = {"text/event-stream": {"schema": TEXT}}
    # 204 tells an EventSource not to reconnect (HTML, 9.2.3).
    read["responses"]["204"] = {"description": "The reader has seen the end."}
    return _PATHS | {_ONE + EVENTS: {"get": read}}
