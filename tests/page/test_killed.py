"""A server that is killed in the middle of an answer, and started again: the page goes on where it was."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.killable import Process
from tests.support.visitor import ask, titles_are

ASKED = "Tell me a story about a river."


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    process.start()
    yield process
    process.kill()


def test_killed_and_started_again(process: Process, visits: Any) -> None:
    """After ``kill -9`` the page says that the connection is lost; then the answer goes on, each word once."""
    page = visits(process.url)[0].new_page()
    page.goto(process.url)
    ask(page, ASKED)
    page.wait_for_function("() => document.querySelector('article.model > .text')?.innerText.length > 150")
    process.kill()
    page.wait_for_selector(".trouble")
    assert page.query_selector("article.model.running")
    process.start()
    page.wait_for_selector("article.model:not(.running) .figures", timeout=60_000)
    check_whole(process, page)


def test_killed_and_come_back_to(process: Process, visits: Any) -> None:
    """A page that is loaded when the killed server is there again has the answer, which goes on, and the list."""
    page = visits(process.url)[0].new_page()
    page.goto(process.url)
    ask(page, ASKED)
    page.wait_for_function("() => document.querySelector('article.model > .text')?.innerText.length > 150")
    address = page.url
    page.close()
    process.kill()
    process.start()
    page = page.context.new_page()
    page.goto(address)
    page.wait_for_selector("article.model:not(.running) .figures", timeout=60_000)
    titles_are(page, ASKED)
    check_whole(process, page)


def test_killed_while_it_is_sent(process: Process, visits: Any) -> None:
    """A message that is sent to a server that is not there is not shown as saved; it is answered when there is one."""
    page = visits(process.url)[0].new_page()
    page.goto(process.url)
    page.wait_for_selector("#engine >> text=Offline engine")
    process.kill()
    ask(page, ASKED)
    page.wait_for_selector("text=Not saved yet. The server cannot be reached.")
    process.start()
    page.wait_for_selector("article.model:not(.running) .figures", timeout=60_000)
    assert page.locator(".unsent").count() == 0
    check_whole(process, page)


def test_killed_with_all_that_it_knew(tmp_path: Path, visits: Any) -> None:
    """A server that kept chats in memory has lost them: the page says so, keeps what had come and can save it."""
    process = Process(tmp_path, keeps=False)
    try:
        process.start()
        page = visits(process.url)[0].new_page()
        page.goto(process.url)
        ask(page, ASKED)
        page.wait_for_function("() => document.querySelector('article.model > .text')?.innerText.length > 150")
        process.kill()
        process.start()
        page.wait_for_selector("#stand >> text=The server no longer has this chat")
        page.wait_for_selector("[role=alert] >> text=The part received is kept.")
        assert len(page.inner_text("article.model > .text")) > 150
        page.click("text=Save again")
        titles_are(page, ASKED)
        page.reload()
        page.wait_for_selector("article.model .figures")
        assert len(page.inner_text("article.model > .text")) > 150
        page.close()
    finally:
        process.kill()


def check_whole(process: Process, page: Any) -> None:
    """The answer is whole in the chat on the server, and the page shows the same."""
    chat = page.url.partition("#")[2]
    _, answer = json.loads(urllib.request.urlopen(f"{process.url}/v1/chats/{chat}").read())["messages"]
    assert answer["state"] == "done"
    text = "".join(part["text"] for part in answer["contents"][0]["parts"] if not part.get("thought"))
    assert text == whole_answer(process.url, page, answer["model"])
    shown = page.inner_text("article.model > .text")
    page.reload()
    page.wait_for_selector("article.model .figures")
    assert page.inner_text("article.model > .text") == shown


def whole_answer(url: str, page: Any, model: str) -> str:
    """What the same question is answered with when nothing breaks: the offline engine repeats itself."""
    config = {"thinkingConfig": {"includeThoughts": True}}
    body = {"contents": [{"role": "user", "parts": [{"text": ASKED}]}], "generationConfig": config}
    request = urllib.request.Request(
        f"{url}/v1beta/models/{model}:generateContent", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        parts = json.load(response)["candidates"][0]["content"]["parts"]
    return "".join(part["text"] for part in parts if not part.get("thought"))
