"""Decides whether a declared function is called and with which arguments, and says in words what functions returned.

Arguments are taken from the prompt: each number and each quotation once, names after "in", "for" and the like, and
values of enums. Only the instruction is searched, with patterns of this module alone: names from the request are looked
for as plain text.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from headwater.offline.english import joined, singular, words_of
from headwater.offline.prompt import Prompt
from headwater.offline.schemas import Budget, Maker, choices_of, mentions, properties_of, read, required_of, types_of
from headwater.types import FunctionCall, FunctionResponse
from headwater.types.base import to_snake

_MOST_CALLS = 8
_COMMON = words_of(
    "get set the a an of for in to and or is are what which how me my you your please tell give show current with from "
    "this that it returns return function tool use value values do does on at be can i"
)
_ALIKE = {"temperature": {"weather"}, "rain": {"weather"}, "forecast": {"weather"}, "plus": {"add"}, "sum": {"add"}}
_PLACE_NAMES = words_of("location city place town country region destination")
_FREE_TEXT = words_of("query question text prompt message search topic subject keyword expression input content")
_NAME = r"[A-Z][\w'\u00c0-\u024f-]*(?: (?:of |de |la )?[A-Z][\w'\u00c0-\u024f-]*){0,3}(?:, [A-Z][A-Z](?![a-z]))?"
_NAMES = rf"{_NAME}(?:(?:, (?:and )?| and | or )(?:in |for |at )?{_NAME}){{0,8}}"
_PLACES = re.compile(rf"\b(?:in|at|for|from|to|near|of|between)\s({_NAMES})")
_PEOPLE = re.compile(rf"\b(?:with|invite|to|tell|remind)\s({_NAMES})")
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,15})?")
_QUOTED = re.compile(r"[\"\u201c]([^\"\u201c\u201d]{1,500})[\"\u201d]|(?<!\w)'([^']{1,500})'(?!\w)")
_SHAPED = (
    (words_of("email mail recipient"), re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}\w")),
    (words_of("url uri link website"), re.compile(r"https?://\S+")),
    (words_of("date day when"), re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[/.]\d\d?[/.]\d{2,4}|tomorrow|\w{2,6}day\b", re.I)),
    (words_of("time hour"), re.compile(r"\b\d{1,2}(?::\d\d)?\s?[ap]m\b|\b\d{1,2}:\d\d\b", re.I)),
)  # fmt: skip
_AFTER_NAME = re.compile(r"\s?(?:is |= ?|: ?|of |to |called |named )?([A-Z][\w-]*|\d[\w-]*)")
_NUMBER_AFTER_NAME = re.compile(r"\D{0,12}?(-?\d{1,15}(?:\.\d{1,9})?)")
_ABOUT = re.compile(r"\babout (?:the )?([^.?!\n]{2,200})", re.I)
_QUERY = re.compile(r"\b(?:for|calculate|compute|evaluate|search|find|look up) ([^.?!\n]{2,200})", re.I)


class Function(msgspec.Struct, frozen=True):
    """A declared function: its name, its description, and the schema of its arguments."""

    name: str
    description: str
    schema: Any


def decide_calls(prompt: Prompt, budget: Budget) -> tuple[FunctionCall, ...]:
    """Return the calls with which a prompt is answered; none if it is better answered in words."""
    config = prompt.request.tool_config.function_calling_config if prompt.request.tool_config else None
    mode = str((config and config.mode) or "AUTO").upper()
    allowed = set((config and config.allowed_function_names) or ())
    functions = list(_functions_of(prompt, allowed, budget)) if mode != "NONE" else []
    if not functions:
        return ()
    asked = stems_of(prompt.instruction)
    asked = asked.union(*(_ALIKE.get(word, ()) for word in asked))
    scores = [_score(function, asked, prompt.instruction) for function in functions]
    best, score = functions[scores.index(max(scores))], max(scores)
    # Two points are a word of the function's name, or three words of its description.
    if mode != "ANY" and score < 2:
        return ()
    calls: list[FunctionCall] = []
    for arguments in islice(_argument_sets(best, prompt, budget), _MOST_CALLS):
        raw = hashlib.sha256(prompt.digest + bytes([len(calls)]) + best.name.encode("utf-8", "replace")).digest()
        calls.append(FunctionCall(id=base64.b32encode(raw)[:8].decode().lower(), name=best.name, args=arguments))
    return tuple(calls)


def _functions_of(prompt: Prompt, allowed: set[str], budget: Budget) -> Iterator[Function]:
    for tool in prompt.request.tools or []:
        declared = read(tool, "functionDeclarations")
        for entry in declared if isinstance(declared, list) else []:
            name, description = read(entry, "name"), read(entry, "description")
            if isinstance(name, str) and name and (not allowed or name in allowed):
                budget.spend()
                schema = read(entry, "parameters") or read(entry, "parametersJsonSchema")
                schema = schema if isinstance(schema, dict | msgspec.Struct) else {}
                yield Function(name, description[:500] if isinstance(description, str) else "", schema)


def stems_of(text: str) -> set[str]:
    """Return the telling words of a text without their endings."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\W]+", " ", text[:1000])
    words = {singular(word) for word in spaced.lower().split() if word not in _COMMON and len(word) > 1}
    return {re.sub(r"(?:ing|ed|er)$", "", word) if len(word) > 4 else word for word in words}


