"""The JSON text of streamed arguments only grows, and is in the end what the arguments are."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core.answer.arguments import Arguments
from headwater.protocols.argument_text import ArgumentText
from headwater.types import FunctionCall
from tests.support.answers import ARGS, PIECES


def spelled(given_args: dict[str, Any], steps: list[list[dict[str, Any]]]) -> tuple[list[str], Any]:
    """The pieces of text, and the arguments."""
    arguments, text, found = Arguments(), ArgumentText(given_args), []
    call = arguments.add(FunctionCall(name="f", args=given_args, will_continue=True))
    assert call is not None
    for step in steps:
        more = FunctionCall(partial_args=step, will_continue=True)
        arguments.add(more)
        found.append(text.feed(more.partial_args or []))
    arguments.settle()
    return [*found, text.finish(call.args or {})], call.args


@settings(max_examples=500)
@given(ARGS, st.lists(st.lists(PIECES, max_size=3), max_size=6))
def test_text_is_the_arguments_in_any_order_of_their_pieces(args: dict[str, Any], steps: Any) -> None:
    text, whole = spelled(args, steps)
    assert json.loads("".join(text)) == json.loads(json.dumps(whole))


def test_text_grows_with_the_pieces() -> None:
    """In Gemini's order nothing is held back, and nothing is said twice."""
    text, _ = spelled(
        {},
        [
            [{"jsonPath": "$.a[0].b", "stringValue": 'x"', "willContinue": True}],
            [{"jsonPath": "$.a[0].b", "stringValue": "y"}, {"jsonPath": "$.a[1]", "numberValue": 2}],
            [{"jsonPath": "$.c", "boolValue": True}],
        ],
    )
    assert text == ['{"a":[{"b":"x\\"', 'y"},2', '],"c":true', "}"]


def test_what_is_out_of_order_is_said_again_at_the_end() -> None:
    """Of two equal keys, readers take the last."""
    text, whole = spelled({}, [[{"jsonPath": "$.a.b", "numberValue": 1}], [{"jsonPath": "$.c", "numberValue": 2}]] * 2)
    assert whole == {"a": {"b": 1}, "c": 2}
    assert "".join(text) == '{"a":{"b":1},"c":2,"a":{"b":1},"c":2}'


def test_many_pieces_take_linear_time() -> None:
    one = {"jsonPath": "$.x", "stringValue": "x" * 100, "willContinue": True}
    text, _ = spelled({}, [[one]] * 20_000)
    assert sum(map(len, text)) == 2_000_000 + len('{"x":""}')
