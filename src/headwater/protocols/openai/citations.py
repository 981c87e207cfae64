"""Sources of an answer as OpenAI's ``url_citation`` annotations."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import Any

from headwater.types import GroundingMetadata, GroundingSupport


def url_citations(grounding: GroundingMetadata, text: str) -> list[dict[str, Any]]:
    """Return an annotation for each place of ``text`` that a page supports; a page without a place comes last."""
    pages = [(chunk.web or chunk.maps) for chunk in grounding.grounding_chunks or ()]
    found, cited = [], set[int]()
    supports = [(support, *_bytes_of(support)) for support in grounding.grounding_supports or ()]
    places = _characters(text, {place for _, *both in supports for place in both})
    for support, start, end in supports:
        for number in support.grounding_chunk_indices or ():
            page = pages[number] if 0 <= number < len(pages) else None
            if page is not None and page.uri:
                cited.add(number)
                found.append(_annotation(page.uri, page.title, places[start], places[end]))
    for number, page in enumerate(pages):
        if page is not None and page.uri and number not in cited:
            found.append(_annotation(page.uri, page.title, 0, 0))
    return found


def _annotation(url: str, title: str | None, start: int, end: int) -> dict[str, Any]:
    place = {"start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": {"url": url, "title": title or url, **place}}


def _bytes_of(support: GroundingSupport) -> tuple[int, int]:
    segment = support.segment
    return (max(0, segment.start_index or 0), max(0, segment.end_index or 0)) if segment is not None else (0, 0)


def _characters(text: str, places: Iterable[int]) -> dict[int, int]:
    """How many characters precede each place: the Gemini API counts bytes of UTF-8, and OpenAI's readers characters."""
    data = text.encode("utf-8", "surrogatepass")
    # One pass for all of them: an answer may have thousands of places.
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    known, count, done = {}, 0, 0
    for place in sorted(places):
        count += len(decoder.decode(data[done:place]))
        done = max(done, min(place, len(data)))
        known[place] = count
    return known
