"""Control characters made visible, so that an answer cannot drive the terminal that shows it."""

from __future__ import annotations

_HARMLESS = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)}
_HARMLESS |= {0x7F: "\u2421"} | {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}


def escape_controls(text: str) -> str:
    """Return ``text`` with its control characters made visible, so that it cannot steer the terminal."""
    return text.replace("\r\n", "\n").translate(_HARMLESS)


class ControlEscaper:
    """Makes a text harmless piece by piece, wherever it was cut."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return what can be shown now; a last carriage return waits, for it may be half of a line's end."""
        text = self._held + piece
        self._held = "\r" if text.endswith("\r") else ""
        return escape_controls(text[: len(text) - len(self._held)])

    def finish(self) -> str:
        """Return what was held back."""
        held, self._held = self._held, ""
        return escape_controls(held)
