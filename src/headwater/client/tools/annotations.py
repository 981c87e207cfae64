"""Takes type annotations apart: the bare type, the metadata of ``Annotated``, unions, containers, fields of classes."""

from __future__ import annotations

import collections
import dataclasses
import inspect
import types
import typing
from collections import abc
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Required, TypeGuard, Union, get_args, get_origin

from headwater.client.tools.docstrings import parse_docstring
from headwater.errors import UsageError

#: Means "no default", since None can be a default.
NO_DEFAULT: Any = inspect.Parameter.empty
#: Annotations whose values arrive as a list.
_ARRAYS = (list, abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable)


class Field(NamedTuple):
    """One field of a dataclass or TypedDict, or one parameter of a function."""

    name: str
    annotation: Any
    is_required: bool = True
    default: Any = NO_DEFAULT
    description: str | None = None


def bare(annotation: Any) -> tuple[Any, list[Any]]:
    """Return the type itself and the metadata of ``Annotated``, looking through aliases and ``NewType``."""
    metadata: list[Any] = []
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            metadata = [*annotation.__metadata__, *metadata]
            annotation = annotation.__origin__
        elif origin in (Required, NotRequired) or _has_name(origin, "ReadOnly"):
            (annotation,) = get_args(annotation)
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        # ``type X = ...`` (3.12) and typing_extensions' backport, recognized by name.
        elif _has_name(type(annotation), "TypeAliasType"):
            annotation = annotation.__value__
        else:
            return annotation, metadata


def arms(annotation: Any) -> tuple[Any, ...] | None:
    """Return the alternatives of a union; a ``Literal`` with None is one, too. None for anything else."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return get_args(annotation)
    values = get_args(annotation)
    if origin is Literal and None in values and len(values) > 1:
        return Literal[tuple(value for value in values if value is not None)], type(None)
    return None


def is_model(kind: Any) -> bool:
    """Return whether this is a pydantic model. Does not import pydantic."""
    return inspect.isclass(kind) and hasattr(kind, "model_json_schema") and hasattr(kind, "model_validate_json")


def is_enum(kind: Any) -> TypeGuard[type[Enum]]:
    """Return whether this is an Enum class."""
    return inspect.isclass(kind) and issubclass(kind, Enum)


def array_of(annotation: Any) -> tuple[type, Any] | None:
    """Return the class of an array (``list``, ``set`` ...) and the type of its items; None for anything else."""
    origin = get_origin(annotation) or annotation
    args = get_args(annotation)
    if origin is tuple and (not args or (len(args) == 2 and args[1] is Ellipsis)):
        return tuple, args[0] if args else Any
    if origin in (frozenset, abc.Set):
        return frozenset, args[0] if args else Any
    if origin in (set, abc.MutableSet):
        return set, args[0] if args else Any
    return (list, args[0] if args else Any) if origin in _ARRAYS else None


def mapping_of(annotation: Any) -> tuple[Any, Any] | None:
    """Return the types of a mapping's keys and values; None for anything else."""
    origin = get_origin(annotation) or annotation
    if origin is collections.Counter:
        return *(get_args(annotation) or (str,)), int
    if origin not in (dict, collections.OrderedDict, collections.defaultdict, abc.Mapping, abc.MutableMapping):
        return None
    key, value = get_args(annotation) or (str, Any)
    return key, value


def fields(kind: Any) -> list[Field] | None:
    """Return the fields of a dataclass or TypedDict; None for anything else."""
    origin = get_origin(kind) or kind
    if not inspect.isclass(origin) or not (dataclasses.is_dataclass(origin) or _is_typed_dict(origin)):
        return None
    hints = _fill_type_variables(hints_of(origin), kind)
    described = parse_docstring(own_docstring(origin)).parameters
    found = _of_dataclass(origin, hints) if dataclasses.is_dataclass(origin) else _of_typed_dict(origin, hints)
    return [field._replace(description=field.description or described.get(field.name)) for field in found]


def _of_dataclass(kind: Any, hints: Mapping[str, Any]) -> list[Field]:
    return [
        Field(
            field.name,
            hints[field.name],
            field.default is field.default_factory is dataclasses.MISSING,
            NO_DEFAULT if field.default is dataclasses.MISSING else field.default,
            field.metadata.get("description"),
        )
        for field in dataclasses.fields(kind)
        if field.init
    ]


def _of_typed_dict(kind: Any, hints: Mapping[str, Any]) -> list[Field]:
    return [Field(name, hint, _is_required(kind, name, hint)) for name, hint in hints.items()]


def _is_required(kind: Any, name: str, hint: Any) -> bool:
    while (origin := get_origin(hint)) not in (Required, NotRequired):
        if origin is not Annotated and not _has_name(origin, "ReadOnly"):
            return name in kind.__required_keys__
        hint = get_args(hint)[0]
    return origin is Required  # __required_keys__ is wrong under ``from __future__ import annotations``


def hints_of(thing: Any) -> dict[str, Any]:
    """Return the annotations of a class or function, with strings resolved.

    Raises:
        UsageError: if a name in one of them cannot be resolved.
    """
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except NameError as error:
        name = getattr(thing, "__qualname__", repr(thing))
        raise UsageError(f"an annotation of {name} cannot be resolved: {error}") from error


def own_docstring(kind: Any) -> str | None:
    """Return the class's own docstring: neither inherited nor generated by ``dataclass``."""
    text = vars(kind).get("__doc__")
    return None if not isinstance(text, str) or text.startswith(f"{kind.__name__}(") else text


def show(annotation: Any) -> str:
    """Return an annotation as source code would have it."""
    return annotation.__name__ if inspect.isclass(annotation) and not get_args(annotation) else str(annotation)


def _fill_type_variables(hints: dict[str, Any], kind: Any) -> dict[str, Any]:
    """Replace type variables by the arguments of a generic class, as in ``Page[int]``."""
    arguments = dict(zip(getattr(get_origin(kind), "__parameters__", ()), get_args(kind), strict=False))
    return {name: _fill(hint, arguments) for name, hint in hints.items()} if arguments else hints


def _fill(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    if isinstance(hint, typing.TypeVar):
        return arguments.get(hint, Any)
    free = getattr(hint, "__parameters__", ())
    return hint[tuple(arguments.get(variable, Any) for variable in free)] if free and get_origin(hint) else hint


def _is_typed_dict(kind: type) -> bool:
    return issubclass(kind, dict) and hasattr(kind, "__required_keys__")  # typing's, and typing_extensions'


def _has_name(kind: Any, name: str) -> bool:
    return getattr(kind, "__name__", getattr(kind, "_name", None)) == name
