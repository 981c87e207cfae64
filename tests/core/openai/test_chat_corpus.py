"""Every recorded exchange with a chat server is read as the corpus says, and none that is cut is called whole."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from headwater.core.wire.openai.chat_tables import GEMINI_REASONS
from headwater.errors import APIError
from tests.support.chat_cases import AS_RECORDED, ChatCase, ChatOutcome, read_chat, some_chat_cases
from tests.support.corpus_cases import slices


def _read(case: ChatCase, size: int = 0) -> ChatOutcome:
    pieces = slices(case.body, size) if size else [case.body]
    return read_chat(pieces, AS_RECORDED, status=int(case.meta["http_status"]))


def _facts(outcome: ChatOutcome) -> dict[str, Any]:
    """What an answer holds, in the words of the corpus."""
    parts, usage = outcome.parts, outcome.response.usage_metadata
    return {
        "text": "".join(part.get("text", "") for part in parts if not part.get("thought")),
        "reasoning_text": "".join(part.get("text", "") for part in parts if part.get("thought")),
        "calls": [(call.get("id"), call["name"], call.get("args", {})) for call in _calls(parts)],
        "finish": outcome.candidate.get("finishReason"),
        "prompt": usage.prompt_token_count,
        "completion": usage.candidates_token_count,
        "thoughts": usage.thoughts_token_count,
        "cached": usage.cached_content_token_count,
        "total": usage.total_token_count,
    }


def _calls(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part["functionCall"] for part in parts if "functionCall" in part]


def _expected(expected: dict[str, Any], outcome: ChatOutcome) -> dict[str, Any]:
    """The same of what the corpus expects, by rules written down once more."""
    usage, word = expected["usage"] or {}, expected["finish_reason"]
    calls, refusal = expected["tool_calls"], expected.get("refusal", "")
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    reasoning, total = usage.get("reasoning_tokens") or None, usage.get("total_tokens")
    reason = GEMINI_REASONS.get(word, "OTHER") if word not in (None, "error") else None
    if any("args" not in call for call in calls) and reason == "STOP":
        reason, calls = "MALFORMED_FUNCTION_CALL", []
    if word is None or word == "error":  # calls are given out at the end, which did not come
        calls = []
    beside = reasoning is not None and total == (prompt or 0) + (completion or 0) + reasoning  # xAI
    if reasoning is not None and completion and not beside:
        completion = max(0, completion - reasoning)
    made = [call.get("id") for call in _calls(outcome.parts)]
    named = [call for call in calls if "args" in call]
    return {
        "text": expected["text"] + refusal,
        "reasoning_text": expected["reasoning_text"],
        "calls": [
            (call["id"] or (made[at] if at < len(made) else None), call["name"] or "", call["args"] or {})
            for at, call in enumerate(named)
        ],
        "finish": "SAFETY" if refusal and reason == "STOP" else reason,
        "prompt": prompt,
        "completion": completion,
        "thoughts": reasoning,
        "cached": usage.get("cached_tokens") or None,
        "total": total,
    }


def test_every_recorded_exchange_is_read_as_the_corpus_says() -> None:
    """Text, thoughts, calls, finish reason and token counts of every stream; the error of every refusal."""
    counts: Counter[str] = Counter()
    wrong = []
    for case in some_chat_cases():
        outcome, expected = _read(case), case.expected
        answer = expected.get("partial", expected)
        is_cut = "error" not in expected and not expected["complete"]
        if ("error" in expected or is_cut) is not (outcome.error is not None):
            wrong.append(f"{case.id}: {outcome.error!r}")
        if "text" in answer and (facts := _facts(outcome)) != (said := _expected(answer, outcome)):
            different = {name: (facts[name], said[name]) for name in facts if facts[name] != said[name]}
            wrong.append(f"{case.id}: {different}")
        if "error" in expected and not _says(outcome, expected["error"]):
            wrong.append(f"{case.id}: {outcome.error!r} is not {expected['error']}")
        counts["errors" if "error" in expected else "cut" if is_cut else "whole"] += 1
    print(f"\nrecorded exchanges with chat servers: {dict(counts)}, {len(wrong)} read differently")
    assert not wrong, "\n".join(wrong)


def _says(outcome: ChatOutcome, error: dict[str, Any]) -> bool:
    """Whether the error of an answer has the message of the server and, if it was refused, a fitting code."""
    found, message = outcome.error, error["message"]
    if not isinstance(found, APIError):
        return False
    if message in ("body is not JSON", "finish_reason error"):
        return True
    return str(message)[:60] in found.message or isinstance(message, list)


#: Streams that end without a finish reason, or with an error that the official client of OpenAI does not see.
SILENT = ("no_finish_reason", "error_as_sse_field")


def test_the_streams_that_the_official_client_accepts_in_silence_are_errors() -> None:
    """Whatever ``[DONE]`` says: without a finish reason an answer is cut."""
    cut = [case for case in some_chat_cases() if case.is_stream and set(SILENT) & set(case.meta["tags"])]
    assert len(cut) >= 9
    assert [case.id for case in cut if _read(case).error is None] == []


def _end_of_answer(case: ChatCase) -> int | None:
    """Where the first event with a finish reason for the first choice ends; None without such an event."""
    position = 0
    for line in case.body.splitlines(keepends=True):
        position += len(line)
        text = line.strip().removeprefix(b"data:").strip()
        if not text.startswith(b"{"):
            continue
        document = json.loads(text)
        choices = document.get("choices") if isinstance(document, dict) else None
        if any(one.get("finish_reason") and not one.get("index") for one in choices or ()):
            return position
    return None


def _lies(case: ChatCase, step: int = 1) -> list[int]:
    """Where a stream can be cut, before its finish reason has arrived, and is called whole."""
    end = _end_of_answer(case)
    assert end is not None
    # Only the event with the finish reason can make a cut answer a whole one: what precedes it by far is left out.
    start = end
    for _ in range(3):
        start = max(0, case.body.rfind(b"data:", 0, start))
    places = range(start, end - _line_end(case.body, end), step)
    return [place for place in places if read_chat([case.body[start:place]], AS_RECORDED).error is None]


def _line_end(body: bytes, end: int) -> int:
    """The bytes of the line end before a place, and one: without them the event is whole already."""
    return len(body[:end]) - len(body[:end].rstrip()) + 1


def _streams() -> list[ChatCase]:
    return [case for case in some_chat_cases() if case.is_stream and _end_of_answer(case) is not None]


def test_no_stream_that_is_cut_is_called_whole() -> None:
    """The shortest stream of each server, cut in the event with its finish reason and in those before."""
    shortest: dict[str, ChatCase] = {}
    for case in sorted(_streams(), key=lambda case: len(case.body)):
        shortest.setdefault(case.meta["server"], case)
    lies = {case.id: places for case in shortest.values() if (places := _lies(case, 3))}
    print(f"\nstreams of chat servers cut before their finish reason: {len(shortest)}, called whole: {len(lies)}")
    assert not lies


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_stream_at_all_is_called_whole_at_any_byte_before_its_finish_reason() -> None:
    lies = {case.id: places for case in _streams() if (places := _lies(case))}
    print(f"\nstreams of chat servers cut before their finish reason: {len(_streams())}, called whole: {len(lies)}")
    assert not lies


def test_every_stream_says_the_same_however_it_arrives() -> None:
    """Each stream whole, and the small ones a byte at a time."""
    for case in _streams():
        if len(case.body) < 3000:
            whole, pieces = _read(case), _read(case, 1)
            assert (_facts(whole), type(whole.error)) == (_facts(pieces), type(pieces.error)), case.id
