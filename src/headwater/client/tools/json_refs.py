"""Inlines ``$ref`` in JSON schemas, since the API's own schema language has no references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.errors import UsageError
from headwater.types import Schema

#: Keywords by their value: a schema, a list of schemas, a dict of schemas, definitions.
_SCHEMA = {"items", "additionalProperties", "not"}
_SCHEMAS = {"anyOf", "oneOf", "allOf", "prefixItems"}
_BY_NAME = {"properties"}
_DEFINITIONS = {"$defs", "defs", "definitions"}
_OTHER_KEYWORDS = ("oneOf", "allOf", "prefixItems", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "uniqueItems")
#: Lower case without underscores -> camelCase. Schemas of Python programs are often in snake_case.
_BOTH_CASES: dict[str, str] = {
    **{str(name).lower(): str(name) for name in (*Schema.__struct_encode_fields__, *_OTHER_KEYWORDS)},
    **dict.fromkeys(("$defs", "defs", "definitions"), "$defs"),
    **dict.fromkeys(("$ref", "ref"), "$ref"),
}


def inline(schema: Mapping[str, Any], *, recursive: bool = False) -> dict[str, Any]:
    """Return a schema without ``$ref``, its keywords in camelCase.

    A recursive type cannot be inlined: with ``recursive`` its ``$ref`` and its definition stay.

    Raises:
        UsageError: if a type is recursive, or a ``$ref`` has no definition.
    """
    definitions: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DEFINITIONS and isinstance(value, Mapping):
            definitions |= value
    inliner = _Inliner(definitions, recursive=recursive)
    whole: dict[str, Any] = inliner.walk(schema, ())
    if inliner.recursive_names:
        whole["$defs"] = inliner.recursive_definitions()
    return whole


def _keyword(word: str) -> str:
    return _BOTH_CASES.get(word.replace("_", "").lower(), word)


class _Inliner:
    def __init__(self, definitions: Mapping[str, Any], *, recursive: bool) -> None:
        self._definitions = definitions
        self._recursive = recursive
        self.recursive_names: set[str] = set()

    def recursive_definitions(self) -> dict[str, Any]:
        done: dict[str, Any] = {}
        while missing := self.recursive_names - set(done):
            done |= {name: self.walk(self._definitions[name], (name,)) for name in sorted(missing)}
        return done

    def walk(self, schema: Any, inside: tuple[str, ...]) -> Any:
        """Return ``schema`` without references; ``inside`` are the definitions being inlined around it."""
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
            raise UsageError(f"the schema refers to {reference!r}, which is not defined")
        # A name that is being inlined around this place would be inlined for ever.
        if name not in inside:
            return dict(self.walk(self._definitions[name], (*inside, name)))
        if not self._recursive:
            raise UsageError(f"{name} is recursive, which the API's schemas cannot express: use response_json_schema")
        self.recursive_names.add(name)
        return {"$ref": f"#/$defs/{name}"}
