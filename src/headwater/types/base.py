"""The base of all API types: a msgspec Struct that accepts loose input and decodes strictly.

Instances are made in three ways. A call (``Part(text="a")``) goes through ``_Meta.__call__``, which accepts both
cases of names, nested dicts and convertible values, and raises ``UsageError`` otherwise. Decoding JSON bypasses it:
msgspec builds the objects in C, so the cost of the first way is paid only for what users write. ``salvage`` is for
responses that the strict decoder refuses: it keeps what fits and drops the rest.
"""

from __future__ import annotations

import base64
import copy
import types as pytypes
import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, Union, cast, get_args, get_origin

import msgspec

from headwater.errors import UsageError
from headwater.types.dump import Choice, DumpOptions, Plain, adopt, dump, dump_options
from headwater.types.old_names import OldNames
from headwater.types.open_enum import OpenEnum

T = TypeVar("T")


class _Meta(msgspec.StructMeta):
    """Lets types be called with camelCase names and plain dicts, and suggests the nearest field for a typo."""

    if not TYPE_CHECKING:

        def __new__(mcls, name, bases, namespace, **options):
            # Structs have no ``__init__``; programs derive from types and write one, as they do for pydantic's models.
            initializer = namespace.pop("__init__", None)
            if initializer is None:
                return super().__new__(mcls, name, bases, namespace, **options)
            made = super().__new__(_InitializedMeta, name, bases, namespace, **options)
            type.__setattr__(made, "__init__", initializer)
            return made

        def __call__(cls, *args, **kwargs):  # noqa: N805
            names = _names(cls)
            if args:
                kwargs = _positional(cls, args, kwargs)
            beside = {name: kwargs.pop(name) for name in cls._properties if name in kwargs}
            fields = {_field(cls, key, names): value for key, value in kwargs.items()}
            made = super().__call__(
                **{
                    name: coerce(value, names[name], f"{cls.__name__}.{name}")
                    for name, value in fields.items()
                    if value is not None  # None means absent, also for fields with another default
                }
            )
            for name, value in beside.items():
                setattr(made, name, value)
            return made


class _InitializedMeta(_Meta):
    """Makes instances of the classes that have an ``__init__``: an empty one first, which it fills."""

    if not TYPE_CHECKING:

        def __call__(cls, *args, **kwargs):  # noqa: N805
            made = msgspec.StructMeta.__call__(cls)
            cls.__init__(made, *args, **kwargs)
            return made


def _initialize(self: Any, *args: Any, **fields: Any) -> None:
    """Set the fields: what ``super().__init__(...)`` of a derived class leads to."""
    made = _Meta.__call__(type(self), *args, **fields)
    for name in self.__struct_fields__:
        msgspec.structs.force_setattr(self, name, getattr(made, name))


class _Computed:
    """An attribute of a type and of its instances, computed when it is asked for.

    Libraries ask for few types, and computing costs more than importing all of them does.
    """

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self._compute = compute

    def __get__(self, instance: object, owner: Any) -> Any:
        return self._compute(owner)


@cache
def _model_fields(cls: Any) -> dict[str, Any]:
    from headwater.types.fields import model_fields

    return dict(model_fields(cls, _names(cls)))


@cache
def _as_dataclass(cls: Any) -> Any:
    from headwater.types.fields import as_dataclass

    return as_dataclass(cls, _names(cls))


@cache
def _type_adapter(cls: Any) -> Any:
    from headwater.types.core_schema import type_adapter

    return type_adapter(cls)


