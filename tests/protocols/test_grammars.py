"""Whatever an answer says and however it ends, every protocol's grammar holds, and no text is lost."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core.answer.fold import Fold
from headwater.protocols import AgUi, AiSdk, PlainText
from headwater.types import Content, FunctionCall, FunctionResponse, GenerateContentResponse, Part
from tests.support.answers import CHUNKS, ENDS, RESETS, turned, written
from tests.support.grammars import AgUiReader, AiSdkReader, PlainReader, documents

ANSWERS = st.lists(CHUNKS, max_size=6)


def folded(chunks: list[GenerateContentResponse]) -> Fold:
    fold = Fold()
    for chunk in copy.deepcopy(chunks):
        fold.add(chunk)
    return fold


def one_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@settings(max_examples=300)
@given(version=st.sampled_from([5, 6, 7]), chunks=ANSWERS, end=ENDS, at=st.none() | st.integers(0, 5))
def test_ai_sdk(version: Any, chunks: list[GenerateContentResponse], end: str, at: int | None) -> None:
    """Blocks are opened before they grow and closed before the end; known kinds alone; the text is the answer's."""
    chunks = chunks if at is None else turned(chunks, at)
    body = written(AiSdk(version=version, message_id="m"), copy.deepcopy(chunks), end)
    read = AiSdkReader(body, version)
    assert read.text == folded(chunks).text
    assert b"secret" not in body
    assert (b'"type":"error"' in body) == (end in ("failed", "broken"))
    assert (b'"type":"abort"' in body) == (end == "cancelled")


@settings(max_examples=300)
@given(chunks=ANSWERS, end=ENDS, at=st.none() | st.integers(0, 5))
def test_ag_ui(chunks: list[GenerateContentResponse], end: str, at: int | None) -> None:
    chunks = chunks if at is None else turned(chunks, at)
    body = written(AgUi(thread_id="t", run_id="r"), copy.deepcopy(chunks), end)
    read = AgUiReader(body)
    assert read.text == folded(chunks).text
    assert read.ended == ("RUN_ERROR" if end in ("failed", "broken") else "RUN_FINISHED")
    assert b"secret" not in body
    if end == "finished":
        for text in read.calls.values():
            json.loads(text)


@settings(max_examples=300)
@given(chunks=ANSWERS, end=ENDS, after=st.integers(0, 6))
def test_plain(chunks: list[GenerateContentResponse], end: str, after: int) -> None:
    """The text is the answer's; a reader that goes on after any chunk has the same in the end."""
    body = written(PlainText(), copy.deepcopy(chunks), end)
    read = PlainReader(body)
    assert read.text == one_line_ends(folded(chunks).text)
    assert read.last_id == str(len(chunks) + 1)
    after = min(after, len(chunks))
    rest = PlainReader(written(PlainText(after=after), copy.deepcopy(chunks[after:]), end))
    before = PlainReader(written(PlainText(), copy.deepcopy(chunks[:after]), end))
    assert (before.text + rest.text, rest.last_id) == (read.text, read.last_id)


@given(chunks=st.lists(CHUNKS | RESETS, max_size=8), end=ENDS, version=st.sampled_from([5, 6, 7]))
def test_what_begins_anew_is_void(chunks: list[GenerateContentResponse], end: str, version: Any) -> None:
    """After a reset, readers have what came since, and no part of it twice."""
    last = max((number for number, chunk in enumerate(chunks) if chunk.is_reset), default=-1)
    text = folded(chunks[last + 1 :]).text
    assert AiSdkReader(written(AiSdk(version=version), copy.deepcopy(chunks), end), version).text == text
    assert AgUiReader(written(AgUi(thread_id="t", run_id="r"), copy.deepcopy(chunks), end)).text == text
    assert PlainReader(written(PlainText(), copy.deepcopy(chunks), end)).text == one_line_ends(text)


@given(chunks=ANSWERS, end=ENDS)
def test_same_answer_is_written_the_same(chunks: list[GenerateContentResponse], end: str) -> None:
    """A replay, here or on another server, has the same ids."""
    for make in (lambda: AiSdk(message_id="m"), lambda: AgUi(thread_id="t", run_id="r"), PlainText):
        assert written(make(), copy.deepcopy(chunks), end) == written(make(), copy.deepcopy(chunks), end)


@pytest.mark.parametrize("end", ["finished", "cancelled", "failed"])
def test_answer_without_chunks_is_whole(end: str) -> None:
    """What is called first writes the beginning."""
    for version in (5, 6, 7):
        AiSdkReader(written(AiSdk(version=version), [], end), version)
    AgUiReader(written(AgUi(thread_id="t", run_id="r"), [], end))
    assert documents(AiSdk().end())[0] == {"type": "start"}
    assert documents(AgUi(thread_id="t", run_id="r").fail(b"no JSON"))[1]["message"] == "no JSON"


def test_answer_is_the_same_after_what_was_before() -> None:
    """A continued message is started over with what it contained; the ids of the answer's calls stay."""
    call = Part(function_call=FunctionCall(name="f", args={}))
    before = [
        Content(role="model", parts=["I look.", call]),
        Content(role="user", parts=[Part(function_response=FunctionResponse(name="f", response={"result": 1}))]),
    ]
    chunks = [GenerateContentResponse(candidates=[{"content": {"parts": [Part(text="It is 1."), call]}}])]
    bodies = [written(AiSdk(message_id="m", before=some), copy.deepcopy(chunks), "finished") for some in ([], before)]
    one, other = (AiSdkReader(body, 5) for body in bodies)
    assert other.text == "I look." + one.text
    assert len(other.calls) == 2
    assert set(one.calls) < set(other.calls)
