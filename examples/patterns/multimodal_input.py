"""Streaming with multimodal input: asks about the image named on the command line, or a red square made here."""

import struct
import sys
import zlib
from pathlib import Path

from headwater import genai
from headwater.genai import types


def red_square(size: int = 32) -> bytes:
    """Return a PNG."""

    def piece(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xd0\x20\x20" * size) * size
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", head) + piece(b"IDAT", zlib.compress(rows)) + piece(b"IEND", b"")


data = Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else red_square()
client = genai.Client()

for chunk in client.models.generate_content_stream(
    model="gemini-3.8-flash",
    contents=[types.Part.from_bytes(data=data, mime_type="image/png"), "What is in this picture?"],
):
    print(chunk.text, end="", flush=True)
print()
