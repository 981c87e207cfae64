"""The finder: takes the arguments of a function from the words, numbers and quotations of the prompt."""

from __future__ import annotations

import re
from typing import Any

from headwater.story.reading import Ask
from headwater.story.schemas import choices_of, properties_of, types_of
from headwater.story.texts import capital, listed, singular

_COMMON = frozenset(
    listed(
        "get set the a an of for in to and or is are what which how me my you your please tell give show current "
        "given by with from this that "
        "it returns return function tool use value values new do does on at be can i"
    )
)
_PLACE = r"[A-Z][\w'\u00c0-\u024f-]*(?:[ ](?:of |de |la )?[A-Z][\w'\u00c0-\u024f-]*){0,3}(?:, [A-Z][A-Z](?![a-z]))?"
_PLACES = re.compile(
    rf"\b(?:in|at|for|from|to|near|of|between)\s+({_PLACE}(?:(?:, (?:and )?| and | or | versus | vs )(?:in |"
    rf"for |at )?{_PLACE})*)"
)


def stems_of(text: str) -> set[str]:
    """Return the telling words of ``text`` without their endings."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\W]+", " ", text)
    return {_stem(word) for word in spaced.lower().split() if word not in _COMMON and len(word) > 1}


def _stem(word: str) -> str:
    return re.sub(r"(?:ing|ed|er|s)$", "", singular(word)) if len(word) > 4 else singular(word)


def mentions(prompt: str, value: str) -> bool:
    """Whether ``prompt`` holds ``value`` as a word of its own."""
    return bool(value) and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", prompt, re.I) is not None


def named_places(prompt: str) -> list[str]:
    """Return the places (or other proper names) that the prompt speaks of after "in", "for" and the like."""
    found = _PLACES.search(prompt)
    if not found:
        low = re.search(
            r"\b(?:weather|temperature|forecast|time)\b.*?\b(?:in|at|for)\s+([a-z][\w ]{1,30}?)\s*(?:\?|$|\.|,|"
            r"today|tomorrow|now)",
            prompt,
        )
        return [capital(place.strip()) for place in re.split(r",| and ", low[1]) if place.strip()] if low else []
    listed = re.sub(r"(, [A-Z][A-Z])(?![a-z])", lambda state: state[0].replace(", ", ",\0"), found[1])
    names = re.split(r",\s+(?:and )?| and | or | versus | vs ", listed)
    return [re.sub(r"^(?:in|for|at) ", "", name.replace("\0", " ").strip()) for name in names if name.strip()]


class Finder:
    """Takes values for arguments from the prompt; each number and each quotation is used once."""

    def __init__(self, ask: Ask) -> None:
        self.prompt = ask.prompt
        plain_text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", ask.prompt)
        self.numbers = [float(number) for number in re.findall(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,15})?", plain_text)]
        self.quotes = re.findall(
            r"[\"\u201c]([^\"\u201c\u201d]{1,500})[\"\u201d]|(?<!\w)'([^']{1,500})'(?!\w)", ask.prompt
        )
        self.quoted = [first or second for first, second in self.quotes]

    def find(self, name: str, schema: dict[str, Any]) -> Any:
        """Return the value of the prompt for an argument; None when it holds none."""
        listed = choices_of(schema)
        if listed:
            return next((value for value in listed if mentions(self.prompt, str(value).replace("_", " "))), None)
        kinds = types_of(schema)
        if "boolean" in kinds:
            return self._truth(name)
        if kinds & {"integer", "number"}:
            return self._number(name, "integer" in kinds)
        if "array" in kinds:
            return self._list(schema)
        if "object" in kinds:
            inner = {
                key: self.find(key, value) for key, value in properties_of(schema).items() if isinstance(value, dict)
            }
            return {key: value for key, value in inner.items() if value is not None} or None
        return self._text(name) if "string" in kinds or not kinds else None

    def _truth(self, name: str) -> bool | None:
        word = stems_of(name)
        if re.search(r"\b(?:off|disable|without|don't|do not|stop|false)\b", self.prompt, re.I):
            return False
        if word & stems_of(self.prompt) or re.search(r"\b(?:on|enable|with|start|true|yes)\b", self.prompt, re.I):
            return True
        return None

    def _number(self, name: str, whole: bool) -> float | int | None:
        named = re.search(rf"\b{re.escape(name)}\b\D{{0,12}}?(-?\d{{1,15}}(?:\.\d{{1,9}})?)", self.prompt, re.I)
        if named and float(named[1]) in self.numbers:
            self.numbers.remove(float(named[1]))
            return int(float(named[1])) if whole or "." not in named[1] else float(named[1])
        if not self.numbers:
            return None
        value = self.numbers.pop(0)
        return int(value) if whole or value == int(value) else value

    def _list(self, schema: dict[str, Any]) -> list[Any] | None:
        items = schema.get("items")
        kinds = types_of(items) if isinstance(items, dict) else set()
        if kinds & {"integer", "number"} and self.numbers:
            values, self.numbers = self.numbers, []
            return [int(value) if value == int(value) else value for value in values]
        places = self.quoted or _named_people(self.prompt) or named_places(self.prompt)
        return list(places) if places and ("string" in kinds or not kinds) else None

    def _text(self, name: str) -> str | None:
        stems = stems_of(name)
        if stems & {"email", "mail", "recipient", "to"} and (
            address := re.search(r"[\w.+-]+@[\w-]+\.[\w.-]*\w", self.prompt)
        ):
            return address[0]
        if stems & {"url", "uri", "link", "website"} and (address := re.search(r"https?://\S+", self.prompt)):
            return address[0].rstrip(".,)")
        if stems & {"date", "day", "when"} and (
            day := re.search(
                r"\b(?:\d{4}-\d\d-\d\d|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|today|tomorrow|tonight|(?:next )?(?:mon|"
                r"tues|wednes|thurs|fri|satur|sun)day)\b",
                self.prompt,
                re.I,
            )
        ):
            return day[0]
        if stems & {"time", "hour"} and (
            hour := re.search(r"\b\d{1,2}(?::\d\d)?\s*(?:[ap]m)\b|\b\d{1,2}:\d\d\b", self.prompt, re.I)
        ):
            return hour[0]
        if self.quoted:
            return str(self.quoted.pop(0))
        named = re.search(
            rf"\b{re.escape(name.replace('_', ' '))}\b\s*(?:is|=|:|of|to|called|named)?\s*([A-Z][\w-]*|\d[\w-]*)",
            self.prompt,
        )
        if named:
            return named[1]
        if stems & {"location", "city", "place", "destination", "country"}:
            places = named_places(self.prompt)
            return places[0] if places else None
        return self._proper(stems)

    def _proper(self, stems: set[str]) -> str | None:
        """A capitalised word from the middle of the prompt, for arguments that name somebody or something."""
        if stems & {"symbol", "ticker"} and (symbol := re.search(r"\b[A-Z]{2,5}\b", self.prompt)):
            return symbol[0]
        found = re.findall(rf"(?<=[a-z,] )({_PLACE})", self.prompt)
        if found and stems & {
            "name",
            "person",
            "user",
            "title",
            "company",
            "product",
            "item",
            "team",
            "movie",
            "book",
            "artist",
            "song",
            "symbol",
            "attendee",
            "origin",
        }:
            return str(found[0])
        if stems & {
            "query",
            "question",
            "text",
            "prompt",
            "message",
            "search",
            "topic",
            "subject",
            "keyword",
            "expression",
            "input",
            "content",
        }:
            return _query(self.prompt)
        return None

    def fallback(self, schema: dict[str, Any]) -> Any:
        """Return a value for a required argument that the prompt does not name: a proper noun, if it has one."""
        if types_of(schema) - {"string"} or choices_of(schema):
            return None
        found = re.findall(rf"(?<=[a-z,] )({_PLACE})", self.prompt)
        return found[0] if found else None


def _named_people(prompt: str) -> list[str]:
    """The names after "with", "invite" and the like."""
    found = re.search(rf"\b(?:with|invite|to|tell|remind)\s+({_PLACE}(?:(?:, (?:and )?| and ){_PLACE})*)", prompt)
    return re.split(r",\s+(?:and )?| and ", found[1]) if found else []


def _query(prompt: str) -> str:
    found = re.search(r"\babout (?:the )?([^.?!\n]{2,200})", prompt, re.I) or re.search(
        r"\b(?:for|calculate|compute|evaluate|search|find|look up)\s+([^.?!\n]{2,200})", prompt, re.I
    )
    return found[1].strip() if found else " ".join(prompt.split())[:200]
