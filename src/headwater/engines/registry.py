"""Engines by name: the built-in ones, those of installed packages, and any factory by its import path.

A factory gets the ``EngineSettings`` of the server that is started, if it requires an argument, and returns an engine.
Packages register theirs as entry points of the group ``headwater.engines``; the first line of a factory's docstring is
what ``headwater serve --help`` says about it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headwater.engines.base import Engine
from headwater.errors import UsageError
from headwater.plugins import installed, is_import_path, load_installed, load_path

#: The entry point group of engines.
GROUP = "headwater.engines"

_BUILT_IN = {
    "gemini": ("headwater.engines.gemini:from_settings", "The Gemini API, or another endpoint that speaks it."),
    "offline": ("headwater.engines.offline:from_settings", "Built-in rules: no model, no key, no network."),
    "openai": ("headwater.engines.openai:from_settings", "A chat completions server: openai:URL, or openai:ollama."),
    "replay": ("headwater.engines.replay:from_settings", "Recorded exchanges, from the directory in replay:DIR."),
}

#: What ``Engine`` requires besides ``name``.
_METHODS = ("stream", "count_tokens", "models", "aclose")


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """What whoever starts a server says about its engines. Each factory takes what concerns it."""

    #: What follows the engine's name: ``DIR`` in ``replay:DIR``.
    argument: str = ""
    #: The base URL of the API that an engine passes requests on to; None for its usual one.
    upstream: str | None = None
    #: The key with which an engine calls its API; None for the one in the usual variable.
    key: str | None = field(default=None, repr=False)
    #: Whose server it calls, where its kind has presets; None to guess from the address.
    preset: str | None = None
    #: The model that an engine asks, whatever the client names; None for the client's.
    model: str | None = None
    #: What the engine is called; empty for the name of its kind.
    name: str = ""
    #: The other engines of the file of engines that are there already, for one that is made of them.
    engines: Mapping[str, Engine] = field(default_factory=dict)
    #: More settings, from its table in the file of engines; each kind has its own.
    options: Mapping[str, Any] = field(default_factory=dict)
    #: How fast an engine that has its answers at once yields them; None for its usual pace.
    pace: str | None = None
    #: Whether an engine whose upstream speaks the Interactions API passes it through: "native", or "mapped".
    interactions: str = "mapped"


@dataclass(frozen=True)
class EngineKind:
    """A registered engine: its name, the factory, and one line of help."""

    name: str
    factory: Callable[..., Engine]
    help: str


def is_number(pace: str) -> bool:
    """Return whether a pace is a number of seconds."""
    return pace.replace(".", "", 1).isdecimal()


def engine_names() -> list[str]:
    """Return the names of the engines that are there, built-in ones first."""
    return list(dict.fromkeys([*_BUILT_IN, *sorted(installed(GROUP))]))


def engine_help() -> list[tuple[str, str]]:
    """Return each engine's name and its line of help; one that cannot be loaded has the reason instead."""
    return [(name, _help_line(name)) for name in engine_names()]


def _help_line(name: str) -> str:
    if name in _BUILT_IN:
        return _BUILT_IN[name][1]
    try:
        return engine_kind(name).help
    except UsageError as error:
        return str(error)


def engine_kind(name: str) -> EngineKind:
    """Return the engine that is registered as ``name``.

    Raises:
        UsageError: if no engine has that name, or it cannot be loaded.
    """
    if name in _BUILT_IN:  # before those of packages, so that none can pass itself off as a built-in one
        path, help_text = _BUILT_IN[name]
        return EngineKind(name, load_path(path), help_text)
    entry = installed(GROUP).get(name)
    if entry is None:
        names = ", ".join(engine_names())
        raise UsageError(f"there is no engine {name!r}: choose one of {names}, or package.module:factory")
    factory = load_installed(entry)
    return EngineKind(name, factory, (inspect.getdoc(factory) or "").partition("\n")[0])


def make_engine(text: str, settings: EngineSettings) -> Engine:
    """Return the engine that ``text`` asks for: ``NAME``, ``NAME:ARGUMENT`` or ``package.module:factory``.

    Raises:
        UsageError: if there is no such engine, or its factory refuses the settings.
    """
    name, _, argument = text.partition(":")
    if name in _BUILT_IN or name in installed(GROUP) or not is_import_path(text):
        kind = engine_kind(name)
        return _call(name, kind.factory, replace(settings, argument=argument))
    try:
        factory = load_path(text)
    except UsageError as error:
        raise UsageError(f"{error} (engines with a name: {', '.join(engine_names())})") from error
    return _call(text, factory, settings)


def _call(name: str, factory: Any, settings: EngineSettings) -> Engine:
    if not callable(factory):
        raise UsageError(f"{name!r} is not an engine factory: it cannot be called")
    engine: Engine = factory(settings) if _needs_argument(factory) else factory()
    # Found out now, not when the first client counts tokens or the server shuts down.
    missing = [f"{method}()" for method in _METHODS if not callable(getattr(engine, method, None))]
    if not isinstance(getattr(engine, "name", None), str):
        missing.insert(0, "name")
    if missing:
        raise UsageError(f"{name!r} returned no engine: {type(engine).__name__} has no {', '.join(missing)}")
    return engine


def _needs_argument(factory: Callable[..., Any]) -> bool:
    """Whether a factory takes the settings; an engine's class whose arguments are all optional is one that does not."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(factory).parameters.values()
    return any(one.kind in kinds and one.default is one.empty for one in parameters)
