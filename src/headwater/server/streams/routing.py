"""Which engine answers for which model."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from headwater.engines.base import Engine
from headwater.errors import HeadwaterError, UsageError, api_error
from headwater.types import Model

logger = logging.getLogger("headwater.server")

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:-]*(?:/[A-Za-z0-9][A-Za-z0-9._@:-]*)*")

#: How long an engine may take to list its models. Clients such as Open WebUI give up after ten seconds.
_LIST_SECONDS = 5.0


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

    async def models(self) -> list[Model]:
        """Return the models of all engines, each once.

        An engine that rests, fails or does not answer in time is left out.

        Raises:
            HeadwaterError: if no engine answers.
        """
        engines = self.all()
        asked = [engine for engine in engines if not is_resting(engine)] or engines
        found = await asyncio.gather(*map(_models, asked), return_exceptions=True)
        failures = [error for error in found if isinstance(error, BaseException)]
        unexpected = next((error for error in failures if not isinstance(error, HeadwaterError)), None)
        if unexpected is not None or len(failures) == len(found):
            raise unexpected or failures[0]
        for engine, error in zip(asked, found, strict=True):
            if isinstance(error, BaseException):
                logger.warning("the models of the engine %s cannot be listed: %s", engine.name, error)
        lists = [models for models in found if not isinstance(models, BaseException)]
        # Of two engines with the same model the later one's description counts; each model is listed once.
        return list({model.name: model for models in lists for model in models}.values())

    async def model(self, name: str) -> Model:
        """Return the description of a model, named with or without what precedes its last part.

        Raises:
            APIError: 404, if no engine lists it.
        """
        for model in await self.models():
            full_name = model.name or ""
            if name in (full_name, full_name.removeprefix("models/"), full_name.rpartition("/")[2]):
                return model
        raise api_error(404, f"there is no model {name!r}", status="NOT_FOUND")

    async def aclose(self) -> None:
        """Close the engines' connections."""
        for engine in self.all():
            await engine.aclose()


async def _models(engine: Engine) -> list[Model]:
    try:
        async with asyncio.timeout(_LIST_SECONDS):
            return await engine.models()
    except TimeoutError as error:
        message = f"the engine {engine.name} did not list its models in {_LIST_SECONDS:g} s"
        raise api_error(504, message, status="DEADLINE_EXCEEDED") from error


def is_resting(engine: Engine) -> bool:
    """Return whether an engine says that it could not answer a moment ago, so that another is the better choice."""
    return bool(getattr(engine, "is_resting", False))


async def check_engines(engines: EngineRouter) -> None:
    """Ask every engine that can be asked for a sign of life, and log a warning for each that gives none."""
    await asyncio.gather(*map(_check, engines.all()))


async def _check(engine: Engine) -> None:
    check = getattr(engine, "check", None)
    if check is not None:
        try:
            await check()
        except HeadwaterError as error:
            logger.warning("the engine %s does not answer: %s", engine.name, error)


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
