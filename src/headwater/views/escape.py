"""Control characters made visible, so that an answer cannot drive the terminal that shows it."""

from __future__ import annotations

# The C0 controls become their pictures (U+2400 ...), tabs and newlines stay; C1 controls, which have none, their codes.
_VISIBLE = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)}
_VISIBLE |= {0x7F: "\u2421"} | {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}


def escape_controls(text: str) -> str:
    """Return ``text`` with its control characters made visible."""
    return text.replace("\r\n", "\n").translate(_VISIBLE)


class ControlEscaper:
    """Escapes the control characters of a text in pieces, cut anywhere."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return the text to show now. A final carriage return is held back: it may be half of a line ending."""
        text = self._held + piece
        self._held = "\r" if text.endswith("\r") else ""
        return escape_controls(text[: len(text) - len(self._held)])

    def finish(self) -> str:
        """Return the text held back."""
        held, self._held = self._held, ""
        return escape_controls(held)
