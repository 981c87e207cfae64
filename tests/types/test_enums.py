"""An enum of the wire knows its values by any case, and keeps those that it does not know."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import msgspec
import pytest

from headwater import types
from headwater.types import FinishReason, OpenEnum, ServiceTier

ENUMS = sorted(
    (kind for kind in vars(types).values() if isinstance(kind, type) and issubclass(kind, OpenEnum) and list(kind)),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_every_value_is_found_in_any_case_and_makes_the_way_over_the_wire(kind: Any) -> None:
    for member in kind:
        assert kind(member.value.lower()) is kind(member.value.upper()) is kind(member.value.title()) is member
        assert msgspec.json.decode(msgspec.json.encode(member), type=kind) is member
        assert str(member) == f"{member}" == member.value
    assert set(kind.numbers().values()) <= {member.value for member in kind}


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_an_unknown_value_makes_the_way_over_the_wire(kind: Any) -> None:
    wire = b'"From_the_FUTURE"'
    member = msgspec.json.decode(wire, type=kind)
    assert isinstance(member, kind)
    assert msgspec.json.encode(member) == wire
    assert (member.name, member.value, str(member)) == ("From_the_FUTURE",) * 3
    assert member == kind.of("From_the_FUTURE") == "From_the_FUTURE"
    with pytest.warns(UserWarning, match=f"From_the_FUTURE is not a valid {kind.__name__}"):
        assert kind("From_the_FUTURE") == member, "a program that writes one may have made a typo"
    assert member not in list(kind), "what came over the wire does not change the enum"


@pytest.mark.parametrize("member", [FinishReason.STOP, FinishReason.of("NEW"), ServiceTier.FLEX])
def test_members_are_pickled_and_copied(member: Any) -> None:
    for again in (pickle.loads(pickle.dumps(member)), copy.copy(member), copy.deepcopy(member)):
        assert again == member
        assert type(again) is type(member)
    assert pickle.loads(pickle.dumps(FinishReason.STOP)) is FinishReason.STOP


def test_a_member_is_its_text() -> None:
    assert FinishReason.STOP == "STOP"
    assert {FinishReason.STOP: 1, FinishReason.of("NEW"): 2}["NEW"] == 2
    assert FinishReason.of("NEW") != FinishReason.STOP
    assert repr(FinishReason.of("NEW")) == "<FinishReason.NEW: 'NEW'>"


def test_neither_the_api_nor_a_dict_warns_of_an_unknown_value() -> None:
    """Tests run with warnings as errors: a stream must not break where the API has a value that is new."""
    chunk = types.GenerateContentResponse.model_validate({"candidates": [{"finishReason": "NEW"}]})
    assert chunk.finish_reason is not None
    assert chunk.finish_reason.name == types.Candidate(finish_reason="NEW").finish_reason == "NEW"
    assert FinishReason.of("stop") is FinishReason.STOP


@pytest.mark.parametrize("value", [1, None, 1.5, [], b"STOP"])
def test_what_is_no_text_is_no_member(value: Any) -> None:
    """A number is one where the wire sends it (``salvage``), not where a user writes ``FinishReason(1)``."""
    with pytest.raises(ValueError, match="is not a valid FinishReason"):
        FinishReason(value)


@pytest.mark.parametrize(
    ("number", "name"), [(0, "FINISH_REASON_UNSPECIFIED"), (1, "STOP"), (2, "MAX_TOKENS"), (77, "77")]
)
def test_a_number_in_a_field_is_the_name_it_stands_for(number: int, name: str) -> None:
    assert types.Candidate(finish_reason=number).finish_reason == name


def test_a_field_takes_members_text_and_other_enums() -> None:
    for value in (FinishReason.STOP, "STOP", "stop"):
        assert types.Candidate(finish_reason=value).finish_reason is FinishReason.STOP
