"""Names of google-genai that headwater does not have, as something that a program can import and mention.

Packages import and annotate with names that a run of theirs never uses. A placeholder can be imported, subclassed,
tested with ``isinstance``, caught with ``except`` if it is an error, and be the type of a field in a pydantic model.
Only making or calling it is an error, which says what to do, and is recorded in ``missed``. Enums are whole: they have
their members, since programs name those in bodies of classes; so are TypedDicts, which are dicts.

``google_genai_names.json`` has the names by module and kind; ``tools/make_genai_names.py`` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, NoReturn

from headwater import unsupported
from headwater.errors import UsageError
from headwater.types.open_enum import OpenEnum
from headwater.types.typed_dict import TypedDict

#: The missing names that the program has used, in that order (a dict for its order).
missed: dict[str, None] = {}


class UnsupportedNameError(UsageError, NotImplementedError):
    """The program used a name of google-genai that headwater does not have; the message says what to use."""


def refuse(name: str) -> NoReturn:
    """Record and refuse the use of ``name``, which is dotted, below ``google.genai``.

    Raises:
        UnsupportedNameError: always.
    """
    missed[name] = None
    raise UnsupportedNameError(f"headwater has no {name}: {unsupported.replacement_for(name)}")


class Placeholder:
    """The base of all placeholders for classes and unions of types."""

    _missing_name = ""
    model_fields: ClassVar[dict[str, Any]] = {}
    model_config: ClassVar[dict[str, Any]] = {}

    def __new__(cls, *values: Any, **fields: Any) -> Placeholder:
        """Refuse to be made, unless it is an empty config: it says nothing, and bodies of classes have such defaults.

        Raises:
            UnsupportedNameError: if it is anything else.
        """
        if values or fields or not cls._missing_name.endswith("Config"):
            refuse(cls._missing_name)
        return super().__new__(cls)

    def __class_getitem__(cls, _: Any) -> type[Placeholder]:
        """Return the class itself: ``Pager[Model]`` in an annotation."""
        return cls

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> dict[str, Any]:
        """Return the schema of a field that takes anything: of this type itself there are only empty configs."""
        return {"type": "any", "serialization": {"type": "function-plain", "function": _dump}}


def _dump(value: Any) -> Any:
    return {} if isinstance(value, Placeholder) else value


@cache
def modules() -> Mapping[str, Mapping[str, str]]:
    """Return the kind and members of each public name of google-genai, by module and name: ``"enum A B=b"``."""
    found = json.loads(Path(__file__).with_name("google_genai_names.json").read_text("utf-8"))["modules"]
    return {module: dict(_entries(kinds)) for module, kinds in found.items()}


def _entries(kinds: Mapping[str, Any]) -> list[tuple[str, str]]:
    plain = [(name, kind) for kind, names in kinds.items() if kind != "enum" for name in names.split()]
    enums = (entry.partition(": ") for entry in kinds.get("enum", ()))
    return [*plain, *((name, f"enum {members}") for name, _, members in enums)]


@cache
def placeholder(module: str, name: str) -> Any:
    """Return the placeholder for a name of one of google-genai's public modules.

    Raises:
        AttributeError: if google-genai has no such name.
    """
    told = modules().get(module, {}).get(name)
    if told is None:
        raise AttributeError(f"google.genai.{module} has no {name!r}", name=name)
    kind, _, members = told.partition(" ")
    made = _MAKERS[kind](name, f"{module}.{name}", members)
    made.__module__ = f"google.genai.{module}"
    return made


@cache
def placeholder_module(name: str) -> ModuleType:
    """Return a module of placeholders with the name of one of google-genai's public modules.

    Raises:
        AttributeError: if google-genai has no such module.
    """
    if name not in modules():
        raise AttributeError(f"module 'headwater.genai' has no attribute {name!r}", name=name)
    made = ModuleType(f"google.genai.{name}", "A module of google-genai, of placeholders only.")
    made.__dict__.update(__getattr__=partial(placeholder, name), __all__=list(modules()[name]))
    return made


def _class(name: str, dotted: str, _: str) -> Any:
    return type(
        name, (Placeholder,), {"__doc__": f"A placeholder: headwater has no {dotted}.", "_missing_name": dotted}
    )


def _error(name: str, dotted: str, _: str) -> Any:
    return type(name, (Exception,), {"__doc__": f"Never raised: headwater has no {dotted}."})


def _warning(name: str, dotted: str, _: str) -> Any:
    return type(name, (Warning,), {"__doc__": f"Never issued: headwater has no {dotted}."})


def _function(name: str, dotted: str, _: str) -> Any:
    def absent(*_: Any, **__: Any) -> NoReturn:
        refuse(dotted)

    absent.__name__ = absent.__qualname__ = name
    return absent


def _dict(name: str, _dotted: str, _: str) -> Any:
    make: Any = TypedDict
    made = make(name, {}, total=False)
    # pydantic would drop the keys, as the fields are not known here.
    made.__pydantic_config__ = {"extra": "allow"}
    return made


def _enum(name: str, _dotted: str, members: str) -> Any:
    pairs = (member.partition("=") for member in members.split())
    make: Any = OpenEnum
    return make(name, [(member, value or member) for member, _, value in pairs])


_MAKERS: Mapping[str, Callable[[str, str, str], Any]] = {
    "class": _class,
    "dict": _dict,
    "enum": _enum,
    "error": _error,
    "function": _function,
    "warning": _warning,
}
