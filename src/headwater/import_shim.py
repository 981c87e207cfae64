"""Lets headwater answer to the name ``google.genai``: an import hook, and a note of what was asked for in vain."""

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
#: google-genai's modules, and what answers in their place. Those of headwater are loaded when they are asked for.
MODULES = {
    GENAI: "headwater.genai",
    f"{GENAI}.chats": "headwater.client.groups.chats",
    f"{GENAI}.client": "headwater.client.client",
    f"{GENAI}.errors": "headwater.errors",
    f"{GENAI}.files": "headwater.client.groups.files",
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

#: The names that were asked for and are not there, in the order of asking.
missed: dict[str, None] = {}


def install() -> None:
    """Answer ``google.genai`` from now on, installed or not. All other ``google.*`` stay as they are.

    Outside Colab ``google.colab.userdata`` is answered too: its secrets are the environment's variables.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
        sys.meta_path.append(_Fallback())


class _StandIn(ModuleType):
    """A module of google-genai's name: each of its names is looked up in headwater's module."""

    def __init__(self, name: str, real: ModuleType) -> None:
        super().__init__(name, real.__doc__)
        self.__dict__["_real"] = real
        self.__all__ = [each for each in getattr(real, "__all__", vars(real)) if not each.startswith("_")]

    def __getattr__(self, name: str) -> Any:
        if name != "__path__" and hasattr(self._real, name):  # no package but google.genai itself
            return getattr(self._real, name)
        asked = f"{self.__name__}.{name}".removeprefix(f"{GENAI}.")
        if not name.startswith("__"):
            missed[asked] = None
        raise AttributeError(f"headwater has no {asked}", name=name, obj=self)

    def __dir__(self) -> Sequence[str]:
        return sorted({*super().__dir__(), *self.__all__})


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds headwater's modules under google-genai's names, before anything that is installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name in MODULES:
            return importlib.machinery.ModuleSpec(name, self, is_package=name == GENAI)
        if name.startswith(f"{GENAI}."):  # it is asked for, and must not be found on the disk
            missed[name.removeprefix(f"{GENAI}.")] = None
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _StandIn(spec.name, importlib.import_module(MODULES[spec.name]))

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == GENAI:
            module.__dict__.update(types=_bound("types"), errors=_bound("errors"))
            _listen()


class _Fallback(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers for the packages around google-genai where nobody else does."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name == "google":  # a namespace without any folder; what is found in it is found by others
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return importlib.machinery.ModuleSpec(name, self) if name == COLAB else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == COLAB:
            module.__dict__["userdata"] = _Secrets()


class _Secrets(Mapping[str, str | None]):
    """``google.colab.userdata`` for what runs elsewhere: the environment's variables; None where one is not set."""

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


def _listen() -> None:
    """Note what is asked of a client in vain; only a name that is not there gets as far as ``__getattr__``."""
    for module, kinds in _CLIENT_PARTS.items():
        for kind, where in kinds.items():
            setattr(getattr(importlib.import_module(module), kind), "__getattr__", _noting(where))  # noqa: B010


def _noting(where: str) -> Any:
    def absent(owner: object, name: str) -> Any:
        if not name.startswith("_"):
            missed[f"{where}.{name}"] = None
        raise AttributeError(f"headwater has no {where}.{name}", name=name, obj=owner)

    return absent