class ApiModel(
    OldNames, msgspec.Struct, metaclass=_Meta, rename="camel", omit_defaults=True, repr_omit_defaults=True, kw_only=True
):
    """A value of the API: snake_case in Python, camelCase on the wire; absent fields are None."""

    #: Properties that can be set when an instance is made: in google-genai they are fields.
    _properties: ClassVar[tuple[str, ...]] = ()
    #: Each field's ``alias``, ``annotation``, ``default``, ``description`` ..., by Python name.
    model_fields = _Computed(lambda kind: dict(_model_fields(kind)))
    model_config: ClassVar[Plain] = {"extra": "forbid", "populate_by_name": True, "protected_namespaces": ()}
    model_computed_fields: ClassVar[Plain] = {}
    model_extra: ClassVar[None] = None
    # FastAPI takes a parameter for the body of a request if its type looks like a dataclass.
    __dataclass_fields__ = _Computed(lambda kind: _as_dataclass(kind).__dataclass_fields__)
    __dataclass_params__ = _Computed(lambda kind: _as_dataclass(kind).__dataclass_params__)
    # pydantic serializes whatever has it, wherever it meets it.
    __pydantic_serializer__ = _Computed(lambda kind: _type_adapter(kind).serializer)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), {name: getattr(self, name) for name in self.__struct_fields__})

    @classmethod
    def model_validate(cls, obj: Any, **_: Any) -> Self:
        """Return ``obj``, a dict or an instance, as an instance.

        Raises:
            UsageError: if it has an unknown field, or a value of the wrong type.
        """
        built = coerce(obj, cls, cls.__name__)
        if not isinstance(built, cls):
            raise UsageError(f"{cls.__name__}: expected {cls.__name__} or a dict, got {_describe(obj)}")
        return built

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **_: Any) -> Self:
        """Return a JSON text as an instance.

        Raises:
            UsageError: if it is not JSON, has an unknown field, or a value of the wrong type.
        """
        try:
            plain = msgspec.json.decode(json_data)
        except msgspec.DecodeError as error:
            raise UsageError(f"{cls.__name__}: {error}") from error
        return cls.model_validate(plain)

    @classmethod
    def _from_response(cls, *, response: Mapping[str, Any], kwargs: Mapping[str, Any] | None = None) -> Self:
        """Return the JSON of a response as an instance, without what does not fit.

        It is private in google-genai, and yet what programs and tests make answers with.
        """
        return salvage(response, cls)

    @classmethod
    def model_construct(cls, _fields_set: Any = None, **values: Any) -> Self:
        """Return an instance with ``values`` unchecked."""
        return cast("Self", _restore(cls, values))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, with the fields in ``update`` replaced; ``deep`` copies nested values, too.

        Raises:
            UsageError: if ``update`` has an unknown field, or a value of the wrong type.
        """
        kind, names = type(self), _names(type(self))
        copied = copy.deepcopy(self) if deep else copy.copy(self)
        for key, value in (update or {}).items():
            name = _field(kind, key, names)
            msgspec.structs.force_setattr(copied, name, coerce(value, names[name], f"{kind.__name__}.{name}"))
        return copied

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] | str = "python",
        include: Choice = None,
        exclude: Choice = None,
        by_alias: bool | None = None,
        exclude_unset: bool = False,
        exclude_defaults: bool = False,
        exclude_none: bool = False,
        **_: Any,
    ) -> Plain:
        """Return the value as dicts, with the names of Python or, ``by_alias``, of the API.

        Unset fields are None, or left out with any of the three ``exclude_`` flags. With ``mode="json"`` bytes are
        base64 and enums text.

        Raises:
            UsageError: if the mode is unknown.
        """
        options = dump_options(mode, by_alias, exclude_none, exclude_unset or exclude_defaults)
        return cast("Plain", dump(self, options, include, exclude))

    def model_dump_json(self, *, indent: int | None = None, **choices: Any) -> str:
        """Return the value as a JSON text; the other arguments are those of ``model_dump``."""
        encoded = msgspec.json.encode(self.model_dump(**(choices | {"mode": "json"})))
        return (msgspec.json.format(encoded, indent=indent) if indent is not None else encoded).decode()

    def to_json_dict(self) -> Plain:
        """Return the value as plain JSON: Python names, bytes as URL-safe base64, absent fields left out."""
        return cast("Plain", to_snake(self))

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield names and values of all fields, as pydantic does: ``dict(config)``."""
        return ((name, getattr(self, name)) for name in self.__struct_fields__)

    @classmethod
    def model_json_schema(cls, by_alias: bool = True, **choices: Any) -> Plain:
        """Return the JSON Schema of the type, as pydantic writes it; the arguments are pydantic's.

        Raises:
            UsageError: if pydantic is not installed.
        """
        return cast("Plain", _type_adapter(cls).json_schema(by_alias=by_alias, **choices))

    @classmethod
    def model_rebuild(cls, **_: Any) -> None:
        """Do nothing: in pydantic it resolves annotations, which are resolved here when they are needed."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Plain:
        """Return how pydantic validates and serializes the type in its models, and in ``TypeAdapter``."""
        from headwater.types.core_schema import core_schema

        return core_schema(cls, handler, _names)

    @property
    def model_fields_set(self) -> set[str]:
        """The names of the fields that are set."""
        return set(dump(self, DumpOptions(exclude_defaults=True)))


# Not in the body of the class, where msgspec refuses it. Calling a class that does not define one does not reach it.
type.__setattr__(ApiModel, "__init__", _initialize)


def _restore(kind: Any, fields: dict[str, Any]) -> Any:
    """Build an instance without conversion: pickled and copied values have their types already."""
    return msgspec.StructMeta.__call__(kind, **fields)


def to_snake(value: Any) -> Any:
    """Return ``value`` as plain JSON, structs as dicts with Python names."""
    return dump(value, DumpOptions(json=True, exclude_none=True))


@cache
def _names(cls: Any) -> dict[str, Any]:
    """Return the type of each field by its Python name, with string annotations resolved."""
    hints = typing.get_type_hints(cls)
    return {name: hints[name] for name in cls.__struct_fields__}


@cache
def _aliases(cls: Any) -> dict[str, str]:
    """Return the Python name of each folded name: without underscores, lower case, so that both cases match."""
    both = zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True)
    return {_fold(name): python for python, wire in both for name in (python, wire)}


def _fold(name: str) -> str:
    return name.replace("_", "").lstrip("$").lower()  # JSON Schema writes "$ref"


def _field(cls: Any, key: Any, names: Mapping[str, Any]) -> str:
    if key in names:
        return str(key)
    aliases = _aliases(cls)
    found = aliases.get(_fold(key)) if isinstance(key, str) else None
    if found is None:
        if (cls.__name__, key) == ("Content", "content"):  # a message as the OpenAI API has it
            raise UsageError(
                "Content has no field 'content': use 'parts', as in {'role': 'user', 'parts': [{'text': ...}]}; "
                "the model's role is 'model', and instructions go to config={'system_instruction': ...}"
            )
        import difflib  # here, since only this error needs it

        near = difflib.get_close_matches(_fold(str(key)), list(aliases), n=1, cutoff=0.6)
        hint = f" Did you mean {aliases[near[0]]!r}?" if near else f" It has: {', '.join(sorted(names))}."
        raise UsageError(f"{cls.__name__} has no field {key!r}.{hint}")
    return found


def _positional(cls: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    start = getattr(cls, "_from_positional", None)
    if start is not None and kwargs:
        # google-genai's own words.
        raise UsageError(f"{cls.__name__}: Positional and keyword arguments can not be combined")
    if start is None or len(args) > 1:
        raise UsageError(f"{cls.__name__} takes its fields by name, as {cls.__name__}(name=value).")
    result = start(args[0])
    if not isinstance(result, dict):
        raise UsageError(f"expected {cls.__name__} or a dict, got {_describe(args[0])}")
    return result


class _UnfitError(Exception):
    """A value does not fit its type."""


def coerce(value: Any, kind: Any, where: str) -> Any:
    """Return ``value`` as ``kind``: dicts become structs, text becomes enums, numbers in text numbers.

    Raises:
        UsageError: if the value does not fit; the message says where, and what was expected.
    """
    try:
        return _build(value, kind, lenient=False)
    except _UnfitError as error:
        raise UsageError(f"{where}: {error}") from None


def salvage(value: Any, kind: type[T]) -> T:
    """Return plain JSON ``value`` as ``kind``, without the values that do not fit.

    For responses that the strict decoder refuses: numeric enums, invalid base64, a string for a number. What is left
    out is still in the ``raw`` bytes of the chunk.
    """
    result = _build(value, kind, lenient=True)
    assert isinstance(result, kind)
    return result


def _build(value: Any, kind: Any, *, lenient: bool) -> Any:
    if kind is Any or value is None:
        return value
    origin = get_origin(kind)
    if origin in (Union, pytypes.UnionType):
        return _build_union(value, get_args(kind), lenient=lenient)
    if origin is list:
        (item,) = get_args(kind)
        if not lenient and hasattr(item, "_from_positional") and not isinstance(value, list | tuple):
            value = [value]  # Content(parts="text")
        if not isinstance(value, list | tuple):
            raise _UnfitError(f"expected a list, got {_describe(value)}")
        if not lenient and item is not Any and None in value:
            raise _UnfitError("expected no None in the list")
        return [built for entry in value if (built := _attempt(entry, item, lenient)) is not None or not lenient]
    if origin is dict:
        if not isinstance(value, Mapping):
            raise _UnfitError(f"expected a dict, got {_describe(value)}")
        item = get_args(kind)[1]
        return {str(key): _build(entry, item, lenient=lenient) for key, entry in value.items()}
    if isinstance(kind, type):
        return _build_plain(value, kind, lenient=lenient)
    return value


def _build_union(value: Any, kinds: tuple[Any, ...], *, lenient: bool) -> Any:
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    for kind in kinds:
        if isinstance(kind, type) and type(value) is kind:
            return value
    problem: Exception = _UnfitError("no type given")
    for kind in kinds:
        try:
            return _build(value, kind, lenient=lenient)
        except (_UnfitError, UsageError) as error:
            problem = error
    raise problem


def _attempt(value: Any, kind: Any, lenient: bool) -> Any:
    try:
        return _build(value, kind, lenient=lenient)
    except _UnfitError:
        if lenient:
            return None
        raise


def _build_plain(value: Any, kind: type[Any], *, lenient: bool) -> Any:
    if issubclass(kind, OpenEnum):
        return _build_enum(value, kind)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    if issubclass(kind, ApiModel):
        return _build_struct(value, kind, lenient=lenient)
    try:
        if kind is datetime and isinstance(value, str):
            return msgspec.convert(value, datetime)
        if kind is bytes and isinstance(value, str):
            return _from_base64("".join(value.split()))
        if kind is bytes and isinstance(value, bytearray | memoryview):
            return bytes(value)
        if kind in (int, float) and isinstance(value, int | float | str) and not isinstance(value, bool):
            number = kind(value)
            if not isinstance(value, float) or number == value:
                return number
        if kind is bool and value in ("true", "false"):
            return value == "true"
    except (ValueError, OverflowError):  # msgspec's errors are ValueErrors, too
        pass
    wanted = "bytes or valid base64" if kind is bytes and isinstance(value, str) else kind.__name__
    raise _UnfitError(f"expected {wanted}, got {_describe(value)}")


def _from_base64(text: str) -> bytes:
    urlsafe = "-" in text or "_" in text
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if urlsafe else None, validate=True)


def _build_enum(value: Any, kind: type[OpenEnum]) -> OpenEnum:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, int) and not isinstance(value, bool):
        value = kind.numbers().get(value, str(value))
    if not isinstance(value, str):
        raise _UnfitError(f"expected one of {', '.join(member.value for member in kind)}, got {_describe(value)}")
    return kind.of(value)


def _build_struct(value: Any, kind: Any, *, lenient: bool) -> Any:
    value = adopt(value)
    start = getattr(kind, "_from_positional", None)
    if isinstance(value, type) and issubclass(value, kind):
        return kind()  # Tool(code_execution=ToolCodeExecution): people write the class for the instance
    if start is not None and not lenient and not isinstance(value, Mapping):
        return kind(value)
    if not isinstance(value, Mapping):
        raise _UnfitError(f"expected {kind.__name__} or a dict, got {_describe(value)}")
    if not lenient:
        return kind(**value)
    names, aliases, fields = _names(kind), _aliases(kind), {}
    for key, entry in value.items():
        name = aliases.get(_fold(key))
        built = _attempt(entry, names[name], lenient) if name else None
        if name and built is not None:
            fields[name] = built
    try:
        return kind(**fields)
    except UsageError:  # ``ModelContent`` refuses to have no parts: what is salvaged is then an empty one
        return kind()


def _describe(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
