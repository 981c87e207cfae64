"""The ``smooth`` stage: bursts of text are handed on evenly, unit by unit, within a hard bound on the delay."""

# Theory of operation
#
# What is held is one row of text. A span is the part of it that came with one chunk; positions are counted in
# characters from the beginning of the stream. A cutter divides the row into units (words, lines ...). A run holds the
# ends of the units that began to arrive at one moment; behind the last run stands a unit that is still growing.
#
# Two clocks decide when text leaves. The *pace* spreads the backlog over the time until the next arrival is expected,
# which is learned from the arrivals before. The *bound* is hard: no character is held longer than ``delay``, whatever
# the pace says, even if that cuts a unit. The bound counts from the arrival of a unit's first character, so a run that
# is due takes everything before it along.
#
# Invariants: ``_given <= _cut <= _length`` (handed on, divided into units, arrived). Order never changes: what is not
# text (a call, an image) drives out everything before it and passes at once. A chunk that is handed on in one piece is
# the chunk that arrived, with its bytes; only a chunk that is cut is copied.

from __future__ import annotations

import re
from collections import deque
from math import ceil, isfinite
from typing import Literal

import msgspec

from headwater.core.stages.chunks import fragments, is_plain_text, is_single, merge, piece, with_parts
from headwater.core.text.graphemes import last_cluster
from headwater.core.text.units import PATTERNS, Cutter
from headwater.errors import UsageError
from headwater.types import GenerateContentResponse, Part

Unit = Literal["word", "line", "sentence", "character"]

#: The most pieces per second: eyes see no more, and a terminal or a browser is spared the work.
_PIECES_PER_SECOND = 80
_SHORTEST = 1 / _PIECES_PER_SECOND
#: What is due within this time (seconds) is handed on now: a timer would cost more than it gains.
_SOON = 0.002
#: The share of the delay that is used; the rest is for timers that fire late.
_USED = 0.9


class Smooth(msgspec.Struct, frozen=True):
    """The recipe that ``smooth()`` returns: one for any number of streams."""

    pattern: re.Pattern[str]
    delay: float

    def start(self) -> Smoother:
        """Return the stage for one stream."""
        return Smoother(self.pattern, self.delay)


def smooth(by: Unit | re.Pattern[str] = "word", *, delay: float = 0.3) -> Smooth:
    """Return a stage that hands on text evenly, in whole words, lines, sentences or characters if the bound allows it.

    The matches of a pattern are where units end. ``delay`` (seconds) is how long a character is held at most.

    Raises:
        UsageError: if there is no such unit, or ``delay`` is not a positive number.
    """
    pattern = by if isinstance(by, re.Pattern) else PATTERNS.get(by) if isinstance(by, str) else None
    if pattern is None or not isinstance(pattern.pattern, str):
        raise UsageError(f"smooth(by=...) is one of {', '.join(PATTERNS)}, or a compiled pattern for text, not {by!r}")
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not (delay > 0 and isfinite(delay)):
        raise UsageError(f"smooth(delay=...) is a number of seconds more than 0, not {delay!r}")
    return Smooth(pattern, delay)


class _Span:
    """The text of one chunk in the row. A chunk without text counts as one character of no kind."""

    __slots__ = ("at", "chunk", "end", "is_thought", "since", "start", "text")

    def __init__(self, chunk: GenerateContentResponse, text: str, *, since: float, start: int) -> None:
        self.chunk = chunk
        self.text = text
        self.at = 0  # the characters of it that have been handed on
        self.since = since  # when it arrived
        self.start = start  # its position in the row
        self.end = start + (len(text) or 1)
        self.is_thought = bool(text and chunk.parts[0].thought)

    def take(self, place: int) -> GenerateContentResponse:
        """Return the part of it before ``place``: the chunk itself if that is all of it."""
        stop = len(self.text) + min(place - self.end, 0)
        start, self.at = self.at, stop
        if stop < len(self.text):
            return piece(self.chunk, [self._part(start, stop)])
        return with_parts(self.chunk, [self._part(start, stop)]) if start else self.chunk

    def _part(self, start: int, stop: int) -> Part:
        return Part(text=self.text[start:stop], thought=self.chunk.parts[0].thought)


