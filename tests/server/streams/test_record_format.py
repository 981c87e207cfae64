"""The records of a stored stream: what servers of earlier versions wrote is still read, under the same names."""

from __future__ import annotations

import msgspec
import pytest

from headwater.contract.streams import StreamEnding
from headwater.server.streams import record_format
from headwater.server.streams.record_format import StreamHeader, StreamStatus

_HEADER = b'h{"owner":"o","model":"m","on_break":"continue","created":1.5,"asked":"abc","patience":30.0}'
_STATUS = b'{"reason":"failed","first":0.25,"seconds":2.0,"chunks":3,"takeovers":2,"idle":1,"known":7,"code":503}'
_END = b'z{"reason":"finished","first":0.25,"seconds":2.0,"chunks":3,"usage":{"totalTokenCount":9}}'


def test_stored_header_keeps_its_field_names() -> None:
    header = StreamHeader("o", "m", on_break="continue", created=1.5, digest="abc", idle_ttl=30.0)
    assert record_format.read_header(_HEADER) == header
    assert record_format.header_record(header) == _HEADER


def test_stored_status_keeps_its_field_names() -> None:
    status = StreamStatus("failed", 0.25, 2.0, 3, takeovers=2, idle_takeovers=1, known_records=7, code=503)
    assert record_format.read_status(_STATUS) == status
    assert msgspec.json.encode(status) == _STATUS


def test_stored_ending_keeps_its_field_names() -> None:
    ending = msgspec.json.decode(_END[1:], type=StreamEnding)
    assert ending == StreamEnding("finished", 0.25, 2.0, 3, {"totalTokenCount": 9})
    assert record_format.end_record("finished", 0.25, 2.0, 3, {"totalTokenCount": 9}) == _END


@pytest.mark.parametrize("record", [b"", b"c{}", b"h{", b'h{"model":1}'])
def test_what_is_no_header_is_told_apart(record: bytes) -> None:
    assert record_format.read_header(record) is None
