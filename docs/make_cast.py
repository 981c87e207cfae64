"""Creates docs/ask.svg: runs ``headwater ask`` in a terminal of its own, and draws its output with its timing.

    python docs/make_cast.py

Only the typing of the command is invented: the answer appears with the timing of the recording. Lines are wrapped
between words, which reads better than a terminal's wrapping.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

COMMAND = 'headwater ask --offline --stats "Tell me a story in 100 words."'
COLUMNS = 78
CELL, LINE, LEFT, TOP = 8.43, 21, 22, 68  # pixels: width and height of a character, and the position of the first one
TYPING = 0.045  # seconds for each character of the command
REST = 6.0  # seconds that the end stays before it starts over

STYLE = """
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#dbe2ee;white-space:pre}
.d{fill:#77849b}.p{fill:#7fd1ae;font-weight:bold}.t{fill:#77849b;font-size:12px;text-anchor:middle}
.s,.c{animation:0s step-end infinite}.c{fill:#7fd1ae}
@media(prefers-reduced-motion:reduce){.s{animation:none!important}.c{display:none}}
"""


@dataclass
class Letter:
    """One character: its frame and its style."""

    frame: int
    text: str
    style: str = ""


def record(command: str) -> list[tuple[float, str]]:
    """Return the output of ``command`` at a terminal, each read with its time in seconds."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    hidden = ("GOOGLE_", "GEMINI_", "HEADWATER_", "NO_COLOR")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", *shlex.split(command)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment | {"TERM": "xterm"},
    )
    os.close(slave)
    pieces = []
    while data := _read(master):
        pieces.append((time.monotonic() - started, data.decode()))
    os.close(master)
    if process.wait():
        raise SystemExit(f"the command failed: {pieces}")
    return pieces


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other side is closed
        return b""


def letters_of(pieces: list[tuple[float, str]]) -> tuple[list[float], list[Letter]]:
    """Return the time of each frame, and the characters of the whole session, the typed command first."""
    times = [0.0]
    letters = [Letter(0, "$", "p"), Letter(0, " ")]
    for number, letter in enumerate(COMMAND):
        times.append(0.8 + number * TYPING)
        letters.append(Letter(len(times) - 1, letter))
    start = times[-1] + 0.4
    letters.append(Letter(len(times) - 1, "\n"))
    style = ""
    for moment, text in pieces:
        times.append(start + moment)
        for piece in re.findall(r"\x1b\[\d*m|[^\r]", text):
            if piece.startswith("\x1b"):
                style = "d" if piece == "\x1b[2m" else ""
            else:
                letters.append(Letter(len(times) - 1, piece, style))
    return times, letters


def wrap(letters: list[Letter]) -> list[list[Letter]]:
    """Return the characters as lines, wrapped at the width of the terminal."""
    lines: list[list[Letter]] = [[]]
    for letter in letters:
        if letter.text == "\n":
            lines.append([])
            continue
        line = lines[-1]
        if len(line) == COLUMNS:
            space = max((place for place, known in enumerate(line) if known.text == " "), default=COLUMNS - 1)
            lines[-1], rest = line[: space + 1], line[space + 1 :]
            lines.append(rest)
        lines[-1].append(letter)
    return lines if lines[-1] else lines[:-1]


def draw(times: list[float], lines: list[list[Letter]]) -> str:
    """Return the SVG."""
    total = times[-1] + REST
    width, height = round(2 * LEFT + COLUMNS * CELL), TOP + (len(lines) + 1) * LINE
    frames: dict[int, list[str]] = {}
    ends: dict[int, tuple[int, int]] = {}
    for row, line in enumerate(lines):
        column = 0
        for (frame, style), run in groupby(line, key=lambda letter: (letter.frame, letter.style)):
            text = "".join(letter.text for letter in run)
            if text.strip():
                frames.setdefault(frame, []).append(_text(row, column, text, style))
            column += len(text)
            ends[frame] = (row, column)
    marks = [f"{100 * moment / total:.2f}%" for moment in times]
    rules = [f".s,.c{{animation-duration:{total:.2f}s}}"]
    rules += [f"@keyframes f{n}{{0%{{opacity:0}}{marks[n]},to{{opacity:1}}}}" for n in frames if n]
    steps = [f"{marks[n]}{{transform:{_move(*place)}}}" for n, place in ends.items()]
    rules.append(f"@keyframes c{{{''.join(steps)}}}")
    groups = [
        f'<g class="s" style="animation-name:f{n}">{"".join(texts)}</g>' if n else "".join(texts)
        for n, texts in frames.items()
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            ' role="img" aria-labelledby="what">',
            f'<title id="what">A terminal: {escape(COMMAND)} streams a story</title>',
            f"<style>{STYLE}{''.join(rules)}</style>",
            f'<rect width="{width}" height="{height}" rx="10" fill="#161b26"/>',
            f'<path d="M0 36V10A10 10 0 0 1 10 0H{width - 10}A10 10 0 0 1 {width} 10V36Z" fill="#222938"/>',
            *(f'<circle cx="{22 + 20 * n}" cy="18" r="6" fill="{fill}"/>' for n, fill in enumerate(_LIGHTS)),
            f'<text class="t" x="{width / 2:g}" y="22">headwater</text>',
            *groups,
            f'<rect class="c" style="animation-name:c" width="{CELL}" height="17" x="{LEFT}" y="{TOP - 13}"/>',
            "</svg>\n",
        ]
    )


_LIGHTS = ("#ff6159", "#ffbd2e", "#28c941")


def _text(row: int, column: int, text: str, style: str) -> str:
    kind = f' class="{style}"' if style else ""
    place = f'x="{LEFT + column * CELL:.1f}" y="{TOP + row * LINE}" textLength="{len(text) * CELL:.1f}"'
    return f'<text{kind} {place} xml:space="preserve">{escape(text, quote=False)}</text>'


def _move(row: int, column: int) -> str:
    return f"translate({column * CELL:.1f}px,{row * LINE}px)"


if __name__ == "__main__":
    target = Path(__file__).with_name("ask.svg")
    times, letters = letters_of(record(COMMAND))
    target.write_text(draw(times, wrap(letters)))
    sys.stdout.write(f"{target}: {target.stat().st_size:,} bytes\n")