class _Run:
    """The ends of the complete units that began to arrive at one moment."""

    __slots__ = ("ends", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.ends: deque[int] = deque()


class Smoother:
    """The stage of ``smooth()``."""

    def __init__(self, pattern: re.Pattern[str], delay: float) -> None:
        self._hold = delay * _USED
        self._cutters = {is_thought: Cutter(pattern) for is_thought in (False, True)}
        self._cutter = self._cutters[False]  # the one of the last text
        self._spans: deque[_Span] = deque()
        self._runs: deque[_Run] = deque()
        self._given = self._cut = self._length = 0  # positions: handed on, divided into units, arrived
        self._began = 0.0  # when the growing unit began to arrive
        self._arrived = float("-inf")  # the last arrival; what follows shortly after counts as one arrival with it
        self._gap: float | None = None  # the time expected between two arrivals
        self._last = float("-inf")  # when the last piece was handed on
        self._next = 0.0  # when the next piece is due, unless the bound is earlier
        self._group = 1  # the units that it has

    def feed(self, chunk: GenerateContentResponse, now: float) -> list[GenerateContentResponse]:
        """Take a chunk; return what may be handed on at once."""
        if not is_single(chunk):
            return [*self.flush(), chunk]
        self._observe(now)
        given = [out for fragment in fragments(chunk) for out in self._take(fragment)]
        self._plan(now)
        return [*given, *self.release(now)]

    def due(self) -> float | None:
        """Return when the next piece is due: by the pace, or by the bound if that is earlier."""
        if self._runs:
            return min(self._runs[0].since + self._hold, self._next)
        return self._began + self._hold if self._cut < self._length else None

    def release(self, now: float) -> list[GenerateContentResponse]:
        """Return the next piece if it is due by ``now``, with everything that has reached the bound."""
        due = self.due()
        if due is None or due > now:
            return []
        given = self._give(max(self._paced(now), self._overdue(now)))
        self._last = now
        self._plan(now)
        return given

    def finish(self, now: float) -> list[GenerateContentResponse]:
        """Record that no chunks follow, so that the last unit is complete. What is held keeps its pace."""
        self._close()
        self._plan(now)
        return self.release(now)

    def flush(self) -> list[GenerateContentResponse]:
        """Return everything that is held, at once and in order."""
        self._close()
        return self._give(self._length)

    def _take(self, fragment: GenerateContentResponse) -> list[GenerateContentResponse]:
        """Put a fragment into the row; return what it drives out."""
        parts = fragment.parts
        if parts and parts[0].text is None:  # a call, an image: no reason to hold what is before it
            return [*self.flush(), fragment]
        text = "".join([part.text or "" for part in parts]) if parts and is_plain_text(parts[0]) else ""
        if text:
            self._take_text(fragment, text)
        else:
            self._close()
            self._append(fragment, "")
            self._end_unit(1)
        if fragment.finish_reason is not None:
            self._close()
        return []

    def _take_text(self, fragment: GenerateContentResponse, text: str) -> None:
        cutter = self._cutters[bool(fragment.parts[0].thought)]
        if cutter is not self._cutter:
            self._close()
            self._cutter = cutter
        self._append(fragment, text)
        for length in cutter.feed(text):
            self._end_unit(length)

    def _append(self, fragment: GenerateContentResponse, text: str) -> None:
        if self._cut == self._length:
            self._began = self._arrived
        self._spans.append(_Span(fragment, text, since=self._arrived, start=self._length))
        self._length = self._spans[-1].end

    def _end_unit(self, length: int) -> None:
        self._cut += length
        if not self._runs or self._runs[-1].since != self._began:
            self._runs.append(_Run(self._began))
        self._runs[-1].ends.append(self._cut)
        self._began = self._came(self._cut)

    def _close(self) -> None:
        """Record that the growing unit is complete."""
        if self._cut < self._length:
            self._cut_off(len(self._cutter.rest))

    def _cut_off(self, length: int) -> None:
        self._cutter.cut(length)
        self._end_unit(length)

    def _observe(self, now: float) -> None:
        """Learn from an arrival how long the next takes: quickly if it takes longer, so as not to run dry."""
        since = now - self._arrived
        if since >= _SHORTEST:
            self._arrived = now
            if isfinite(since):
                since = min(since, self._hold)
                gap = since if self._gap is None else self._gap
                self._gap = gap + (since - gap) * (0.5 if since > gap else 0.25)

    def _plan(self, now: float) -> None:
        """Set the next piece: when it is due, and how many units it has."""
        units, each = 0, float("inf")  # the time for each unit
        for run in self._runs:
            units += len(run.ends)
            each = min(each, (run.since + self._hold - now) / units)
        if units:
            gap = self._hold if self._gap is None else self._gap
            each = max(0.0, min(each, (self._arrived + gap - now) / units))
            self._group = ceil(min(units, _SHORTEST / each)) if each else units
            self._next = self._last + max(self._group * each, _SHORTEST)
            if self._next < now + _SOON:
                self._next = now

    def _paced(self, now: float) -> int:
        """The position up to which the pace hands on now."""
        left = self._group
        for run in self._runs if self._next <= now else ():
            if left <= len(run.ends):
                return run.ends[left - 1]
            left -= len(run.ends)
        return self._given

    def _overdue(self, now: float) -> int:
        """The position up to which the bound is reached. A unit goes as a whole, as far as it has arrived."""
        if self._cut < self._length and self._began + self._hold <= now:
            self._cut_overdue(now)
        place = self._given
        for run in self._runs:
            if run.since + self._hold > now:
                break
            place = run.ends[-1]
        return place

    def _cut_overdue(self, now: float) -> None:
        """Cut the growing unit, before its last cluster if that may still wait to be completed."""
        last = last_cluster(self._cutter.rest)
        waits = last > 0 and self._came(self._cut + last) + self._hold > now
        self._cut_off(last if waits else len(self._cutter.rest))

    def _came(self, place: int) -> float:
        """When the text at ``place`` arrived; it is among the last."""
        return next(span.since for span in reversed(self._spans) if span.start <= place)

    def _give(self, place: int) -> list[GenerateContentResponse]:
        """Take everything before ``place`` out of the row, neighbours of one kind as one chunk."""
        kinds: list[tuple[int, list[GenerateContentResponse]]] = []
        while self._given < place:
            span = self._spans[0]
            kind = int(span.is_thought) if span.text else -1
            chunk = span.take(place)
            if kinds and kinds[-1][0] == kind >= 0:
                kinds[-1][1].append(chunk)
            else:
                kinds.append((kind, [chunk]))
            self._given = min(span.end, place)
            if span.end <= place:
                self._spans.popleft()
        self._forget(place)
        return [merge(chunks) for _, chunks in kinds]

    def _forget(self, place: int) -> None:
        """Drop the ends of the units that have been handed on."""
        while self._runs and self._runs[0].ends[0] <= place:
            ends = self._runs[0].ends
            while ends and ends[0] <= place:
                ends.popleft()
            if not ends:
                self._runs.popleft()
