"""The schema reader: makes a JSON value that fits a schema, of the OpenAPI subset or of JSON Schema."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from headwater.story.values import text_for
from headwater.types.base import to_snake

if TYPE_CHECKING:
    from headwater.story.reading import Ask

_DEEPEST = 6
_MOST_ITEMS = 200
_FORMATS = {
    "date-time": "2025-06-{day:02}T09:30:00Z",
    "date": "2025-06-{day:02}",
    "time": "09:{day:02}:00Z",
    "email": "reader{day}@example.com",
    "uri": "https://example.com/{day}",
    "url": "https://example.com/{day}",
    "hostname": "host{day}.example.com",
    "ipv4": "192.0.2.{day}",
    "ipv6": "2001:db8::{day}",
    "uuid": "00000000-0000-4000-8000-0000000000{day:02}",
    "duration": "PT{day}M",
    "uri-reference": "/{day}",
}


def plain(value: Any) -> Any:
    """Return a schema or a tool as plain dicts and lists, whether it came as a struct or as a dict."""
    return to_snake(value)


def read(schema: Any, key: str) -> Any:
    """Return the value of a keyword, in camelCase, in snake_case or with a dollar sign; None when it is not given."""
    if not isinstance(schema, dict):
        return None
    if key in schema:
        return schema[key]
    snake = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", key).lower()
    return schema.get(snake, schema.get(f"${key}"))


def types_of(schema: Any) -> set[str]:
    """Return the types that a schema names, in lower case."""
    kind = read(schema, "type")
    kinds = kind if isinstance(kind, list) else [kind]
    named = {str(entry).lower() for entry in kinds if isinstance(entry, str)} - {"type_unspecified"}
    if named:
        return named
    if properties_of(schema):
        return {"object"}
    return {"array"} if read(schema, "items") is not None else set()


def properties_of(schema: Any) -> dict[str, Any]:
    """Return the properties of an object, in the order in which they should be written."""
    properties = read(schema, "properties")
    if not isinstance(properties, dict):
        return {}
    order = read(schema, "propertyOrdering")
    first = [name for name in order if name in properties] if isinstance(order, list) else []
    return {name: properties[name] for name in dict.fromkeys([*first, *properties])}


def choices_of(schema: Any) -> list[Any]:
    """Return the values that a schema allows; an empty list when it does not list them."""
    if isinstance(schema, dict) and "const" in schema:
        return [schema["const"]]
    listed = read(schema, "enum")
    return [value for value in listed if value is not None] or listed if isinstance(listed, list) else []


class Maker:
    """Makes values for one schema. What is drawn by lot is the same for the same request."""

    def __init__(self, ask: Ask, root: Any) -> None:
        self.ask = ask
        self.root = root
        self.dice = ask.dice("schema")
        self.made = 0

    def resolved(self, schema: Any) -> dict[str, Any]:
        """Return what a reference stands for, and the schema itself where it is none."""
        for _ in range(20):
            target = read(schema, "ref")
            if not isinstance(target, str):
                break
            schema = self._target(target)
        return schema if isinstance(schema, dict) else {}

    def _target(self, path: str) -> Any:
        place: Any = self.root
        for step in path.lstrip("#").strip("/").split("/") if path.strip("#/") else []:
            name = step.replace("~1", "/").replace("~0", "~")
            place = place[name] if isinstance(place, dict) and name in place else read(place, name.lstrip("$"))
        return place

    def make(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """Return a value that fits ``schema``; ``name`` is the property that it is for."""
        schema = self._merged(self.resolved(schema))
        self.made += 1
        options = read(schema, "anyOf") or read(schema, "oneOf")
        if isinstance(options, list) and options and not types_of(schema) - {"null"}:
            return self.make(self._option(options, depth), name, depth + 1) if depth < 4 * _DEEPEST else None
        listed = choices_of(schema)
        if listed:
            return self._choice(listed)
        return self._of_type(schema, name, depth)

    def _of_type(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        kinds = types_of(schema)
        if "object" in kinds:
            return self._object(schema, depth)
        if "array" in kinds:
            return self._array(schema, name, depth)
        if "integer" in kinds or "number" in kinds:
            return self._number(schema, name, whole="integer" in kinds)
        if "boolean" in kinds:
            return self.dice.random() < 0.7
        return None if kinds == {"null"} else self._text(schema, name)

    def _merged(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema with all parts of its ``allOf`` put together."""
        parts = read(schema, "allOf")
        if not isinstance(parts, list):
            return schema
        result: dict[str, Any] = {key: value for key, value in schema.items() if key not in ("allOf", "all_of")}
        for part in parts[:20]:
            for key, value in self.resolved(part).items():
                old = result.get(key)
                if isinstance(old, dict) and isinstance(value, dict):
                    result[key] = old | value
                elif isinstance(old, list) and isinstance(value, list):
                    result[key] = [*old, *value]
                else:
                    result.setdefault(key, value)
        return result

    def _option(self, options: list[Any], depth: int) -> Any:
        """The first option with something in it; near the bottom the one that goes no deeper."""
        solid = [option for option in options if types_of(self.resolved(option)) != {"null"}]
        flat = [option for option in options if not types_of(self.resolved(option)) & {"object", "array"}]
        return flat[0] if depth >= _DEEPEST and flat else (solid or options)[0]

    def _choice(self, listed: list[Any]) -> Any:
        """The value that the prompt mentions, else one by lot."""
        text = self.ask.text[-3000:].lower()
        for value in listed:
            if (
                isinstance(value, str)
                and value
                and re.search(rf"(?<!\w){re.escape(value.lower().replace('_', ' '))}(?!\w)", text)
            ):
                said = [
                    other
                    for other in listed
                    if isinstance(other, str) and other and other.lower().replace("_", " ") in text
                ]
                if len(said) == 1:
                    return value
        return self.dice.choice(listed)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        required = read(schema, "required")
        needed = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        deep = depth >= _DEEPEST or self.made > 3000
        result: dict[str, Any] = {}
        for name, entry in properties_of(schema).items():
            if name in needed or not deep:
                result[name] = self._bounded(entry, name, depth)
        more = read(schema, "additionalProperties")
        for name in needed:
            if name not in result:
                result[name] = self._bounded(more if isinstance(more, dict) else {}, name, depth)
        if isinstance(more, dict) and not properties_of(schema) and not deep:
            keys = [text_for("key", self.ask, number) for number in range(2)]
            result |= {key: self._bounded(more, key, depth) for key in keys}
        return self._filled(schema, result, depth)

    def _filled(self, schema: dict[str, Any], result: dict[str, Any], depth: int) -> dict[str, Any]:
        least = read(schema, "minProperties")
        more = read(schema, "additionalProperties")
        while isinstance(least, int) and len(result) < min(least, _MOST_ITEMS) and more is not False:
            name = f"item{len(result) + 1}"
            result[name] = self._bounded(more if isinstance(more, dict) else {}, name, depth)
        return result

    def _bounded(self, schema: Any, name: str, depth: int) -> Any:
        """The value one step deeper. A schema that never ends is given up, with nothing in its place."""
        return self.make(schema, name, depth + 1) if depth < 4 * _DEEPEST else None

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        least, most = _bound(read(schema, "minItems")), _bound(read(schema, "maxItems"))
        number = least if depth >= _DEEPEST or self.made > 3000 else max(least or 0, 3 if depth < 2 else 2)
        asked = (
            re.search(rf"\b(\d{{1,3}})\s+(?:\w+\s+){{0,2}}{re.escape(name.rstrip('s'))[:30]}", self.ask.prompt, re.I)
            if name
            else None
        )
        if depth < 2 and (asked or (not name and (asked := re.search(r"\b(\d{1,2})\b(?!\s*words)", self.ask.prompt)))):
            number = max(least or 0, min(int(asked[1]), 50))
        if most is not None:
            number = min(number or 0, most)
        prefix = read(schema, "prefixItems")
        items = read(schema, "items")
        if isinstance(prefix, list) and prefix:
            return [self._bounded(entry, name, depth) for entry in prefix[:_MOST_ITEMS]]
        return self._items(schema, items if isinstance(items, dict) else {}, min(number or 0, _MOST_ITEMS), name, depth)

    def _items(self, schema: dict[str, Any], items: dict[str, Any], number: int, name: str, depth: int) -> list[Any]:
        unique = bool(read(schema, "uniqueItems"))
        result: list[Any] = []
        listed = choices_of(self.resolved(items))
        if listed and unique:
            return self.dice.sample(listed, min(number, len(listed)))
        for _ in range(number * (4 if unique else 1)):
            value = self._bounded(items, name, depth)
            if len(result) < number and not (unique and value in result):
                result.append(value)
        return result

    def _number(self, schema: dict[str, Any], name: str, *, whole: bool) -> float | int:
        low, high = _limit(read(schema, "minimum")), _limit(read(schema, "maximum"))
        above, below = _limit(read(schema, "exclusiveMinimum")), _limit(read(schema, "exclusiveMaximum"))
        step = 1.0 if whole else 0.01
        low = above + step if above is not None and (low is None or above >= low) else low
        high = below - step if below is not None and (high is None or below <= high) else high
        low = low if low is not None else (min(1.0, high - 10) if high is not None and high < 1 else 1.0)
        high = high if high is not None else low + (2024 if "year" in name.lower() else 99)
        value = self.dice.uniform(low, max(low, high))
        if "year" in name.lower() and low <= 2024 <= high:
            value = 2024
        multiple = _limit(read(schema, "multipleOf"))
        if multiple:
            value = math.ceil(low / multiple) * multiple
        if whole:
            return max(math.ceil(low), min(int(value), math.floor(max(low, high))))
        return max(low, min(round(value, 2), max(low, high)))

    def _text(self, schema: dict[str, Any], name: str) -> str:
        form = read(schema, "format")
        least, most = _bound(read(schema, "minLength")) or 0, _bound(read(schema, "maxLength"))
        if isinstance(form, str) and form.lower() in _FORMATS:
            return _FORMATS[form.lower()].format(day=1 + self.made % 27)
        pattern = read(schema, "pattern")
        if isinstance(pattern, str) and (fitting := _of_pattern(pattern, self.made)):
            return fitting
        described = read(schema, "description")
        text = text_for(name, self.ask, self.made, described if isinstance(described, str) else "")
        while len(text) < min(least, 20_000):
            text += " " + text_for("description", self.ask, self.made + len(text))
        return (
            text
            if most is None
            else text[: max(most, least)].rstrip()
            if len(text[:most].rstrip()) >= least
            else text[:most]
        )


