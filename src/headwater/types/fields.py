"""What pydantic and dataclasses say of a type's fields, for libraries that ask: built on first use.

Frameworks read ``Schema.model_fields["any_of"].alias``, and FastAPI takes a parameter for the body of a request if its
type is a pydantic model or a dataclass. Types are neither, but have what both are asked for.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

#: A comment that describes the field below it.
_DESCRIPTION = "#:"


@dataclasses.dataclass(frozen=True)
class ModelField:
    """A field of a type, with the attributes of pydantic's ``FieldInfo``."""

    owner: type
    name: str
    #: The name in JSON.
    alias: str
    annotation: Any
    default: Any = None
    default_factory: Callable[[], Any] | None = None
    title: str | None = None
    examples: list[Any] | None = None
    json_schema_extra: dict[str, Any] | None = None
    deprecated: bool | None = None
    exclude: bool | None = None

    @property
    def description(self) -> str | None:
        """What the source says of the field; None if it says nothing, or is not there."""
        return descriptions(self.owner).get(self.name)

    @property
    def validation_alias(self) -> str:
        """The name in JSON that is read; the Python name is read, too."""
        return self.alias

    @property
    def serialization_alias(self) -> str:
        """The name in JSON that is written."""
        return self.alias

    @property
    def metadata(self) -> list[Any]:
        """Constraints: the types have none, as the API checks values itself."""
        return []

    def is_required(self) -> bool:
        """Return False: every field of every type may be absent."""
        return False

    def get_default(self, *, call_default_factory: bool = False, **_: Any) -> Any:
        """Return the value of a field that is not set."""
        return self.default


def model_fields(kind: Any, hints: Mapping[str, Any]) -> dict[str, ModelField]:
    """Return the fields of ``kind`` by their Python names; ``hints`` has their types."""
    names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, kind.__struct_defaults__, strict=True)
    return {name: ModelField(kind, name, wire, hints[name], default) for name, wire, default in names}


def as_dataclass(kind: Any, hints: Mapping[str, Any]) -> type:
    """Return a dataclass with the fields of ``kind``: what ``dataclasses.fields`` and ``asdict`` look at."""
    fields = [(name, hint, dataclasses.field(default=None)) for name, hint in hints.items()]
    # Without a repr: pprint would otherwise look for the one that dataclasses write.
    return dataclasses.make_dataclass(kind.__name__, fields, repr=False, eq=False)


@cache
def descriptions(kind: Any) -> dict[str, str]:
    """Return the descriptions of fields in the source of ``kind`` and its bases: ``#:`` comments, or a text below."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if hasattr(base, "__struct_fields__"):
            found |= _described(base)
    return {name: text for name, text in found.items() if name in kind.__struct_fields__}


def _described(kind: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(kind))
    except (OSError, TypeError):  # no source: a frozen program, or a class made at run time
        return {}
    body = typing.cast("ast.ClassDef", ast.parse(source).body[0]).body
    lines = source.splitlines()
    found: dict[str, str] = {}
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = _text_below(following) or _comment_above(lines[: node.lineno - 1])
            found |= {node.target.id: text} if text else {}
    return found


def _text_below(node: ast.stmt | None) -> str | None:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return inspect.cleandoc(str(node.value.value)) if is_text else None  # type: ignore[union-attr]


def _comment_above(lines: list[str]) -> str:
    said: list[str] = []
    while lines and lines[-1].strip().startswith(_DESCRIPTION):
        said.insert(0, lines.pop().strip().removeprefix(_DESCRIPTION).strip())
    return " ".join(said)
