"""Every recorded answer is written validly in every protocol, and the published clients read it."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from headwater.core.answer.fold import Fold
from headwater.protocols import AgUi, AiSdk, Encoder, PlainText
from tests.support.corpus_cases import Case, drive, some_cases
from tests.support.grammars import AgUiReader, AiSdkReader, PlainReader

VERSIONS: tuple[Any, ...] = (5, 6, 7)


def body(case: Case, encoder: Encoder) -> tuple[bytes, str]:
    """What an encoder writes of a recorded answer, and the text that the answer has."""
    outcome = drive([case.body], status=case.status)
    fold, pieces = Fold(), [encoder.begin()]
    for chunk in outcome.chunks:
        fold.add(chunk)
        pieces.append(encoder.chunk(chunk))
    pieces.append(encoder.end() if outcome.error is None else encoder.fail(outcome.error))
    return b"".join(pieces), fold.text


@functools.cache
def cases() -> list[Case]:
    return some_cases("streamGenerateContent")


def test_every_recorded_stream_is_written_validly() -> None:
    for case in cases():
        for version in VERSIONS:
            written, text = body(case, AiSdk(version=version, message_id="m"))
            assert AiSdkReader(written, version).text == text, case.id
        written, text = body(case, AgUi(thread_id="t", run_id="r"))
        assert AgUiReader(written).text == text, case.id
        written, text = body(case, PlainText())
        assert PlainReader(written).text == text.replace("\r\n", "\n").replace("\r", "\n"), case.id


@pytest.fixture(scope="module")
def read(node: Any) -> dict[str, Any]:
    """What the published clients make of every recorded stream."""
    asked = []
    for case in cases():
        for version in VERSIONS:
            written = body(case, AiSdk(version=version, message_id="m"))[0]
            asked.append({"name": case.id, "reader": str(version), "body": written.decode()})
        written = body(case, AgUi(thread_id="t", run_id="r"))[0]
        asked.append({"name": case.id, "reader": "ag-ui", "body": written.decode()})
    found: dict[str, Any] = node("read.mjs", told=json.dumps(asked).encode())
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_recorded_stream_is_read_by_use_chat(read: dict[str, Any], version: Any) -> None:
    """No chunk is refused; the message is valid; its text is the answer's; an error is the answer's own."""
    for case in cases():
        outcome = drive([case.body], status=case.status)
        found = read[f"{version} {case.id}"]
        if outcome.error is None:
            assert (found["error"], found["status"]) == (None, "ready"), case.id
        else:
            assert found["status"] == "error", (case.id, found["error"])
            assert found["error"] in str(getattr(outcome.error, "message", outcome.error)), case.id
        texts = [part["text"] for part in found["parts"] if part["type"] == "text"]
        assert "".join(texts) == body(case, PlainText())[1], case.id


def test_every_recorded_stream_is_read_by_an_agent(read: dict[str, Any]) -> None:
    """The verifier of AG-UI finds nothing wrong; the text of the messages is the answer's."""
    for case in cases():
        found = read[f"ag-ui {case.id}"]
        outcome = drive([case.body], status=case.status)
        if outcome.error is None:
            assert found["error"] is None, (case.id, found["error"])
        assert found["events"][-1] == ("RUN_FINISHED" if outcome.error is None else "RUN_ERROR"), case.id
        texts = [message.get("content") or "" for message in found["messages"] if message["role"] == "assistant"]
        assert "".join(texts) == body(case, PlainText())[1], case.id