def _bound(value: Any) -> int | None:
    """A limit of a length; some clients send it as text."""
    try:
        return max(0, int(value)) if value is not None and not isinstance(value, bool) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _limit(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    return float(value) if usable else None


_PIECE = re.compile(
    r"(\\d|\\w|\[[^\]\\]*(?:\\.[^\]\\]*)*\]|\\[-./ ]|[^\\\[\](){}|?*+.^$])(?:\{(\d{1,3})(?:,\d*)?\}|(\+|\*|\?))?"
)


def _of_pattern(pattern: str, lot: int) -> str:
    """A text for a simple pattern: letters, digits, classes and counts. Empty when it is not simple."""
    body, result, place = pattern.removeprefix("^").removesuffix("$"), "", 0
    while place < len(body):
        found = _PIECE.match(body, place)
        if not found:
            return ""
        piece = found[1]
        character = (
            "7"
            if piece == "\\d"
            else "a"
            if piece == "\\w"
            else _of_class(piece)
            if piece[0] == "["
            else piece.removeprefix("\\")
        )
        result += character * (int(found[2]) if found[2] else 1 if found[3] != "*" else 0)
        place = found.end()
    try:
        return result if re.search(pattern, result) else ""
    except re.error:
        return ""


def _of_class(piece: str) -> str:
    inside = piece[1:-1]
    return (
        ""
        if not inside or inside[0] == "^"
        else "7"
        if inside.startswith("\\d")
        else "a"
        if inside.startswith("\\w")
        else inside[0]
    )
