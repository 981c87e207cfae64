"""Streamed function arguments come together into the call that the pieces spell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.answer.arguments import Arguments
from headwater.types import FunctionCall


def begin(name: str = "f", **fields: Any) -> FunctionCall:
    return FunctionCall(name=name, will_continue=True, **fields)


def more(*pieces: dict[str, Any]) -> FunctionCall:
    return FunctionCall(partial_args=list(pieces), will_continue=True)


END = FunctionCall()


def piece(path: str, value: Any, *, goes_on: bool = False) -> dict[str, Any]:
    field = {str: "string_value", bool: "bool_value", type(None): "null_value"}.get(type(value), "number_value")
    return {"json_path": path, field: "NULL_VALUE" if value is None else value, "will_continue": goes_on or None}


def args(*pieces: dict[str, Any]) -> Any:
    """The arguments of one call that streams these pieces, one each time."""
    arguments = Arguments()
    call = arguments.add(begin())
    for one in pieces:
        assert arguments.add(more(one)) is None
        arguments.settle()  # as one does who reads in between
    assert arguments.add(END) is None
    assert call is not None
    return call.args


@pytest.mark.parametrize("value", ["x", "", 5, 1.5, -2, True, False, None])
def test_a_value_of_each_kind_arrives(value: Any) -> None:
    got = args(piece("$.a", value))
    assert got == {"a": value}
    assert type(got["a"]) is type(value)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("$.a", {"a": 1}),
        ("$.a.b", {"a": {"b": 1}}),
        ("$.a[0]", {"a": [1]}),
        ("$.a[2].b", {"a": [None, None, {"b": 1}]}),
        ("$.a[1][0]", {"a": [None, [1]]}),
        ("$['a b'].c", {"a b": {"c": 1}}),
        ('$["a.b"]', {"a.b": 1}),
        ("$.späße", {"späße": 1}),
    ],
)
def test_a_path_leads_to_its_place(path: str, shape: Any) -> None:
    assert args(piece(path, 1)) == shape


def test_text_that_goes_on_is_joined_and_text_that_does_not_is_replaced() -> None:
    assert args(piece("$.a", "x", goes_on=True), piece("$.a", "y", goes_on=True), piece("$.a", "z")) == {"a": "xyz"}
    assert args(piece("$.a", "x"), piece("$.a", "y")) == {"a": "y"}


def test_two_texts_grow_side_by_side() -> None:
    assert args(
        piece("$.a", "1", goes_on=True), piece("$.b[0]", "x", goes_on=True), piece("$.a", "2"), piece("$.b[0]", "y")
    ) == {"a": "12", "b": ["xy"]}


def test_pieces_build_on_the_arguments_that_came_whole_without_changing_them() -> None:
    given_args = {"a": 1}
    arguments = Arguments()
    call = arguments.add(begin(args=given_args, id="7"))
    arguments.add(more(piece("$.b", 2)))
    assert call == FunctionCall(id="7", name="f", args={"a": 1, "b": 2})
    assert given_args == {"a": 1}


def test_growing_text_is_in_its_place_when_it_is_settled() -> None:
    arguments = Arguments()
    call = arguments.add(begin())
    assert call is not None
    for text, so_far in (("a", "a"), ("b", "ab"), ("c", "abc")):
        arguments.add(more(piece("$.x[0]", text, goes_on=True)))
        arguments.settle()
        assert call.args == {"x": [so_far]}


def test_text_that_never_ended_is_kept_when_the_next_call_begins() -> None:
    for following in (begin("g"), FunctionCall(name="g"), END):
        arguments = Arguments()
        call = arguments.add(begin())
        arguments.add(more(piece("$.x", "a", goes_on=True), piece("$.x", "b", goes_on=True)))
        arguments.add(following)
        assert call == FunctionCall(name="f", args={"x": "ab"})


def test_text_of_a_hundred_thousand_pieces_takes_linear_time() -> None:
    """Joined at each piece, it would be copied to half a terabyte: a timeout."""
    arguments = Arguments()
    call = arguments.add(begin())
    one = more(piece("$.x", "x" * 100, goes_on=True))
    for _ in range(100_000):
        arguments.add(one)
    arguments.add(END)
    assert call is not None
    assert call.args == {"x": "x" * 10_000_000}


def test_whole_calls_pass_through() -> None:
    arguments = Arguments()
    for call in (FunctionCall(name="f", args={"a": 1}), FunctionCall(name="f"), FunctionCall()):
        assert arguments.add(call) is call


def test_a_call_in_one_message_with_pieces_is_whole() -> None:
    call = Arguments().add(FunctionCall(name="f", partial_args=[piece("$.a", "x"), piece("$.b", 1)]))
    assert call == FunctionCall(name="f", args={"a": "x", "b": 1})


def test_a_new_name_begins_a_new_call_though_the_old_one_was_open() -> None:
    arguments = Arguments()
    one = arguments.add(begin("f"))
    two = arguments.add(begin("g"))
    arguments.add(more(piece("$.a", 1)))
    whole = FunctionCall(name="h", args={})
    assert arguments.add(whole) is whole
    assert (one, two) == (FunctionCall(name="f", args={}), FunctionCall(name="g", args={"a": 1}))


def test_after_the_end_a_piece_belongs_to_no_earlier_call() -> None:
    arguments = Arguments()
    one = arguments.add(begin())
    arguments.add(END)
    stray = arguments.add(more(piece("$.a", 1)))
    assert one == FunctionCall(name="f", args={})
    assert stray == FunctionCall(args={"a": 1})


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        pytest.param("", {}, id="no path"),
        pytest.param("$", {}, id="the root"),
        pytest.param("$.a[999999999]", {"a": []}, id="a list of a billion"),
        pytest.param("$.a[" + "9" * 5000 + "]", {"a": 1}, id="a number that Python refuses to read"),
        pytest.param("$.a[-1]", {"a": 1}, id="a negative index"),
    ],
)
def test_a_path_that_leads_nowhere_does_no_harm(path: str, shape: Any) -> None:
    assert args(piece(path, 1)) == shape


def test_a_path_through_something_else_replaces_it() -> None:
    assert args(piece("$.a", "text"), piece("$.a.b", 1)) == {"a": {"b": 1}}
    assert args(piece("$.a[0]", 1), piece("$.a.b", 2)) == {"a": [1]}


LEAVES = st.text(max_size=5) | st.integers(-99, 99) | st.booleans() | st.none()
TREES = st.dictionaries(
    st.text("abc", min_size=1, max_size=2),
    st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3)
            | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, min_size=1, max_size=3)
        ),
        max_leaves=6,
    ),
    max_size=3,
)


def spell(value: Any, path: str, size: int) -> list[dict[str, Any]]:
    """The pieces that Vertex AI would send for ``value``: leaf by leaf, text ``size`` characters at a time."""
    if isinstance(value, dict):
        return [one for key, inner in value.items() for one in spell(inner, f"{path}.{key}", size)]
    if isinstance(value, list):
        return [one for index, inner in enumerate(value) for one in spell(inner, f"{path}[{index}]", size)]
    if not isinstance(value, str) or len(value) <= size:
        return [piece(path, value)]
    cuts = [value[at : at + size] for at in range(0, len(value), size)]
    return [piece(path, cut, goes_on=number < len(cuts) - 1) for number, cut in enumerate(cuts)]


@given(TREES, st.integers(1, 4))
def test_any_arguments_come_together_again(tree: dict[str, Any], size: int) -> None:
    assert args(*spell(tree, "$", size)) == tree


def test_a_piece_without_a_value_takes_nothing_back() -> None:
    """What only says that a text, or a list, has ended leaves it as it is; a list that has ended empty is there."""
    ends = [{"json_path": path} for path in ("$.text", "$.list[]", "$.list[0]", "$.none[]", "$.deep.none[]", "$.other")]
    assert args(
        piece("$.text", "a", goes_on=True), piece("$.text", "b", goes_on=True), piece("$.list[0]", 1), *ends
    ) == {
        "text": "ab",
        "list": [1],
        "none": [],
        "deep": {"none": []},
    }
