"""Text is never cut inside what a reader sees as one character."""

from __future__ import annotations

import pytest

from headwater.core.text.graphemes import is_boundary, last_cluster

CLUSTERS = [
    "a",
    "é",
    "e\u0301\u0323",
    "\r\n",
    "👩‍👩‍👧‍👦",
    "👍🏽",
    "🏳️‍🌈",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # the flag of England, spelled in tags
    "🇯🇵",
    "1️⃣",
    "क्षि",  # consonants joined by a virama
    "한",
    "\u1112\u1161\u11ab",  # the same syllable in jamo
    "가\u11a8",
    "ที่",
    "ทำ",
    "\u0600\u0661",  # an Arabic number sign stands before its number
    "ｶﾞ",
    "\n",
    " ",
]


@pytest.mark.parametrize("cluster", CLUSTERS, ids=ascii)
@pytest.mark.parametrize("neighbour", ["a", "橋", "🇺🇦", " ", "\n", "👧"], ids=ascii)
def test_clusters_are_whole_and_end(cluster: str, neighbour: str) -> None:
    """There is no boundary in a cluster, and one on either side of it."""
    text = neighbour + cluster + neighbour
    start, stop = len(neighbour), len(neighbour) + len(cluster)
    inside = range(start + 1, stop)
    assert not [at for at in inside if is_boundary(text, at, start)]
    assert is_boundary(text, start)
    assert is_boundary(text, stop, start)
    assert last_cluster(neighbour + cluster) == start


def test_flags_go_by_two() -> None:
    """A row of flag letters is cut after every second of them, counted from a boundary that is known."""
    letters = "🇯🇵🇺🇦🇩"
    assert [at for at in range(1, 5) if is_boundary(letters, at)] == [2, 4]
    assert is_boundary(letters, 3, 1)


def test_the_ends_are_boundaries() -> None:
    """A text may be cut at its beginning and its end, a text of one cluster nowhere else."""
    assert is_boundary("e\u0301", 0)
    assert is_boundary("e\u0301", 2)
    assert [last_cluster(text) for text in ("", "a", "e\u0301")] == [0, 0, 0]
