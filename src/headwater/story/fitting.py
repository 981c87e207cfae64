"""The fitter: closes a text on exactly as many words as are left."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping

from headwater.story.texts import listed


def size(text: str) -> int:
    """Return the number of words as blanks divide them."""
    return len(text.split())


class Fitter:
    """Makes sentences of a given number of words from stems and tails."""

    def __init__(self, stems: tuple[str, ...], tails: tuple[str, ...], dice: random.Random) -> None:
        self.stems = stems
        self.tails = tails
        self.dice = dice

    def exact(self, number: int, slots: Mapping[str, str], told: Collection[str] = ()) -> str:
        """Return sentences of exactly ``number`` words; for a number too small for a sentence, that many words."""
        if number > 14:
            part = min(12, number - 5)
            first = self.exact(part, slots, told)
            return f"{first} {self.exact(number - part, slots, {*told, first})}"
        options = [
            text
            for stem in self.stems
            for tail in self.tails
            if size(text := f"{stem} {tail}".strip().format_map(slots) + ".") == number
        ]
        if not options:
            return " ".join(listed("Softly the brave one went on and on until the very end")[:number]) + "."
        return self.dice.choice([text for text in options if text not in told] or options)
