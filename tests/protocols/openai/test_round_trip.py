"""Every recorded stream of the Gemini API as chat completions, read back as the Gemini API: what is lost is listed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from headwater.core.answer.fold import Fold
from headwater.errors import APIError, HeadwaterError
from headwater.protocols.openai.encoder import ChatCompletions
from headwater.types import GenerateContentResponse
from tests.support.chat_cases import ChatOutcome, read_chat
from tests.support.corpus_cases import Case, drive, some_cases

#: Chat completions have one word for all of these; read back, it is SAFETY.
_FILTERED = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR")


def through_chat(chunks: list[GenerateContentResponse], error: Exception | None, seed: str) -> ChatOutcome:
    """What a client of chat completions makes of an answer."""
    encoder = ChatCompletions(model="m", seed=seed, include_usage=True)
    body = b"".join([encoder.chunk(chunk) for chunk in chunks])
    return read_chat([body + (encoder.end() if error is None else encoder.fail(error))])


def facts(response: GenerateContentResponse) -> dict[str, Any]:
    """What has to survive."""
    usage = response.usage_metadata
    reason = str(response.finish_reason) if response.finish_reason is not None else None
    prompt, thoughts = usage.prompt_token_count or 0, usage.thoughts_token_count or 0
    return {
        "text": response.text,
        "thoughts": response.thought_text,
        "calls": [(call.name, call.args or {}) for call in response.function_calls or ()],
        "ids": [call.id for call in response.function_calls or ()],
        "finish": "SAFETY" if reason in _FILTERED else reason,
        # A chat's prompt includes what Google's own tools have read.
        "usage": (prompt + (usage.tool_use_prompt_token_count or 0), usage.candidates_token_count or 0, thoughts)
        if usage
        else None,
        "cached": usage.cached_content_token_count or 0,
        "total": usage.total_token_count,
        "model": response.model_version or "m",
    }


def has_code(response: GenerateContentResponse) -> bool:
    """Whether Google ran code, which becomes fenced text."""
    return any(part.executable_code or part.code_execution_result for part in response.parts)


def answered(case: Case) -> tuple[GenerateContentResponse, HeadwaterError | None, ChatOutcome]:
    """A recorded answer, its error, and what comes of both."""
    outcome = drive([case.body], status=case.status)
    fold = Fold()
    for chunk in outcome.chunks:
        fold.add(chunk)
    return fold.response, outcome.error, through_chat(outcome.chunks, outcome.error, case.id)


def check_answer(case: Case, response: GenerateContentResponse, back: GenerateContentResponse) -> None:
    """Everything but what is listed in the docs is as it was."""
    there, here = facts(response), facts(back)
    if has_code(response):  # which becomes fenced text, in its place
        texts = [part.text for part in response.parts if part.text and not part.thought]
        texts += [part.executable_code.code.rstrip() for part in response.parts if part.executable_code]
        assert all(text in here["text"] for text in texts), case.id
        there["text"] = here["text"]
    # Chat completions require ids and a total; those that the API does not send are made.
    there["ids"] = [known or made for known, made in zip(there["ids"], here["ids"], strict=True)]
    there["total"] = here["total"] if there["total"] is None else there["total"]
    assert here == there, case.id


def test_only_what_is_listed_is_lost() -> None:
    """Finish reasons without a word of their own come back as SAFETY, or as an error that names them."""
    counts: Counter[str] = Counter()
    for case in some_cases("streamGenerateContent"):
        response, error, came = answered(case)
        reason = str(response.finish_reason or "")
        if error is not None:
            kind = "failed"
            assert came.error is not None, case.id
        elif response.prompt_feedback is not None and response.prompt_feedback.block_reason is not None:
            kind = "blocked prompt"
            assert facts(came.response)["finish"] == "SAFETY", case.id
        elif came.error is not None:
            kind = "unfinished"
            assert isinstance(came.error, APIError)
            assert came.error.details["error"]["details"][0]["reason"] == reason.lower() not in ("stop", "max_tokens")
        else:
            kind = "whole"
            check_answer(case, response, came.response)
        counts[kind] += 1
    print(dict(counts))
    assert counts["whole"] > 500
    assert counts["unfinished"] < 10


def test_no_cut_stream_comes_back_whole() -> None:
    """Cut anywhere before its end, the body of a chat stream is an error."""
    for case in some_cases("streamGenerateContent")[::40]:
        outcome = drive([case.body], status=case.status)
        if outcome.error is not None:
            continue
        encoder = ChatCompletions(model="m", seed=case.id, include_usage=True)
        body = b"".join([*map(encoder.chunk, outcome.chunks), encoder.end()])
        end = body.find(b'"finish_reason":"')
        for size in range(1, max(end, 0), 1 + len(body) // 200):
            assert read_chat([body[:size]]).error is not None, (case.id, size)
