"""Token counts of chat completions as the Gemini API has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Where servers put the tokens that came from a prompt cache, besides ``prompt_tokens_details.cached_tokens``.
_CACHED = ("prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
_MODALITIES = (("text_tokens", "TEXT"), ("image_tokens", "IMAGE"), ("audio_tokens", "AUDIO"))


def usage_metadata(usage: Any) -> dict[str, Any] | None:
    """Return ``usage`` of a chat server as ``usageMetadata``, None if it says nothing.

    What the server does not count is left out: a zero would say that it cost nothing.
    """
    if not isinstance(usage, Mapping):
        return None
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if not prompt and not completion and not _count(usage, "total_tokens"):
        return None  # servers that fill in every field send zeros in the first chunk
    prompt_details, details = _details(usage, "prompt_tokens_details"), _details(usage, "completion_tokens_details")
    thoughts = _count(details, "reasoning_tokens")
    thoughts = _count(usage, "reasoning_tokens") if thoughts is None else thoughts
    total = _count(usage, "total_tokens")
    counts = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": _answer_tokens(prompt, completion, thoughts, total),
        "totalTokenCount": (prompt or 0) + (completion or 0) if total is None else total,
        "thoughtsTokenCount": thoughts or None,
        "cachedContentTokenCount": _cached(usage, prompt_details) or None,
        "promptTokensDetails": _by_modality(prompt_details),
        "candidatesTokensDetails": _by_modality(details),
    }
    return {name: count for name, count in counts.items() if count is not None}


def usage_of_timings(timings: Any) -> dict[str, Any] | None:
    """Return the counts in llama.cpp's ``timings`` as the ``usage`` that it will send at the end."""
    if not isinstance(timings, Mapping):
        return None
    cached, read = _count(timings, "cache_n") or 0, _count(timings, "prompt_n") or 0
    usage = {"prompt_tokens": cached + read, "completion_tokens": _count(timings, "predicted_n") or 0}
    return usage | {"prompt_tokens_details": {"cached_tokens": cached}}


def _answer_tokens(prompt: int | None, completion: int | None, thoughts: int | None, total: int | None) -> int | None:
    """The tokens of the answer without its thoughts, which most servers count as part of it."""
    if not completion or not thoughts:
        return completion
    if total == (prompt or 0) + completion + thoughts:  # xAI counts thoughts beside the answer, not in it
        return completion
    return max(0, completion - thoughts)


def _cached(usage: Mapping[str, Any], details: Mapping[str, Any]) -> int | None:
    found = _count(details, "cached_tokens")
    return (
        next((count for name in _CACHED if (count := _count(usage, name)) is not None), None)
        if found is None
        else found
    )


def _by_modality(details: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    found = [{"modality": kind, "tokenCount": count} for name, kind in _MODALITIES if (count := _count(details, name))]
    return found or None


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = usage.get(name)
    return found if isinstance(found, Mapping) else {}


def _count(counts: Mapping[str, Any], name: str) -> int | None:
    """A count; None where it is null, missing or not a number."""
    found = counts.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return int(found) if 0 <= found < 1e15 else None
