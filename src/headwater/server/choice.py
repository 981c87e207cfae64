"""Which engine answers for which model."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from headwater.engines.base import Engine


class Engines:
    """A small mapping from patterns of model names (``"test-*"``) to engines, the rest going to a default."""

    def __init__(self, default: Engine, by_model: Mapping[str, Engine] | None = None) -> None:
        self.default = default
        self._by_model = dict(by_model or {})

    def for_model(self, model: str) -> Engine:
        """Return the engine that answers for ``model``: that of the first pattern that fits."""
        for pattern, engine in self._by_model.items():
            if fnmatchcase(model, pattern):
                return engine
        return self.default

    def all(self) -> list[Engine]:
        """Return every engine once, the default first."""
        return list(dict.fromkeys([self.default, *self._by_model.values()]))

    async def aclose(self) -> None:
        """Let go of the engines' connections."""
        for engine in self.all():
            await engine.aclose()
