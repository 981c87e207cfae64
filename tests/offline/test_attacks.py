"""Requests that are made to cost much: each gets a quick answer, or the error of the budget.

What is counted is work (calls of Python functions), not time, so that a busy machine does not decide.
"""

from __future__ import annotations

import json
import re
import struct
import sys
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import APIError
from headwater.offline import INSTANT, MODEL_VERSION, answer, stream
from headwater.offline.schemas import MOST_VALUES, text_of_pattern
from headwater.types import GenerateContentRequest

_MOST_CALLS = 1_500_000
_MOST_CALLS_OF_A_STEP = 20_000


def calls_of(work: Callable[[], Any], most: int) -> tuple[Any, int]:
    """Run ``work`` and count the calls of Python functions; more than ``most`` fail the test at once."""
    count = 0

    def profile(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event == "call"
        if count > most:
            raise AssertionError(f"more than {most:,} calls")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        return work(), count
    finally:
        sys.setprofile(before)


def cost(request: GenerateContentRequest) -> str:
    """The answer to a request whose work is bounded, whole and step by step; an error's message if it is refused."""

    def refused_or_begun() -> Any:
        try:
            return stream(request, model="m", pace=INSTANT)
        except APIError as error:
            return error

    begun, _ = calls_of(refused_or_begun, _MOST_CALLS)
    if isinstance(begun, APIError):
        assert (begun.code, begun.status) == (400, "INVALID_ARGUMENT")
        return begun.message
    said = []
    while (timed := calls_of(lambda: next(begun, None), _MOST_CALLS_OF_A_STEP)[0]) is not None:
        said.append(timed.chunk.text or "")
    return "".join(said)


def of_schema(schema: Any, **config: Any) -> GenerateContentRequest:
    return GenerateContentRequest(
        contents=[{"role": "user", "parts": [{"text": "x"}]}],
        generation_config={"response_mime_type": "application/json", "response_json_schema": schema, **config},
    )


def nested(depth: int, least: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema, "minItems": least}
    return schema


def recursive(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"$ref": "#"} for name in names}, "required": list(names)}


MANY = {f"p{number}": {"type": "string"} for number in range(100_000)}

OVER_BUDGET = {
    "arrays three deep": nested(3, 200),
    "arrays five deep": nested(5, 200),
    "one endless array": {"type": "array", "minItems": 10**9},
    "endless properties": {"type": "object", "minProperties": 10**9, "additionalProperties": {"type": "integer"}},
    "two that hold two": recursive("left", "right"),
    "ten that hold ten": recursive(*(f"p{number}" for number in range(10))),
    "100,000 required properties": {"type": "object", "properties": MANY, "required": list(MANY)},
    "100,000 required names in each item": {
        "type": "array", "minItems": 200, "items": {"type": "object", "required": ["a"] * 100_000},
    },
    "texts of megabytes": {"type": "array", "minItems": 1000, "items": {"type": "string", "minLength": 10**6}},
    "a long prefix": {"type": "array", "prefixItems": [{"type": "integer"}] * 100_000},
}  # fmt: skip


@pytest.mark.parametrize("schema", OVER_BUDGET.values(), ids=OVER_BUDGET)
def test_a_schema_that_asks_for_too_much_is_refused(schema: Any) -> None:
    assert f"at most {MOST_VALUES:,} values" in cost(of_schema(schema))


PATTERNS = ["a?" * 60 + "[^a]", "(a+)+$", "a{999}" * 100_000, "(" * 10_000, "[" * 10_000, "(?=a)*b", "\\", "[^a]" * 50]
WITHIN_BUDGET = {
    "an endless array of a few values": {"minItems": 10**9, "uniqueItems": True, "items": {"enum": [1]}},
    "100,000 optional properties": {"type": "object", "properties": MANY},
    "100,000 optional properties in each item": {
        "type": "array", "minItems": 200, "items": {"type": "object", "properties": MANY},
    },
    "a million values of an enum": {"type": "string", "enum": [f"v{number}" for number in range(1_000_000)]},
    "a million values in each item": {
        "type": "array", "minItems": 500, "items": {"enum": [f"v{number}" for number in range(1_000_000)]},
    },
    "one that holds itself": recursive("self"),
    "a reference to itself": {"$ref": "#"},
    "all of itself": {"allOf": [{"$ref": "#"}] * 20},
    "any of itself": {"anyOf": [{"$ref": "#"}] * 1000},
    "a long reference": {"$ref": "#/" + "a/" * 100_000},
    "parts of 100,000 properties": {"allOf": [{"properties": MANY, "type": "object"}, {"required": ["p1"]}]},
    **{f"pattern {pattern[:12]}": {"type": "string", "pattern": pattern} for pattern in PATTERNS},
}  # fmt: skip


