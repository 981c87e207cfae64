"""The caller's hooks on a stream: what is called with each chunk, and the measure of its progress."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Protocol

from headwater.client.options import StreamOptions
from headwater.core.machine import Machine
from headwater.core.progress import Progress, ProgressMeter
from headwater.types import GenerateContentResponse


class _Progressing(Protocol):
    @property
    def progress(self) -> Progress: ...


def hooks(stream: _Progressing, options: StreamOptions) -> list[Callable[[Any], Any]]:
    """Return what is to be called with each result of ``stream``; what a call returns is awaited where it can be."""
    found: list[Callable[[Any], Any]] = []
    if "on_chunk" in options:
        on_chunk = options["on_chunk"]
        found.append(lambda chunk: on_chunk(chunk) if type(chunk) is GenerateContentResponse else None)
    if "on_text" in options:
        on_text = options["on_text"]
        found.append(lambda chunk: on_text(chunk.text) if getattr(chunk, "candidates", None) and chunk.text else None)
    if "on_progress" in options:
        on_progress, its = (
            options["on_progress"],
            weakref.proxy(stream),
        )  # no circle: a stream is to go when it is let go
        found.append(lambda _: on_progress(its.progress))
    return found


class Measure:
    """Measures how far the answer of a machine is, at the moments when somebody asks."""

    def __init__(self, machine: Machine[Any], target_tokens: int | None, target_words: int | None) -> None:
        self._machine = machine
        self._targets = (target_tokens, target_words)
        self._meter = ProgressMeter(*self._targets)
        self._fold = machine.fold
        self._seen = self._text = 0  # characters: of all, of the answer's text
        self._is_over = False

    def progress(self, now: float) -> Progress:
        """Return how far it is at ``now`` (monotonic seconds)."""
        machine = self._machine
        if machine.fold is not self._fold:  # the answer began anew
            self._fold, self._seen, self._text, self._meter = machine.fold, 0, 0, ProgressMeter(*self._targets)
        text, thoughts = machine.fold.text, machine.fold.thought_text
        size = len(text) + len(thoughts)
        if size > self._seen:
            self._meter.add(
                text[self._text :], machine.fold.usage_metadata, now, thoughts=thoughts[self._seen - self._text :]
            )
            self._seen, self._text = size, len(text)
        if machine.is_over and not self._is_over:
            self._is_over = True
            self._meter.end(now)
        return self._meter.at(now)