def _score(function: Function, asked: set[str], instruction: str) -> float:
    """How well a function suits the prompt: words shared with its name count most."""
    if mentions(instruction, function.name):
        return 10.0
    name, described = stems_of(function.name), stems_of(function.description)
    properties = list(islice(properties_of(function.schema), 20))
    values = sum(mentions(instruction, str(value)) for _, schema in properties for value in choices_of(schema)[:20])
    named = asked & stems_of(" ".join(key[:40] for key, _ in properties))
    return 2.0 * len(asked & name) + min(3.0, 0.7 * len((asked & described) - name)) + values + 0.5 * len(named)


def _argument_sets(function: Function, prompt: Prompt, budget: Budget) -> Iterator[dict[str, Any]]:
    """One set of arguments for each place that the prompt names, or a single one."""
    places = _names_in(_PLACES, prompt.instruction)
    first = dict(islice(properties_of(function.schema), 50))
    key = next((name for name, schema in first.items() if stems_of(name) & _PLACE_NAMES and not choices_of(schema)), "")
    # A list takes all places in one call.
    is_split = bool(places and key) and "array" not in types_of(first[key])
    for given in [{key: place} for place in places] if is_split else [{}]:
        yield _arguments(function, prompt, budget, given)


def _arguments(function: Function, prompt: Prompt, budget: Budget, given: dict[str, Any]) -> dict[str, Any]:
    finder, maker = _Finder(prompt.instruction), Maker(prompt, function.schema, budget)
    needed = set(required_of(function.schema))
    arguments: dict[str, Any] = {}
    for name, entry in properties_of(function.schema):
        budget.spend()
        value = given[name] if name in given else finder.find(name, maker.resolved(entry))
        if value is None and name in needed:
            value = maker.make(entry, name)
        if value is not None:
            arguments[name] = value
    return arguments


def _names_in(pattern: re.Pattern[str], text: str) -> list[str]:
    """The proper names that a text has after "in", "with" and the like: "Paris and San Francisco, CA" are two."""
    found = pattern.search(text)
    # "San Francisco, CA" is one name: its comma is marked before the list is taken apart.
    marked = re.sub(r", ([A-Z][A-Z])(?![a-z])", ",\0\\1", found[1]) if found else ""
    names = re.split(r", (?:and )?| and | or ", marked)
    return [re.sub(r"^(?:in|for|at) ", "", name.replace("\0", " ")) for name in names if name]


