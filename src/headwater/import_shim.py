"""Makes ``import google.genai`` import headwater, for programs that are run unchanged (``headwater run``).

Two finders are installed. ``_Finder`` comes first in ``sys.meta_path`` and takes ``google.genai`` and its modules, even
if google-genai is installed. ``_Fallback`` comes last and provides what surrounds it, where nothing else does: the
``google`` namespace and ``google.colab.userdata``.

Every public name of google-genai can be imported: headwater's own if it has the name, a placeholder otherwise, which
is an error only when it is made or called. Such uses, and names that are missing altogether, are recorded in
``missed``, so that ``headwater run`` can say what the program needs. Probes are not: ``hasattr(client, "live")``.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import opcode
import os
import sys
from collections.abc import Mapping, Sequence
from types import AsyncGeneratorType, GeneratorType, ModuleType
from typing import Any

from headwater import placeholders
from headwater.placeholders import missed

__all__ = ["install", "missed"]

GENAI = "google.genai"
COLAB = "google.colab"
#: google-genai's modules and their replacements, which are imported on first use.
MODULES = {
    GENAI: "headwater.genai",
    f"{GENAI}._api_client": "headwater.client.groups.api_client",
    f"{GENAI}._interactions": "headwater.client.request.interaction_errors",
    f"{GENAI}._interactions_errors": "headwater.client.request.interaction_errors",
    f"{GENAI}._transformers": "headwater.client.request.transformers",
    f"{GENAI}.caches": "headwater.client.groups.caches",
    f"{GENAI}.chats": "headwater.client.groups.chats",
    f"{GENAI}.client": "headwater.client.client",
    f"{GENAI}.errors": "headwater.errors",
    f"{GENAI}.files": "headwater.client.groups.files",
    f"{GENAI}.interactions": "headwater.types.interactions",
    f"{GENAI}.models": "headwater.client.groups.models",
    f"{GENAI}.pagers": "headwater.client.groups.pagers",
    f"{GENAI}.tokens": "headwater.client.groups.tokens",
    f"{GENAI}.types": "headwater.types",
    f"{GENAI}.version": "headwater.genai",
}
#: Private modules in which instrumentation looks for classes to wrap, and what is wrapped there.
_WRAPPED: Mapping[str, Mapping[str, str]] = {
    f"{GENAI}._gaos": {},
    f"{GENAI}._gaos.google_genai": {
        "GeminiNextGenInteractions": "client.groups.interactions:Interactions",
        "AsyncGeminiNextGenInteractions": "client.groups.interactions:AsyncInteractions",
    },
    f"{GENAI}._gaos.interactions": {
        "Interactions": "client.groups.interactions:Interactions",
        "AsyncInteractions": "client.groups.interactions:AsyncInteractions",
        "Stream": "client.stream.interactions:InteractionStream",
        "AsyncStream": "client.stream.interactions:AsyncInteractionStream",
    },
    f"{GENAI}._gaos.types": {},
    f"{GENAI}._gaos.types.interactions": {
        "Interaction": "types.interactions:Interaction",
        "InteractionSSEEvent": "types.interactions:InteractionSSEEvent",
        "InteractionsInput": "types.interactions:InteractionsInput",
        "Step": "types.interactions:Step",
        "Usage": "types.interactions:Usage",
    },
}
_CLIENT_PARTS = {
    "headwater.client.client": {"Client": "client", "AsyncClient": "client.aio"},
    "headwater.client.groups.models": {"Models": "client.models", "AsyncModels": "client.aio.models"},
    "headwater.client.groups.chats": {"Chats": "client.chats", "AsyncChats": "client.aio.chats"},
    "headwater.client.groups.files": {"Files": "client.files", "AsyncFiles": "client.aio.files"},
}

#: What google-genai imports, and programs therefore use without importing it: attributes of packages by their names.
_SIDE_EFFECTS = {"PIL": {"Image"}, "google": {"auth"}, "google.auth": {"credentials"}}


def install() -> None:
    """Replace ``google.genai`` from now on, whether or not it is installed. Other ``google.*`` packages are unaffected.

    Outside Colab ``google.colab.userdata`` is provided, too; its secrets are environment variables.
    """
    # First and last: ours before the installed google-genai, the fallback after everything that is installed.
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
        sys.meta_path.append(_Fallback())


class _StandIn(ModuleType):
    """A module under google-genai's name: headwater's names, and placeholders for the others."""

    def __init__(self, name: str, real: ModuleType) -> None:
        super().__init__(name, real.__doc__)
        self.__dict__["_real"] = real
        self.__dict__["_below"] = name.removeprefix(GENAI).lstrip(".")
        names = getattr(real, "__all__", vars(real))
        self.__all__ = [name for name in {**dict.fromkeys(names), **self._absent()} if not name.startswith("_")]

    def _absent(self) -> Mapping[str, str]:
        """Return the names that google-genai's module has."""
        return placeholders.modules().get(self._below, {})

    def __getattr__(self, name: str) -> Any:
        if not self._below and name in placeholders.modules():
            # google-genai's modules import each other, so programs use them without importing them. Before the names
            # of headwater's package: ``from google.genai import caches`` is what ``import google.genai.caches`` is.
            return importlib.import_module(f"{GENAI}.{name}")
        if name != "__path__" and hasattr(self._real, name):  # only google.genai itself is a package
            return getattr(self._real, name)
        if name in self._absent():
            return placeholders.placeholder(self._below, name)
        raise _missing(f"{self._below}.{name}".lstrip("."), name, self)

    def __dir__(self) -> Sequence[str]:
        return sorted({*super().__dir__(), *self.__all__})


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds headwater's modules under google-genai's names, before any installed package."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name in _WRAPPED:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        if name in MODULES or name.removeprefix(f"{GENAI}.") in placeholders.modules():
            return importlib.machinery.ModuleSpec(name, self, is_package=name == GENAI)
        if name in _SIDE_EFFECTS:
            return _watched(importlib.machinery.PathFinder.find_spec(name, path, target))
        if name.startswith(f"{GENAI}."):  # not found elsewhere either: the stand-in's __path__ is empty
            missed[name.removeprefix(f"{GENAI}.")] = None
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        if spec.name in _WRAPPED:
            return _wrapped(spec.name)
        if spec.name in MODULES:
            return _StandIn(spec.name, importlib.import_module(MODULES[spec.name]))
        return _StandIn(spec.name, ModuleType(spec.name, "A module of google-genai, of placeholders only."))

    def exec_module(self, module: ModuleType) -> None:
        # google-genai binds these two on its package, so programs use them without importing them.
        if module.__name__ == GENAI:
            module.__dict__.update(types=_bound("types"), errors=_bound("errors"))
            _record_missing()
            _import_on_use()
            _pretend_generators()


