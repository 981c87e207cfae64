"""The caller's hooks on a stream: what is called with each chunk, and what measures its progress."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Protocol

from headwater.client.options.call_options import StreamOptions
from headwater.core.answer.events import Reset, Result, Retrying
from headwater.core.answer.progress import Progress, ProgressMeter
from headwater.core.machine.snapshot import Snapshot
from headwater.types import GenerateContentResponse

#: What a machine reports besides results.
_NEWS = frozenset({Retrying, Reset, Result})


class _Progressing(Protocol):
    def _progress_with(self, chunk: Any) -> Progress: ...


def hooks(
    stream: _Progressing, options: StreamOptions, text_of: Callable[[Any], str | None]
) -> list[Callable[[Any], Any]]:
    """Return what is called with each result of ``stream``; awaitable return values are awaited in async."""
    found: list[Callable[[Any], Any]] = []
    if "on_chunk" in options:
        on_chunk = options["on_chunk"]
        found.append(lambda chunk: None if type(chunk) in _NEWS else on_chunk(chunk))
    if "on_text" in options:
        on_text = options["on_text"]
        found.append(lambda chunk: on_text(text) if (text := text_of(chunk)) else None)
    if "on_progress" in options:
        on_progress = options["on_progress"]
        its = weakref.proxy(stream)  # a cycle would keep a dropped stream, and its connection, alive
        found.append(lambda chunk: on_progress(its._progress_with(chunk)))
    return found


class Measure:
    """Measures how far the answer is, at the moments when it is asked for."""

    def __init__(self, snapshot: Snapshot, target_tokens: int | None, target_words: int | None) -> None:
        self._snapshot = snapshot
        self._targets = (target_tokens, target_words)
        self._begin()
        self._is_over = False

    def take(self, chunk: GenerateContentResponse, now: float) -> None:
        """Take a chunk; cheaper than looking at the whole text each time."""
        if self._snapshot.fold is not self._fold:
            self._begin()
        self._takes_chunks = True
        self._meter.add(chunk.text, self._fold.usage_metadata, now, thoughts=chunk.thought_text)

    def progress(self, now: float) -> Progress:
        """Return how far it is at ``now`` (monotonic seconds)."""
        if self._snapshot.fold is not self._fold:
            self._begin()
        if not self._takes_chunks:
            self._look(now)
        if self._snapshot.is_over and not self._is_over:
            self._is_over = True
            self._meter.end(now)
        return self._meter.at(now)

    def _begin(self) -> None:
        """Start over with the current answer."""
        self._fold = self._snapshot.fold
        self._meter = ProgressMeter(*self._targets, started=self._snapshot.meter.started)
        self._text = self._thoughts = 0  # characters that were counted
        self._takes_chunks = False  # whether every chunk is passed to ``take``

    def _look(self, now: float) -> None:
        text, thoughts = self._fold.text, self._fold.thought_text
        new, thought = text[self._text :], thoughts[self._thoughts :]
        self._meter.add(new, self._fold.usage_metadata, now, thoughts=thought)
        self._text, self._thoughts = len(text), len(thoughts)
