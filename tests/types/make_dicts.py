"""Writes ``headwater/types/dicts``: for each type of the wire its twin, a TypedDict of the same name with ``Dict``.

``python tests/types/make_dicts.py`` writes the files; a test compares them with what this would write.
"""

from __future__ import annotations

import importlib
import inspect
import textwrap
import types as pytypes
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from headwater.types.base import ApiModel

FOLDER = Path(__file__).resolve().parents[2] / "src" / "headwater" / "types" / "dicts"
MODULES = ("auth", "config", "content", "files", "grounding", "http", "media", "models", "output", "response")
MODULES += ("retrieval", "schema", "search", "tools")
#: Fields that a twin leaves out: ``StreamConfigDict`` alone has ``stream``.
LEFT_OUT = {("GenerateContentConfig", "stream")}
#: Types without a twin: a body that no caller writes, and twins of other twins.
WITHOUT = {"ApiResponse", "GenerateContentRequest", "UserContent", "ModelContent"}
#: Fields that take more than their type says.
WIDER = {
    ("Content", "parts"): "Sequence[PartOrDict | str] | None",
    ("GenerateContentConfig", "speech_config"): "SpeechConfigOrDict | str | None",
}


class Writer:
    """Writes the twins of one module, and remembers what they need."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._needed: dict[str, set[str]] = {}

    def text(self) -> str:
        """The module of twins."""
        classes = "\n\n\n".join(self._twin(kind) for kind in kinds(self._module))
        head = f'"""The twins of ``headwater.types.{self._module}``: written by tests/types/make_dicts.py."""'
        return f"{head}\n\nfrom __future__ import annotations\n\n{self._imports(classes)}\n\n\n{classes}\n"

    def _twin(self, kind: type[ApiModel]) -> str:
        hints = typing.get_type_hints(kind)
        names = [name for name in kind.__struct_fields__ if (kind.__name__, name) not in LEFT_OUT]
        fields = [f"{name}: {self._field(kind, name, hints[name])}" for name in names]
        body = "\n".join([f'"""``{kind.__name__}`` as a dict."""', *([""] if fields else []), *fields])
        twin = f"class {kind.__name__}Dict(TypedDict, total=False):\n{textwrap.indent(body, '    ')}"
        self._need(kind.__module__, kind.__name__)
        return f"{twin}\n\n\n{kind.__name__}OrDict: TypeAlias = {kind.__name__} | {kind.__name__}Dict"

    def _field(self, kind: type[ApiModel], name: str, hint: Any) -> str:
        words = self._words(hint)
        return WIDER.get((kind.__name__, name), words)

    def _words(self, hint: Any) -> str:
        origin, arms = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, pytypes.UnionType):
            return " | ".join(self._words(arm) for arm in arms)
        if origin is list:
            return f"Sequence[{self._words(arms[0])}]"
        if origin is dict:
            return f"Mapping[str, {self._words(arms[1])}]"
        if hint is type(None):
            return "None"
        if hint is Any:
            return "Any"
        if origin is Callable:
            self._need("collections.abc", "Callable")
            return "Callable[..., Any]"
        if issubclass(hint, ApiModel):
            module = hint.__module__.rpartition(".")[2]
            if module != self._module:
                self._need(f"headwater.types.dicts.{module}", f"{hint.__name__}OrDict")
            return f"{hint.__name__}OrDict"
        if hint.__module__ != "builtins":
            self._need(hint.__module__, hint.__name__)
        return f"{hint.__name__} | str" if issubclass(hint, Enum) else str(hint.__name__)

    def _need(self, module: str, name: str) -> None:
        self._needed.setdefault(module, set()).add(name)

    def _imports(self, classes: str) -> str:
        for name, module in {"Sequence": "collections.abc", "Mapping": "collections.abc", "Any": "typing"}.items():
            if f"{name}[" in classes or f": {name} " in classes or f", {name}]" in classes or f": {name}\n" in classes:
                self._need(module, name)
        self._needed.setdefault("typing", set()).update(("TypeAlias", "TypedDict"))
        own, others = [], []
        for module, names in sorted(self._needed.items()):
            target = own if module.startswith("headwater") else others
            target.append(f"from {module} import {', '.join(sorted(names))}")
        return "\n".join([*others, *([""] if own else []), *own])


def kinds(module: str) -> list[type[ApiModel]]:
    """The types of a module that have a twin, in their order."""
    found = vars(importlib.import_module(f"headwater.types.{module}")).values()
    own = (kind for kind in found if inspect.isclass(kind) and issubclass(kind, ApiModel))
    return [k for k in dict.fromkeys(own) if k.__module__ == f"headwater.types.{module}" and k.__name__ not in WITHOUT]


def files() -> Iterator[tuple[Path, str]]:
    """Each file and what belongs into it, before it is formatted."""
    for module in MODULES:
        yield FOLDER / f"{module}.py", Writer(module).text()


if __name__ == "__main__":
    for path, text in files():
        path.write_text(text, "utf-8")
