"""The files of docs/nextjs.md are what they are said to be: they pass the type checker, and make a chat in a browser.

The packages are fetched once, into ``HEADWATER_NEXTJS`` or the user's cache. The build and the browser take half a
minute: they run where ``HEADWATER_NEXTJS`` is set.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.engines.offline import OfflineEngine
from headwater.transport.offline import parse_pace
from tests.support.live import Live
from tests.support.packages import installed

ROOT = Path(__file__).parents[1]
HERE = ROOT / "tests" / "nextjs"
PATIENCE = 20
#: What belongs to the chat; the rest of the page is about other ways.
CHAT = ("next.config.ts", "app/layout.tsx", "app/page.tsx", "app/chat/[id]/page.tsx", "app/chat/[id]/chat.tsx")


def files() -> dict[str, str]:
    """The files of the page, by their paths."""
    page = (ROOT / "docs" / "nextjs.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^```tsx\n// (\S+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def project() -> Path:
    """A directory with the packages of nextjs/package-lock.json and the files of the page."""
    directory = installed(HERE, "headwater-nextjs", "HEADWATER_NEXTJS")
    shutil.copy(HERE / "tsconfig.json", directory / "tsconfig.json")
    for name in ("app", ".next"):
        shutil.rmtree(directory / name, ignore_errors=True)
    (directory / "proxy.ts").unlink(missing_ok=True)
    return directory


def _run(directory: Path, *command: str, patience: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=directory, env=_environment(), capture_output=True, text=True, timeout=patience, check=False
    )


def _environment() -> dict[str, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("NODE_", "HEADWATER_"))}
    return bare | {"NEXT_TELEMETRY_DISABLED": "1"}


def _write(directory: Path, found: dict[str, str]) -> None:
    for name, text in found.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_files_are_there() -> None:
    """The page has the five files of the chat, and three about other ways."""
    assert list(files()) == [*CHAT, "app/tools/page.tsx", "proxy.ts", "app/direct.ts"]


def test_files_pass_the_type_checker(project: Path) -> None:
    """All of the page's TypeScript is right, against the packages that it is written for."""
    _write(project, files())
    try:
        told = _run(project, "node_modules/.bin/tsc", "-p", ".", patience=PATIENCE * 3)
    finally:
        (project / "proxy.ts").unlink()
    assert (told.returncode, told.stdout) == (0, "")


@pytest.fixture
def site(project: Path) -> Iterator[tuple[str, Live]]:
    """The chat, built and served, over the offline engine; and its server."""
    if not os.environ.get("HEADWATER_NEXTJS"):
        pytest.skip("HEADWATER_NEXTJS is not set: a directory for Next.js, to build the chat and run it in a browser")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://localhost:{port}"
    with Live(OfflineEngine(parse_pace("first=0.3,rate=60")), origins=[url]) as live:
        found = {name: text.replace("127.0.0.1:8080", f"127.0.0.1:{live.port}") for name, text in files().items()}
        _write(project, {name: text for name, text in found.items() if name != "proxy.ts"})
        told = _run(project, "node_modules/.bin/next", "build", patience=PATIENCE * 5)
        assert told.returncode == 0, told.stdout + told.stderr
        command = ["node_modules/.bin/next", "start", "--port", str(port)]
        program = subprocess.Popen(command, cwd=project, env=_environment(), stdout=subprocess.DEVNULL)
        try:
            _until_it_answers(url)
            yield url, live
        finally:
            program.terminate()
            program.wait(PATIENCE)


def _until_it_answers(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url):
                return
        except urllib.error.URLError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.timeout(300)
def test_chat_in_a_browser(site: tuple[str, Live]) -> None:
    """Words come one by one; a page that comes back has the whole answer, once; stop and again do as they say."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    url, live = site
    with playwright.sync_playwright() as started:
        found = os.environ.get("HEADWATER_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        if found is None:
            pytest.skip("there is no Chromium")
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        _chat(page, url, live)
        _tools(page, url)
        browser.close()


def _chat(page: Any, url: str, live: Live) -> None:
    expect = pytest.importorskip("playwright.sync_api").expect
    answers, buttons = page.locator("[data-role=assistant]"), page.get_by_role("button")
    send, stop, again = (buttons.filter(has_text=name) for name in ("Send", "Stop", "Again"))
    page.goto(url)
    page.wait_for_url("**/chat/*")
    page.wait_for_load_state("networkidle")

    def ask(text: str) -> None:
        page.get_by_label("Message").fill(text)
        send.click()

    def seen() -> str:
        return str(answers.last.inner_text())

    ask("Tell me a story in 200 words.")
    expect(answers).to_have_count(1)
    page.wait_for_function("document.querySelector('[data-role=assistant]').innerText.length > 40")
    first = seen()
    page.wait_for_timeout(500)
    assert len(seen()) > len(first)
    assert len(live.server.recorder) == 1
    page.reload()
    expect(stop).to_be_enabled()
    expect(stop).to_be_disabled(timeout=PATIENCE * 1000)
    assert (answers.count(), len(seen().split())) == (1, 200)

    ask("Tell me a story in 900 words.")
    expect(answers).to_have_count(2)
    page.wait_for_function("[...document.querySelectorAll('[data-role=assistant]')].at(-1).innerText.length > 40")
    stop.click()
    expect(stop).to_be_disabled()
    live.until(lambda: len(live.server.recorder) == 0)
    half = seen()
    page.reload()
    expect(answers).to_have_count(2)
    assert seen() == half
    again.click()
    expect(stop).to_be_enabled()
    stop.click()
    expect(stop).to_be_disabled()
    live.until(lambda: len(live.server.recorder) == 0)
    saved = live.get("/v1/chats/" + page.url.rpartition("/")[2]).json["messages"]
    assert [message["state"] for message in saved] == ["done", "done", "done", "stopped", "stopped"]
    assert saved[3]["parent"] == saved[4]["parent"] == saved[2]["id"]


def _tools(page: Any, url: str) -> None:
    page.goto(url + "/tools")
    page.get_by_role("button", name="Where am I?").click()
    page.wait_for_selector("pre + p")
    assert '"timeZone"' in page.locator("pre").inner_text()
