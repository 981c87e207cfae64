"""What is said about images and other media, from their headers alone."""

import struct
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.offline.media import look


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: Any, height: Any, rows: Any = b"\0") -> Any:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_an_image_is_described_in_the_answer(say: Any) -> None:
    text = say(
        [{"inline_data": {"data": png(40, 20), "mime_type": "image/png"}}, {"text": "Explain this diagram in detail"}]
    )
    assert "PNG" in text
    assert "40 x 20" in text
    assert "cannot see" in text
    assert len(text.split()) >= 15


def test_formats_tell_their_size() -> None:
    jpeg = b"\xff\xd8\xff\xe0\x00\x04\x00\x00\xff\xc0\x00\x11\x08" + struct.pack(">HH", 30, 50) + b"\x03" + bytes(20)
    gif = b"GIF89a" + struct.pack("<HH", 50, 30) + bytes(10)
    webp = b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + (49).to_bytes(3, "little") + (29).to_bytes(3, "little")
    lossless = b"RIFF\0\0\0\0WEBPVP8L" + bytes(5) + struct.pack("<I", 49 | 29 << 14)
    lossy = b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + struct.pack("<HH", 50, 30)
    files = ((png(50, 30), "PNG"), (jpeg, "JPEG"), (gif, "GIF"), (webp, "WebP"), (lossless, "WebP"), (lossy, "WebP"))
    for data, kind in files:
        seen = look(data)
        assert (seen.kind, seen.width, seen.height) == (kind, 50, 30)


def test_damage_and_bombs_are_named_and_cost_little() -> None:
    assert look(b"") == look(b"nothing")
    assert look(b"\x89PNG\r\n\x1a\n").width == 0
    assert look(png(2**31 - 1, 2**31 - 1)).width == 2**31 - 1
    assert look(png(5000, 200_000, bytes(1_000_000))).width == 5000
    assert look(b"\xff\xd8" + b"\xff\xe0\x00\x02" * 100_000).width == 0


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF0000WEBPVP8L", b"RIFF0000WEBPVP8X"]),
)
@settings(max_examples=150, deadline=None)
def test_no_bytes_lead_to_an_exception(data: Any, magic: Any) -> None:
    look(magic + data)


@pytest.mark.parametrize("mime_type", ["image/png", "image/x-unknown"])
def test_an_image_that_cannot_be_read_is_said_to_be_one(say: Any, mime_type: Any) -> None:
    text = say([{"inline_data": {"data": b"broken", "mime_type": mime_type}}, {"text": "What is it?"}])
    assert "an image whose header cannot be read" in text
    assert mime_type in text


def test_other_media_are_named_by_kind_type_and_size(say: Any) -> None:
    audio = say([{"inline_data": {"data": bytes(1234), "mime_type": "audio/mp3"}}, {"text": "Describe it"}])
    assert "audio" in audio
    assert "audio/mp3" in audio
    assert "1,234" in audio
    assert "PDF" in say([{"inline_data": {"data": b"%PDF-1.4", "mime_type": "application/pdf"}}, {"text": "Summarise"}])


def test_a_file_is_named_and_not_opened(say: Any) -> None:
    text = say(
        [
            {"file_data": {"file_uri": "gs://bucket/images/scones.jpg", "mime_type": "image/jpeg"}},
            {"text": "What is in it?"},
        ]
    )
    assert "scones" in text
    assert "not opened" in text
