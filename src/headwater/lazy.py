"""Lazy names of a package: each is imported from its module when it is first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, str], *, others: str = ""
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a package; ``modules`` says in which of its modules a name is.

    A name whose module is ``""`` is a module itself. ``others``, ``module:function``, names a function that returns the
    value of any other public name, or raises AttributeError.

    Packages assign them in the ``else`` of ``if TYPE_CHECKING``: type checkers see plain imports, and so report
    names that do not exist.
    """

    def load(name: str) -> Any:
        if name not in modules and others and not name.startswith("_"):
            room, _, function = others.partition(":")
            return getattr(import_module(room), function)(name)
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{modules[name] or name}")
        value = getattr(module, name) if modules[name] else module
        setattr(sys.modules[package], name, value)  # so that the next access does not come here
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return load, names
