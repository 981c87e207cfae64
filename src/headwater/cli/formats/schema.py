"""Schemas of answers: JSON Schema, or a short form of it such as ``name: str, age: int``.

The short form is that of annotations: ``name: type`` with commas between them, where a type is ``str`` (the default),
``int``, ``float``, ``bool``, a list in brackets (``[str]``, ``list[str]``) or fields in braces. Brackets around fields
make a list of such objects. All fields are required, as a model leaves out what it may leave out.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import click

_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_TOKEN = re.compile(r"\s*(?:([\w-]+)|([][{}:,]))")


def read_schema(text: str) -> dict[str, Any]:
    """Return the JSON Schema that ``text`` gives: the name of a file, JSON, or the short form.

    Raises:
        click.UsageError: if it is neither, or the file cannot be read.
    """
    if text.lstrip().startswith("{") and '"' in text:
        return _from_json(text, "--schema")
    # os.path: a Path raises an error if a form is too long for the name of a file.
    if text.endswith(".json") or os.path.isfile(text):
        try:
            return _from_json(Path(text).expanduser().read_text("utf-8"), text)
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"cannot read the schema {text!r}: {error}") from error
    return _ShortForm(text).parse()


def is_json(text: str) -> bool:
    """Return whether ``text`` is one JSON value."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _from_json(text: str, name: str) -> dict[str, Any]:
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{name} is not valid JSON: {error}") from error
    if not isinstance(schema, dict):
        raise click.UsageError(f"{name} is not a JSON Schema: it has to be an object")
    return schema


class _ShortForm:
    """A parser of the short form, by recursive descent."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = []
        position, text = 0, text.rstrip()
        while position < len(text):
            token = _TOKEN.match(text, position)
            if token is None:
                raise self._error(f"unexpected {text[position:].lstrip()[:1]!r}")
            self._tokens.append(token[1] or token[2])
            position = token.end()

    def parse(self) -> dict[str, Any]:
        schema = self._list() if self._next() == "[" else self._braced() if self._next() == "{" else self._fields()
        if self._tokens:
            raise self._error(f"unexpected {self._tokens[0]!r}")
        return schema

    def _fields(self) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        while True:
            name = self._word("a name")
            if name in properties:
                raise self._error(f"{name!r} stands there twice")
            properties[name] = self._type() if self._skip(":") else {"type": "string"}
            # A comma may follow the last field, as in Python.
            if not self._skip(",") or self._next() in ("", "]", "}"):
                return {"type": "object", "properties": properties, "required": list(properties)}

    def _type(self) -> dict[str, Any]:
        if self._next() == "[":
            return self._list()
        if self._next() == "{":
            return self._braced()
        word = self._word("a type")
        if word == "list" and self._next() == "[":
            return self._list()
        if word not in _TYPES:
            raise self._error(f"unknown type {word!r} (there are {', '.join(_TYPES)}, [...] and {{...}})")
        return {"type": _TYPES[word]}

    def _list(self) -> dict[str, Any]:
        self._expect("[")
        # "[str]" is a list of strings; "[name]" a list of objects with a name.
        first, second = [*self._tokens, "", ""][:2]
        is_type = first in ("[", "{") or (first in _TYPES and second == "]") or (first == "list" and second == "[")
        items = self._type() if is_type else self._fields()
        self._expect("]")
        return {"type": "array", "items": items}

    def _braced(self) -> dict[str, Any]:
        self._expect("{")
        fields = self._fields()
        self._expect("}")
        return fields

    def _next(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _skip(self, token: str) -> bool:
        if self._next() != token:
            return False
        del self._tokens[0]
        return True

    def _expect(self, token: str) -> None:
        if not self._skip(token):
            raise self._error(f"{token!r} is missing")

    def _word(self, what: str) -> str:
        if self._next() in ("", *"[]{}:,"):
            raise self._error(f"{what} is missing")
        return self._tokens.pop(0)

    def _error(self, problem: str) -> click.UsageError:
        return click.UsageError(
            f"--schema {self._text!r}: {problem}. Give a JSON Schema file, or a form such as 'name: str, age: int'"
        )
