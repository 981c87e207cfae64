"""``Progress``: how far an answer is on its way to an expected length, recorded by a ``ProgressMeter``."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

import msgspec

from headwater.core.text.scripts import UNSPACED
from headwater.errors import UsageError
from headwater.types import UsageMetadata

_CHARACTERS_PER_TOKEN = 4.0
_CHARACTERS_PER_WIDE_TOKEN = 1.5
#: The most that is reported before the end: many answers are longer than expected.
_ALMOST = 0.99
#: Bounds on the ratio of real tokens to the estimate; beyond them it says nothing about the text that follows.
_CALIBRATION = (0.25, 4.0)


class _Patterns(NamedTuple):
    word: re.Pattern[str]
    inside_word: re.Pattern[str]
    wide: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    # Compiled with the first meter: at import they would take a tenth of the time that the whole package takes.
    return _Patterns(
        word=re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+"),
        inside_word=re.compile(rf"[^\s{UNSPACED}]"),
        wide=re.compile(rf"[{UNSPACED}\uac00-\ud7af]"),
    )


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an answer is. Times are seconds; None means not known.

    ``fraction`` never decreases and is 1.0 when the answer is over, not before. ``tokens`` are those of the answer,
    thoughts included: as counted by the API, or estimated if ``is_estimate`` is set. ``words`` and ``characters`` are
    those of its text; in scripts without spaces, each character counts as a word.
    """

    fraction: float | None = None
    eta: float | None = None
    tokens: int = 0
    tokens_per_second: float | None = None
    words: int = 0
    characters: int = 0
    elapsed: float = 0.0
    is_estimate: bool = True

    @property
    def percent(self) -> int | None:
        """``fraction`` in whole percent, rounded down."""
        return None if self.fraction is None else int(self.fraction * 100 + 1e-9)


class ProgressMeter:
    """Records the growth of one answer, at a cost that depends on the new text alone.

    The answer is expected to have ``target_tokens`` (``max_output_tokens``, say) or ``target_words``, whichever is
    reached first. ``started`` is when the call began; by default, that is the first ``add``.

    Raises:
        UsageError: if a target is less than 1.
    """

    def __init__(
        self, target_tokens: int | None = None, target_words: int | None = None, *, started: float | None = None
    ) -> None:
        for name, target in (("target_tokens", target_tokens), ("target_words", target_words)):
            if target is not None and target < 1:
                raise UsageError(f"{name} is a number of 1 or more, or None, not {target!r}")
        self._target_tokens = target_tokens
        self._target_words = target_words
        self._started = started
        self._words = self._characters = 0
        self._in_word = False
        self._patterns = _patterns()
        self._guess = 0.0  # tokens by the length of all text
        self._guess_counted = 0.0  # the same at the time of the last count by the API
        self._counted: int | None = None  # that count
        self._fraction = 0.0
        self._is_over = False
        self._ended: float | None = None
        #: The time of the first content, and the tokens and the share then.
        self._first: tuple[float, float, float] | None = None
        self._last = 0.0  # when the last content arrived

    def add(self, text: str, usage: UsageMetadata, now: float, *, thoughts: str = "") -> None:
        """Take a chunk: its text, its thoughts, and its usage, which is that of the answer so far."""
        if self._started is None:
            self._started = now
        self._count_words(text)
        self._characters += len(text)
        self._guess += _estimate_tokens(text) + _estimate_tokens(thoughts)
        if usage.candidates_token_count is not None or usage.thoughts_token_count is not None:
            self._counted = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
            self._guess_counted = self._guess
        if text or thoughts:
            self._last = now
            self._first = self._first or (now, self._tokens, self._share)
        self._fraction = max(self._fraction, min(self._share, _ALMOST))

    def end(self, now: float | None = None) -> None:
        """Record that the answer is over."""
        self._is_over = True
        self._ended = now

    def at(self, now: float) -> Progress:
        """Return how far the answer is at ``now``."""
        now = now if self._ended is None else self._ended
        return Progress(
            fraction=1.0 if self._is_over else self._fraction if self._has_target else None,
            eta=0.0 if self._is_over else self._eta(now),
            tokens=round(self._tokens),
            tokens_per_second=self._rate(1, self._tokens),
            words=self._words,
            characters=self._characters,
            elapsed=0.0 if self._started is None else max(0.0, now - self._started),
            is_estimate=self._counted is None or self._guess > self._guess_counted,
        )

    @property
    def _has_target(self) -> bool:
        return self._target_tokens is not None or self._target_words is not None

    @property
    def _tokens(self) -> float:
        """The tokens so far: those counted by the API, and an estimate of what has arrived since."""
        if self._counted is None:
            return self._guess
        least, most = _CALIBRATION
        ratio = self._counted / self._guess_counted if self._counted and self._guess_counted else 1.0
        return self._counted + (self._guess - self._guess_counted) * min(max(ratio, least), most)

    @property
    def _share(self) -> float:
        """The share of the expected length that has arrived; more than 1 if the answer is longer."""
        shares = [0.0]
        if self._target_tokens is not None:
            shares.append(self._tokens / self._target_tokens)
        if self._target_words is not None:
            shares.append(self._words / self._target_words)
        return max(shares)

    def _rate(self, kind: int, value: float) -> float | None:
        """The rate per second since the first content; ``kind`` is the index of its start value in ``_first``."""
        if self._first is None or self._last <= self._first[0]:
            return None
        return max(0.0, value - self._first[kind]) / (self._last - self._first[0])

    def _eta(self, now: float) -> float | None:
        rate = self._rate(2, self._share) if self._has_target else None
        return max(0.0, (1.0 - self._share) / rate - (now - self._last)) if rate else None

    def _count_words(self, text: str) -> None:
        if not text:
            return
        continues = self._in_word and self._patterns.inside_word.match(text) is not None
        self._words += (len(text.split()) if text.isascii() else len(self._patterns.word.findall(text))) - continues
        self._in_word = self._patterns.inside_word.match(text[-1]) is not None


def _estimate_tokens(text: str) -> float:
    wide = 0 if text.isascii() else len(_patterns().wide.findall(text))
    return wide / _CHARACTERS_PER_WIDE_TOKEN + (len(text) - wide) / _CHARACTERS_PER_TOKEN
