"""The turns of ended interactions that a server keeps for the next ones of their conversations."""

from __future__ import annotations

from typing import Any, NoReturn, cast

import pytest

from headwater.protocols.interactions.conversation import Link
from headwater.server.interactions import stored
from headwater.server.interactions.stored import StoredInteractions
from tests.support.live import Live


class Unsearched(dict[str, Link]):
    """A cache whose entries may not be gone through."""

    def values(self) -> NoReturn:
        pytest.fail("what is kept was summed up again")


def kept(*sizes: int) -> StoredInteractions:
    """A cache with an entry of each size, by their numbers."""
    cache = StoredInteractions(cast(Any, None), max_bytes=1)
    cache._links = Unsearched()
    for number, size in enumerate(sizes):
        cache._keep(str(number), link(size))
    return cache


def link(size: int) -> Link:
    return Link("", [], None, {}, size)


def test_to_keep_one_costs_the_same_however_many_there_are() -> None:
    """A conversation of 500 interactions keeps 500 for each new one; summing up 1,000 each time took 60 ms."""
    cache = kept(*[10] * 50)
    assert (len(cache._links), cache._links_size) == (50, 500)
    cache._keep("7", link(30))
    assert (len(cache._links), cache._links_size, [*cache._links][-1]) == (50, 520, "7")
    assert cache._take("7") == link(30)
    assert cache._take("7") is None
    assert cache._links_size == 490


def test_the_least_recently_used_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither their number nor their size together grows without bound, nor does one that is too large stay."""
    monkeypatch.setattr(stored, "_CACHE_ENTRIES", 3)
    monkeypatch.setattr(stored, "_CACHE_BYTES", 100)
    assert [*kept(10, 10, 10, 10)._links] == ["1", "2", "3"]
    cache = kept(40, 40, 40)
    assert ([*cache._links], cache._links_size) == (["1", "2"], 80)
    cache._keep("large", link(101))
    assert (cache._links, cache._links_size) == ({}, 0)


def test_a_deleted_interaction_is_kept_no_longer() -> None:
    """What its owner has deleted stays in no memory, and counts no more."""
    with Live() as live:
        first = live.post("/v1beta/interactions", {"model": "m", "input": "x"}).json["id"]
        next_one = {"model": "m", "input": "y", "previous_interaction_id": first}
        assert live.post("/v1beta/interactions", next_one).status == 200
        assert live.request("DELETE", f"/v1beta/interactions/{first}").status == 200
        assert live.post("/v1beta/interactions", next_one).status == 404
