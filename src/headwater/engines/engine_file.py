"""``--engines FILE``: several engines by name, from a TOML file.

    [engines.local]
    kind = "openai"
    url = "http://127.0.0.1:11434/v1"
    default = true

    [engines.cloud]
    kind = "openai"
    url = "https://api.example.com/v1"
    key_env = "EXAMPLE_API_KEY"
    models = ["big-*"]

Each table is one engine. ``kind`` is what ``--engine`` takes; ``default`` and ``models`` say which requests it answers;
``url``, ``key_env`` and ``pace`` are for the kinds that have them; everything else is the kind's own. An engine that is
made of others names them in ``of``: it is built after them, and finds them in ``EngineSettings.engines``.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from headwater.engines.base import Engine
from headwater.engines.registry import EngineSettings, make_engine
from headwater.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
_SCALARS: tuple[tuple[str, type, str], ...] = (
    ("kind", str, "a text"),
    ("default", bool, "true or false"),
    ("url", str, "a text"),
    ("key_env", str, "the name of a variable"),
    ("pace", str, "a text"),
)
#: The settings of built-in kinds besides those of every engine; the openai engine checks its own.
_OWN = {"gemini": {"url", "key_env"}, "offline": {"pace"}, "replay": {"directory", "pace"}}
_COMMON = frozenset({"kind", "default", "models"})


@dataclass(frozen=True)
class EngineSet:
    """The engines of a file by name, which of them is the default, and which patterns of models go to which."""

    source: str = ""
    engines: Mapping[str, Engine] = field(default_factory=dict)
    default: str | None = None
    patterns: Mapping[str, str] = field(default_factory=dict)
    #: Those that others are made of, and that no request has to reach by itself.
    members: frozenset[str] = frozenset()

    def by_model(self) -> dict[str, Engine]:
        """Return the engine of each pattern."""
        return {pattern: self.engines[name] for pattern, name in self.patterns.items()}


def read_engine_file(path: str | Path, settings: EngineSettings | None = None) -> EngineSet:
    """Return the engines that a file describes.

    Raises:
        UsageError: if it cannot be read, or something in it is wrong; one line says what, and where.
    """
    tables = _tables(Path(path))
    patterns = _patterns(tables, str(path))
    default = _default(tables, str(path))
    engines: dict[str, Engine] = {}
    # Engines made of others come last, so that the others are there.
    for name, table in sorted(tables.items(), key=lambda item: "of" in item[1]):
        try:
            engines[name] = _engine(name, table, settings or EngineSettings(), engines)
        except UsageError as error:
            raise UsageError(f"{path}: engines.{name}: {error}") from None
    members = frozenset(member for table in tables.values() for member in table.get("of", ()))
    return EngineSet(str(path), engines, default, patterns, members)


def _tables(path: Path) -> dict[str, dict[str, Any]]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path} cannot be read: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    tables = document.pop("engines", None)
    if document:
        raise UsageError(f"{path}: {next(iter(document))!r} is not known: engines are tables like [engines.local]")
    if not isinstance(tables, dict) or not tables:
        raise UsageError(f"{path} has no engines: each is a table like [engines.local]")
    for name, table in tables.items():
        _check(name, table, str(path))
    return tables


def _check(name: str, table: Any, path: str) -> None:
    """Check what all kinds share.

    Raises:
        UsageError: if something has the wrong type, or is missing.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{path}: {name[:60]!r} is not the name of an engine: letters, digits, '.', '_' and '-'")
    if not isinstance(table, dict) or "kind" not in table:
        raise UsageError(f'{path}: engines.{name} has no kind, for example kind = "openai"')
    for key, kind, what in _SCALARS:
        if key in table and not isinstance(table[key], kind):
            raise UsageError(f"{path}: engines.{name}: {key} is {what}, not {table[key]!r}")
    for key in ("models", "of"):
        texts = table.get(key, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
            raise UsageError(f'{path}: engines.{name}: {key} is a list of texts, for example ["big-*"]')
    if "key" in table or "api_key" in table:
        raise UsageError(f"{path}: engines.{name}: a key is not written here; key_env names the variable that has it")


def _patterns(tables: Mapping[str, dict[str, Any]], path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, table in tables.items():
        for pattern in table.get("models", ()):
            if pattern in found:
                raise UsageError(f"{path}: two engines for {pattern!r}: {found[pattern]} and {name}")
            found[pattern] = name
    return found


def _default(tables: Mapping[str, dict[str, Any]], path: str) -> str | None:
    """The engine for all other models: the one that says so, or the only one."""
    marked = [name for name, table in tables.items() if table.get("default")]
    if len(marked) > 1:
        raise UsageError(f"{path}: two engines are the default: {marked[0]} and {marked[1]}")
    return marked[0] if marked else next(iter(tables)) if len(tables) == 1 else None


def _engine(name: str, table: dict[str, Any], common: EngineSettings, engines: Mapping[str, Engine]) -> Engine:
    kind = table["kind"]
    options = {key: value for key, value in table.items() if key not in _COMMON}
    if kind in _OWN:
        for key in options:
            if key not in _OWN[kind]:
                known = ", ".join(sorted(_OWN[kind]))
                raise UsageError(f"the {kind} engine has no setting {key!r} (it has {known})")
    for member in options.get("of", ()):
        if member not in engines:
            raise UsageError(f"there is no engine {member!r} in this file that it could be made of")
    settings = replace(
        common,
        key=_key(options.pop("key_env", None)),
        upstream=options.get("url") if kind == "gemini" else None,
        pace=options.get("pace", common.pace),
        name=name,
        engines=dict(engines),
        options=options,
    )
    text = f"replay:{options.get('directory', '')}" if kind == "replay" else kind
    engine = make_engine(text, settings)
    engine.name = name  # which logs, metrics, /healthz and stored streams know it by
    return engine


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(f"key_env names {variable}, which is not set")
    return key
