"""``Metrics``: what is measured of a stream, recorded by a ``Meter``."""

from __future__ import annotations

import math
from array import array
from itertools import pairwise

import msgspec

from headwater.core.answer.answer_fold import AnswerFold
from headwater.core.answer.fold import add_usage
from headwater.types import NO_USAGE, UsageMetadata


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Measurements of a stream. Times are seconds since the call, which begins when the first chunk is asked for.

    None means not yet. ``tokens`` are those of the answer, thoughts included, as counted by the API;
    ``tokens_per_second`` is their rate after the first chunk. Gaps lie between the arrivals of two chunks. If functions
    were called, all requests are counted together; ``functions`` is the time spent in them, part of no gap or rate.
    """

    first_byte: float | None
    first_chunk: float | None
    first_text: float | None
    total: float | None
    chunks: int
    characters: int
    bytes: int
    attempts: int
    functions: float
    prompt_tokens: int | None
    tokens: int | None
    tokens_per_second: float | None
    gap_p50: float | None
    gap_p95: float | None
    gap_max: float | None


class Meter:
    """Records the times of one call. ``times`` are the arrivals of its chunks."""

    def __init__(self) -> None:
        self.started: float | None = None
        self.head_at: float | None = None
        self.text_at: float | None = None
        self.ended_at: float | None = None
        self.bytes = 0
        self.times = array("d")
        self.first_tokens = 0
        self.functions = 0.0
        self._turns: set[int] = set()  # the numbers of the chunks before which functions were called
        self._characters = 0  # of the answers before this one
        self._usage = NO_USAGE  # of the answers before this one

    def end_turn(self, fold: AnswerFold, seconds: float) -> None:
        """Record that functions took ``seconds``, and that another answer follows ``fold``."""
        self.functions += seconds
        self._turns.add(len(self.times))
        self._characters += len(fold.text)
        self._usage = self.usage(fold)

    def awaits_text(self, fold: AnswerFold, now: float) -> bool:
        """Record the first content; return whether the first text has yet to arrive."""
        if len(self.times) == 1:
            usage = fold.usage_metadata
            self.first_tokens = _tokens(usage.candidates_token_count, usage.thoughts_token_count) or 0
        if fold.text:
            self.text_at = now
        return not fold.text

    def usage(self, fold: AnswerFold) -> UsageMetadata:
        """Return the tokens of all requests; ``fold`` is the answer to the last."""
        return add_usage(self._usage, fold.usage_metadata) if self._usage else fold.usage_metadata

    def stop(self, now: float) -> None:
        """Record that the call was stopped, if it had begun and not ended."""
        if self.started is not None and self.ended_at is None:
            self.ended_at = now

    def gaps(self) -> list[float]:
        """Return the seconds between the arrivals of chunks, except where functions were called in between."""
        pairs = enumerate(pairwise(self.times), 1)
        return [after - before for number, (before, after) in pairs if number not in self._turns]

    def metrics(self, fold: AnswerFold, attempts: int) -> Metrics:
        """Return the measurements so far."""
        times = self.times
        gaps = sorted(self.gaps())
        usage = self.usage(fold)
        tokens = _tokens(usage.candidates_token_count, usage.thoughts_token_count)
        return Metrics(
            first_byte=self._since(self.head_at),
            first_chunk=self._since(times[0] if times else None),
            first_text=self._since(self.text_at),
            total=self._since(self.ended_at),
            chunks=len(times),
            characters=self._characters + len(fold.text),
            bytes=self.bytes,
            attempts=attempts,
            functions=self.functions,
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
        after_first, seconds = tokens - self.first_tokens, self.times[-1] - self.times[0] - self.functions
        if after_first > 0 and seconds > 0:
            return after_first / seconds
        whole = self.times[-1] - self.started
        return tokens / whole if whole > 0 else None


def _tokens(answer: int | None, thoughts: int | None) -> int | None:
    return None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0)


def _quantile(ordered: list[float], share: float) -> float | None:
    """The smallest value that at least this share of all values does not exceed."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
