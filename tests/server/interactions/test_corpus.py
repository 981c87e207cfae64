"""Every recorded Gemini stream, served as an interaction over HTTP by the replay engine."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.core.answer.fold import Fold
from headwater.engines.replay import ReplayEngine
from tests.support.corpus_cases import drive, shared, some_cases
from tests.support.interactions import read_events, text_in
from tests.support.live import Live

pytestmark = pytest.mark.slow

PATH = "/v1/interactions"


def text_of(document: dict[str, Any]) -> str:
    contents = (one for step in document["steps"] if step["type"] == "model_output" for one in step.get("content", ()))
    return "".join(one.get("text", "") for one in contents)


def test_every_recorded_stream_is_an_interaction() -> None:
    """Streamed, resumed, read again, whole, and continued: the text is the answer's, and the ends agree."""
    counted = {"whole": 0, "failed": 0, "refused": 0}
    cases = [
        case for case in some_cases("streamGenerateContent") if not set(case.id) & set("~+")
    ]  # no model is named so
    with Live(ReplayEngine(shared("corpus") or "")) as live:
        for case in cases:
            outcome, fold = drive([case.body], status=case.status), Fold()
            for chunk in outcome.chunks:
                fold.add(chunk)
            asked = {"model": case.id, "input": "x"}
            reply = live.post(PATH, asked | {"stream": True})
            if reply.status != 200:
                counted["refused"] += 1
                assert not outcome.chunks, case.id
                continue
            events = read_events(reply.body)
            assert text_in(events) == fold.text, case.id
            interaction = events[0]["interaction"]["id"]
            for number in {0, len(events) // 2, len(events) - 1}:
                cursor = f"?stream=true&last_event_id={events[number]['event_id']}"
                assert read_events(live.get(f"{PATH}/{interaction}{cursor}").body) == events[number + 1 :], case.id
            assert text_of(live.get(f"{PATH}/{interaction}").json) == fold.text, case.id
            whole = live.post(PATH, asked)
            if events[-1]["event_type"] == "error":
                counted["failed"] += 1
                assert whole.json["error"] == events[-1]["error"], case.id
                continue
            counted["whole"] += 1
            assert (whole.json["status"], text_of(whole.json)) == (events[-1]["interaction"]["status"], fold.text), (
                case.id
            )
            # Only an answer without any content cannot be continued.
            continued = live.post(PATH, asked | {"previous_interaction_id": interaction})
            assert continued.status == (200 if fold.grown else 400), case.id
    assert sum(counted.values()) == len(cases)
    assert counted["whole"] > 500
    print(counted)
