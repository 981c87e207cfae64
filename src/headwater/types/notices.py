"""Notices that programs get once: that an accessor shows a part of what is there, or that there is a better way.

This room logs nothing by itself: ``client/client.py`` registers what hands a notice to ``logging``.
"""

from __future__ import annotations

from collections.abc import Callable

#: The kinds of notice that were given. A program that reads a thousand chunks needs each of them once.
given: set[str] = set()
_loggers: list[Callable[[str, str], object]] = []


def register_logger(log: Callable[[str, str], object]) -> None:
    """Register what logs a notice: it is called with the level, ``info`` or ``warning``, and the text."""
    _loggers[:] = [log]


def notify(kind: str, text: str, level: str = "warning") -> None:
    """Log ``text`` unless a notice of this kind was given before."""
    if kind not in given and _loggers:
        given.add(kind)
        _loggers[0](level, text)
