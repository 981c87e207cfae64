"""JSON schemas with ``$ref``: what is referred to is put where it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.errors import UsageError
from headwater.types import Schema

_SCHEMA = {"items", "additionalProperties", "not"}
_SCHEMAS = {"anyOf", "oneOf", "allOf", "prefixItems"}
_BY_NAME = {"properties"}
_DEFINITIONS = {"$defs", "defs", "definitions"}
_MORE_WORDS = ("oneOf", "allOf", "prefixItems", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "uniqueItems")
_BOTH_CASES: dict[str, str] = {
    **{str(name).lower(): str(name) for name in (*Schema.__struct_encode_fields__, *_MORE_WORDS)},
    **dict.fromkeys(("$defs", "defs", "definitions"), "$defs"),
    **dict.fromkeys(("$ref", "ref"), "$ref"),
}


def inline(schema: Mapping[str, Any], *, recursive: bool = False) -> dict[str, Any]:
    """Return a schema without ``$ref``, its keywords in camelCase.

    A type that holds itself cannot be written like this: with ``recursive`` its ``$ref`` and its definition stay.

    Raises:
        UsageError: a type holds itself, or a ``$ref`` leads nowhere.
    """
    definitions: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DEFINITIONS and isinstance(value, Mapping):
            definitions |= value
    inliner = _Inliner(definitions, recursive=recursive)
    whole: dict[str, Any] = inliner.walk(schema, ())
    if inliner.kept:
        whole["$defs"] = inliner.kept_definitions()
    return whole


def _keyword(word: str) -> str:
    return _BOTH_CASES.get(word.replace("_", "").lower(), word)


class _Inliner:
    def __init__(self, definitions: Mapping[str, Any], *, recursive: bool) -> None:
        self._definitions = definitions
        self._recursive = recursive
        self.kept: set[str] = set()

    def kept_definitions(self) -> dict[str, Any]:
        done: dict[str, Any] = {}
        while missing := self.kept - set(done):
            done |= {name: self.walk(self._definitions[name], (name,)) for name in sorted(missing)}
        return done

    def walk(self, schema: Any, inside: tuple[str, ...]) -> Any:
        """``schema`` without references; ``inside`` are the definitions that it stands in."""
        if not isinstance(schema, Mapping):
            return schema
        result: dict[str, Any] = {}
        for word, value in schema.items():
            key = _keyword(str(word))
            if key in _SCHEMA:
                result[key] = self.walk(value, inside)
            elif key in _SCHEMAS:
                result[key] = [self.walk(item, inside) for item in value]
            elif key in _BY_NAME:
                result[key] = {name: self.walk(item, inside) for name, item in value.items()}
            elif key not in _DEFINITIONS:
                result[key] = value
        reference = result.pop("$ref", None)
        return self._resolve(reference, inside) | result if isinstance(reference, str) else result

    def _resolve(self, reference: str, inside: tuple[str, ...]) -> dict[str, Any]:
        name = reference.rpartition("/")[2]
        if name not in self._definitions:
            raise UsageError(f"the schema refers to {reference!r}, which it does not define")
        if name not in inside:
            return dict(self.walk(self._definitions[name], (*inside, name)))
        if not self._recursive:
            raise UsageError(f"{name} holds itself, which the API's schemas cannot say: use response_json_schema")
        self.kept.add(name)
        return {"$ref": f"#/$defs/{name}"}