@pytest.mark.parametrize("schema", WITHIN_BUDGET.values(), ids=WITHIN_BUDGET)
def test_a_schema_that_looks_costly_is_answered_or_refused_quickly(schema: Any) -> None:
    text = cost(of_schema(schema))
    assert "values for one answer" in text or json.loads(text) is not Ellipsis


def test_the_budget_is_one_for_all_candidates() -> None:
    schema = {"type": "array", "minItems": 1500, "items": {"type": "integer"}}
    assert len(json.loads(cost(of_schema(schema)))) == 1500
    assert "values for one answer" in cost(of_schema(schema, candidate_count=8))


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if len(pattern) > 1])
def test_no_pattern_of_a_client_reaches_the_regex_engine(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    for name in ("compile", "search", "match", "fullmatch", "sub", "split", "findall", "finditer"):
        original = getattr(re, name)
        monkeypatch.setattr(
            re, name, lambda first, *rest, _as=original, **named: (given.append(first), _as(first, *rest, **named))[1]
        )
    schema = {"type": "object", "properties": {pattern: {"type": "string", "pattern": pattern}}, "required": [pattern]}
    answer(of_schema(schema), model="m")
    tools = [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]
    answer(GenerateContentRequest(contents=[{"parts": [{"text": "call f"}]}], tools=tools), model="m")
    assert given
    assert not [entry for entry in given if isinstance(entry, str) and pattern in entry]


@pytest.mark.parametrize("pattern", ["^[A-Z]{3}-\\d{4}$", "\\d{5}", "a?b+c*", "[abc]{2,}", "x\\.y", "\\w\\w"])
def test_a_simple_pattern_is_followed(pattern: str) -> None:
    assert re.search(pattern, text_of_pattern(pattern))
    assert text_of_pattern(pattern)


@pytest.mark.parametrize("mode", ["AUTO", "ANY"])
def test_functions_are_part_of_the_budget(mode: str) -> None:
    def request(declarations: list[Any]) -> GenerateContentRequest:
        return GenerateContentRequest(
            contents=[{"parts": [{"text": "call f1"}]}],
            tools=[{"functionDeclarations": declarations}],
            tool_config={"function_calling_config": {"mode": mode}},
        )

    many = [{"name": f"f{number}", "description": "call " * 1000} for number in range(100_000)]
    for schema in (
        nested(3, 200),
        recursive("left", "right"),
        {"type": "object", "properties": MANY, "required": list(MANY)},
    ):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
        assert "values for one answer" in cost(request([{"name": "f1", "parameters": schema}]))
    assert "values for one answer" in cost(request(many))


def test_twenty_images_cost_a_look_at_their_headers() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1000, 700, 8, 6, 0, 0, 0)
    rows = zlib.compress(b"\4" + bytes(4000) * 1 + (b"\4" + bytes(4000)) * 699)
    image = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    for mime_type in ("image/png", "application/x"):
        parts = [{"inline_data": {"data": image, "mime_type": mime_type}}] * 20
        request = GenerateContentRequest(contents=[{"parts": [*parts, {"text": "What is this?"}]}])
        text, count = calls_of(lambda request=request: answer(request, model="m").text, 20_000)  # type: ignore[misc]
        assert text.count("1000 x 700 pixels") == 20
        assert count < 20_000


