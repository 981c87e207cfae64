"""Citations: bytes of UTF-8 in the Gemini API, characters for OpenAI's readers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headwater.protocols.openai.citations import url_citations
from headwater.types import GroundingMetadata

PLACES = st.lists(st.tuples(st.integers(-3, 60), st.integers(-3, 60)), max_size=8)


@given(st.text("aé🌊\u2028", max_size=20), PLACES)
def test_every_place_counts_the_whole_characters_before_it(text: str, places: list[tuple[int, int]]) -> None:
    supports = [
        {"segment": {"startIndex": start, "endIndex": end}, "groundingChunkIndices": [0]} for start, end in places
    ]
    page = {"web": {"uri": "https://rivers.test/", "title": "Rivers"}}
    grounding = GroundingMetadata.model_validate({"groundingChunks": [page], "groundingSupports": supports})
    found = [note["url_citation"] for note in url_citations(grounding, text)]
    expected = [(characters_before(text, start), characters_before(text, end)) for start, end in places] or [(0, 0)]
    assert [(note["start_index"], note["end_index"]) for note in found] == expected


def characters_before(text: str, place: int) -> int:
    return len(text.encode()[: max(0, place)].decode("utf-8", "ignore"))
