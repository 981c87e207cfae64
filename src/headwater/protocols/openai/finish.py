"""How an answer ended, and its tokens, in the words of chat completions."""

from __future__ import annotations

from typing import Any

from headwater.errors import APIError, api_error
from headwater.protocols.error_documents import reason_details
from headwater.types import UsageMetadata

_FINISH = {
    # The values that stand for no reason come from gateways that fill in every field.
    "": "stop",
    "FINISH_REASON_UNSPECIFIED": "stop",
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_OTHER": "content_filter",
    "MODEL_ARMOR": "content_filter",
}


def finish_reason(reason: str | None, *, has_calls: bool) -> str | None:
    """Return the finish reason for one of the Gemini API; None if chat completions have no word for it.

    Such an answer is not whole (``MALFORMED_FUNCTION_CALL``, ``OTHER`` ...): "stop" would be a lie.
    """
    finish = _FINISH.get(reason or "")
    return "tool_calls" if finish == "stop" and has_calls else finish


def unfinished(reason: str, message: str | None) -> APIError:
    """Return the error of an answer whose finish reason chat completions have no word for."""
    text = f"the model did not finish its answer ({reason})" + (f": {message}" if message else "")
    error = {"code": 502, "message": text, "status": "INTERNAL", "details": reason_details(reason)}
    return api_error(502, text, status="INTERNAL", details={"error": error})


def chat_usage(usage: UsageMetadata) -> dict[str, Any] | None:
    """Return the tokens of an answer; None if the API sent none, since zeros would be taken for a count."""
    if not usage:
        return None
    prompt = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
    thoughts = usage.thoughts_token_count or 0
    completion = (usage.candidates_token_count or 0) + thoughts
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": usage.total_token_count or prompt + completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached_content_token_count or 0},
        "completion_tokens_details": {"reasoning_tokens": thoughts},
    }
