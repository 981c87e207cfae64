"""Short ways to ask the offline engine something."""

from collections.abc import Callable
from typing import Any

import pytest

from headwater.offline import answer
from headwater.types import GenerateContentRequest, GenerateContentResponse

MODEL = "gemini-2.5-flash"


def make_request(*turns: Any, **fields: Any) -> GenerateContentRequest:
    """A chat of these turns, the user first; a turn is a text or a list of parts."""
    contents = [
        {"role": "user" if place % 2 == 0 else "model", "parts": turn if isinstance(turn, list) else [{"text": turn}]}
        for place, turn in enumerate(turns)
    ]
    if "system" in fields:
        fields["system_instruction"] = {"parts": [{"text": fields.pop("system")}]}
    if "config" in fields:
        fields["generation_config"] = fields.pop("config")
    return GenerateContentRequest(contents=contents, **fields)


@pytest.fixture
def request_of() -> Callable[..., GenerateContentRequest]:
    return make_request


@pytest.fixture
def ask() -> Callable[..., GenerateContentResponse]:
    return lambda *turns, **fields: answer(make_request(*turns, **fields), model=MODEL)


@pytest.fixture
def say(ask: Callable[..., GenerateContentResponse]) -> Callable[..., str]:
    return lambda *turns, **fields: ask(*turns, **fields).text
