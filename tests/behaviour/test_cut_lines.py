"""Answers of a real server over real lines that are cut at any byte."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest

from headwater import genai, offline
from headwater.core.machine.policy import Retry
from headwater.engines.offline import OfflineEngine
from headwater.errors import ConnectError, StreamInterrupted, StreamTruncated
from tests.support.cutting import CuttingProxy
from tests.support.live import Live

pytestmark = pytest.mark.slow

SEED = 20_26
STREAMS = 100
ASKS = (
    "Tell me a story about a river.",
    "Tell me a long story about \u6d77, \U0001f30a and a \u00fcber-curious caf\u00e9.",
    "Explain photosynthesis, with a list and a table.",
)
PATH = "/v1beta/models/m:streamGenerateContent?alt=sse"
PATIENT = Retry(attempts=6, initial_delay=0.005, jitter=0.0)


class Line:
    """How far each connection is let, for one stream after the other: ``left`` more are cut."""

    def __init__(self, live: Live) -> None:
        self._chance = random.Random(SEED)
        self._size = min(len(live.post(PATH, {"contents": [{"parts": [{"text": ask}]}]}).body) for ask in ASKS)
        self.left = 0

    def __call__(self) -> int | None:
        if not self.left:
            return None
        self.left -= 1
        return self._chance.randrange(self._size)


def client_of(url: str) -> genai.Client:
    """A client that opens a connection for each stream, so that each may be cut."""
    return genai.Client(api_key="k", http_options={"base_url": url, "headers": {"connection": "close"}})


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_streams_that_are_continued_are_the_uncut_ones(side: Any) -> None:
    """A hundred in each colour, each cut up to three times: the text by its hash, and each chunk once."""
    with Live() as live:
        line, chance = Line(live), random.Random(SEED)
        with CuttingProxy(live.port, line) as proxy:
            direct, client = live.client(), client_of(proxy.url)
            whole = [direct.models.generate_content_stream(model="m", contents=ask).collect() for ask in ASKS]
            for number in range(STREAMS):
                line.left = chance.randint(0, 3)
                ask, expected = ASKS[number % len(ASKS)], whole[number % len(ASKS)]
                stream = side.stream(client, contents=ask, on_break="continue", retry=PATIENT)
                text = "".join(chunk.text for chunk in side.read(stream))
                assert digest(text) == digest(stream.text) == digest(expected.text), number
                assert str(stream.ending) == "finished"
                assert stream.usage_metadata == expected.usage_metadata, "the same stream, so counted once"
            assert proxy.cuts > STREAMS / 2, "the line was not cut"


def test_streams_that_fail_are_a_beginning_of_the_uncut_ones(side: Any) -> None:
    """A hundred in each colour, cut once after their head: what came is kept, and the ending says that it is short."""
    with Live() as live:
        line, broken = Line(live), 0
        with CuttingProxy(live.port, line) as proxy:
            client = client_of(proxy.url)
            whole = [live.client().models.generate_content_stream(model="m", contents=ask).collect() for ask in ASKS]
            for number in range(STREAMS):
                line.left = 1
                stream = side.stream(client, contents=ASKS[number % 3], retry=Retry(attempts=1))
                error, expected = failure(side, stream), whole[number % 3].text
                kind = {type(None): "finished", StreamInterrupted: "interrupted", ConnectError: "failed"}
                assert str(stream.ending) == kind.get(type(error), "truncated"), error
                assert expected.startswith(stream.text), number
                assert stream.text == (error.partial.text if error and error.partial else "" if error else expected)
                broken += error is not None
            assert broken > STREAMS / 2


def failure(side: Any, stream: Any) -> Any:
    """Read a stream to its end; return the error that it ended with."""
    try:
        side.read(stream)
    except (StreamInterrupted, StreamTruncated, ConnectError) as error:
        return error
    return None


@pytest.mark.parametrize(("count", "rate"), [(1, 2000.0), (3, 0.0)])
def test_a_stream_goes_on_in_another_process_where_it_was(side: Any, count: int, rate: float) -> None:
    """The position stands for what the loop was given, whatever more had arrived; with the rest it is the answer."""
    with Live(OfflineEngine(offline.Pace(first=0.0, rate=rate))) as live:
        whole = live.client().models.generate_content_stream(model="m", contents=ASKS[0]).collect().text
        stream = side.stream(live.client(), contents=ASKS[0], on_break="continue")
        text = "".join([side.next(stream).text for _ in range(count)])
        position = stream.position
        side.close(stream)
        rest = side.call(live.client(), "models.resume_stream", position=position)
        assert text + "".join(chunk.text for chunk in side.read(rest)) == whole
        assert len(text) < len(whole)
