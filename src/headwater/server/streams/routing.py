"""Which engine answers for which model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from headwater.engines.base import Engine
from headwater.errors import UsageError, api_error

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:-]*(?:/[A-Za-z0-9][A-Za-z0-9._@:-]*)*")


class EngineRouter:
    """Maps patterns of model names (``"test-*"``) to engines. Other models go to the default engine."""

    def __init__(self, default: Engine, by_model: Mapping[str, Engine] | None = None) -> None:
        self.default = default
        self._by_model = dict(by_model or {})

    def for_model(self, model: str) -> Engine:
        """Return the engine for ``model``: that of the first pattern that matches."""
        for pattern, engine in self._by_model.items():
            if fnmatchcase(model, pattern):
                return engine
        return self.default

    def named(self, name: str) -> Engine:
        """Return the engine of that name.

        Raises:
            APIError: 404, if this server has no such engine.
        """
        for engine in self.all():
            if engine.name == name:
                return engine
        raise api_error(404, f"this server has no engine {name[:100]!r}", status="NOT_FOUND")

    def all(self) -> list[Engine]:
        """Return every engine once, the default first."""
        return list(dict.fromkeys([self.default, *self._by_model.values()]))

    async def aclose(self) -> None:
        """Close the engines' connections."""
        for engine in self.all():
            await engine.aclose()


def model_name(text: str) -> str:
    """Return the name of a model, without ``models/``.

    Raises:
        UsageError: if ``text`` cannot be the name of a model.
    """
    # Names become parts of paths and of log lines, so none may lead upwards or be very long.
    model = text.removeprefix("models/")
    if len(model) > 200 or not _MODEL.fullmatch(model) or ".." in model:
        raise UsageError(f"{model[:100]!r} is not the name of a model")
    return model
