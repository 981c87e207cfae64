"""The lots: hands things out at random, but none of them again before all the others had their turn."""

from __future__ import annotations

import random
from collections.abc import Sequence


class Bags:
    """Bags of things by kind, each refilled when it is empty."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self._bags: dict[str, list[str]] = {}
        self._last: dict[str, str] = {}

    def draw(self, kind: str, source: Sequence[str]) -> str:
        """Return the next thing of ``kind``; ``source`` is what the bag is filled with."""
        bag = self._bags.get(kind)
        if not bag:
            bag = self._bags[kind] = list(source)
            self.dice.shuffle(bag)
            if len(bag) > 1 and bag[-1] == self._last.get(kind):
                bag.insert(0, bag.pop())
        self._last[kind] = bag[-1]
        return bag.pop()
