"""Writes ``src/headwater/google_genai_names.json``: the public names of the installed google-genai, by module and kind.

``headwater.placeholders`` makes of a name what a program can import where headwater does not have it. The file has no
code and no documentation of google-genai: names, and the values of enums. ``python tools/make_genai_names.py`` writes
it, and a test compares it with the google-genai that is installed.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import types as pytypes
import typing
import warnings
from collections.abc import Iterator
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PATH = Path(__file__).resolve().parents[1] / "src" / "headwater" / "google_genai_names.json"
PACKAGE = "google.genai"
#: Names that modules import for their own use, whose values are no classes or functions of another package.
INCIDENTAL = {"annotations", "TYPE_CHECKING", "logger", "httpx", "httpx2"}


def public_modules() -> list[str]:
    """Return the names of google-genai's public modules."""
    package = importlib.import_module(PACKAGE)
    found = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name for name in found if not name.startswith("_") and name != "tests")


def names_of(module: str) -> Iterator[tuple[str, str, Any]]:
    """Yield each public name of a module with its kind and its value."""
    try:
        values = vars(importlib.import_module(f"{PACKAGE}.{module}"))
    except ImportError:  # a module that needs what is not installed: its source has its names
        yield from _names_in_source(module)
        return
    for name, value in values.items():
        if not name.startswith("_") and name not in INCIDENTAL and (kind := _kind(value)):
            yield name, kind, value


def _kind(value: Any) -> str | None:
    is_own = str(getattr(value, "__module__", "")).startswith(PACKAGE)
    if isinstance(value, pytypes.ModuleType):
        return None
    if inspect.isclass(value):
        return _kind_of_class(value) if is_own else None
    if inspect.isroutine(value):
        return "function" if is_own else None
    return "class" if _is_alias(value) else None


def _is_alias(value: Any) -> bool:
    """Return whether ``value`` is an alias of a type that google-genai defines: ``PartUnion``."""
    arguments = typing.get_args(value) or typing.get_args(getattr(value, "__value__", None))
    return bool(arguments) or type(value).__name__ == "TypeAliasType"


def _kind_of_class(kind: type) -> str:
    if typing.is_typeddict(kind) or hasattr(kind, "__total__"):
        return "dict"
    if issubclass(kind, Enum):
        return "enum"
    if issubclass(kind, Warning):
        return "warning"
    return "error" if issubclass(kind, BaseException) else "class"


def _names_in_source(module: str) -> Iterator[tuple[str, str, Any]]:
    spec = find_spec(f"{PACKAGE}.{module}")
    for node in ast.parse(Path(str(spec and spec.origin)).read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, "class" if isinstance(node, ast.ClassDef) else "function", None


def _members(kind: type[Enum]) -> str:
    """Return the members of an enum in one string; values are left out where they equal the names."""
    named = kind.__members__.items()
    return " ".join(name if member.value == name else f"{name}={member.value}" for name, member in named)


def text() -> str:
    """Return the file's text."""
    version = importlib.import_module(PACKAGE).__version__
    modules: dict[str, dict[str, Any]] = {}
    for module in public_modules():
        kinds: dict[str, Any] = {}
        for name, kind, value in sorted(names_of(module), key=lambda entry: entry[:2]):
            entry = [f"{name}: {_members(value)}" if kind == "enum" else name]
            kinds.setdefault(kind, []).extend(entry)
        modules[module] = {kind: entries if kind == "enum" else " ".join(entries) for kind, entries in kinds.items()}
    return json.dumps({"version": version, "modules": modules}, indent=0, sort_keys=True) + "\n"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    PATH.write_text(text(), "utf-8")
