"""Cutting and merging chunks. The fold of what comes out is the fold of what went in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import msgspec

from headwater.core.answer.fold import merge_message
from headwater.types import NO_USAGE, Candidate, Content, GenerateContentResponse, GroundingMetadata, Part

_NO_GROUNDING = GroundingMetadata()
_BESIDES_TEXT = tuple(name for name in Part.__struct_fields__ if name not in ("text", "thought"))
_HEAD = ("model_version", "response_id", "create_time", "model_status")
_LATEST = (
    "finish_reason",
    "finish_message",
    "safety_ratings",
    "token_count",
    "avg_logprobs",
    "url_context_metadata",
    "continuation_token",
)


def is_single(chunk: GenerateContentResponse) -> bool:
    """Return whether a chunk belongs to the first candidate alone."""
    candidates = chunk.candidates
    return candidates is not None and len(candidates) == 1 and not candidates[0].index and chunk.prompt_feedback is None


def is_plain_text(part: Part) -> bool:
    """Return whether a part is nothing but text or a thought, so that it may be cut and merged."""
    return part.text is not None and all(getattr(part, name) is None for name in _BESIDES_TEXT)


def fragments(chunk: GenerateContentResponse) -> list[GenerateContentResponse]:
    """Return a single chunk as chunks of one kind: text only, thoughts only, or one other part.

    Everything else that it carries goes with the last of them. A chunk of one kind is returned unchanged.
    """
    groups = [list(group) for _, group in groupby(enumerate(chunk.parts), key=_kind)]
    if len(groups) < 2:
        return [chunk]
    parts = [[part for _, part in group] for group in groups]
    return [*(piece(chunk, some) for some in parts[:-1]), with_parts(chunk, parts[-1])]


def piece(chunk: GenerateContentResponse, parts: list[Part]) -> GenerateContentResponse:
    """Return a piece of ``chunk`` other than its last: ``parts``, and what every chunk of a stream carries."""
    content = chunk.candidates[0].content if chunk.candidates else None
    candidate = Candidate(content=Content(parts=parts, role=content.role if content else None))
    built = GenerateContentResponse(candidates=[candidate], **{name: getattr(chunk, name) for name in _HEAD})
    return _from_the_same(built, chunk)


def with_parts(chunk: GenerateContentResponse, parts: list[Part]) -> GenerateContentResponse:
    """Return a single chunk with other parts, and everything else that it carries."""
    candidate = chunk.candidates[0] if chunk.candidates else Candidate()
    content = msgspec.structs.replace(candidate.content or Content(), parts=parts)
    built = msgspec.structs.replace(chunk, candidates=[msgspec.structs.replace(candidate, content=content)])
    return _from_the_same(built, chunk)


def map_text(chunk: GenerateContentResponse, function: Callable[[str], str]) -> GenerateContentResponse:
    """Return a chunk with ``function`` applied to every text of every candidate, and everything else as it was.

    Thoughts are not text, nor are function calls and empty texts. A chunk without text is returned unchanged.
    """
    if not any(_is_text(part) for candidate in chunk.candidates or () for part in _parts(candidate)):
        return chunk
    candidates = [_map_candidate(candidate, function) for candidate in chunk.candidates or ()]
    return _from_the_same(msgspec.structs.replace(chunk, candidates=candidates), chunk)


def merge(chunks: Sequence[GenerateContentResponse]) -> GenerateContentResponse:
    """Return consecutive chunks as one; a single one is returned unchanged."""
    if len(chunks) == 1:
        return chunks[0]
    merged = GenerateContentResponse(usage_metadata=NO_USAGE)
    for chunk in chunks:
        _merge_head(merged, chunk)
    candidates = [candidate for chunk in chunks for candidate in chunk.candidates or ()]
    candidates.sort(key=_index)  # stable: the pieces of each candidate stay in order
    merged.candidates = [_merge_candidates(list(group)) for _, group in groupby(candidates, key=_index)] or None
    return _from_the_same(merged, chunks[-1])


def _parts(candidate: Candidate) -> Sequence[Part]:
    return (candidate.content and candidate.content.parts) or ()


def _is_text(part: Part) -> bool:
    return bool(part.text) and not part.thought


def _map_candidate(candidate: Candidate, function: Callable[[str], str]) -> Candidate:
    if candidate.content is None or not candidate.content.parts:
        return candidate
    parts = [
        msgspec.structs.replace(part, text=function(part.text)) if part.text and not part.thought else part
        for part in candidate.content.parts
    ]
    return msgspec.structs.replace(candidate, content=msgspec.structs.replace(candidate.content, parts=parts))


def _kind(numbered: tuple[int, Part]) -> tuple[int, bool]:
    """What parts of one fragment have in common; a part that is not plain text stands alone."""
    number, part = numbered
    return (-1, bool(part.thought)) if is_plain_text(part) else (number, False)


def _index(candidate: Candidate) -> int:
    return candidate.index or 0


def _from_the_same(built: GenerateContentResponse, chunk: GenerateContentResponse) -> GenerateContentResponse:
    """Let a chunk that was put together here have the headers of the one it comes from, and no raw bytes."""
    headers = chunk.__dict__.get("_headers")
    built.__dict__.clear()
    if headers is not None:
        built.__dict__["_headers"] = headers
    return built


def _merge_head(merged: GenerateContentResponse, chunk: GenerateContentResponse) -> None:
    usage = chunk.usage_metadata
    if usage is not NO_USAGE:
        whole = usage.total_token_count is not None
        merged.usage_metadata = usage if whole else merge_message(merged.usage_metadata, usage)
    if merged.response_id is None or chunk.prompt_feedback is not None:  # the rule by which the fold takes them
        for name in (*_HEAD, "prompt_feedback"):
            if (value := getattr(chunk, name)) is not None:
                setattr(merged, name, value)


def _merge_candidates(candidates: list[Candidate]) -> Candidate:
    if len(candidates) == 1:
        return candidates[0]
    return Candidate(
        content=_merge_contents([one.content for one in candidates if one.content is not None]),
        index=candidates[0].index,
        citation_metadata=_merge_lists((one.citation_metadata for one in candidates), "citations", once=True),
        logprobs_result=_merge_lists(
            (one.logprobs_result for one in candidates), "chosen_candidates", "top_candidates"
        ),
        grounding_metadata=_merge_grounding([one.grounding_metadata for one in candidates]),
        **{name: _last(getattr(one, name) for one in candidates) for name in _LATEST},
    )


def _merge_contents(contents: list[Content]) -> Content | None:
    if not contents:
        return None
    parts = [part for content in contents for part in content.parts or ()]
    merged = []
    for (place, _), group in groupby(enumerate(parts), key=_kind):
        alike = [part for _, part in group]
        merged.append(alike[0] if place >= 0 or len(alike) == 1 else _joined(alike))
    return msgspec.structs.replace(contents[-1], parts=merged)


def _joined(parts: list[Part]) -> Part:
    return Part(text="".join([part.text or "" for part in parts]), thought=parts[0].thought)


def _merge_lists(values: Iterable[Any], *names: str, once: bool = False) -> Any:
    """Values whose lists arrive piece by piece, as one: the latest, with all items of the lists (each ``once``)."""
    there = [value for value in values if value is not None]
    if len(there) < 2:
        return there[0] if there else None
    lists: dict[str, list[Any]] = {name: [] for name in names}
    for name, items in lists.items():
        for value in there:
            items += [item for item in getattr(value, name) or () if not once or item not in items]
    return msgspec.structs.replace(there[-1], **{name: items or None for name, items in lists.items()})


def _merge_grounding(values: list[GroundingMetadata | None]) -> GroundingMetadata | None:
    """The last one that is not empty: streams send empty ones until then."""
    there = [value for value in values if value is not None]
    return next((value for value in there[::-1] if value != _NO_GROUNDING), there[-1] if there else None)


def _last(values: Iterable[Any]) -> Any:
    """The last value that is not None."""
    there = [value for value in values if value is not None]
    return there[-1] if there else None
