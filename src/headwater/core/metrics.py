"""What is measured of a stream: a ``Meter`` takes it down as it happens, ``Metrics`` is what it says at a moment."""

from __future__ import annotations

from array import array
from itertools import pairwise

import msgspec

from headwater.core.fold import Fold


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of a stream. Times are seconds from the call (the first chunk asked for); None: not yet.

    ``tokens`` are those of the answer, thoughts included, as the API counted them; ``tokens_per_second`` is their rate
    after the first chunk. Gaps are those between one chunk's arrival and the next.
    """

    first_byte: float | None
    first_chunk: float | None
    first_text: float | None
    total: float | None
    chunks: int
    characters: int
    bytes: int
    attempts: int
    prompt_tokens: int | None
    tokens: int | None
    tokens_per_second: float | None
    gap_p50: float | None
    gap_p95: float | None
    gap_max: float | None


class Meter:
    """Takes the times of one call down. ``times`` are the arrivals of its chunks."""

    def __init__(self) -> None:
        self.started: float | None = None
        self.head_at: float | None = None
        self.text_at: float | None = None
        self.ended_at: float | None = None
        self.bytes = 0
        self.times = array("d")
        self.first_tokens = 0

    def metrics(self, fold: Fold, attempts: int) -> Metrics:
        """Return what there is by now."""
        times = self.times
        gaps = sorted(after - before for before, after in pairwise(times))
        usage = fold.usage_metadata
        tokens = _tokens(usage.candidates_token_count, usage.thoughts_token_count)
        return Metrics(
            first_byte=self._since(self.head_at),
            first_chunk=self._since(times[0] if times else None),
            first_text=self._since(self.text_at),
            total=self._since(self.ended_at),
            chunks=len(times),
            characters=len(fold.text),
            bytes=self.bytes,
            attempts=attempts,
            prompt_tokens=usage.prompt_token_count,
            tokens=tokens,
            tokens_per_second=self._rate(tokens),
            gap_p50=_quantile(gaps, 0.50),
            gap_p95=_quantile(gaps, 0.95),
            gap_max=gaps[-1] if gaps else None,
        )

    def _since(self, moment: float | None) -> float | None:
        return None if moment is None or self.started is None else moment - self.started

    def _rate(self, tokens: int | None) -> float | None:
        if not tokens or not self.times or self.started is None:
            return None
        after_first, seconds = tokens - self.first_tokens, self.times[-1] - self.times[0]
        if after_first > 0 and seconds > 0:
            return after_first / seconds
        whole = self.times[-1] - self.started
        return tokens / whole if whole > 0 else None


def _tokens(answer: int | None, thoughts: int | None) -> int | None:
    return None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0)


def _quantile(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
