"""How a stream ended: every finish reason, block reason and error in one word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headwater import errors
from headwater.core.answer.ending import EndingKind, blocked_error, judge
from headwater.core.answer.fold import Fold
from headwater.types import BlockedReason, FinishReason, GenerateContentResponse

BLOCKED = [
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
]
MALFORMED = ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE"]
FAILED = [
    "OTHER",
    "NO_IMAGE",
    "IMAGE_OTHER",
    "MALFORMED_RESPONSE",
    "ESCALATION",
    "PUP_LIMITED_DISABLED",
    "SOMETHING_NEW",
]
KINDS = {
    "STOP": "finished",
    "FINISH_REASON_UNSPECIFIED": "finished",
    "MAX_TOKENS": "max_tokens",
    "CONTINUATION": "truncated",
    **dict.fromkeys(BLOCKED, "blocked"),
    **dict.fromkeys(MALFORMED, "malformed_call"),
    **dict.fromkeys(FAILED, "failed"),
}


def ended(reason: str | None = None, **fields: object) -> Fold:
    fold = Fold()
    fold.add(GenerateContentResponse(candidates=[{"finish_reason": reason} | fields]))
    return fold


@pytest.mark.parametrize(("reason", "kind"), KINDS.items())
def test_a_finish_reason_is_one_of_the_words(reason: str, kind: str) -> None:
    ending = judge(ended(reason, finish_message="why"), None)
    assert (ending.kind, str(ending), ending.reason, ending.message) == (kind, kind, reason, "why")
    assert ending.is_whole == (kind in ("finished", "max_tokens"))
    assert not ending.is_prompt
    assert (blocked_error(ended(reason)) is not None) == (kind == "blocked")


def test_every_finish_reason_has_been_thought_of() -> None:
    assert {reason.value for reason in FinishReason} <= KINDS.keys()


@pytest.mark.parametrize("reason", [*(reason.value for reason in BlockedReason), "SOMETHING_NEW"])
def test_a_refused_prompt_is_blocked_with_its_reason_and_ratings(reason: str) -> None:
    rating = {"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True}
    feedback = {"block_reason": reason, "block_reason_message": "no", "safety_ratings": [rating]}
    fold = Fold()
    fold.add(GenerateContentResponse(prompt_feedback=feedback))
    ending = judge(fold, None)
    assert (ending.kind, ending.is_prompt, ending.reason, ending.message) == ("blocked", True, reason, "no")
    assert ending.safety_ratings[0].category == "HARM_CATEGORY_HARASSMENT"
    error = blocked_error(fold)
    assert error is not None
    assert (error.block_reason, error.is_prompt, error.safety_ratings) == (reason, True, ending.safety_ratings)
    assert str(error) == f"the prompt was blocked ({reason}): no"
    assert judge(fold, error).kind == "blocked"
    assert judge(fold, error).error is error


def test_a_refused_answer_has_its_ratings() -> None:
    rating = {"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH"}
    error = blocked_error(ended("SAFETY", safety_ratings=[rating]))
    assert error is not None
    assert (str(error), error.is_prompt, len(error.safety_ratings)) == ("the answer was blocked (SAFETY)", False, 1)


def test_a_stop_sequence_is_one_where_the_api_says_so() -> None:
    assert judge(ended("STOP", finish_message="The text came to the stop sequence 'x'."), None).kind == "stop_sequence"
    assert judge(ended("STOP", finish_message="Done."), None).kind == "finished"
    assert judge(ended("STOP", finish_message="stop sequence"), None).is_whole


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.StreamTruncated("m"), "truncated"),
        (errors.StreamStalled("m"), "stalled"),
        (errors.DeadlineExceeded("m"), "stalled"),
        (errors.StreamInterrupted("m"), "interrupted"),
        (errors.StreamCancelled("m"), "cancelled"),
        (errors.ConnectError("m"), "failed"),
        (errors.WireError("m"), "failed"),
        (errors.api_error(503, "m"), "failed"),
        (errors.api_error(401, "m"), "failed"),
        (errors.UsageError("m"), "failed"),
    ],
)
@pytest.mark.parametrize("reason", [None, "STOP", "SAFETY"])
def test_an_error_goes_before_what_the_api_said(error: errors.HeadwaterError, kind: str, reason: str | None) -> None:
    ending = judge(ended(reason), error)
    assert (ending.kind, ending.error, ending.message, ending.is_whole) == (kind, error, str(error), False)


def test_the_reason_of_a_cancelled_stream_is_the_callers() -> None:
    error = errors.StreamCancelled("the stream was cancelled: enough")
    error.reason = "enough"
    assert judge(ended("STOP"), error).reason == "enough"


def test_every_way_to_end_is_in_the_docs() -> None:
    """The table of docs/streams.md has a row for each kind, and no other."""
    page = Path(__file__).resolve().parents[2] / "docs" / "streams.md"
    table = page.read_text("utf-8").partition("## Endings\n")[2].partition("\n```")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [kind.value for kind in EndingKind]
