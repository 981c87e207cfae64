"""Every fault of the table has its right answer, or one typed error, in both colours."""

from __future__ import annotations

import inspect
import re
import time
from pathlib import Path
from typing import Any

import pytest

from headwater.core.machine.policy import Deadlines
from tests.support.fault_cases import ONCE, Case, cases
from tests.support.fault_readers import Outcome, aread, read
from tests.support.fault_ways import Way, ways
from tests.support.servers import Server
from tests.support.sides import run_async

#: The pauses of the scenarios, in seconds; what must come in time has three quarters of it to spare.
UNIT = 0.4
CASES = cases(UNIT)
WAYS = ways()
COLOURS = ["sync", "async"]


def _meet(case: Case, colour: str) -> tuple[Outcome, int]:
    """Return what a reader meets, and how many requests the server saw."""
    options = {"deadlines": Deadlines(**case.deadlines)} if case.deadlines else {}
    with Server(case.script) as server:
        client = server.client(**({"retry_options": ONCE} | case.options))
        is_sync = colour == "sync"
        outcome = read(client, **options) if is_sync else run_async(aread(client, **options))
        return outcome, len(server.requests)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fault_has_its_answer(case: Case, colour: str) -> None:
    """All that came before the fault is read, and then the stream ends as it should: well, or with one typed error."""
    outcome, requests = _meet(case, colour)
    if case.error is None:
        assert outcome.error is None
    else:
        assert isinstance(outcome.error, case.error), repr(outcome.error)
        assert "object at 0x" not in str(outcome.error)
        assert {name: getattr(outcome.error, name) for name in case.marks} == case.marks
        assert (outcome.error.partial.text if outcome.error.partial else "") == "".join(case.texts)
    assert (outcome.texts, outcome.ending) == (case.texts, case.ending)
    assert (outcome.media, requests) == (case.media, case.requests)
    assert outcome.seconds >= case.wait - 0.02  # a timer of the system may fire so much before its time
    if case.spread:
        assert outcome.moments[-1] - outcome.moments[0] >= case.spread


class Watch:
    """Watches the server's end of one connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._left = 0.0
        self.took: float | None = None

    def left(self) -> None:
        """Take it that the reader lets go now."""
        self._left = time.monotonic()

    def seen(self) -> None:
        """Wait until the server has seen it."""
        self.took = self._server.closed_at() - self._left


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_way_out_is_seen_by_the_server(way: Way) -> None:
    """Stopping early closes the connection while all is still in the reader's hands, and touches no other stream.

    How quickly it does is what ``test_closing.py`` measures.
    """
    for function in (way.sync, way.aio):
        if function is not None:
            _stop(way, function)


def _stop(way: Way, function: Any) -> None:
    with Server(way.script) as server:
        watch = Watch(server)

        def client() -> Any:
            return server.client(retry_options=ONCE)

        sees = function(client if way.owns else client(), watch)
        assert (run_async(sees) if inspect.iscoroutine(sees) else sees) == way.sees
        assert (watch.took is not None) == way.closes


def test_page_has_every_row() -> None:
    """The page shows each fault of the scenarios once, and no other; docs/make_faults.py rebuilds it."""
    page = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|\s].*?) \| .* \|$", page, re.MULTILINE)
    assert rows == [case.name for case in cases(1.0)] + [way.name for way in WAYS]
    assert len(set(rows)) == len(rows)