class _Finder:
    """Takes values for arguments from the prompt; each number and each quotation is used once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.low = text.lower()
        self.numbers = [float(number) for number in _NUMBER.findall(re.sub(r"(?<=\d),(?=\d{3}\b)", "", text))]
        self.quoted = [first or second for first, second in _QUOTED.findall(text)]

    def find(self, name: str, schema: Any) -> Any:
        """Return the value of the prompt for an argument; None if it has none."""
        listed = choices_of(schema)
        if listed:
            return next((value for value in listed[:200] if mentions(self.text, str(value).replace("_", " "))), None)
        kinds = types_of(schema)
        if "boolean" in kinds:
            return self._truth(name)
        if kinds & {"integer", "number"}:
            return self._number(name, is_whole="integer" in kinds)
        if "array" in kinds:
            return self._list(types_of(read(schema, "items")))
        return self._text(name) if "string" in kinds or not kinds else None

    def _truth(self, name: str) -> bool | None:
        if re.search(r"\b(?:off|disable|without|don't|do not|stop|false)\b", self.low):
            return False
        said = stems_of(name) & stems_of(self.text) or re.search(r"\b(?:on|enable|with|start|true|yes)\b", self.low)
        return True if said else None

    def _after(self, name: str) -> str:
        """What follows the name of an argument in the prompt."""
        place = self.low.find(name.lower())
        return self.text[place + len(name) : place + len(name) + 80] if place >= 0 and name else ""

    def _number(self, name: str, *, is_whole: bool) -> float | int | None:
        named = _NUMBER_AFTER_NAME.match(self._after(name)) if len(name) > 2 else None
        if not self.numbers:
            return None
        value = float(named[1]) if named and float(named[1]) in self.numbers else self.numbers[0]
        self.numbers.remove(value)
        return int(value) if is_whole or value == int(value) else value

    def _list(self, kinds: set[str]) -> list[Any] | None:
        if kinds & {"integer", "number"} and self.numbers:
            values, self.numbers = self.numbers, []
            return [int(value) if value == int(value) else value for value in values]
        named = self.quoted or _names_in(_PEOPLE, self.text) or _names_in(_PLACES, self.text)
        return list(named) if named and ("string" in kinds or not kinds) else None

    def _text(self, name: str) -> str | None:
        stems = stems_of(name)
        for names, pattern in _SHAPED:
            if stems & names and (found := pattern.search(self.text)):
                return found[0].rstrip(".,)")
        if self.quoted:
            return str(self.quoted.pop(0))
        if named := _AFTER_NAME.match(self._after(name.replace("_", " "))):
            return named[1]
        if stems & _PLACE_NAMES:
            return next(iter(_names_in(_PLACES, self.text)), None)
        query = _ABOUT.search(self.text) or _QUERY.search(self.text)
        return None if not stems & _FREE_TEXT else query[1].strip() if query else " ".join(self.text.split())[:200]


def report_results(prompt: Prompt) -> str:
    """Return the results of called functions in words."""
    parts = [part for content in prompt.request.contents or [] for part in content.parts or []]
    calls = [part.function_call for part in parts if part.function_call is not None]
    by_id = {call.id: call for call in calls if call.id}
    told: list[str] = []
    for place, result in enumerate(prompt.results[:50]):
        same = [call for call in calls[-len(prompt.results) :] if call.name == result.name]
        call = by_id.get(result.id or "") or (same[min(place, len(same) - 1)] if same else None)
        texts = [value[:200] for value in (call.args or {}).values() if isinstance(value, str)] if call else []
        told.append(_report(result, joined(texts[:2])))
    return "\n\n".join(told)


def _report(result: FunctionResponse, about: str) -> str:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|[_.:-]+", " ", (result.name or "function")[:100]).lower()
    subject = re.sub(r"^(?:get|fetch|find|look up|search|retrieve|read) (?:current )?", "", name)
    where = f" {'in' if re.search('weather|temperature|time', name) else 'for'} {about}" if about else ""
    response = result.response or {}
    if response.get("error"):
        return f"I could not get the {subject}{where}: the function answered with the error {_said(response['error'])}."
    inner = next(iter(response.values())) if len(response) == 1 and {*response} & {"result", "output"} else response
    return f"The {subject}{where}: {_said(inner)}." if inner not in ({}, None, "") else f"Done: {name}{where}."


def _said(value: Any, depth: int = 0) -> str:
    """A JSON value in words; long lists and deep values are cut short."""
    value = to_snake(value) if isinstance(value, msgspec.Struct) else value
    if isinstance(value, dict | list) and depth > 3:
        return "more"
    if isinstance(value, dict):
        said = ((key[:60].replace("_", " "), _said(entry, depth + 1)) for key, entry in islice(value.items(), 50))
        return ", ".join(map(" ".join, said))
    if isinstance(value, list):
        return joined([_said(entry, depth + 1) for entry in value[:50]]) or "nothing"
    if value is None or isinstance(value, bool):
        return {None: "unknown", True: "yes", False: "no"}[value]
    return str(value)[:2_000].strip().rstrip(".")
