"""Answers that end where the API stops by itself (CONTINUATION): the rest is asked for, and the reader sees one."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from headwater.core.machine.config import MachineConfig
from headwater.core.machine.machine import Machine
from headwater.core.machine.policy import Retry
from headwater.core.machine.steps import STEPS, Open, Pause, Read, Stop, Wait
from headwater.core.stages.base import start_stages
from headwater.core.stages.smooth import smooth
from headwater.errors import ServerError, StreamInterrupted, StreamTruncated
from headwater.types import FinishReason
from tests.support.corpus_cases import ANSWERS
from tests.support.machines import BUSY, Script
from tests.support.peers import ASKED, asking, document
from tests.support.servers import sse

USAGE = {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}}
Document = dict[str, Any]


def said(text: str, finish: str | None = None, token: str | None = None, **more: Any) -> Document:
    return document([{"text": text}], finish=finish, token=token, **more)


class Asked:
    """What came of a call whose requests were answered with ``answers``, one list of documents each."""

    def __init__(self, *answers: list[Document] | int, unary: bool = False, lost: bool = False, **options: Any) -> None:
        given = {"retry": Retry(attempts=3, initial_delay=0.0, jitter=0.0)} | options
        self.machine: Any = Machine(ANSWERS, asking(), MachineConfig(is_stream=not unary, **given))
        self.tokens: list[str | None] = []
        self.chunks: list[Any] = []
        self.error: Any = None
        self._run(iter(answers), unary, Script(retry=Retry(attempts=1)), lost)

    def _run(self, answers: Any, unary: bool, script: Script, lost: bool) -> None:
        script.machine = self.machine
        sent: list[bytes] = []
        for _ in range(200):
            step = script.step()
            match step:
                case Open(request):
                    token = json.loads(request.body).get("continuationToken")
                    self.tokens.append(token and base64.b64decode(token).decode())
                    answer = next(answers)
                    script.opened(answer if isinstance(answer, int) else 200)
                    if isinstance(answer, int):
                        sent = [BUSY]
                    else:
                        sent = [json.dumps(one).encode() if unary else sse(one) for one in answer]
                case Read():
                    if not sent and lost:
                        script.failed("lost")
                    else:
                        script.received(sent.pop(0) if sent else b"")
                case Pause(seconds):
                    script.now += seconds
                    self.machine.waited(script.now)
                case Stop(error):
                    self.error = error
                    return
                case _ if type(step) not in STEPS:
                    self.chunks.append(step)
        raise AssertionError("the machine goes round in circles")

    @property
    def texts(self) -> list[str]:
        return [chunk.text for chunk in self.chunks]

    @property
    def finishes(self) -> list[str]:
        return [str(chunk.finish_reason) for chunk in self.chunks if chunk.finish_reason is not None]


HOPS = (
    [said("one "), said("two ", "CONTINUATION", "t1", **USAGE)],
    [said("three "), said("four ", "CONTINUATION", "t2", **USAGE)],
    [said("five"), said("", "STOP", **USAGE)],
)


@pytest.mark.parametrize("on_break", ["fail", "continue", "restart"])
def test_the_rest_is_asked_for_with_the_token_as_often_as_it_takes(on_break: str) -> None:
    asked = Asked(*HOPS, on_break=on_break)
    assert asked.error is None
    assert asked.tokens == [None, "t1", "t2"]
    assert asked.texts == ["one ", "two ", "three ", "four ", "five", ""]
    assert asked.finishes == ["STOP"], "to the reader the others are no ends"
    response = asked.machine.snapshot.fold.response
    assert (response.text, response.finish_reason) == ("one two three four five", FinishReason.STOP)
    usage = response.usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count) == (15, 6, 21)
    assert (str(asked.machine.snapshot.ending), asked.machine.snapshot.attempts) == ("finished", 3)


@pytest.mark.parametrize("on_break", ["fail", "continue"])
def test_stages_do_not_see_an_end_where_there_is_none_either(on_break: str) -> None:
    asked = Asked(*HOPS, on_break=on_break, stages=start_stages([smooth()]))
    assert "".join(asked.texts) == "one two three four five"
    assert asked.finishes == ["STOP"]


def test_a_whole_answer_is_put_together() -> None:
    asked = Asked(
        [said("one ", "CONTINUATION", "t1", **USAGE)],
        [said("two ", "CONTINUATION", "t2", **USAGE)],
        [said("three", "STOP", **USAGE)],
        unary=True,
    )
    (answer,) = asked.chunks
    assert (answer.text, answer.finish_reason) == ("one two three", FinishReason.STOP)
    assert answer.usage_metadata.total_token_count == 21


@pytest.mark.parametrize("unary", [False, True])
def test_it_is_left_to_the_caller_who_wants_that(unary: bool) -> None:
    asked = Asked([said("one ", "CONTINUATION", "t1")], unary=unary, continues=False)
    assert (asked.texts, asked.finishes, asked.tokens) == (["one "], ["CONTINUATION"], [None])
    ending = asked.machine.snapshot.ending
    assert (ending.kind, ending.reason, ending.is_whole, ending.error) == ("truncated", "CONTINUATION", False, None)


def test_without_a_token_there_is_no_way_to_ask() -> None:
    asked = Asked([said("one ", "CONTINUATION")])
    assert (asked.finishes, asked.machine.snapshot.ending.is_whole) == (["CONTINUATION"], False)


def test_an_api_that_stops_again_and_again_without_a_word_is_not_asked_for_ever() -> None:
    idle = [said("", "CONTINUATION", "t1")]
    asked = Asked([said("one ", "CONTINUATION", "t1")], idle, idle, idle)
    assert isinstance(asked.error, StreamTruncated)
    assert (asked.machine.snapshot.attempts, asked.error.partial.text) == (4, "one ")


def test_a_token_may_come_before_the_end() -> None:
    """And what was said after it is said again, and left out."""
    asked = Asked(
        [said("one ", token="t1"), said("", "CONTINUATION")],
        [said("two ", token="t2"), said("three "), said("", "CONTINUATION")],
        [said("three four", "STOP")],
    )
    assert asked.error is None
    assert (asked.tokens, "".join(asked.texts)) == ([None, "t1", "t2"], "one two three four")


def test_an_end_without_a_new_token_is_not_taken_for_a_new_place() -> None:
    """Else the same words would come for ever."""
    again = [said("two "), said("", "CONTINUATION")]
    asked = Asked([said("one ", "CONTINUATION", "t1")], *[again] * 5)
    assert isinstance(asked.error, StreamTruncated)
    assert asked.machine.snapshot.fold.text == "one two "
    assert asked.machine.snapshot.attempts == 5


@pytest.mark.parametrize("unary", [False, True])
@pytest.mark.parametrize("on_break", ["fail", "restart"])
def test_a_request_for_the_rest_that_is_refused_is_tried_again(unary: bool, on_break: str) -> None:
    """Nothing of the rest had come, so nothing can come twice."""
    asked = Asked([said("one ", "CONTINUATION", "t1")], 503, 503, [said("two", "STOP")], unary=unary, on_break=on_break)
    assert asked.error is None
    assert (asked.tokens, "".join(asked.texts)) == ([None, "t1", "t1", "t1"], "one two")


def test_a_request_for_the_rest_that_stays_refused_is_the_error() -> None:
    asked = Asked([said("one ", "CONTINUATION", "t1")], 503, 503, 503)
    assert isinstance(asked.error, ServerError)
    assert asked.error.partial.text == "one "


def test_a_break_in_the_rest_is_a_break() -> None:
    asked = Asked([said("one ", "CONTINUATION", "t1")], [said("two ")], lost=True)
    assert isinstance(asked.error, StreamInterrupted)
    assert (asked.tokens, asked.error.partial.text) == ([None, "t1"], "one two ")


def test_a_break_in_the_rest_goes_on_from_its_checkpoint() -> None:
    asked = Asked(
        [said("one ", "CONTINUATION", "t1")],
        [said("two "), said("three ", token="t2"), said("four ")],
        [said("four five", "STOP")],
        lost=True,
        on_break="continue",
    )
    assert asked.error is None
    assert (asked.tokens, asked.machine.snapshot.fold.text) == ([None, "t1", "t2"], "one two three four five")


def test_a_prompt_that_is_blocked_on_the_way_ends_it() -> None:
    asked = Asked([said("one ", "CONTINUATION", "t1")], [{"promptFeedback": {"blockReason": "SAFETY"}}])
    assert asked.error is None
    assert (str(asked.machine.snapshot.ending), asked.machine.snapshot.attempts) == ("blocked", 2)
    assert json.loads(asking().body or b"") == ASKED


def test_there_is_no_rest_between_the_parts() -> None:
    waits = []

    class Watching(Script):
        def step(self) -> Any:
            step = super().step()
            waits.append(step) if isinstance(step, Wait) else None
            return step

    script = Watching()
    script.begin()
    script.received(sse(said("one ", "CONTINUATION", "t1")), b"")
    script.texts()
    script.step()
    script.step()
    assert waits == [Wait(0.0)]
