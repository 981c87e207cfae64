"""What all observers report of a call: tokens, times, and errors without prompt or answer text."""

from __future__ import annotations

import msgspec

from headwater.client.options.observers import FinishedCall
from headwater.errors import APIError, BlockedError, HeadwaterError, WireError

#: The bounds of histograms, in seconds: those of OpenTelemetry's GenAI conventions.
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The token counts of a call from the API; None if it gave none."""

    input: int | None
    """Of the prompt, including cached content and results of the API's own tools."""
    output: int | None
    """Of the answer, including thoughts."""
    thoughts: int | None
    cached: int | None


def tokens(call: FinishedCall) -> TokenUsage:
    """Return the token counts of a call."""
    usage = call.usage_metadata
    return TokenUsage(
        input=_sum(usage.prompt_token_count, usage.tool_use_prompt_token_count),
        output=_sum(usage.candidates_token_count, usage.thoughts_token_count),
        thoughts=usage.thoughts_token_count,
        cached=usage.cached_content_token_count,
    )


def error_type(error: HeadwaterError) -> str:
    """Return the kind of an error, with low cardinality: the API's code, or the name of the class."""
    return str(error.code) if isinstance(error, APIError) else type(error).__name__


def error_text(error: HeadwaterError) -> str:
    """Return a message without the API's own text, which may quote the prompt or the answer."""
    # Errors of ours name hosts, deadlines and counts, never contents; those three carry text from outside.
    match error:
        case APIError():
            return f"{error.code} {error.status or ''}".rstrip()
        case BlockedError():
            return f"blocked: {error.block_reason}"
        case WireError():
            return "the answer is not what the Gemini API sends"
    return str(error)


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
