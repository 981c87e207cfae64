"""Encodes request bodies as records, and records as response bodies or SSE events. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import msgspec

from headwater.json_text import JSON_ERRORS
from headwater.server.durable.fields import JSON, is_text, media_type, refusal


def to_record(body: bytes, content_type: str) -> bytes:
    """Return the record of one append: the bytes or, in a JSON stream, its messages separated by commas.

    A top-level array is a batch of messages ("Array Flattening for Batch Operations"); an empty one makes an empty
    record. Messages are not re-encoded.

    Raises:
        APIError: 400, if the stream is JSON and the body is not ("JSON Validation").
    """
    if media_type(content_type) != JSON or not body:
        return body
    try:
        body.decode()
        is_array = body.lstrip(b" \t\r\n").startswith(b"[")
        if not is_array:
            return bytes(msgspec.json.decode(body, type=msgspec.Raw))
        return b",".join(map(bytes, msgspec.json.decode(body, type=list[msgspec.Raw])))
    except JSON_ERRORS as error:
        raise refusal(400, f"the body is not valid JSON: {error}") from error


def first_part(record: bytes, content_type: str, count: int) -> bytes | None:
    """Return the first ``count`` messages (JSON) or bytes (other types) of a record, or None if it has fewer."""
    if media_type(content_type) != JSON:
        return record[:count] if count <= len(record) else None
    messages = msgspec.json.decode(b"[%b]" % record, type=list[msgspec.Raw])
    return b",".join(map(bytes, messages[:count])) if count <= len(messages) else None


def join(records: Sequence[bytes], content_type: str) -> bytes:
    """Return a response body: for JSON one array with all messages ("Response Format"), otherwise the bytes."""
    if media_type(content_type) == JSON:
        return b"[%b]" % b",".join(records)
    return b"".join(records)


def data_event(records: Sequence[bytes], content_type: str) -> bytes:
    """Return records as one ``data`` event."""
    data = join(records, content_type)
    return event(b"data", data if is_text(content_type) else base64.b64encode(data))


def event(kind: bytes, data: bytes) -> bytes:
    """Return an SSE event as the protocol's clients expect it: LF, and no space after the colon.

    A line that begins with a space gets another one, since parsers remove the first. Every line of the data gets its
    own field, so no data can look like another field or end the event.
    """
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    fields = (b"data: " + line if line.startswith(b" ") else b"data:" + line for line in lines)
    return b"event: %b\n%b\n\n" % (kind, b"\n".join(fields))


def control_event(**fields: str | bool | None) -> bytes:
    """Return a ``control`` event with those ``fields`` that are neither None nor False."""
    present = {name: value for name, value in fields.items() if value is not None and value is not False}
    return event(b"control", msgspec.json.encode(present))