TEXTS = {
    "one word": "x" * 1_000_000,
    "many words": "word " * 200_000,
    "dots": "." * 1_000_000,
    "dots and an end": "." * 1_000_000 + "x",
    "sentences": "Yes. " * 200_000,
    "quotes": '."' * 500_000,
    "spaces": " " * 1_000_000 + "x",
    "lines": "a\n" * 500_000,
    "blank lines": "\n" * 1_000_000 + "x",
    "bullets": "- a\n" * 250_000,
    "fences": "```\n" * 250_000,
    "stars": "**" * 500_000,
    "lengths": "in 9 words " * 100_000,
    "numbers": "one hundred and " * 70_000,
    "digits": "1" * 1_000_000,
    "commas in a number": "1,000" * 200_000,
    "a sum": "1+" * 500_000 + "1",
    "parentheses": "(" * 1_000_000,
    "leads": "please " * 150_000 + "tell me a story",
    "topics": "story about " * 80_000,
    "names": "in Paris, TX and " * 60_000,
    "emoji": "\U0001f600" * 250_000,
    "accents": "e" + "\u0301" * 500_000,
    "joiners": "\U0001f468\u200d" * 250_000,
    "syllables": "\u0915\u094d" * 500_000,
    "surrogates": "\ud800" * 1_000_000,
    "braces": '{"a":' * 100_000,
    "hyphens": "a-" * 500_000,
    "apostrophes": "'s" * 500_000,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("lead", ["", "Summarize this:\n\n", "Write a story about ", "What is the weather in "])
def test_a_prompt_of_a_megabyte_is_answered_within_bounds(text: str, lead: str) -> None:
    tools = [
        {"functionDeclarations": [{"name": "get_weather", "parameters": {"properties": {"city": {"type": "string"}}}}]}
    ]
    assert isinstance(cost(GenerateContentRequest(contents=[{"parts": [{"text": lead + text}]}], tools=tools)), str)


def test_deep_nesting_is_answered() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = {"a": [deep]}
    schema: Any = {"type": "integer"}
    for _ in range(100_000):
        schema = {"type": "array", "items": schema}
    call = {"function_call": {"name": "f", "args": {"a": deep}}}
    result = {"function_response": {"name": "f", "response": {"a": deep}}}
    chat = [
        {"role": "user", "parts": [{"text": "x"}]},
        {"role": "model", "parts": [call]},
        {"role": "user", "parts": [result]},
    ]
    assert "more" in cost(GenerateContentRequest(contents=chat))
    assert json.loads(cost(of_schema(schema)))
    tools = [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]
    assert cost(GenerateContentRequest(contents=[{"parts": [{"text": "hello"}]}], tools=tools))


def test_a_stop_sequence_holds_back_little() -> None:
    contents = [{"parts": [{"text": "Tell me a story in 5000 words."}]}]
    for length in (1_000, 1_001):
        config = {"stop_sequences": [letter * length for letter in "abcde"]}
        text = cost(GenerateContentRequest(contents=contents, generation_config=config))
        assert len(text.split()) == 5000 if length == 1_000 else "stop_sequences.length" in text


def test_a_long_chat_is_read_in_linear_time() -> None:
    contents = [{"role": ("user", "model")[number % 2], "parts": [{"text": "And?"}]} for number in range(20_001)]
    request = GenerateContentRequest(contents=contents)
    assert "20,000 earlier turns" in cost(request) or "20000 earlier turns" in cost(request)


def test_the_version_names_the_engine() -> None:
    assert MODEL_VERSION.startswith("headwater-offline-")


KEYWORDS = tuple(
    re.findall(
        r"\S+",
        "type properties items required enum const anyOf oneOf allOf $ref propertyOrdering additionalProperties "
        "pattern minProperties minItems maxItems prefixItems uniqueItems minimum maximum exclusiveMinimum "
        "multipleOf format minLength maxLength",
    )
)
WORDS = (
    "object",
    "array",
    "string",
    "integer",
    "number",
    "null",
    "#",
    "#/properties/a",
    "a",
    "date",
    "9" * 999,
    "[a]{3}",
)
ODD = st.one_of(st.none(), st.booleans(), st.integers(-3, 12), st.floats(allow_nan=False), st.sampled_from(WORDS))
SCHEMAS = st.recursive(
    ODD,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*KEYWORDS, "a", "b"]), inner, max_size=5),
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(KEYWORDS), SCHEMAS, max_size=6))
@settings(max_examples=300, deadline=None)
def test_any_schema_gives_json_or_the_error_of_the_budget(schema: Any) -> None:
    text = cost(of_schema(schema))
    assert "values for one answer" in text or json.loads(text) is not Ellipsis
    tools = [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]
    cost(GenerateContentRequest(contents=[{"parts": [{"text": "call f with 3 in Paris"}]}], tools=tools))
