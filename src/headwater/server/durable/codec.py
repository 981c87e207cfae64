"""From the body of a request to a record, and from records to the body of an answer or to events. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import msgspec

from headwater.server.durable.fields import JSON, is_text, media_type, refusal


def to_record(body: bytes, content_type: str) -> bytes:
    """Return the record of one append: the bytes, or in a JSON stream its messages with commas between them.

    An array is several messages, so an empty one gives an empty record.

    Raises:
        APIError: 400, it is no JSON where it must be.
    """
    if media_type(content_type) != JSON or not body:
        return body
    try:
        body.decode()
        is_array = body.lstrip(b" \t\r\n").startswith(b"[")
        if not is_array:
            return bytes(msgspec.json.decode(body, type=msgspec.Raw))
        return b",".join(map(bytes, msgspec.json.decode(body, type=list[msgspec.Raw])))
    except (UnicodeDecodeError, msgspec.DecodeError) as error:
        raise refusal(400, f"the body is not valid JSON: {error}") from error


def first_part(record: bytes, content_type: str, count: int) -> bytes | None:
    """Return the first ``count`` messages of a record (of JSON) or bytes (of all else); None where it has fewer."""
    if media_type(content_type) != JSON:
        return record[:count] if count <= len(record) else None
    messages = msgspec.json.decode(b"[%b]" % record, type=list[msgspec.Raw])
    return b",".join(map(bytes, messages[:count])) if count <= len(messages) else None


def join(records: Sequence[bytes], content_type: str) -> bytes:
    """Return records as a reader gets them: an array of all messages of JSON, the bytes of all else."""
    if media_type(content_type) == JSON:
        return b"[%b]" % b",".join(records)
    return b"".join(records)


def data_event(records: Sequence[bytes], content_type: str) -> bytes:
    """Return records as one ``data`` event."""
    data = join(records, content_type)
    return event(b"data", data if is_text(content_type) else base64.b64encode(data))


def event(kind: bytes, data: bytes) -> bytes:
    """Return an event in the form that the protocol's readers expect: LF, and no space after the colon.

    A line that begins with a space gets another one, since readers take the first one away. No line can pass for a
    field or for the end of the event.
    """
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    fields = (b"data: " + line if line.startswith(b" ") else b"data:" + line for line in lines)
    return b"event: %b\n%b\n\n" % (kind, b"\n".join(fields))


def control_event(**facts: str | bool | None) -> bytes:
    """Return a ``control`` event of what is known of ``facts``."""
    known = {name: value for name, value in facts.items() if value is not None and value is not False}
    return event(b"control", msgspec.json.encode(known))
