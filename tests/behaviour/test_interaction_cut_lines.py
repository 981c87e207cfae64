"""Interactions of a real server over real lines that are cut at any byte."""

from __future__ import annotations

import random
from typing import Any

import pytest

from headwater import genai
from headwater.core.machine.policy import Retry
from headwater.types.interactions.base import plain
from tests.support.cutting import CuttingProxy
from tests.support.interaction_cases import stream_of
from tests.support.live import Live

SEED = 20_26
ASKS = ("Tell me a story about a river.", "Explain photosynthesis, with a list and a table.")
PATIENT = Retry(attempts=6, initial_delay=0.005, jitter=0.0)
#: What differs between two answers to one question.
_OWN = ("id", "created", "updated")


def client_of(url: str) -> genai.Client:
    """A client that opens a connection for each stream, so that each may be cut."""
    return genai.Client(api_key="k", http_options={"base_url": url, "headers": {"connection": "close"}})


def content(interaction: Any) -> dict[str, Any]:
    return {name: value for name, value in plain(interaction).items() if name not in _OWN}


@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.parametrize("background", [False, True])
def test_interactions_that_are_cut_again_and_again_are_the_uncut_ones(side: Any, count: int, background: bool) -> None:
    """The server resumes exactly: each event once, in order, and the same interaction."""
    chance = random.Random(SEED)
    with Live() as live:
        whole = [stream_of(side, live.client(), input=ask) for ask in ASKS]
        events = [[plain(event) for event in side.read(stream)] for stream in whole]
        left = [0]

        def allowance() -> int | None:
            if not left[0]:
                return None
            left[0] -= 1
            return chance.randrange(400, 6000)

        with CuttingProxy(live.port, allowance) as proxy:
            client = client_of(proxy.url)
            for number in range(count):
                expected, known = whole[number % 2], events[number % 2]
                left[0] = 0 if background else 1  # a job that may have begun is not begun again
                stream = stream_of(
                    side, client, input=ASKS[number % 2], background=background, on_break="continue", retry=PATIENT
                )
                left[0] = chance.randint(0, 3)
                found = [plain(event) for event in side.read(stream)]
                assert content(stream.interaction) == content(expected.interaction)
                assert [event["event_type"] for event in found] == [event["event_type"] for event in known]
                assert len({event["event_id"] for event in found}) == len(found)
                assert stream.text == expected.text
            assert background or proxy.cuts, "the line was not cut"
