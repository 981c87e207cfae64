"""Makes a JSON value that fits a schema, of the API's OpenAPI subset or of JSON Schema.

Theory of operation. A schema comes from a client, so nothing in it may decide how long the work takes. One ``Budget``
of values holds for a whole answer, candidates and function calls included: every value costs one, long strings and long
lists of names cost more, and an empty budget is the API's 400. Below ``_DEEPEST`` levels nothing optional is made, and
below ``_BOTTOM`` a value is null, so recursion ends too. A ``pattern`` is never given to the regex engine: simple ones
are read here, piece by piece, and all others get a plain string.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from headwater.offline.english import capital, words_of
from headwater.offline.prompt import Prompt, refusal

MOST_VALUES = 5_000
# From here on only what is required is made.
_OPTIONAL_VALUES = 1_000
_DEEPEST = 6
_BOTTOM = 24
_MOST_CHARACTERS = 20_000
# A longer enum is drawn from without a look at the prompt.
_LISTED = 200
_FORMATS = {
    "date-time": "2025-06-{day:02}T09:30:00Z", "date": "2025-06-{day:02}", "time": "09:{day:02}:00Z",
    "email": "reader{day}@example.com", "uri": "https://example.com/{day}", "url": "https://example.com/{day}",
    "hostname": "host{day}.example.com", "ipv4": "192.0.2.{day}", "ipv6": "2001:db8::{day}",
    "uuid": "00000000-0000-4000-8000-0000000000{day:02}", "duration": "PT{day}M", "uri-reference": "/{day}",
}  # fmt: skip
_STOP_WORDS = words_of(
    "the and for with about this that from into what which give make write list please tell show create generate "
    "return json schema word words some three two one each your you are was want need"
)


class Budget:
    """The values that may still be made for one answer."""

    def __init__(self) -> None:
        self.spent = 0

    def spend(self, number: int = 1) -> None:
        """Take ``number`` values.

        Raises:
            APIError: 400 if there are not as many left.
        """
        self.spent += number
        if self.spent > MOST_VALUES:
            what = f"at most {MOST_VALUES:,} values for one answer, and the schemas of this request ask for more"
            raise refusal(400, f"The offline engine makes {what}.")


@cache
def _snake(key: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", key).lower()


def read(schema: Any, key: str) -> Any:
    """Return the value of a keyword, in camelCase, in snake_case or with a dollar sign; None if it is not given."""
    if isinstance(schema, msgspec.Struct):
        return getattr(schema, _snake(key), None)
    found = (name for name in (key, _snake(key), f"${key}") if isinstance(schema, dict) and name in schema)
    return next((schema[name] for name in found), None)


def types_of(schema: Any) -> set[str]:
    """Return the types that a schema names, in lower case."""
    kind = read(schema, "type")
    kinds = kind[:10] if isinstance(kind, list) else [kind]
    named = {str(entry).lower() for entry in kinds if isinstance(entry, str)} - {"type_unspecified"}
    if named:
        return named
    if isinstance(read(schema, "properties"), dict):
        return {"object"}
    return {"array"} if read(schema, "items") is not None else set()


def properties_of(schema: Any) -> Iterator[tuple[str, Any]]:
    """Yield the properties of an object in the order in which they should be written."""
    properties = read(schema, "properties")
    order = read(schema, "propertyOrdering")
    if isinstance(properties, dict):
        named = order if isinstance(order, list) else []
        first = dict.fromkeys(name for name in named if isinstance(name, str) and name in properties)
        yield from ((name, properties[name]) for name in first)
        yield from ((name, value) for name, value in properties.items() if name not in first)


def choices_of(schema: Any) -> list[Any]:
    """Return the values that a schema allows; an empty list if it does not list them."""
    if isinstance(schema, dict) and "const" in schema:
        return [schema["const"]]
    listed = read(schema, "enum")
    if not isinstance(listed, list) or len(listed) > _LISTED:
        return listed if isinstance(listed, list) else []
    return [value for value in listed if value is not None] or listed


def required_of(schema: Any) -> list[str]:
    """Return the names of the required properties."""
    required = read(schema, "required")
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else []


def mentions(text: str, value: str) -> bool:
    """Return whether a text holds a value as a word of its own, in any case."""
    place = text.lower().find(value.lower()) if value else -1
    if place < 0:
        return False
    around = text[max(0, place - 1) : place], text[place + len(value) : place + len(value) + 1]
    return not any(character.isalnum() or character == "_" for side in around for character in side)


def words_about(prompt: Prompt) -> list[str]:
    """Return the first telling words of a prompt."""
    words = re.findall(r"[^\W\d_]{3,30}", prompt.instruction)
    return list(dict.fromkeys(word for word in words if word.lower() not in _STOP_WORDS))[:3] or ["example"]


class Maker:
    """Makes values for one schema."""

    def __init__(self, prompt: Prompt, root: Any, budget: Budget) -> None:
        self.prompt = prompt
        self.root = root
        self.budget = budget
        self.dice = prompt.dice("schema")
        self.subject = words_about(prompt)
        self._chosen: dict[int, list[Any]] = {}

    def make(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """Return a value that fits ``schema``; ``name`` is the property that it is for."""
        self.budget.spend()
        # A schema that requires itself has no finite value: null is the least wrong one, and it ends the recursion.
        if depth > _BOTTOM:
            return None
        schema = self._merged(self.resolved(schema))
        options = read(schema, "anyOf") or read(schema, "oneOf")
        if isinstance(options, list) and options and not types_of(schema) - {"null"}:
            return self.make(self._option(options[:_LISTED], depth), name, depth + 1)
        listed = choices_of(schema)
        return self._choice(listed) if listed else self._of_type(schema, name, depth)

    def resolved(self, schema: Any) -> Any:
        """Return what a reference stands for; a schema that is not a reference stands for itself."""
        for _ in range(20):
            target = read(schema, "ref")
            if not isinstance(target, str):
                break
            # Paths are split at every use, so a path of a megabyte has its price.
            self.budget.spend(len(target) // 100)
            schema = self._target(target)
        return schema if isinstance(schema, dict | msgspec.Struct) else {}

    def _target(self, path: str) -> Any:
        place: Any = self.root
        for step in path.lstrip("#").strip("/").split("/") if path.strip("#/") else []:
            name = step.replace("~1", "/").replace("~0", "~")
            place = place.get(name, place.get(name.lstrip("$"))) if isinstance(place, dict) else None
        return place

    def _merged(self, schema: Any) -> Any:
        """The schema with the parts of its ``allOf`` put together."""
        parts = read(schema, "allOf")
        if not isinstance(parts, list) or not isinstance(schema, dict):
            return schema
        result = {key: value for key, value in schema.items() if key not in ("allOf", "all_of")}
        for part in map(self.resolved, parts[:20]):
            for key, value in part.items() if isinstance(part, dict) else ():
                old = result.setdefault(key, value)
                if isinstance(old, dict) and isinstance(value, dict):
                    result[key] = old | value
                elif isinstance(old, list) and isinstance(value, list) and old is not value:
                    result[key] = old + value
                self.budget.spend(len(value) // 20 if isinstance(value, dict | list) else 0)
        return result

    def _option(self, options: list[Any], depth: int) -> Any:
        """The first option with something in it; near the bottom the first that goes no deeper."""
        barred = {"object", "array"} if depth >= _DEEPEST else set[str]()
        kinds = ((option, types_of(self.resolved(option))) for option in options)
        return next((option for option, kind in kinds if kind != {"null"} and not kind & barred), options[0])

    def _choice(self, listed: list[Any]) -> Any:
        """The value that the prompt mentions, if it mentions one of them; otherwise any."""
        # The lists belong to the request, which outlives this object, so their ids stay theirs.
        if len(listed) <= _LISTED and id(listed) not in self._chosen:
            texts = [value for value in listed if isinstance(value, str)]
            said = [value for value in texts if mentions(self.prompt.instruction, value.replace("_", " "))]
            self._chosen[id(listed)] = said if len(said) == 1 else listed
        return self.dice.choice(self._chosen.get(id(listed), listed))

    def _of_type(self, schema: Any, name: str, depth: int) -> Any:
        kinds = types_of(schema)
        if "object" in kinds:
            return self._object(schema, depth)
        if "array" in kinds:
            return self._array(schema, name, depth)
        if kinds & {"integer", "number"}:
            return self._number(schema, name, is_whole="integer" in kinds)
        if "boolean" in kinds:
            return self.dice.random() < 0.7
        return None if kinds == {"null"} else self._text(schema, name)

    def _object(self, schema: Any, depth: int) -> dict[str, Any]:
        required = required_of(schema)
        order = read(schema, "propertyOrdering")
        # Each object reads these lists again: 200 items with 100,000 required names each must not be free.
        self.budget.spend((len(required) + (len(order) if isinstance(order, list) else 0)) // 20)
        needed, left = set(required), len(set(required))
        result: dict[str, Any] = {}
        for name, entry in properties_of(schema):
            if name in needed:
                left -= 1
            # Optional properties stop early, so 100,000 of them are an answer and not an error.
            elif depth >= _DEEPEST or self.budget.spent > _OPTIONAL_VALUES:
                if not left:
                    break
                continue
            result[name] = self.make(entry, name, depth + 1)
        more = read(schema, "additionalProperties")
        least = _bound(read(schema, "minProperties")) or (0 if result or not isinstance(more, dict) else 2)
        names = [name for name in dict.fromkeys(required) if name not in result]
        if more is not False:
            self.budget.spend(max(0, least - len(result) - len(names)) if least > MOST_VALUES else 0)
            names += [f"item{number}" for number in range(len(result) + len(names) + 1, least + 1)]
        for name in names:
            result[name] = self.make(more if isinstance(more, dict) else {}, name, depth + 1)
        return result

    def _array(self, schema: Any, name: str, depth: int) -> list[Any]:
        least, most = _bound(read(schema, "minItems")) or 0, _bound(read(schema, "maxItems"))
        is_deep = depth >= _DEEPEST or self.budget.spent > _OPTIONAL_VALUES
        number = least if is_deep else max(least, self._asked(name) if depth < 2 else 2)
        number = number if most is None else min(number, most)
        prefix, items = read(schema, "prefixItems"), read(schema, "items")
        if isinstance(prefix, list) and prefix:
            return [self.make(entry, name, depth + 1) for entry in prefix]
        listed = choices_of(self.resolved(items)) if read(schema, "uniqueItems") else []
        if listed:
            return self.dice.sample(listed, min(number, len(listed), MOST_VALUES))
        if not read(schema, "uniqueItems"):
            return [self.make(items, name, depth + 1) for _ in range(number)]
        different: dict[str, Any] = {}
        # Four tries for each: values are drawn, and some kinds (booleans, small ranges) have too few different ones.
        for _ in range(4 * number):
            if len(different) < number:
                value = self.make(items, name, depth + 1)
                different.setdefault(repr(value), value)
        return list(different.values())

    def _asked(self, name: str) -> int:
        """How many items the prompt asks for; three if it does not say."""
        numbers = re.findall(r"\b(\d{1,2}) (?!words?\b)(\w*)", self.prompt.instruction)
        fitting = [number for number, noun in numbers if not name or noun.lower()[:4] == name.lower()[:4]]
        return min(int(fitting[0]), 50) if fitting else 3

    def _number(self, schema: Any, name: str, *, is_whole: bool) -> float | int:
        low, high = _limit(read(schema, "minimum")), _limit(read(schema, "maximum"))
        above, below = _limit(read(schema, "exclusiveMinimum")), _limit(read(schema, "exclusiveMaximum"))
        step = 1.0 if is_whole else 0.01
        low = above + step if above is not None and (low is None or above >= low) else low
        high = below - step if below is not None and (high is None or below <= high) else high
        low = low if low is not None else min(1.0, high - 10) if high is not None else 1.0
        high = max(low, high if high is not None else low + (2024 if "year" in name.lower() else 99))
        value = self.dice.uniform(low, high)
        multiple = _limit(read(schema, "multipleOf"))
        if multiple and abs(low / multiple) < 1e15:
            value = math.ceil(low / multiple) * multiple
        if is_whole:
            return max(math.ceil(low), min(int(value), math.floor(high)))
        return max(low, min(round(value, 2), high))

    def _text(self, schema: Any, name: str) -> str:
        form, pattern = read(schema, "format"), read(schema, "pattern")
        least, most = _bound(read(schema, "minLength")) or 0, _bound(read(schema, "maxLength"))
        if isinstance(form, str) and form.lower() in _FORMATS:
            return _FORMATS[form.lower()].format(day=1 + self.budget.spent % 27)
        # A text that follows the pattern may be too long or too short; both cannot be promised without a regex engine.
        if isinstance(pattern, str) and (fitting := text_of_pattern(pattern)):
            return fitting
        text = self._sample(name)
        least = min(least, _MOST_CHARACTERS)
        self.budget.spend(least // 100)
        if len(text) < least:
            text = f"{text} " * (least // (len(text) + 1) + 1)
            text = text[: least - 1] + "."
        return text if most is None or len(text) <= most else text[:most].rstrip().ljust(min(least, most), ".")

    def _sample(self, name: str) -> str:
        """A text that fits the name of a property, and that nobody takes for a fact."""
        parts = re.findall(r"[a-z]+", re.sub(r"([A-Z])", r" \1", name[:60]).lower()) or ["text"]
        number = self.budget.spent
        if set(parts) & {"id", "key", "slug", "code"}:
            return f"{self.subject[-1].lower()}_{number}"
        if parts[-1] in ("name", "title", "label", "tag", "tags", "word", "category", "topic"):
            return f"{capital(self.subject[number % len(self.subject)])} {number}"
        return f"Sample {' '.join(parts)} {number} about {' '.join(self.subject)}"


def _bound(value: Any) -> int | None:
    """A limit of a length; some clients send it as text."""
    try:
        return max(0, int(value)) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None


def _limit(value: Any) -> float | None:
    is_usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    return float(value) if is_usable else None


_PIECE = re.compile(
    r"(?P<one>\\d|\\w|\[[^\]\\]{1,40}\]|\\[-./ ]|[^\\\[\](){}|?*+.^$])"
    r"(?:\{(?P<times>\d{1,2})(?:,\d{0,3})?\}|(?P<mark>[+*?]))?"
)


def text_of_pattern(pattern: str) -> str:
    """Return a text for a simple pattern: letters, digits, classes and counts. Empty if the pattern is not simple."""
    body, made, place = pattern.removeprefix("^").removesuffix("$"), list[str](), 0
    while place < len(body) <= 200:
        found = _PIECE.match(body, place)
        one = found["one"] if found else "[^"
        if not found or one.startswith("[^"):
            return ""
        character = one[1] if one[0] == "[" else {"\\d": "7", "\\w": "a"}.get(one, one.removeprefix("\\"))
        made.append(character * (int(found["times"]) if found["times"] else 0 if found["mark"] in ("*", "?") else 1))
        place = found.end()
    return "".join(made)
