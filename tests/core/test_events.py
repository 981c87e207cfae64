"""The events of a stream: everything in it once, in its order, calls whole, the end last."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.core.answer.ending import Ending, EndingKind, judge
from headwater.core.answer.events import Block, Call, End, EventTranslator, Media, Reset, Retrying, Text, Thought, Usage
from headwater.core.answer.fold import Fold
from headwater.core.machine.policy import Retry
from headwater.errors import StreamInterrupted
from headwater.types import GenerateContentResponse
from tests.support.machines import Script
from tests.support.peers import document
from tests.support.servers import sse


def chunk(*parts: dict[str, Any], index: int = 0, **more: Any) -> GenerateContentResponse:
    made = GenerateContentResponse(**document(list(parts), **more))
    assert made.candidates is not None
    made.candidates[0].index = index
    return made


class Told:
    """A translator whose answer grows with the chunks that it is given."""

    def __init__(self) -> None:
        self.fold = Fold()
        self.translator = EventTranslator(lambda: self.fold)

    def __call__(self, *results: Any) -> list[Any]:
        found: list[Any] = []
        for result in results:
            if isinstance(result, GenerateContentResponse):
                self.fold.add(result)
            found += self.translator.events(result)
        return found


def text(piece: str, **more: Any) -> GenerateContentResponse:
    return chunk({"text": piece}, **more)


def test_the_parts_of_a_chunk_come_in_their_order_and_its_usage_last() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    call = {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "AAAA"}
    parts = [{"text": "hm", "thought": True}, {"text": "see "}, image, {"text": "this"}, call, {"text": ""}]
    events = Told()(chunk(*parts, usageMetadata={"totalTokenCount": 3}))
    assert [type(event) for event in events] == [Thought, Text, Media, Text, Call, Usage]
    assert [event.text for event in events if isinstance(event, Text)] == ["see ", "this"]
    assert events[2].part.inline_data.mime_type == "image/png"
    assert (events[4].call.name, events[4].call.args, events[4].part.thought_signature) == ("f", {"a": 1}, b"\0\0\0")
    assert events[5].usage.total_token_count == 3


def test_a_snapshot_is_the_text_up_to_its_event_however_far_the_answer_is_by_now() -> None:
    told = Told()
    events = [*told(text("one "), chunk({"text": "no", "thought": True}, {"text": "two "})), *told(text("three"))]
    texts = [event for event in events if isinstance(event, Text)]
    assert [event.snapshot for event in texts] == ["one ", "one two ", "one two three"]
    assert [event.snapshot for event in texts] == ["one ", "one two ", "one two three"], "and again"


def test_usage_is_told_when_it_changes() -> None:
    counts = [5, 5, None, 7]
    events = Told()(*[text("a", **({"usageMetadata": {"totalTokenCount": n}} if n else {})) for n in counts])
    assert [event.usage.total_token_count for event in events if isinstance(event, Usage)] == [5, 7]


def test_usage_of_a_continued_answer_is_that_of_all_its_requests() -> None:
    told = Told()
    first = told(text("a", usageMetadata={"totalTokenCount": 5}))
    told.fold.begin_continuation()
    second = told(text("b", usageMetadata={"totalTokenCount": 4}))
    assert [event.usage.total_token_count for event in first + second if isinstance(event, Usage)] == [5, 9]


def test_other_candidates_are_not_mixed_in() -> None:
    events = Told()(text("a", index=0), text("x", index=1), text("b", index=0))
    assert [event.snapshot for event in events] == ["a", "ab"]


@pytest.mark.parametrize("nothing", [{}, {"text": ""}, {"thoughtSignature": "AAAA"}, {"text": "", "thought": True}])
def test_an_empty_part_is_no_event(nothing: dict[str, Any]) -> None:
    assert Told()(chunk(nothing)) == []


def piece(name: str | None, path: str, value: str, goes_on: bool) -> GenerateContentResponse:
    args = [{"jsonPath": path, "stringValue": value, "willContinue": True}] if path else []
    call = {"partialArgs": args, "willContinue": goes_on} | ({"name": name, "id": "1"} if name else {})
    return chunk({"functionCall": call})


def test_a_streamed_call_comes_once_and_whole() -> None:
    told = Told()
    assert told(piece("f", "$.a", "x", True), piece(None, "$.a", "y", True), text("meanwhile")) != []
    assert told(piece(None, "$.b", "z", True)) == []
    (event,) = told(chunk({"functionCall": {}}))
    assert isinstance(event, Call)
    assert (event.call.name, event.call.id, event.call.args) == ("f", "1", {"a": "xy", "b": "z"})
    assert event.part.function_call is event.call


def test_half_a_call_is_no_event() -> None:
    told = Told()
    events = [*told(piece("f", "$.a", "x", True)), *told.translator.end(Ending(kind=EndingKind.INTERRUPTED))]
    assert [type(event) for event in events] == [End]


def test_after_a_reset_everything_starts_over() -> None:
    told = Told()
    events = told(text("old"), piece("f", "$.a", "x", True))
    reset = Reset(StreamInterrupted("cut"))
    told.fold = Fold()
    events += told(reset, text("new", usageMetadata={"totalTokenCount": 1}), chunk({"functionCall": {"name": "g"}}))
    assert [type(event) for event in events] == [Text, Reset, Text, Usage, Call]
    assert [event.snapshot for event in events if isinstance(event, Text)] == ["old", "new"]
    assert events[-1].call.name == "g"


def test_what_is_an_event_already_passes() -> None:
    retrying = Retrying(StreamInterrupted("cut"), 1, 0.5)
    assert Told()(retrying) == [retrying]


def test_the_end_is_the_last_event_and_a_refusal_comes_before_it() -> None:
    fold = Fold()
    fold.add(GenerateContentResponse(prompt_feedback={"block_reason": "SAFETY"}))
    ending = judge(fold, None)
    block, end = EventTranslator(lambda: fold).end(ending)
    assert (block, end) == (Block("SAFETY", True, ()), End(ending))
    assert list(EventTranslator(lambda: fold).end(None)) == []


def test_a_machine_that_tells_gives_the_retry_in_its_place() -> None:
    script = Script(on_break="continue", retry=Retry(attempts=2, jitter=0.0))
    script.machine.reports_events = True
    script.begin()
    script.received(sse(document([{"text": "a"}], token="t")))
    script.failed("lost")
    told = EventTranslator(lambda: script.machine.snapshot.fold)
    events = [event for _ in range(2) for event in told.events(script.step())]
    assert [type(event) for event in events] == [Text, Retrying]
