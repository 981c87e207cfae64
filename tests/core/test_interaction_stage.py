"""Stages, which know chunks, transform the texts of events and lose nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.core.stages.base import start_stages
from headwater.core.stages.interaction_stage import EventStage
from headwater.streaming import coalesce, map_text, smooth, throttle
from headwater.types import GenerateContentResponse
from headwater.types.interactions import InteractionCompletedEvent, StepDelta, StepStart, StepStop
from headwater.types.interactions.base import plain


def start(index: int, kind: str = "model_output") -> Any:
    return StepStart.from_document({"index": index, "step": {"type": kind}})


def text(index: int, words: str) -> Any:
    return StepDelta.from_document({"index": index, "delta": {"type": "text", "text": words}, "event_id": words})


def thought(index: int, words: str) -> Any:
    content = {"type": "text", "text": words}
    return StepDelta.from_document({"index": index, "delta": {"type": "thought_summary", "content": content}})


def call(index: int) -> Any:
    return StepDelta.from_document({"index": index, "delta": {"type": "arguments_delta", "arguments": "{}"}})


def stop(index: int) -> Any:
    return StepStop.from_document({"index": index})


END = InteractionCompletedEvent.from_document({"interaction": {"id": "v1_a", "status": "completed"}})


def short(event: Any) -> str:
    """One event in a word: the text, or the kind and the step."""
    match event:
        case StepDelta():
            document = plain(event)["delta"]
            content = document.get("content", document)
            return f"{event.index}:{content.get('text', document.get('arguments'))}"
        case StepStart():
            return f"<{event.index}"
        case StepStop():
            return f"{event.index}>"
    return "end"


def through(recipe: Any, *events: Any) -> list[str]:
    """Let events through a stage that arrive at once, and then let the time pass."""
    stage = EventStage(start_stages([recipe]))
    found = [out for event in events for out in stage.feed(event, 0.0)]
    found += stage.finish(0.0)
    while (due := stage.due()) is not None:
        found += stage.release(due)
    return [short(event) for event in [*found, *stage.flush()]]


def test_a_burst_of_text_is_handed_on_in_words_and_its_end_after_it() -> None:
    found = through(smooth(delay=0.1), start(0), text(0, "one two three "), text(0, "four"), stop(0), END)
    assert found[0] == "<0"
    assert found[-2:] == ["0>", "end"]
    assert "".join(piece[2:] for piece in found[1:-2]) == "one two three four"
    assert len(found) > 5


def test_thoughts_and_text_keep_their_steps() -> None:
    events = [start(0, "thought"), thought(0, "a b "), stop(0), start(1), text(1, "c d "), stop(1)]
    found = through(smooth(delay=0.1), *events)
    assert [piece for piece in found if piece[0] == "<" or piece[-1] == ">"] == ["<0", "0>", "<1", "1>"]
    assert "".join(piece[2:] for piece in found if piece.startswith("0:")) == "a b "
    assert "".join(piece[2:] for piece in found if piece.startswith("1:")) == "c d "
    assert found.index("0>") < found.index("<1") < found.index("1:c ")


def test_a_call_drives_out_the_text_before_it() -> None:
    stage = EventStage(start_stages([smooth(delay=1.0)]))
    held = [out for event in (start(0), text(0, "one two three")) for out in stage.feed(event, 0.0)]
    driven = stage.feed(call(1), 0.0)
    said = [short(event) for event in [*held, *driven]]
    assert "".join(piece[2:] for piece in said if piece.startswith("0:")) == "one two three"
    assert short(driven[-1]) == "1:{}"


@pytest.mark.parametrize("recipe", [coalesce(count=100), throttle(100)])
def test_texts_of_one_step_are_merged_and_those_of_two_are_divided(recipe: Any) -> None:
    events = [start(0), text(0, "a"), text(0, "b"), stop(0), start(1), text(1, "c"), text(1, "d"), stop(1), END]
    found = through(recipe, *events)
    assert "".join(piece[2:] for piece in found if piece.startswith("0:")) == "ab"
    assert "".join(piece[2:] for piece in found if piece.startswith("1:")) == "cd"
    assert [piece for piece in found if ":" not in piece] == ["<0", "0>", "<1", "1>", "end"]
    assert found.index("0>") < found.index("<1")


def test_an_event_that_no_stage_changes_is_the_event_itself() -> None:
    stage = EventStage(start_stages([coalesce(count=1)]))
    event = text(0, "one")
    assert stage.feed(event, 0.0)[0] is event


class Loud:
    """A stage of a caller's own."""

    def feed(self, chunk: GenerateContentResponse, now: float) -> list[GenerateContentResponse]:
        return [map_text(chunk, lambda words: f"{words}!")]

    def due(self) -> float | None:
        return None

    def release(self, now: float) -> list[GenerateContentResponse]:
        return []

    def finish(self, now: float) -> list[GenerateContentResponse]:
        return []

    def flush(self) -> list[GenerateContentResponse]:
        return []


class Deaf(Loud):
    """Swallows every chunk."""

    def feed(self, chunk: GenerateContentResponse, now: float) -> list[GenerateContentResponse]:
        return []


def test_a_stage_of_ones_own_changes_the_text_alone() -> None:
    found = through(Loud, start(0, "thought"), thought(0, "hm"), start(1), text(1, "a"), stop(1), END)
    assert found == ["<0", "0:hm", "<1", "1:a!", "1>", "end"]


def test_merged_texts_that_were_changed_go_to_the_last_step() -> None:
    stage = EventStage(start_stages([Loud, coalesce(count=100)]))
    for event in (start(0), text(0, "a"), stop(0), start(1), text(1, "b")):
        assert not stage.feed(event, 0.0)
    assert [short(event) for event in stage.flush()] == ["<0", "0>", "<1", "1:a!b!"]


def test_what_a_stage_swallows_is_text_alone() -> None:
    assert through(Deaf, start(0), text(0, "a"), stop(0), END) == ["<0", "0>", "end"]


def test_what_is_held_is_handed_on_when_the_stream_breaks() -> None:
    stage = EventStage(start_stages([smooth(delay=1.0)]))
    found = [out for event in (start(0), text(0, "one two three"), stop(0)) for out in stage.feed(event, 0.0)]
    found += stage.flush()
    assert "".join(short(event)[2:] for event in found if short(event).startswith("0:")) == "one two three"
    assert short(found[-1]) == "0>"
