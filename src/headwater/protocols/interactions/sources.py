"""The sources of an answer: grounding metadata as annotations of its text, and as steps of Google's own tools.

The Gemini API sends this metadata with the last chunks, with byte offsets into the whole text of the answer. This API
has annotations inside the step that they are about, with offsets into that step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from headwater.core.answer.fold import Fold
from headwater.types import Candidate, GenerateContentResponse, GroundingMetadata
from headwater.types.grounding import GroundingChunk
from headwater.types.response import CitationMetadata, UrlContextMetadata

_URL_STATUS = {"SUCCESS": "success", "PAYWALL": "paywall", "UNSAFE": "unsafe"}


class TextSpan(NamedTuple):
    """The bytes of the answer's text that one step has; ``step`` is its index."""

    step: int
    start: int
    end: int


class SourceTracker:
    """Collects the metadata of an answer while it arrives."""

    def __init__(self) -> None:
        self._fold: Fold | None = None

    def add(self, candidate: Candidate) -> None:
        """Take what a candidate says about its sources, if anything."""
        if (
            candidate.grounding_metadata is None
            and candidate.citation_metadata is None
            and candidate.url_context_metadata is None
        ):
            return
        self._fold = self._fold or Fold()  # which knows how metadata of several chunks is merged
        self._fold.add(GenerateContentResponse(candidates=[msgspec.structs.replace(candidate, content=None)]))

    @property
    def _candidate(self) -> Candidate | None:
        candidates = None if self._fold is None else self._fold.response.candidates
        return candidates[0] if candidates else None

    def annotations(self, span: TextSpan) -> list[dict[str, Any]]:
        """Return the annotations of one step's text."""
        candidate = self._candidate
        if candidate is None:
            return []
        found = [*_grounded(candidate.grounding_metadata), *_cited(candidate.citation_metadata)]
        return [_moved(one, span) for one in found if span.start <= one["start_index"] < span.end]

    def steps(self, make_id: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Yield the steps of the tools that Google ran: what a step begins with, and its one delta.

        ``make_id`` returns an id for a kind of step.
        """
        candidate = self._candidate
        if candidate is None:
            return
        grounding = candidate.grounding_metadata
        queries = [] if grounding is None else list(grounding.web_search_queries or ())
        if grounding is not None and queries:
            entry = grounding.search_entry_point
            suggestions = None if entry is None else entry.rendered_content
            result = [{"search_suggestions": suggestions}] if suggestions else []
            yield from _pair("google_search", make_id, {"queries": queries}, result)
        urls = _fetched(candidate.url_context_metadata)
        if urls:
            yield from _pair("url_context", make_id, {"urls": [one["url"] for one in urls]}, urls)


def _pair(
    kind: str, make_id: Any, arguments: dict[str, Any], result: list[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    call_id = make_id(kind)
    call, answer = f"{kind}_call", f"{kind}_result"
    yield {"type": call, "id": call_id}, {"type": call, "arguments": arguments}
    yield {"type": answer, "call_id": call_id}, {"type": answer, "result": result}


def _grounded(grounding: GroundingMetadata | None) -> Iterator[dict[str, Any]]:
    if grounding is None:
        return
    chunks = grounding.grounding_chunks or []
    for support in grounding.grounding_supports or ():
        segment = support.segment
        if segment is None or segment.end_index is None:
            continue
        # Proto3 leaves out a zero: a segment without a start begins the text.
        place = {"start_index": segment.start_index or 0, "end_index": segment.end_index}
        for number in support.grounding_chunk_indices or ():
            source = _citation(chunks[number]) if 0 <= number < len(chunks) else None
            if source is not None:
                yield source | place


def _citation(chunk: GroundingChunk) -> dict[str, Any] | None:
    if chunk.web is not None:
        return _named("url_citation", url=chunk.web.uri, title=chunk.web.title)
    if chunk.maps is not None:
        return _named("place_citation", url=chunk.maps.uri, name=chunk.maps.title, place_id=chunk.maps.place_id)
    if chunk.retrieved_context is not None:
        document = chunk.retrieved_context
        uri = document.uri or document.document_name
        return _named("file_citation", document_uri=uri, file_name=document.title, source=document.text)
    return None


def _cited(citations: CitationMetadata | None) -> Iterator[dict[str, Any]]:
    for one in (citations.citations if citations is not None else None) or ():
        if one.end_index is not None and one.uri:
            place = {"start_index": one.start_index or 0, "end_index": one.end_index}
            yield _named("url_citation", url=one.uri, title=one.title) | place


def _fetched(metadata: UrlContextMetadata | None) -> list[dict[str, Any]]:
    found = []
    for one in (metadata.url_metadata if metadata is not None else None) or ():
        status = str(one.url_retrieval_status or "").removeprefix("URL_RETRIEVAL_STATUS_")
        found.append({"url": one.retrieved_url or "", "status": _URL_STATUS.get(status, "error")})
    return found


def _moved(annotation: dict[str, Any], span: TextSpan) -> dict[str, Any]:
    end = min(annotation["end_index"], span.end) - span.start
    return annotation | {"start_index": annotation["start_index"] - span.start, "end_index": end}


def _named(kind: str, **fields: str | None) -> dict[str, Any]:
    return {"type": kind} | {name: value for name, value in fields.items() if value}
