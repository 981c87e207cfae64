"""``Ending``: how a stream ended, in one word, judged from its answer and its error."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from headwater.core.answer.answer_fold import AnswerFold
from headwater.errors import (
    APIError,
    BlockedError,
    DeadlineExceeded,
    HeadwaterError,
    StreamCancelled,
    StreamInterrupted,
    StreamStalled,
    StreamTruncated,
)
from headwater.types import FinishReason, SafetyRating

_BLOCKED = frozenset(
    {
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
    }
)
#: The same as codes of errors: the Interactions API refuses with an error what ``generateContent`` ends for a reason.
BLOCKED_CODES = frozenset({*(reason.lower() for reason in _BLOCKED), "image_other", "content_blocked"})
_MALFORMED = frozenset(
    {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE"}
)


#: What stands for no finish reason; the last two come from gateways that fill in every field.
_UNSAID = (None, "", "FINISH_REASON_UNSPECIFIED")


class EndingKind(StrEnum):
    """The ways in which a stream can end."""

    FINISHED = "finished"
    """The model finished by itself."""
    MAX_TOKENS = "max_tokens"
    """The answer reached its limit of tokens."""
    STOP_SEQUENCE = "stop_sequence"
    """The model wrote one of the caller's stop sequences. The Gemini API reports this like a natural end (``STOP``), so
    it shows as ``finished``, unless the server's ``finishMessage`` mentions it."""
    BLOCKED = "blocked"
    """The prompt or the answer was refused; ``reason`` and ``safety_ratings`` say why."""
    MALFORMED_CALL = "malformed_call"
    """The model tried to call a function and failed."""
    TRUNCATED = "truncated"
    """The stream ended without a finish reason, so its end may be missing; or the API stopped at a limit of its own
    (``CONTINUATION``) and was not asked to continue, so the end is missing."""
    STALLED = "stalled"
    """A deadline passed."""
    INTERRUPTED = "interrupted"
    """The connection was lost in the middle of the answer."""
    CANCELLED = "cancelled"
    """The caller stopped it, or left its loop."""
    FAILED = "failed"
    """Anything else: an error of the API, no connection, a response that is not an answer."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream ended. ``str(ending)`` is its kind.

    ``reason`` is the API's finish or block reason, or the reason given to ``cancel``; ``message`` has details, if
    there are any; ``error`` is what the stream raised, or would have raised.
    """

    kind: EndingKind
    reason: str | None = None
    message: str | None = None
    is_prompt: bool = False
    """Whether it is the prompt that was blocked, not the answer."""
    safety_ratings: tuple[SafetyRating, ...] = ()
    error: HeadwaterError | None = None

    def __str__(self) -> str:
        return self.kind.value

    @property
    def is_whole(self) -> bool:
        """Whether the answer is complete, or as long as the model was allowed to make it."""
        return self.kind in (EndingKind.FINISHED, EndingKind.MAX_TOKENS, EndingKind.STOP_SEQUENCE)


_BY_ERROR: tuple[tuple[type[HeadwaterError], EndingKind], ...] = (
    (StreamTruncated, EndingKind.TRUNCATED),
    (StreamStalled, EndingKind.STALLED),
    (DeadlineExceeded, EndingKind.STALLED),
    (StreamInterrupted, EndingKind.INTERRUPTED),
)


def judge(fold: AnswerFold, error: HeadwaterError | None) -> Ending:
    """Return how a stream with this answer and this error ended."""
    if isinstance(error, StreamCancelled):
        return Ending(kind=EndingKind.CANCELLED, reason=error.reason or None, message=error.summary, error=error)
    if isinstance(error, APIError) and error.status in BLOCKED_CODES:
        is_prompt = not fold.grown
        return Ending(
            kind=EndingKind.BLOCKED, reason=error.status, message=error.message, is_prompt=is_prompt, error=error
        )
    if error is not None and not isinstance(error, BlockedError):
        kind = next((kind for known, kind in _BY_ERROR if isinstance(error, known)), EndingKind.FAILED)
        return Ending(kind=kind, reason=_text(fold.finish_reason), message=error.summary, error=error)
    feedback = fold.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        return Ending(
            kind=EndingKind.BLOCKED,
            reason=_text(feedback.block_reason),
            message=feedback.block_reason_message,
            is_prompt=True,
            safety_ratings=tuple(feedback.safety_ratings or ()),
            error=error,
        )
    reason = _text(fold.finish_reason)
    return Ending(
        kind=_kind(reason, fold.finish_message),
        reason=reason,
        message=fold.finish_message,
        safety_ratings=tuple(fold.safety_ratings or ()),
        error=error,
    )


def blocked_error(fold: AnswerFold) -> BlockedError | None:
    """Return the error of an answer that was blocked, None if it was not."""
    ending = judge(fold, None)
    if ending.kind is not EndingKind.BLOCKED:
        return None
    what = "the prompt" if ending.is_prompt else "the answer"
    because = f": {ending.message}" if ending.message else ""
    return BlockedError(
        f"{what} was blocked ({ending.reason}){because}",
        block_reason=ending.reason,
        is_prompt=ending.is_prompt,
        safety_ratings=ending.safety_ratings,
    )


def _kind(reason: str | None, message: str | None) -> EndingKind:
    if reason in _BLOCKED:
        return EndingKind.BLOCKED
    if reason in _MALFORMED:
        return EndingKind.MALFORMED_CALL
    if reason == FinishReason.MAX_TOKENS:
        return EndingKind.MAX_TOKENS
    if reason == FinishReason.CONTINUATION:
        return EndingKind.TRUNCATED
    if reason in (*_UNSAID, FinishReason.STOP):
        is_sequence = message is not None and "stop sequence" in message.lower()
        return EndingKind.STOP_SEQUENCE if is_sequence else EndingKind.FINISHED
    return EndingKind.FAILED


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