def _wrapped(name: str) -> ModuleType:
    module = ModuleType(name, "Classes of headwater where instrumentation looks for google-genai's.")
    for known, place in _WRAPPED[name].items():
        real, _, attribute = place.partition(":")
        setattr(module, known, getattr(importlib.import_module(f"headwater.{real}"), attribute))
    return module


class _Watched(importlib.abc.Loader):
    """The loader of a package of others, which then imports submodules when they are used."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _import_submodules_on_use(module)


def _watched(spec: importlib.machinery.ModuleSpec | None) -> importlib.machinery.ModuleSpec | None:
    # A namespace package has a loader with other rules, and none before it is loaded.
    if spec is not None and spec.origin is not None:
        spec.loader = _Watched(spec.loader)
    return spec


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


def _pretend_generators() -> None:
    """Let streams be instances of generators, as google-genai's are: instrumentation knows them by that."""
    from headwater.client.stream.aio import AsyncStream
    from headwater.client.stream.sync import Stream

    Stream._pretended, AsyncStream._pretended = GeneratorType, AsyncGeneratorType
    # inspect.isawaitable looks at the code of every generator.
    Stream.gi_code = (lambda: (yield)).__code__  # type: ignore[attr-defined]


def _record_missing() -> None:
    """Record missing attributes of clients. Python calls ``__getattr__`` only for names that are not found."""
    for module, kinds in _CLIENT_PARTS.items():
        for kind, where in kinds.items():
            setattr(getattr(importlib.import_module(module), kind), "__getattr__", _missing_attribute(where))  # noqa: B010


def _missing_attribute(where: str) -> Any:
    def absent(owner: object, name: str) -> Any:
        raise _missing(f"{where}.{name}", name, owner)

    return absent


def _missing(dotted: str, name: str, owner: object) -> AttributeError:
    """Return the error for a name that is nowhere, recorded if the caller's caller has written it."""
    frame = sys._getframe(2)
    instruction = opcode.opname[frame.f_code.co_code[frame.f_lasti]]
    # Anything else is a call of hasattr or getattr, which ask whether there is such a name.
    if not name.startswith("_") and instruction in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
        missed[dotted] = None
    return AttributeError(f"headwater has no {dotted}", name=name, obj=owner)


def _import_on_use() -> None:
    """Let packages that are imported already import what google-genai would have imported, when it is first used."""
    for name in _SIDE_EFFECTS.keys() & sys.modules.keys():
        _import_submodules_on_use(sys.modules[name])


def _import_submodules_on_use(package: ModuleType) -> None:
    def load(name: str) -> Any:
        if name not in _SIDE_EFFECTS[package.__name__]:
            raise AttributeError(f"module {package.__name__!r} has no attribute {name!r}", name=name, obj=package)
        try:
            return importlib.import_module(f"{package.__name__}.{name}")
        except ModuleNotFoundError as error:
            raise AttributeError(str(error), name=name, obj=package) from error

    package.__dict__.setdefault("__getattr__", load)
