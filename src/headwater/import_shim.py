"""Makes ``import google.genai`` import headwater, for programs that are run unchanged (``headwater run``).

Two finders are installed. ``_Finder`` comes first in ``sys.meta_path`` and takes ``google.genai`` and its modules, even
if google-genai is installed. ``_Fallback`` comes last and provides what surrounds it, where nothing else does: the
``google`` namespace and ``google.colab.userdata``. Names that headwater does not have are recorded in ``missed``, so
that ``headwater run`` can say what the program needs.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

GENAI = "google.genai"
COLAB = "google.colab"
#: google-genai's modules and their replacements, which are imported on first use.
MODULES = {
    GENAI: "headwater.genai",
    f"{GENAI}._api_client": "headwater.client.groups.api_client",
    f"{GENAI}._transformers": "headwater.client.request.transformers",
    f"{GENAI}.chats": "headwater.client.groups.chats",
    f"{GENAI}.client": "headwater.client.client",
    f"{GENAI}.errors": "headwater.errors",
    f"{GENAI}.files": "headwater.client.groups.files",
    f"{GENAI}.interactions": "headwater.types.interactions",
    f"{GENAI}.models": "headwater.client.groups.models",
    f"{GENAI}.pagers": "headwater.client.groups.pagers",
    f"{GENAI}.types": "headwater.types",
    f"{GENAI}.version": "headwater.genai",
}
_CLIENT_PARTS = {
    "headwater.client.client": {"Client": "client", "AsyncClient": "client.aio"},
    "headwater.client.groups.models": {"Models": "client.models", "AsyncModels": "client.aio.models"},
    "headwater.client.groups.chats": {"Chats": "client.chats", "AsyncChats": "client.aio.chats"},
    "headwater.client.groups.files": {"Files": "client.files", "AsyncFiles": "client.aio.files"},
}

#: The missing names that the program has accessed, in that order (a dict for its order).
missed: dict[str, None] = {}


def install() -> None:
    """Replace ``google.genai`` from now on, whether or not it is installed. Other ``google.*`` packages are unaffected.

    Outside Colab ``google.colab.userdata`` is provided, too; its secrets are environment variables.
    """
    # First and last: ours before the installed google-genai, the fallback after everything that is installed.
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
        sys.meta_path.append(_Fallback())


class _StandIn(ModuleType):
    """A module under google-genai's name; its attributes are those of headwater's module."""

    def __init__(self, name: str, real: ModuleType) -> None:
        super().__init__(name, real.__doc__)
        self.__dict__["_real"] = real
        self.__all__ = [each for each in getattr(real, "__all__", vars(real)) if not each.startswith("_")]

    def __getattr__(self, name: str) -> Any:
        if name != "__path__" and hasattr(self._real, name):  # only google.genai itself is a package
            return getattr(self._real, name)
        missing = f"{self.__name__}.{name}".removeprefix(f"{GENAI}.")
        if not name.startswith("__"):
            missed[missing] = None
        raise AttributeError(f"headwater has no {missing}", name=name, obj=self)

    def __dir__(self) -> Sequence[str]:
        return sorted({*super().__dir__(), *self.__all__})


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds headwater's modules under google-genai's names, before any installed package."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name in MODULES:
            return importlib.machinery.ModuleSpec(name, self, is_package=name == GENAI)
        if name.startswith(f"{GENAI}."):  # not found elsewhere either: the stand-in's __path__ is empty
            missed[name.removeprefix(f"{GENAI}.")] = None
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _StandIn(spec.name, importlib.import_module(MODULES[spec.name]))

    def exec_module(self, module: ModuleType) -> None:
        # google-genai binds these two on its package, so programs use them without importing them.
        if module.__name__ == GENAI:
            module.__dict__.update(types=_bound("types"), errors=_bound("errors"))
            _record_missing()


class _Fallback(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Provides the packages around google-genai if no other finder does."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name == "google":  # an empty namespace; other finders find what is in it
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return importlib.machinery.ModuleSpec(name, self) if name == COLAB else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == COLAB:
            module.__dict__["userdata"] = _Secrets()


class _Secrets(Mapping[str, str | None]):
    """``google.colab.userdata`` outside Colab: environment variables, or None."""

    def __getitem__(self, name: str) -> str | None:
        return os.environ.get(name)

    def get(self, name: str, default: Any = None) -> Any:
        return os.environ.get(name, default)

    def __iter__(self) -> Any:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


def _bound(name: str) -> ModuleType:
    return importlib.import_module(f"{GENAI}.{name}")


def _record_missing() -> None:
    """Record missing attributes of clients. Python calls ``__getattr__`` only for names that are not found."""
    for module, kinds in _CLIENT_PARTS.items():
        for kind, where in kinds.items():
            setattr(getattr(importlib.import_module(module), kind), "__getattr__", _missing_attribute(where))  # noqa: B010


def _missing_attribute(where: str) -> Any:
    def absent(owner: object, name: str) -> Any:
        if not name.startswith("_"):
            missed[f"{where}.{name}"] = None
        raise AttributeError(f"headwater has no {where}.{name}", name=name, obj=owner)

    return absent
