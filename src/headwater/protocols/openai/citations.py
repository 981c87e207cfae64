"""Sources of an answer as OpenAI's ``url_citation`` annotations."""

from __future__ import annotations

from typing import Any

from headwater.types import GroundingMetadata


def url_citations(grounding: GroundingMetadata, text: str) -> list[dict[str, Any]]:
    """Return an annotation for each place of ``text`` that a page supports; a page without a place comes last."""
    pages = [(chunk.web or chunk.maps) for chunk in grounding.grounding_chunks or ()]
    found, cited = [], set[int]()
    data = text.encode("utf-8", "surrogatepass")
    for support in grounding.grounding_supports or ():
        segment = support.segment
        start, end = (segment.start_index or 0, segment.end_index or 0) if segment is not None else (0, 0)
        for number in support.grounding_chunk_indices or ():
            page = pages[number] if 0 <= number < len(pages) else None
            if page is not None and page.uri:
                cited.add(number)
                found.append(_annotation(page.uri, page.title, _characters(data, start), _characters(data, end)))
    for number, page in enumerate(pages):
        if page is not None and page.uri and number not in cited:
            found.append(_annotation(page.uri, page.title, 0, 0))
    return found


def _annotation(url: str, title: str | None, start: int, end: int) -> dict[str, Any]:
    place = {"start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": {"url": url, "title": title or url, **place}}


def _characters(data: bytes, place: int) -> int:
    """How many characters precede a place: the Gemini API counts bytes of UTF-8, and OpenAI's readers characters."""
    return len(data[: max(0, place)].decode("utf-8", "ignore"))
