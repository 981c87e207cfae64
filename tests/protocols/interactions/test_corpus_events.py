"""Every recorded Gemini stream as an interaction: nothing is lost, and every reader can resume anywhere."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from headwater.core.answer.fold import Fold
from headwater.protocols.interactions.answer_events import AnswerEvents
from headwater.protocols.interactions.folding import InteractionFold
from headwater.protocols.interactions.steps import contents_of, read_input
from headwater.types import GenerateContentResponse, Part
from tests.support.corpus_cases import Case, Outcome, drive, some_cases
from tests.support.interactions import INFO, Event, body_of, deltas, events_of, read_events, text_in

_TYPES = {"error": "error", "interaction.completed": "end"}


def answers() -> list[tuple[Case, Outcome]]:
    return [(case, drive([case.body], status=case.status)) for case in some_cases("streamGenerateContent")]


@pytest.fixture(scope="module")
def recorded() -> list[tuple[Case, Outcome]]:
    return answers()


def fold_of(chunks: list[GenerateContentResponse]) -> Fold:
    fold = Fold()
    for chunk in chunks:
        fold.add(chunk)
    return fold


def document_of(chunks: list[GenerateContentResponse]) -> dict[str, Any]:
    source = AnswerEvents(INFO)
    fold = InteractionFold(source)
    for events in (source.begin(), *(source.chunk(chunk) for chunk in chunks), source.end()):
        fold.add(events)
    return fold.document()


def calls_in(events: list[Event]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    shells = {event["index"]: event["step"] for event in events if event["event_type"] == "step.start"}
    for index, shell in shells.items():
        if shell["type"] == "function_call":
            own = [event for event in events if event.get("index") == index]
            found.append(
                (shell["name"], json.loads("".join(one["arguments"] for one in deltas(own, "arguments_delta"))))
            )
    return found


def test_text_thoughts_calls_and_usage_are_those_of_the_answer(recorded: list[tuple[Case, Outcome]]) -> None:
    for case, outcome in recorded:
        events, fold = events_of(outcome.chunks, outcome.error), fold_of(outcome.chunks)
        assert text_in(events) == fold.text, case.id
        thoughts = [delta["content"].get("text", "") for delta in deltas(events, "thought_summary")]
        assert "".join(thoughts) == fold.thought_text, case.id
        last = events[-1]
        assert last["event_type"] in _TYPES, case.id
        assert sum(event["event_type"] in _TYPES for event in events) == 1, case.id
        if last["event_type"] == "interaction.completed":
            parts = (fold.response.candidates or [])[0].content
            calls = [part.function_call for part in (parts.parts if parts else None) or () if part.function_call]
            assert calls_in(events) == [(call.name, call.args or {}) for call in calls], case.id
            total = fold.usage_metadata.total_token_count
            assert total is None or last["interaction"]["usage"]["total_tokens"] == total, case.id


def test_every_reader_resumes_exactly_after_every_event(recorded: list[tuple[Case, Outcome]]) -> None:
    """What follows an event is the rest of the body, byte for byte; ids are unique and in order."""
    for case, outcome in recorded:
        whole = body_of(outcome.chunks, outcome.error)
        events = read_events(whole)
        ids = [tuple(map(int, event["event_id"].split("."))) for event in events]
        assert ids == sorted(set(ids)), case.id
        ends = _ends(whole)
        # Each resume encodes the answer again; the first and last events of long answers are enough here.
        for number in [*range(len(events))][:15] + [*range(len(events))][15:][-3:]:
            rest = body_of(outcome.chunks, outcome.error, after=events[number]["event_id"])
            assert rest == whole[ends[number] :], (case.id, number)


def _ends(body: bytes) -> list[int]:
    """Where each event of a body ends."""
    found, at = [], 0
    while (at := body.find(b"\n\n", at)) >= 0:
        at += 2
        found.append(at)
    return found


def test_steps_sent_back_are_the_parts_that_they_were(recorded: list[tuple[Case, Outcome]]) -> None:
    """Thought signatures return to parts of the same kind, in the same order."""
    signed = 0
    for case, outcome in recorded:
        if outcome.error is not None:
            continue
        candidates = fold_of(outcome.chunks).response.candidates or []
        parts = [part for one in candidates[:1] for part in (one.content.parts if one.content else None) or ()]
        want = [(_kind(part), part.thought_signature) for part in parts if part.thought_signature]
        if not want:
            continue
        signed += 1
        steps = json.loads(json.dumps(document_of(outcome.chunks)["steps"]))
        turns = contents_of(read_input(steps), {})
        have = [(_kind_of(part), part["thoughtSignature"]) for part in turns[0]["parts"] if "thoughtSignature" in part]
        assert [kind for kind, _ in have] == [kind for kind, _ in want], case.id
        assert [base64.b64decode(text) for _, text in have] == [text for _, text in want], case.id
    assert signed > 100


def _kind(part: Part) -> str:
    if part.function_call is not None:
        return "functionCall"
    return "executableCode" if part.executable_code is not None else "inlineData" if part.inline_data else "text"


def _kind_of(part: dict[str, Any]) -> str:
    return next(name for name in part if name != "thoughtSignature")
