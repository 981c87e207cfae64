"""Objects that are named in settings: those that installed packages register, and any by ``package.module:name``."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from headwater.errors import UsageError

_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@cache
def installed(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by their names; of two with one name, the one that Python finds first."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=group):
        found.setdefault(entry.name, entry)
    return found


def load_installed(entry: EntryPoint) -> Any:
    """Return the object that an entry point names.

    Raises:
        UsageError: if it cannot be imported.
    """
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        package = entry.dist.name if entry.dist is not None else "an installed package"
        raise UsageError(f"{entry.name!r} of {package} cannot be loaded: {error}") from error


def is_import_path(text: str) -> bool:
    """Return whether ``text`` has the form ``package.module:name``."""
    return _PATH.fullmatch(text) is not None


def load_path(path: str) -> Any:
    """Return the object at ``package.module:name``.

    Raises:
        UsageError: if the module cannot be imported or has no such name.
    """
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{path!r} cannot be loaded: {error}") from error
