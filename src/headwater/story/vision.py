"""The eyes: what can be said about images and other media without any model, from their bytes alone."""

from __future__ import annotations

import colorsys
import re
import struct
from collections import Counter
from collections.abc import Sequence

import msgspec

from headwater.story.png import Colour, UnreadableError, colours_of
from headwater.story.texts import article, capital, joined
from headwater.types import Blob, FileData

_MAGIC = ((b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF8", "GIF"), (b"BM", "BMP"), (b"%PDF", "PDF"))


class Seen(msgspec.Struct, frozen=True):
    """What the bytes of an image say: its format, its size, its main colours with their shares, and what went wrong."""

    kind: str
    width: int = 0
    height: int = 0
    colours: tuple[tuple[str, float], ...] = ()
    problem: str = ""


def look(data: bytes) -> Seen:
    """Return what can be seen in the bytes of an image; nothing in them leads to an exception."""
    kind = next((name for magic, name in _MAGIC if data.startswith(magic)), "")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind = "WebP"
    try:
        width, height = _SIZES[kind](data) if kind in _SIZES else (0, 0)
    except (struct.error, IndexError, ValueError):
        width, height = 0, 0
    if not kind:
        return Seen("", problem="its bytes are in no format that I know")
    if not width or not height:
        return Seen(kind, problem="its header is damaged or incomplete")
    try:
        counts = _COLOURS[kind](data) if kind in _COLOURS else Counter[Colour]()
    except UnreadableError as error:
        return Seen(kind, width, height, problem=str(error))
    except (struct.error, IndexError, ValueError):
        return Seen(kind, width, height, problem="its pixels are damaged")
    return Seen(kind, width, height, _named(counts))


def _png_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _gif_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack("<HH", data[6:10])
    return width, height


def _bmp_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack("<ii", data[18:26])
    return abs(width), abs(height)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    place = 2
    while place + 9 < len(data):
        if data[place] != 0xFF:
            place += 1
            continue
        marker = data[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return width, height
        if marker == 0xFF or 0xD0 <= marker <= 0xD9 or marker == 1:
            place += 1 if marker == 0xFF else 2
            continue
        place += 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    form = data[12:16]
    if form == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if form == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _png_colours(data: bytes) -> Counter[Colour]:
    return colours_of(data)[0]


def _bmp_colours(data: bytes) -> Counter[Colour]:
    start, width, height = struct.unpack("<I", data[10:14])[0], *_bmp_size(data)
    depth, packing = struct.unpack("<HI", data[28:34])
    if depth not in (24, 32) or packing not in (0, 3):
        raise UnreadableError("its kind of BMP is not decoded here")
    step, row = depth // 8, (width * depth // 8 + 3) // 4 * 4
    counts: Counter[Colour] = Counter()
    for line in range(0, height, max(1, height // 300)):
        for place in range(0, width, max(1, width // 300)):
            offset = start + line * row + place * step
            pixel = data[offset : offset + 3]
            if len(pixel) == 3:
                counts[pixel[2] & 0xF0, pixel[1] & 0xF0, pixel[0] & 0xF0] += 1
    return counts


_SIZES = {"PNG": _png_size, "GIF": _gif_size, "BMP": _bmp_size, "JPEG": _jpeg_size, "WebP": _webp_size}
_COLOURS = {"PNG": _png_colours, "BMP": _bmp_colours}
_HUES = (
    (15, "red"),
    (42, "orange"),
    (68, "yellow"),
    (165, "green"),
    (195, "turquoise"),
    (255, "blue"),
    (290, "violet"),
    (345, "pink"),
    (361, "red"),
)


def colour_name(colour: Colour) -> str:
    """Return a colour in words: "deep blue", "orange", "light grey"."""
    hue, light, strength = colorsys.rgb_to_hls(*(value / 255 for value in colour))
    if light > 0.94:
        return "white"
    if light < 0.07:
        return "black"
    if strength < 0.13 or max(colour) - min(colour) < 14:
        return "light grey" if light > 0.7 else "dark grey" if light < 0.33 else "grey"
    name = next(name for limit, name in _HUES if hue * 360 < limit)
    if name == "orange" and light < 0.4:
        return "brown"
    if light < 0.33:
        return f"deep {name}" if name != "yellow" else "olive"
    return f"light {name}" if light > 0.75 else name


def _named(counts: Counter[Colour]) -> tuple[tuple[str, float], ...]:
    total = sum(counts.values())
    names: Counter[str] = Counter()
    for colour, number in counts.items():
        names[colour_name(colour)] += number
    return tuple((name, number / total) for name, number in names.most_common(4) if number / total >= 0.03)


def describe_media(media: Sequence[Blob | FileData], prompt: str) -> str:
    """Return a few sentences about the media of a prompt: what their bytes say, and what they can not say."""
    told = [_describe_file(entry) if isinstance(entry, FileData) else _describe_blob(entry) for entry in media[:20]]
    if len(media) > 20:
        told.append(f"There are {len(media) - 20} more.")
    lead = f"You sent {len(media)} files. " if len(media) > 1 else ""
    return lead + "\n\n".join(told) + _closing(media, prompt)


def _closing(media: Sequence[Blob | FileData], prompt: str) -> str:
    asked = " ".join(prompt.split())[:120]
    quoted = f' You asked: "{asked}".' if asked else ""
    return (
        f"\n\nI am the offline storyteller and no model, so this is all that the bytes themselves tell me; I "
        f"can not recognise objects, "
        f"people or writing.{quoted} A real Gemini model would look at the content."
    )


def _describe_blob(blob: Blob) -> str:
    data, mime_type = blob.data or b"", (blob.mime_type or "application/octet-stream").lower()
    kind = mime_type.split("/", 1)[0]
    name = f" named {blob.display_name}" if blob.display_name else ""
    if kind == "image" or look(data).kind not in ("", "PDF"):
        return _describe_image(data, mime_type, name)
    if kind == "text" or mime_type in ("application/json", "application/xml", "application/yaml"):
        return _describe_text(data, mime_type, name)
    what = {"audio": "an audio recording", "video": "a video"}.get(
        kind, "a PDF document" if "pdf" in mime_type else "a file"
    )
    pages = f" It seems to have {_pages(data)}." if "pdf" in mime_type and data.startswith(b"%PDF") else ""
    return f"This is {what}{name} of the type {mime_type}, {_bytes(len(data))} in size.{pages}"


def _pages(data: bytes) -> str:
    number = len(re.findall(rb"/Type\s*/Page\b", data[:5_000_000]))
    return (
        "one page" if number == 1 else f"{number} pages" if number else "pages that are packed, so I can not count them"
    )


def _bytes(number: int) -> str:
    return "1 byte" if number == 1 else f"{number} bytes"


def _describe_text(data: bytes, mime_type: str, name: str) -> str:
    text = data[:100_000].decode("utf-8", "replace").strip()
    shown = text if len(text) <= 400 else text[:400].rsplit(" ", 1)[0] + " ..."
    return (
        f"This is a text{name} of the type {mime_type}, {_bytes(len(data))} and {len(text.split())} words "
        f"long. It begins:\n\n> " + shown.replace("\n", "\n> ")
    )


def _describe_image(data: bytes, mime_type: str, name: str) -> str:
    seen = look(data)
    if not seen.kind:
        return (
            f"This should be an image{name} of the type {mime_type}, {_bytes(len(data))} in size, but {seen.problem}."
        )
    if not seen.width:
        return (
            f"This is {article(seen.kind)} image{name} of {_bytes(len(data))}, but {seen.problem}, so I can "
            f"not tell its size."
        )
    shape = "square" if seen.width == seen.height else "wide" if seen.width > seen.height else "tall"
    text = (
        f"This is {article(seen.kind)} image{name}, {seen.width} x {seen.height} pixels, so it is {shape}; "
        f"the file has {_bytes(len(data))}."
    )
    if seen.problem:
        return f"{text} I can not see its colours, because {seen.problem}."
    if not seen.colours:
        return f"{text} I can read the size of this format, but not its colours."
    return f"{text} {_palette(seen)}"


def _palette(seen: Seen) -> str:
    shares = [f"{name} (about {round(share * 100)} percent)" for name, share in seen.colours]
    if len(shares) == 1:
        return f"Nearly all of it is {seen.colours[0][0]}."
    return f"Its main colours are {joined(shares)}; {seen.colours[0][0]} sets the tone."


def _describe_file(file: FileData) -> str:
    uri = (file.file_uri or "")[:500]
    last = re.split(r"[/?#]", uri.rstrip("/").split("?", 1)[0])[-1]
    title = re.sub(r"[-_+%]+", " ", re.sub(r"\.\w{1,5}$", "", file.display_name or last)).strip()
    kind = (file.mime_type or "").split("/", 1)[0]
    what = {"image": "an image", "video": "a video", "audio": "an audio recording"}.get(kind, "a file")
    guess = (
        f" Going by its name it is about {title}, but that is only a guess."
        if title and re.search("[A-Za-z]{3}", title)
        else ""
    )
    typed = f" of the type {file.mime_type}" if file.mime_type else ""
    return (
        f"You named {what}{typed} at {uri or 'an empty address'}. {capital('the')} offline storyteller did "
        f"not open it.{guess}"
    )
