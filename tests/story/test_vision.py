"""What is said about images and other media."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.story.vision import look


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, rows, colour_type=2, depth=8, palette=b"", interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlace)
    body = chunk(b"IHDR", header) + (chunk(b"PLTE", palette) if palette else b"")
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")


def filtered(rows, step):
    """The rows of an image with a different filter on each, as an encoder writes them."""
    before, result = bytes(len(rows[0])), []
    for place, row in enumerate(rows):
        kind, line = place % 5, bytearray(len(row))
        for at, value in enumerate(row):
            left = row[at - step] if at >= step else 0
            corner = before[at - step] if at >= step else 0
            above = before[at]
            guess = left + above - corner
            nearest = min((left, above, corner), key=lambda option: abs(guess - option))
            line[at] = (value - (0, left, above, (left + above) // 2, nearest)[kind]) & 255
        result.append(bytes([kind]) + bytes(line))
        before = row
    return result


def names(data):
    return [name for name, _ in look(data).colours]


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((20, 30, 120), "deep blue"),
        ((255, 140, 0), "orange"),
        ((255, 255, 255), "white"),
        ((0, 0, 0), "black"),
        ((250, 20, 20), "red"),
        ((128, 128, 128), "grey"),
    ],
)
def test_colours_are_named(colour, name):
    assert names(png(20, 20, filtered([bytes(colour) * 20] * 20, 3))) == [name]


def test_every_filter_is_undone():
    rows = [bytes((255, 0, 0)) * 10 + bytes((0, 0, 255)) * 30 for _ in range(20)]
    seen = look(png(40, 20, filtered(rows, 3)))
    assert (seen.kind, seen.width, seen.height) == ("PNG", 40, 20)
    assert [name for name, _ in seen.colours] == ["blue", "red"]
    assert seen.colours[0][1] == pytest.approx(0.75, abs=0.02)


def test_every_colour_type_is_read():
    assert names(png(8, 8, filtered([bytes([255]) * 8] * 8, 1), 0)) == ["white"]
    assert names(png(8, 8, filtered([bytes([0]) * 8] * 8, 1), 3, palette=b"\xff\x8c\x00")) == ["orange"]
    assert names(png(8, 8, filtered([bytes([0, 255]) * 8] * 8, 2), 4)) == ["black"]
    assert names(png(8, 8, filtered([bytes([250, 20, 20, 255]) * 8] * 8, 4), 6)) == ["red"]
    assert names(png(8, 8, [b"\0\xff"] * 8, 0, depth=1)) == ["white"]
    assert names(png(2, 2, [b"\0" + b"\xff\xff\0\0\0\0" * 2] * 2, 2, depth=16)) == ["red"]


def test_an_image_is_described_in_the_answer(say):
    data = png(40, 20, filtered([bytes((20, 30, 120)) * 40] * 20, 3))
    text = say([{"inline_data": {"data": data, "mime_type": "image/png"}}, {"text": "Explain this diagram in detail"}])
    assert "PNG" in text
    assert "40 x 20" in text
    assert "deep blue" in text
    assert len(text.split()) >= 15


def test_other_formats_tell_their_size():
    jpeg = b"\xff\xd8\xff\xe0\x00\x04\x00\x00\xff\xc0\x00\x11\x08" + struct.pack(">HH", 30, 50) + b"\x03" + bytes(20)
    gif = b"GIF89a" + struct.pack("<HH", 50, 30) + bytes(10)
    bmp = b"BM" + bytes(16) + struct.pack("<ii", 50, -30) + bytes(20)
    webp = b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + (49).to_bytes(3, "little") + (29).to_bytes(3, "little")
    for data, kind in ((jpeg, "JPEG"), (gif, "GIF"), (bmp, "BMP"), (webp, "WebP")):
        seen = look(data)
        assert (seen.kind, seen.width, seen.height) == (kind, 50, 30)


def test_damage_and_bombs_are_named_and_cost_little():
    whole = png(20, 20, filtered([bytes((1, 2, 3)) * 20] * 20, 3))
    assert look(b"").problem
    assert look(b"\x89PNG\r\n\x1a\n").problem
    assert "interlaced" in look(png(8, 8, [bytes(25)] * 8, interlace=1)).problem
    assert look(whole[:45] + b"\0\0\0" + whole[48:]).problem
    assert look(png(2**31 - 1, 2**31 - 1, [bytes(100)])).problem
    assert look(png(5000, 200_000, [bytes(1_000_000)])).width == 5000


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF0000WEBPVP8L"]),
)
@settings(max_examples=150)
def test_no_bytes_lead_to_an_exception(data, magic):
    look(magic + data)


@given(st.data())
@settings(max_examples=60)
def test_a_damaged_png_leads_to_no_exception(data):
    whole = bytearray(png(9, 9, filtered([bytes((200, 9, 3)) * 9] * 9, 3)))
    for _ in range(3):
        whole[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))
    look(bytes(whole))


def test_other_media_are_named_by_kind_type_and_size(say):
    audio = say([{"inline_data": {"data": bytes(1234), "mime_type": "audio/mp3"}}, {"text": "Describe it"}])
    assert "audio" in audio
    assert "audio/mp3" in audio
    assert "1234" in audio
    assert "hello reader" in say(
        [{"inline_data": {"data": b"hello reader", "mime_type": "text/plain"}}, {"text": "What is it?"}]
    )
    assert "PDF" in say([{"inline_data": {"data": b"%PDF-1.4", "mime_type": "application/pdf"}}, {"text": "Summarise"}])


def test_a_file_is_named_and_not_opened(say):
    text = say(
        [
            {"file_data": {"file_uri": "gs://bucket/images/scones.jpg", "mime_type": "image/jpeg"}},
            {"text": "What is in it?"},
        ]
    )
    assert "scones" in text
    assert "did not open" in text
