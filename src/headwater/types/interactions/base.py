"""The base of the Interactions types: JSON objects whose keys are attributes.

Theory of operation
-------------------

The Interactions API adds events, steps and fields at any time, and asks that a conversation is sent back as it was
received. So nothing may be lost between reading and writing, at any depth. The Structs of ``generateContent`` cannot
promise that: a Struct drops what it does not declare. Here a value *is* its JSON object:

* The instance's ``__dict__`` is the decoded object itself. Every key is an attribute, declared or not, at the speed of
  an ordinary attribute, and writing the value is writing that dict.
* Declared fields are class attributes with their default, so an absent field reads as None (or as the constant of
  ``type``). A field of another kind of event or step does not exist: ``hasattr(event.delta, "text")`` tells the kinds
  apart, as programs of google-genai do.
* Nested objects are converted when their owner is read, once. Which class one gets is decided by its ``type`` (or
  ``event_type``). An object of a type that is not known becomes the union's ``Unknown...`` class, which holds it as
  ``raw`` and writes it unchanged.

Two roads lead in. ``from_document`` is for JSON from the wire: it takes the dict over, converts what it recognizes and
leaves everything else alone; it never fails. The constructor and ``model_validate`` are for what a program writes: a
value of a wrong type is a ``UsageError`` that names the field.

How a field's annotation is applied is a ``_Shape``, worked out when its class is first used: importing the types
evaluates no annotation.
"""

from __future__ import annotations

import base64
import inspect
import re
import types as pytypes
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, Union, cast, get_args, get_origin

import msgspec

from headwater.errors import UsageError
from headwater.types.dump import Choice, dump_options, select

#: Fields whose values are not quoted in errors: they may hold keys.
_SECRET = re.compile(r"\.(headers|api_key|credential|env|transform)\b")
#: How unions are told apart, by the first field that one of their classes has.
_TAGS = ("event_type", "type")


