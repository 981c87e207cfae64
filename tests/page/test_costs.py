"""What an answer costs the browser: the main-thread time of ten thousand chunks, long blocks, the first look."""

from __future__ import annotations

import random
import time
from itertools import pairwise
from typing import Any

import pytest

from headwater.server.page.routes import assets
from tests.support.live import Live
from tests.support.talker import Talker, paragraph, some_words
from tests.support.visitor import ask

CHUNKS = 10_000
RNG = random.Random(4)
#: Answers of which all but the first are one block, and how many of which elements they are.
LONG = {
    "mixed": "".join(paragraph(RNG, number) for number in range(200)),
    "line": some_words(RNG, 7500),
    "list": "".join(f"- {some_words(RNG, 8)}\n" for _ in range(1000)),
    "table": "| a | b |\n|---|---|\n" + "".join(f"| {some_words(RNG, 5)} | {row} |\n" for row in range(1000)),
    "code": "```python\n"
    + "".join(f"def f{line}(x: int) -> int: return x + {line}\n" for line in range(1000))
    + "```\n",
}
SHOWN = {"mixed": ("pre", 40), "line": ("p", 1), "list": ("li", 1000), "table": ("tbody tr", 1000), "code": ("pre", 1)}
#: How long it takes to grow a text, drawn at each of its pieces; the least of three.
SECONDS = """async ([name, pieces]) => {
    const { Growing } = await import(`/assets/${name}`);
    const first = document.createElement("div");
    const colouring = new Growing(first);
    colouring.push("```python\\n");
    for (let n = 0; n < 200 && !first.querySelector(".hljs-keyword"); n++) { // what colours is loaded when it is needed
        colouring.push("if x: pass\\n");
        colouring.draw();
        await new Promise((done) => setTimeout(done, 10));
    }
    const took = [1, 2, 3].map(() => {
        const box = document.createElement("div");
        document.querySelector("#log").append(box);
        const growing = new Growing(box);
        const began = performance.now();
        for (const piece of pieces) { growing.push(piece); growing.draw(); }
        growing.finish();
        const seconds = (performance.now() - began) / 1000;
        box.remove();
        return seconds;
    });
    return Math.min(...took);
}"""


@pytest.mark.parametrize("name", LONG)
def test_ten_thousand_chunks_cost_little(talker: Talker, served: Live, open_page: Any, name: str) -> None:
    """An answer of 10,000 chunks takes less than two seconds of the page's main thread, and is whole."""
    spent, page = _spent(talker, served, open_page(), _cut(LONG[name], CHUNKS))
    print(f"{name}: {spent:.2f} s of the main thread")
    assert spent < 2
    selector, count = SHOWN[name]
    assert page.locator(f"article.model > .text {selector}").count() == count


def test_an_answer_that_takes_its_time_costs_little_too(talker: Talker, served: Live, open_page: Any) -> None:
    """Chunks that come one by one are read together: a fifth of the ten thousand takes less than half of the time."""
    talker.pace = 0.002
    spent, _ = _spent(talker, served, open_page(), _cut(LONG["mixed"], CHUNKS)[: CHUNKS // 5])
    print(f"paced: {spent:.2f} s of the main thread")
    assert spent < 1


@pytest.mark.parametrize("name", LONG)
def test_a_frame_costs_what_has_come(open_page: Any, name: str) -> None:
    """Drawn again and again, a text four times as long takes about four times as long: nothing is quadratic."""
    page = open_page()
    short = _seconds(page, _cut(LONG[name][: len(LONG[name]) // 4], 100))
    long = _seconds(page, _cut(LONG[name], 400))
    print(f"{name}: {short:.3f} s, {long:.3f} s")
    assert long < short * 10


def test_it_is_there_at_once(talker: Talker, served: Live, open_page: Any) -> None:
    """The page can be used within a second, and it loads what the browser may keep."""
    page = open_page()
    page.reload()
    began = time.monotonic()
    page.reload(wait_until="commit")
    page.wait_for_function("() => document.querySelector('#ideas button')")
    assert time.monotonic() - began < 1
    names = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    assert any("page-" in name for name in names)


def _spent(talker: Talker, served: Live, page: Any, pieces: list[str]) -> tuple[float, Any]:
    """Return the seconds that the main thread worked for an answer of these pieces, and the page."""
    talker.answers["go"] = pieces
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    before = _task_seconds(session)
    ask(page, "go")
    served.until(lambda: len(served.server.recorder) > 0)
    served.until(lambda: len(served.server.recorder) == 0, patience=60)  # not on the page: to look costs it time
    page.wait_for_selector("article.model:not(.running) .figures", timeout=60_000)
    return _task_seconds(session) - before, page


def _task_seconds(session: Any) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(entry["value"] for entry in metrics if entry["name"] == "TaskDuration"))


def _seconds(page: Any, pieces: list[str]) -> float:
    name = next(name for name in assets() if name.startswith("growing-"))
    return float(page.evaluate(SECONDS, [name, pieces]))


def _cut(text: str, count: int) -> list[str]:
    """Cut a text into so many pieces."""
    ends = [round(number * len(text) / count) for number in range(count + 1)]
    return [text[start:end] for start, end in pairwise(ends)]
