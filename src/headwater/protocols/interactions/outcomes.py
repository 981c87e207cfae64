"""How an interaction ends: its status or error, and its tokens, from what the Gemini API says about an answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from headwater.protocols.interactions.error_codes import Failure
from headwater.types import NO_USAGE, UsageMetadata
from headwater.types.response import ModalityTokenCount

IN_PROGRESS = "in_progress"
COMPLETED = "completed"
REQUIRES_ACTION = "requires_action"
REQUIRES_CONTINUATION = "requires_continuation"
CANCELLED = "cancelled"
FAILED = "failed"

#: Finish reasons with which the API takes an answer back. The code of the error is the reason in lower case.
_BLOCKED = frozenset(
    {"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR"}
    | {"IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER"}
)
_BAD_OUTPUT = frozenset(
    {"MALFORMED_FUNCTION_CALL", "MALFORMED_TOOL_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "NO_IMAGE"}
    | {"MISSING_THOUGHT_SIGNATURE"}
)
#: Gateways that fill in every field send the last two for an answer that goes on.
UNSAID = (None, "", "FINISH_REASON_UNSPECIFIED")
_MODALITIES = frozenset({"text", "image", "audio", "video", "document"})


class Verdict(NamedTuple):
    """The status of an answer that ended, or its error."""

    status: str
    failure: Failure | None = None


def judge_finish(reason: str | None, message: str | None, *, has_calls: bool) -> Verdict:
    """Return what a finish reason means for an interaction."""
    match reason:
        case "STOP":
            return Verdict(REQUIRES_ACTION if has_calls else COMPLETED)
        case "MAX_TOKENS":
            return Verdict("incomplete")
        case "CONTINUATION":
            return Verdict(REQUIRES_CONTINUATION)
    if reason in UNSAID:
        # An answer without a finish reason may lack its end: it must never look complete.
        return _failed("service_unavailable", "the answer ended without a finish reason: it may be incomplete", 503)
    assert reason is not None
    if reason in _BLOCKED:
        return _failed(reason.lower(), message or f"the answer was stopped: {reason}", 400)
    if reason in _BAD_OUTPUT:
        return _failed(reason.lower(), message or f"the model's answer cannot be used: {reason}", 400)
    return _failed("api_error", message or f"the answer ended with the finish reason {reason}", 500)


def judge_block(reason: str, message: str | None) -> Verdict:
    """Return what a refused prompt means for an interaction."""
    code = "content_blocked" if reason in ("OTHER", "BLOCKED_REASON_UNSPECIFIED") else reason.lower()
    return _failed(code, message or f"the prompt was blocked: {reason}", 400)


def usage_document(usage: UsageMetadata) -> dict[str, Any] | None:
    """Return token counts under the names of this API; None if the engine sent none."""
    if usage is NO_USAGE or not usage:
        return None
    counts = {
        "total_input_tokens": usage.prompt_token_count or 0,
        "total_output_tokens": usage.candidates_token_count or 0,
        "total_thought_tokens": usage.thoughts_token_count or 0,
        "total_cached_tokens": usage.cached_content_token_count or 0,
        "total_tool_use_tokens": usage.tool_use_prompt_token_count or 0,
    }
    # Cached tokens are among those of the input.
    known = sum(counts.values()) - counts["total_cached_tokens"]
    total = usage.total_token_count
    details = {
        "input_tokens_by_modality": usage.prompt_tokens_details,
        "output_tokens_by_modality": usage.candidates_tokens_details,
        "cached_tokens_by_modality": usage.cache_tokens_details,
        "tool_use_tokens_by_modality": usage.tool_use_prompt_tokens_details,
    }
    by_modality = {name: _modalities(counts) for name, counts in details.items() if counts}
    return {"total_tokens": known if total is None else total, **counts, **by_modality}


def _modalities(counts: Iterable[ModalityTokenCount]) -> list[dict[str, Any]]:
    named = [(str(count.modality or "").lower(), count.token_count or 0) for count in counts]
    return [{"modality": name, "tokens": tokens} for name, tokens in named if name in _MODALITIES]


def _failed(code: str, message: str, http: int) -> Verdict:
    return Verdict(FAILED, Failure(code, message, http))
