"""The list of chats, which is the server's: searched, renamed, exported, deleted; 300 of them; keyboard; keys."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.live import Live
from tests.support.talker import Talker
from tests.support.visitor import ask, ended, says_all, titles_are, use_key


def write(live: Live, title: str, text: str = "", *, age: float = 0.0, **more: Any) -> None:
    """Save a chat of one message, ``age`` days old."""
    created = (datetime.now(UTC) - timedelta(days=age)).isoformat()
    contents = [{"role": "user", "parts": [{"text": text or title}]}]
    message = {"id": "m", "role": "user", "created": created, "contents": contents}
    assert live.post("/v1/chats", {"title": title, "created": created, "messages": [message], **more}).status == 201


@pytest.fixture
def three(served: Live) -> Live:
    """A server with three chats, of today, yesterday and the week before."""
    write(served, "Oldest", "about lighthouses", age=10)
    write(served, "Middle", "about bread", age=1)
    write(served, "Newest", "about rivers")
    return served


def test_grouped_by_day(three: Live, open_page: Any) -> None:
    """Chats that another program saved are in the list, the last changed first, under the day that it was."""
    page = open_page()
    titles_are(page, "Newest", "Middle", "Oldest")
    assert page.locator("#list h2").all_inner_texts() == ["Today", "Yesterday", "Last 30 days"]


def test_search(three: Live, open_page: Any) -> None:
    """Words are found in titles and in messages; Escape shows all chats again, and what is not found is said."""
    page = open_page()
    titles_are(page, "Newest", "Middle", "Oldest")
    page.keyboard.press("Control+k")
    page.keyboard.type("lighth")
    titles_are(page, "Oldest")
    page.keyboard.press("Enter")
    page.wait_for_selector(".bubble >> text=about lighthouses")
    page.fill("#filter", "middle")
    titles_are(page, "Middle")
    page.fill("#filter", "middle lighthouses")
    page.wait_for_selector("text=No chats match.")
    page.press("#filter", "Escape")
    titles_are(page, "Newest", "Middle", "Oldest")


@pytest.mark.parametrize("way", ["F2", "dblclick", "menu"])
def test_rename(three: Live, open_page: Any, way: str) -> None:
    """A chat is renamed where it stands, in three ways; the server and a second tab have the new name."""
    page = open_page()
    titles_are(page, "Newest", "Middle", "Oldest")
    other = page.context.new_page()
    other.goto(page.url)
    titles_are(other, "Newest", "Middle", "Oldest")
    link = page.locator("#list a", has_text="Middle")
    if way == "F2":
        link.focus()
        page.keyboard.press("F2")
    elif way == "dblclick":
        link.dblclick()
    else:
        link.hover()
        page.click("[aria-label='More for Middle']")
        page.click("#chat-menu >> text=Rename")
    page.fill("#list input", " Bread  and water ")
    page.keyboard.press("Enter")
    titles_are(page, "Newest", "Bread and water", "Oldest")
    titles_are(other, "Newest", "Bread and water", "Oldest")
    assert {chat["title"] for chat in three.get("/v1/chats").json["chats"]} == {"Newest", "Bread and water", "Oldest"}


def test_a_rename_is_left(three: Live, open_page: Any) -> None:
    """Escape leaves a name as it was; one that can not be saved comes back, and that is said."""
    page = open_page()
    page.locator("#list a", has_text="Middle").focus()
    page.keyboard.press("F2")
    page.keyboard.type("Other")
    page.keyboard.press("Escape")
    titles_are(page, "Newest", "Middle", "Oldest")
    assert page.evaluate("document.activeElement.innerText") == "Middle"
    page.context.set_offline(True)
    page.keyboard.press("F2")
    page.keyboard.type("Other")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said >> text=The new name could not be saved. The server cannot be reached.")
    titles_are(page, "Newest", "Middle", "Oldest")


@pytest.mark.parametrize(("choice", "ending"), [("Markdown", "md"), ("JSON", "json")])
def test_export(talker: Talker, visits: Any, tmp_path: Path, choice: str, ending: str) -> None:
    """A chat comes as a file, with the key where one is needed; as JSON it can be written back."""
    talker.answers["How does a river begin?"] = ["As **rain**."]
    with Live(talker, api_keys=["sesame"]) as live:
        page = visits(live.url)[0].new_page()
        page.goto(live.url)
        use_key(page, "sesame")
        ask(page, "How does a river begin?")
        ended(page)
        page.hover("#list li")
        page.click("#list li button")
        with page.expect_download() as download:
            page.click(f"text=Export as {choice}")
        assert download.value.suggested_filename == f"How does a river begin.{ending}"
        download.value.save_as(tmp_path / "chat")
        text = (tmp_path / "chat").read_text("utf-8")
        assert "As **rain**." in text
        if ending == "json":
            copy = live.post("/v1/chats", {**json.loads(text), "id": "copy"}, x_goog_api_key="sesame")
            assert copy.status == 201
        page.goto("about:blank")


def test_delete(three: Live, open_page: Any) -> None:
    """A chat is deleted after a question, not without; a tab that shows it says so and keeps what is there."""
    page = open_page()
    page.click("text=Middle")
    page.wait_for_selector(".bubble")
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector(".bubble")
    page.locator("#list a", has_text="Middle").focus()
    page.keyboard.press("Delete")
    page.wait_for_selector("#confirm[open] >> text=“Middle”")
    page.keyboard.press("Enter")  # on what the dialog proposes: to keep it
    titles_are(page, "Newest", "Middle", "Oldest")
    page.locator("#list a", has_text="Middle").focus()
    page.keyboard.press("Delete")
    page.click("#confirm >> text=Delete >> nth=-1")
    titles_are(page, "Newest", "Oldest")
    page.wait_for_selector("#empty h2")
    assert three.get("/v1/chats").body.count(b'"id"') == 2
    titles_are(other, "Newest", "Oldest")
    other.wait_for_selector("#stand >> text=The server no longer has this chat")
    assert other.inner_text(".bubble").strip() == "about bread"
    other.click("text=Save again")
    titles_are(other, "Newest", "Middle", "Oldest")


def test_arrows(three: Live, open_page: Any) -> None:
    """The list is one stop for Tab; the arrows go through it and back to the search, and Enter opens."""
    page = open_page()
    titles_are(page, "Newest", "Middle", "Oldest")
    page.keyboard.press("Control+k")
    seen = []
    for key in ["ArrowDown", "ArrowDown", "End", "Home", "ArrowDown"]:
        page.keyboard.press(key)
        seen.append(page.evaluate("document.activeElement.innerText"))
    assert seen == ["Newest", "Middle", "Oldest", "Newest", "Middle"]
    page.keyboard.press("Enter")
    page.wait_for_selector(".bubble >> text=about bread")
    assert page.locator("#list [tabindex='0']").count() == 2  # the chat that is open, and its menu
    page.keyboard.press("Control+Shift+O")
    page.wait_for_selector("#empty h2")
    assert page.evaluate("document.activeElement.id") == "prompt"


def test_the_menu_by_keyboard(three: Live, open_page: Any) -> None:
    """A chat's menu opens, is gone through and left by keyboard, and the focus goes back."""
    page = open_page()
    page.locator("#list a", has_text="Middle").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#chat-menu:popover-open")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.value") == "markdown"
    page.keyboard.press("Escape")
    page.wait_for_function("() => !document.querySelector('#chat-menu:popover-open')")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "More for Middle"


