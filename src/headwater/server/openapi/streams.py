"""The paths of stored streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headwater.contract.headers import IDEMPOTENCY_KEY, LAST_EVENT_ID
from headwater.contract.paths import EVENTS, LINKS, STOP, STREAMS
from headwater.contract.streams import StreamDocument
from headwater.server.openapi.builders import TEXT, body, header, object_of, operation, parameter, query, ref


def paths(formats: Sequence[str]) -> dict[str, Any]:
    """Return the paths. ``formats`` are the values of ``?format=``."""
    name, page = parameter("name", "The name of a stream."), [query("pageSize", "integer")]
    start = operation(
        "startStream",
        "Start an answer that runs independently of its readers.",
        [header(IDEMPOTENCY_KEY, "string")],
        StreamDocument,
        code="201",
    )
    stop = operation("stopStream", "Stop a stream; its text so far stays.", [name], StreamDocument)
    link = operation("linkStream", "Make a link for a reader without a key.", [name], "Link")
    delete = operation("deleteStream", "Stop and delete a stream.", [name], None, code="204")
    seconds = body(object_of("seconds", seconds={"type": "number"}))
    one = STREAMS + "/{name}"
    return {
        STREAMS: {
            "post": start | body(ref("StreamRequest")),
            "get": operation("listStreams", "List your streams.", [*page, query("pageToken", "string")], "StreamList"),
        },
        one: {
            "get": operation("getStream", "Return the state of a stream.", [name], StreamDocument),
            "delete": delete,
        },
        one + EVENTS: {"get": _read(name, formats)},
        one + STOP: {"post": stop},
        one + LINKS: {"post": link | seconds},
    }


def _read(name: dict[str, Any], formats: Sequence[str]) -> dict[str, Any]:
    parameters = [
        name,
        header(LAST_EVENT_ID, "integer"),
        query("after", "integer"),
        query("expires", "integer"),
        query("signature", "string"),
        query("every", "number", "Send at most once in this many seconds."),
        query("format", "string", f"One of {', '.join(formats)}; numbered by default."),
    ]
    read = operation("readStream", "Read the events of a stream: chunks, then end or failed.", parameters, None)
    read["responses"]["200"]["content"] = {"text/event-stream": {"schema": TEXT}}
    read["responses"]["204"] = {"description": "The reader has seen the end."}
    return read