@typing.dataclass_transform(kw_only_default=True)
class JsonObject:
    """A JSON object of the API: its keys are attributes, unknown ones included."""

    #: The declared fields, in order, with their annotations.
    model_fields: ClassVar[dict[str, Any]] = {}
    _constants: ClassVar[dict[str, str]] = {}
    _required: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        own = inspect.get_annotations(cls)
        fields = {name: hint for name, hint in own.items() if not (name.startswith("_") or "ClassVar" in hint)}
        cls.model_fields = {**cls.model_fields, **fields}
        cls._required = (*cls._required, *(name for name in fields if name not in cls.__dict__))
        # A required field may still be absent on the wire; then it reads as None.
        for name in cls._required:
            setattr(cls, name, None)
        constants = {name: cls.__dict__[name] for name in fields if isinstance(cls.__dict__[name], str)}
        cls._constants = {**cls._constants, **constants}

    if not TYPE_CHECKING:

        def __init__(self, /, **fields):
            _fill(self, fields)

    else:

        def __getattr__(self, name: str) -> Any:  # fields that this version does not know are attributes, too
            ...

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Return the value of a decoded JSON object, which it takes over. Never fails: what does not fit stays raw."""
        kind: Any = cls
        nested, empty = _plan(kind)
        for name, shape in nested:
            value = document.get(name)
            if value is not None:
                document[name] = _read(shape, value)
        for name, make in empty:
            if document.get(name) is None:
                document[name] = make()
        self = object.__new__(cls)
        self.__dict__ = document
        return self

    @classmethod
    def model_validate(cls, obj: Any, **_: Any) -> Self:
        """Return ``obj``, a dict or an instance, as an instance.

        Raises:
            UsageError: if a field has a value of the wrong type.
        """
        if isinstance(obj, cls):
            return obj
        if not isinstance(obj, Mapping):
            raise UsageError(f"{cls.__name__}: expected {cls.__name__} or a dict, got {_describe(obj)}")
        return cls(**obj)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **_: Any) -> Self:
        """Return a JSON text as an instance.

        Raises:
            UsageError: if it is not JSON, or a field has a value of the wrong type.
        """
        try:
            return cls.model_validate(msgspec.json.decode(json_data))
        except msgspec.DecodeError as error:
            raise UsageError(f"{cls.__name__}: {error}") from error

    @classmethod
    def model_construct(cls, _fields_set: Any = None, **values: Any) -> Self:
        """Return an instance with ``values`` unchecked."""
        return cls.from_document(values)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, with the fields in ``update`` replaced; ``deep`` copies nested values, too."""
        # A copy through plain JSON is deep by nature; a shallow one shares the nested values.
        values = plain(self) if deep else dict(self.__dict__)
        return type(self).from_document({**values, **(update or {})})

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] | str = "python",
        include: Choice = None,
        exclude: Choice = None,
        exclude_defaults: bool = False,
        **_: Any,
    ) -> dict[str, Any]:
        """Return the value as dicts, without absent fields, as google-genai does.

        ``exclude_defaults`` leaves out what tells the type as well.

        Raises:
            UsageError: if the mode is unknown.
        """
        dump_options(mode, None, False, False)
        return cast("dict[str, Any]", plain(self, include, exclude, with_constants=not exclude_defaults))

    def model_dump_json(self, *, indent: int | None = None, **choices: Any) -> str:
        """Return the value as a JSON text; the other arguments are those of ``model_dump``."""
        encoded = msgspec.json.encode(self.model_dump(**choices))
        return (msgspec.json.format(encoded, indent=indent) if indent is not None else encoded).decode()

    def to_dict(self) -> dict[str, Any]:
        """Return the value as plain JSON, without absent fields."""
        return cast("dict[str, Any]", plain(self))

    def to_json(self) -> str:
        """Return the value as an indented JSON text."""
        return self.model_dump_json(indent=2)

    @property
    def model_fields_set(self) -> set[str]:
        """The names of the fields that are set, unknown ones included."""
        return {name for name, _ in type(self)._items(self)}

    @property
    def model_extra(self) -> dict[str, Any]:
        """The fields that this version does not know."""
        return {name: value for name, value in self.__dict__.items() if name not in type(self).model_fields}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> dict[str, Any]:
        """Return how pydantic validates and serializes the type: in its models, and in FastAPI."""
        # pydantic's schemas are plain dicts; the package is not imported for them.
        return {
            "type": "function-plain",
            "function": {"type": "no-info", "function": cls.model_validate},
            "serialization": {"type": "function-plain", "function": plain},
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON Schema of the type: an object, whose fields the API may add to."""
        return {
            "type": "object",
            "title": cls.__name__,
            "description": inspect.getdoc(cls),
            "additionalProperties": True,
        }

    def _items(self) -> Iterator[tuple[str, Any]]:
        """Yield what is written of this value: constants that the object lacks, then its keys in their order."""
        own, kind = self.__dict__, type(self)
        for name, value in kind._constants.items():
            if own.get(name) is None:
                yield name, value
        for name, value in own.items():
            if value is not None or name not in kind.model_fields:
                yield name, value

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and plain(self) == plain(other)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in type(self)._items(self))})"


def absent() -> Any:
    """Return None, as the default of a field that readers find wherever it makes sense.

    Such a field is declared without ``| None``: ``interaction.steps[-1].content[0].text`` is what every guide writes,
    and a type checker should accept it.
    """
    return None


class UnknownObject(JsonObject):
    """An object of a type that this version does not know; ``raw`` has it as it was received."""

    raw: Any = None
    is_unknown: ClassVar[bool] = True

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Hold ``document`` as it is."""
        self = object.__new__(cls)
        self.__dict__ = {"raw": document}
        return self


def plain(value: Any, include: Choice = None, exclude: Choice = None, *, with_constants: bool = True) -> Any:
    """Return ``value`` as plain JSON: objects as dicts without absent fields, bytes as base64."""
    if isinstance(value, UnknownObject):
        value = value.raw
    if isinstance(value, JsonObject | Mapping):
        # By the class: a key of the wire may be named like the method.
        items = type(value)._items(value) if isinstance(value, JsonObject) else iter(value.items())
        if not with_constants and isinstance(value, JsonObject):
            constants = type(value)._constants
            items = ((name, item) for name, item in items if constants.get(name) != item)
        chosen = select(((name, item, name) for name, item in items), include, exclude)
        return {name: plain(item, *deeper, with_constants=with_constants) for name, item, *deeper in chosen}
    if isinstance(value, list | tuple):
        entries = select(((place, item, place) for place, item in enumerate(value)), include, exclude)
        return [plain(item, *deeper, with_constants=with_constants) for _, item, *deeper in entries]
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    return value


class _Shape:
    """What a field takes: scalars, lists, maps, and objects that are told apart by a tag."""

    __slots__ = ("anything", "entries", "item", "only", "scalars", "tag", "unknown", "variants")

    def __init__(self) -> None:
        self.anything = False
        self.scalars: tuple[type, ...] = ()
        self.item: _Shape | None = None
        self.entries: _Shape | None = None
        #: The class of an object without a tag.
        self.only: type[JsonObject] | None = None
        self.tag = "type"
        self.variants: dict[str, type[JsonObject]] = {}
        #: The class of objects whose tag is not among ``variants``.
        self.unknown: type[UnknownObject] | None = None

    def variant(self, document: Mapping[str, Any]) -> type[JsonObject] | None:
        """Return the class of ``document``, or None if it stays a dict."""
        if not self.variants:
            return self.only
        tag = document.get(self.tag)
        if tag is None:
            # Agents leave the type of text out (summaries, some deltas).
            text = self.variants.get("text") if "text" in document else None
            return text or self.unknown or self.only
        found = self.variants.get(tag) if isinstance(tag, str) else None
        return found or self.unknown

    @property
    def has_objects(self) -> bool:
        return bool(self.variants or self.only) or any(
            inner is not None and inner.has_objects for inner in (self.item, self.entries)
        )

    def kinds(self) -> tuple[type[JsonObject], ...]:
        found = (*self.variants.values(), self.only, self.unknown)
        return tuple(kind for kind in found if kind is not None)

    def describe(self) -> str:
        names = list(dict.fromkeys(kind.__name__ for kind in self.scalars))
        kinds = [kind.__name__ for kind in self.kinds() if not issubclass(kind, UnknownObject)]
        names += kinds if len(kinds) <= 3 else [f"an object with {self.tag!r}"]
        names += ["a list"] if self.item else []
        names += ["a dict"] if self.entries else []
        return " or ".join(names)


def shape_of(hint: Any) -> _Shape:
    """Return the shape of an annotation; the members of a union are merged into one."""
    shape = _Shape()
    _merge(shape, hint)
    # A union with one class is told by that class alone: its objects need no tag.
    if len(shape.variants) == 1 and shape.unknown is None:
        [shape.only] = shape.variants.values()
        shape.variants = {}
    return shape


def _merge(shape: _Shape, hint: Any) -> None:
    origin = get_origin(hint)
    if origin in (Union, pytypes.UnionType):
        for member in get_args(hint):
            _merge(shape, member)
    elif origin is Annotated:
        _merge(shape, get_args(hint)[0])
    elif origin is Literal:
        shape.scalars += (str,)
    elif origin is list:
        shape.item = shape_of(get_args(hint)[0])
    elif origin is dict:
        shape.entries = shape_of(get_args(hint)[1])
    elif hint is Any:
        shape.anything = True
    elif isinstance(hint, type) and issubclass(hint, UnknownObject):
        shape.unknown = shape.unknown or hint
    elif isinstance(hint, type) and issubclass(hint, JsonObject):
        _merge_object(shape, hint)
    elif hint is not type(None):
        shape.scalars += (hint,)


def _merge_object(shape: _Shape, kind: type[JsonObject]) -> None:
    for tag in _TAGS:
        if tag in kind._constants:
            shape.tag = tag
            shape.variants[kind._constants[tag]] = kind
            return
    shape.only = kind


@cache
def shapes(cls: Any) -> dict[str, _Shape]:
    """Return what each field of a class takes."""
    hints = typing.get_type_hints(cls)
    return {name: shape_of(hints[name]) for name in cls.model_fields}


@cache
def _plan(cls: Any) -> tuple[tuple[tuple[str, _Shape], ...], tuple[tuple[str, Any], ...]]:
    """Return the fields with nested objects; and the required objects, which are empty where the wire lacks them."""
    known = shapes(cls)
    nested = tuple((name, shape) for name, shape in known.items() if shape.has_objects)
    needed = [(name, known[name]) for name in cls._required]
    empty: list[tuple[str, Any]] = [(name, _maker(shape.only)) for name, shape in needed if shape.only is not None]
    empty += [(name, dict) for name, shape in needed if shape.entries and not shape.scalars and not shape.item]
    return nested, tuple(empty)


def _maker(kind: type[JsonObject]) -> Callable[[], JsonObject]:
    return lambda: kind.from_document({})


def _read(shape: _Shape, value: Any) -> Any:
    """Convert a value from the wire as far as it is recognized."""
    if type(value) is dict:
        kind = shape.variant(value)
        if kind is not None:
            return kind.from_document(value)
        return {key: _read(shape.entries, entry) for key, entry in value.items()} if shape.entries else value
    if type(value) is list and shape.item is not None:
        return [_read(shape.item, entry) for entry in value]
    return value


def _fill(self: JsonObject, fields: dict[str, Any]) -> None:
    """Set the fields of a value that a program writes.

    Raises:
        UsageError: if a required field is missing, or a value has the wrong type.
    """
    kind: Any = type(self)
    own = self.__dict__
    known = shapes(kind)
    for key, value in fields.items():
        # google-genai's ``schema_`` and ``filter_`` are ``schema`` and ``filter`` on the wire.
        name = key if key in known or key.rstrip("_") not in known else key.rstrip("_")
        if value is not None or name not in known:
            own[name] = fit(known[name], value, f"{kind.__name__}.{name}") if name in known else value
    missing = [name for name in kind._required if name not in own]
    if missing:
        raise UsageError(f"{kind.__name__} needs {', '.join(missing)}")
    own.update({name: value for name, value in kind._constants.items() if name not in own})


def fit(shape: _Shape, value: Any, where: str) -> Any:
    """Return ``value`` as ``shape`` takes it; dicts become objects.

    Raises:
        UsageError: if it does not fit; the message begins with ``where`` and says what was expected.
    """
    if value is None or shape.anything:
        return value
    if isinstance(value, JsonObject):
        # A program may send back what it got, unknown objects included.
        if isinstance(value, (*shape.kinds(), UnknownObject)):
            return value
    elif isinstance(value, Mapping):
        kind = shape.variant(value)
        if kind is not None:
            return _fit_object(kind, value, where)
        if shape.entries is not None:
            return {key: fit(shape.entries, entry, f"{where}.{key}") for key, entry in value.items()}
    elif isinstance(value, list | tuple):
        if shape.item is not None:
            return [fit(shape.item, entry, f"{where}[{place}]") for place, entry in enumerate(value)]
    elif _fits_scalar(shape.scalars, value):
        return value
    elif str in shape.scalars and where.endswith("data"):
        if isinstance(value, bytes | bytearray | memoryview):
            return base64.b64encode(value).decode()
        if hasattr(value, "__fspath__"):  # a file's path; what sends it reads it
            return value
    got = type(value).__name__ if _SECRET.search(where) else _describe(value)
    raise UsageError(f"{where}: expected {shape.describe()}, got {got}")


def _fit_object(kind: type[JsonObject], value: Mapping[str, Any], where: str) -> JsonObject:
    """Return a dict of a caller as ``kind``."""
    if issubclass(kind, UnknownObject):
        return kind.from_document(dict(value))
    # A field with a typo is an unknown field, which is allowed; what it leaves out is how it is noticed.
    missing = [name for name in kind._required if value.get(name) is None]
    if missing:
        raise UsageError(f"{where}: {kind.__name__} needs {', '.join(missing)}")
    target: Any = kind
    known = shapes(target)
    fields = {
        name: fit(known[name], entry, f"{where}.{name}") if name in known else entry for name, entry in value.items()
    }
    return kind.from_document(fields)


def _fits_scalar(kinds: tuple[type, ...], value: Any) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int))


def _describe(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