def test_300_chats(served: Live, open_page: Any) -> None:
    """300 chats are fetched as the list is scrolled, each once; any is found, and opened by its address."""
    for number in range(300):
        write(served, f"Chat number {number:03}", f"words {number:03}", age=(300 - number) / 10)
    page = open_page()
    page.wait_for_function("() => document.querySelectorAll('#list li').length === 50")
    page.evaluate("document.querySelector('#list').scrollTop = 1e9")
    page.wait_for_function("() => document.querySelectorAll('#list li').length > 50")
    page.wait_for_function(
        """() => {
            document.querySelector('#list').scrollTop = 1e9;
            return document.querySelectorAll('#list li').length === 300;
        }"""
    )
    titles_are(page, *[f"Chat number {number:03}" for number in reversed(range(300))])
    page.fill("#filter", "number 123")
    titles_are(page, "Chat number 123")
    page.click("#list a")
    page.wait_for_selector(".bubble >> text=words 123")
    page.reload()
    page.wait_for_selector(".bubble >> text=words 123")


def test_the_list_stays_where_it_is(served: Live, open_page: Any) -> None:
    """What changes elsewhere comes into the list when the page is looked at again, and the list does not jump."""
    for number in range(120):
        write(served, f"Chat {number:03}", age=(120 - number) / 10)
    page = open_page()
    page.wait_for_function("() => document.querySelectorAll('#list li').length === 50")
    page.evaluate("document.querySelector('#list').scrollTop = 1e9")
    page.wait_for_function("() => document.querySelectorAll('#list li').length > 50")
    page.evaluate("document.querySelector('#list').scrollTop = 900")
    write(served, "From Python")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.wait_for_selector("#list >> text=From Python", state="attached")
    assert page.evaluate("document.querySelector('#list').scrollTop") >= 900


def test_two_keys(talker: Talker, visits: Any) -> None:
    """With another key the list is that key's; neither sees, finds or opens the other's chats."""
    talker.answers |= {"mine": ["one"], "yours": ["two"]}
    with Live(talker, api_keys=["first", "second"]) as live:
        page = visits(live.url)[0].new_page()
        page.goto(live.url)
        use_key(page, "first")
        ask(page, "mine")
        says_all(page, "one")
        titles_are(page, "mine")
        address = page.url
        page.click("#settings")
        use_key(page, "second")
        page.wait_for_selector("text=This chat does not exist.")
        titles_are(page)
        assert page.locator("article").count() == 0
        page.keyboard.press("Control+Shift+O")
        ask(page, "yours")
        says_all(page, "two")
        titles_are(page, "yours")
        page.fill("#filter", "mine")
        page.wait_for_selector("text=No chats match.")
        page.goto("about:blank")
        page.goto(address)
        page.wait_for_selector("text=This chat does not exist.")
        page.click("#settings")
        use_key(page, "first")
        says_all(page, "one")
        titles_are(page, "mine")
        page.goto("about:blank")
