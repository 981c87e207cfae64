"""A real Chromium for the tests of the page. They are skipped where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headwater.server.page.routes import assets
from tests.support.live import Live
from tests.support.talker import Talker

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser: that of ``HEADWATER_CHROMIUM``, of the system, or playwright's own.

    For one module only: while it runs, ``asyncio.run`` does not work in this thread.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get("HEADWATER_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    with playwright.sync_playwright() as started:
        if found is None and not os.path.exists(started.chromium.executable_path):
            pytest.skip("there is no Chromium: apt-get install chromium, or playwright install chromium")
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def talker() -> Talker:
    """The engine behind ``served``."""
    return Talker()


@pytest.fixture
def served(talker: Talker) -> Iterator[Live]:
    """A server of the page."""
    with Live(talker) as live:
        yield live


class Visit:
    """What a browser did that it should not have."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.dialogs: list[str] = []
        self.strays: list[str] = []
        self.errors: list[str] = []

    def watch(self, context: Any) -> None:
        """Listen to every page of a context."""
        context.on("request", lambda request: self._requested(request.url))
        context.on("page", self._watch_page)

    def _watch_page(self, page: Any) -> None:
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if "Content Security" in line.text else None)

    def _requested(self, url: str) -> None:
        if not url.startswith((self.origin + "/", "data:", "blob:")):
            self.strays.append(url)


Opened = Callable[..., Any]


@pytest.fixture
def visits(chromium: Any) -> Iterator[Callable[..., tuple[Any, Visit]]]:
    """Opens contexts of the browser; whatever went wrong in one fails the test."""
    opened: list[tuple[Any, Visit]] = []

    def visit(url: str, **options: Any) -> tuple[Any, Visit]:
        context, seen = chromium.new_context(**options), Visit(url)
        context.set_default_timeout(10_000)
        seen.watch(context)
        opened.append((context, seen))
        return context, seen

    yield visit
    for context, seen in opened:
        context.close()
        assert (seen.dialogs, seen.strays, seen.errors) == ([], [], [])


@pytest.fixture
def open_page(visits: Callable[..., tuple[Any, Visit]], served: Live) -> Opened:
    """Opens the page of ``served``."""

    def opened(**options: Any) -> Any:
        page = visits(served.url, **options)[0].new_page()
        page.goto(served.url)
        return page

    return opened


@pytest.fixture
def growing(open_page: Callable[..., Any]) -> Any:
    """A page on which Markdown can be grown without an answer."""
    page = open_page()
    name = next(name for name in assets() if name.startswith("growing-"))
    page.evaluate(
        """async (name) => {
            const { Growing } = await import(`/assets/${name}`);
            window.growingPath = `/assets/${name}`;
            window.growingBox = (pieces) => {
                const element = document.createElement("div");
                const growing = new Growing(element);
                for (const piece of pieces) { growing.push(piece); growing.draw(); }
                return { element, growing };
            };
            window.grow = async (pieces, draws) => {
                const box = document.createElement("div");
                document.querySelector("#log").append(box);
                const growing = new Growing(box);
                for (const piece of pieces) { growing.push(piece); if (draws) growing.draw(); }
                growing.finish();
                for (let n = 0; n < 50 && box.querySelector("code.math"); n++) {
                    await new Promise((done) => setTimeout(done, 20));
                }
                return box.innerHTML;
            };
        }""",
        name,
    )
    return page
