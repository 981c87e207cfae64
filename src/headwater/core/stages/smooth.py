"""Smoothing: what comes in bursts is given out evenly, a unit of text after another, each within a hard bound.

What is held is one row of spans, the rest of one chunk's text each. Places in the row are counted from the beginning of
the stream. Runs hold the places where whole units end, those of one arrival together; behind the last of them stands a
unit that is still growing.

The backlog is spread over the time until the next arrival is expected, which is learned from the arrivals, and faster
where a run would otherwise be held for too long.
"""

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

#: At most so many pieces a second: eyes see no more, and a terminal or a browser is spared the work.
_PIECES_PER_SECOND = 80
_SHORTEST = 1 / _PIECES_PER_SECOND
#: What would go so soon (seconds) goes now: a timer would cost more than it gives.
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
    """Return a stage that gives text out evenly, in whole words, lines, sentences or characters where it can.

    A pattern says by its matches where units end. ``delay`` (seconds) is how long a character is held at most.

    Raises:
        UsageError: there is no such unit, or ``delay`` is not a positive number.
    """
    pattern = by if isinstance(by, re.Pattern) else PATTERNS.get(by) if isinstance(by, str) else None
    if pattern is None or not isinstance(pattern.pattern, str):
        raise UsageError(f"smooth(by=...) is one of {', '.join(PATTERNS)}, or a compiled pattern for text, not {by!r}")
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not (delay > 0 and isfinite(delay)):
        raise UsageError(f"smooth(delay=...) is a number of seconds more than 0, not {delay!r}")
    return Smooth(pattern, delay)


class _Span:
    """The text of one chunk in the row. A chunk that is given as it is counts as one character of no kind."""

    __slots__ = ("at", "chunk", "end", "is_thought", "since", "start", "text")

    def __init__(self, chunk: GenerateContentResponse, text: str, *, since: float, start: int) -> None:
        self.chunk = chunk
        self.text = text
        self.at = 0  # so much of it has been given
        self.since = since  # when it came
        self.start = start  # its place in the row
        self.end = start + (len(text) or 1)
        self.is_thought = bool(text and chunk.parts[0].thought)

    def take(self, place: int) -> GenerateContentResponse:
        """Return what of it stands before ``place``: its chunk itself where that is all."""
        stop = len(self.text) + min(place - self.end, 0)
        start, self.at = self.at, stop
        if stop < len(self.text):
            return piece(self.chunk, [self._part(start, stop)])
        return with_parts(self.chunk, [self._part(start, stop)]) if start else self.chunk

    def _part(self, start: int, stop: int) -> Part:
        return Part(text=self.text[start:stop], thought=self.chunk.parts[0].thought)


class _Run:
    """The ends of the whole units that began to come at one moment."""

    __slots__ = ("ends", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.ends: deque[int] = deque()


class Smoother:
    """The stage of ``smooth()``."""

    def __init__(self, pattern: re.Pattern[str], delay: float) -> None:
        self._hold = delay * _USED
        self._cutters = {is_thought: Cutter(pattern) for is_thought in (False, True)}
        self._cutter = self._cutters[False]  # that of the last text
        self._spans: deque[_Span] = deque()
        self._runs: deque[_Run] = deque()
        self._given = self._cut = self._length = 0  # places: given up to, cut into units up to, come up to
        self._began = 0.0  # when the unit that is growing began to come
        self._arrived = float("-inf")  # the last arrival; what comes shortly after another came with it
        self._gap: float | None = None  # the time expected between two arrivals
        self._last = float("-inf")  # when the last piece was given
        self._next = 0.0  # when the next piece goes, where the bound does not come first
        self._group = 1  # so many units it is

    def feed(self, chunk: GenerateContentResponse, now: float) -> list[GenerateContentResponse]:
        """Take a chunk; return what may go on at once."""
        if not is_single(chunk):
            return [*self.flush(), chunk]
        self._observe(now)
        given = [out for fragment in fragments(chunk) for out in self._take(fragment)]
        self._plan(now)
        return [*given, *self.release(now)]

    def due(self) -> float | None:
        """Return when the next piece goes: by the pace, or by the bound where that comes first."""
        if self._runs:
            return min(self._runs[0].since + self._hold, self._next)
        return self._began + self._hold if self._cut < self._length else None

    def release(self, now: float) -> list[GenerateContentResponse]:
        """Return the next piece, if it is due by ``now``, and with it all that has been held as long as it may."""
        due = self.due()
        if due is None or due > now:
            return []
        given = self._give(max(self._paced(now), self._overdue(now)))
        self._last = now
        self._plan(now)
        return given

    def finish(self, now: float) -> list[GenerateContentResponse]:
        """Take it that nothing more is fed: the last unit is whole. What is held keeps its pace."""
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
        if parts and parts[0].text is None:  # a call, an image: nothing is gained by waiting with what stands before it
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
        """Take it that the unit that is growing is whole."""
        if self._cut < self._length:
            self._cut_off(len(self._cutter.rest))

    def _cut_off(self, length: int) -> None:
        self._cutter.cut(length)
        self._end_unit(length)

    def _observe(self, now: float) -> None:
        """Learn from an arrival how long the next takes: soon where it is longer, so as seldom to run dry."""
        since = now - self._arrived
        if since >= _SHORTEST:
            self._arrived = now
            if isfinite(since):
                since = min(since, self._hold)
                gap = since if self._gap is None else self._gap
                self._gap = gap + (since - gap) * (0.5 if since > gap else 0.25)

    def _plan(self, now: float) -> None:
        """Set the next piece: when it goes, and how many units it is."""
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
        """The place up to which the pace leads now."""
        left = self._group
        for run in self._runs if self._next <= now else ():
            if left <= len(run.ends):
                return run.ends[left - 1]
            left -= len(run.ends)
        return self._given

    def _overdue(self, now: float) -> int:
        """The place up to which all has been held as long as it may; a unit goes whole, as far as it has come."""
        if self._cut < self._length and self._began + self._hold <= now:
            self._cut_overdue(now)
        place = self._given
        for run in self._runs:
            if run.since + self._hold > now:
                break
            place = run.ends[-1]
        return place

    def _cut_overdue(self, now: float) -> None:
        """Cut the unit that is growing, before its last cluster if that may still wait to be whole."""
        last = last_cluster(self._cutter.rest)
        waits = last > 0 and self._came(self._cut + last) + self._hold > now
        self._cut_off(last if waits else len(self._cutter.rest))

    def _came(self, place: int) -> float:
        """When what stands at ``place`` came; it is among the last."""
        return next(span.since for span in reversed(self._spans) if span.start <= place)

    def _give(self, place: int) -> list[GenerateContentResponse]:
        """Take what stands before ``place`` out of the row, neighbours of one kind as one chunk."""
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
        """Drop the ends of the units that have been given."""
        while self._runs and self._runs[0].ends[0] <= place:
            ends = self._runs[0].ends
            while ends and ends[0] <= place:
                ends.popleft()
            if not ends:
                self._runs.popleft()
