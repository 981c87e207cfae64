"""What makes writing on the page comfortable: keys, drafts, files, signing in, long messages, and what can be read."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from tests.support.live import Live, Scripted, says
from tests.support.talker import Talker
from tests.support.visitor import ask, ended, says_all


def test_the_edit_box_has_the_keys_of_the_message_box(talker: Talker, served: Live, open_page: Any) -> None:
    """Enter sends, Shift+Enter starts a new line, Escape leaves the message as it was."""
    talker.answers |= {"one": ["first"], "one\ntwo": ["second"]}
    page = open_page()
    ask(page, "one")
    ended(page)
    page.click("[aria-label=Edit]")
    page.keyboard.type("never sent")
    page.keyboard.press("Escape")
    assert page.inner_text("article.user .bubble") == "one"
    page.click("[aria-label=Edit]")
    page.press("article.user textarea", "End")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    page.keyboard.press("Enter")
    says_all(page, "second")
    assert len(talker.asked) == 2


def test_copying_is_seen(talker: Talker, served: Live, open_page: Any) -> None:
    """The button shows a check mark and "Copied" for a moment, for answers and for code."""
    talker.answers["q"] = ["Some words.\n\n```python\nx = 1\n```\n"]
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    ask(page, "q")
    ended(page)
    for button, text in (("article.model > .tools [title=Copy]", "Some words."), (".code-head button", "x = 1")):
        page.click(button)
        page.wait_for_selector(".copied >> text=Copied")
        assert page.locator(".copied use[href='#icon-check']").count() == 1
        assert page.evaluate("navigator.clipboard.readText()").startswith(text)
        page.wait_for_selector(".copied", state="detached")
    assert page.locator("article.model use[href='#icon-copy']").count() == 1
    assert page.inner_text(".code-head button") == "Copy"


def test_a_key_is_all_that_is_asked_for(talker: Talker, visits: Any) -> None:
    """Where a key is needed, a small dialog asks for it, not the settings; a wrong one is asked for again."""
    with Live(talker, api_keys=["sesame"]) as live:
        page = visits(live.url)[0].new_page()
        page.goto(live.url)
        page.wait_for_selector("#sign-in[open] >> text=API key of this server")
        assert page.get_attribute("[name=key]", "placeholder") == "required"
        page.fill("[name=key]", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#sign-in[open] >> text=did not accept")
        page.fill("[name=key]", "sesame")
        page.click("#sign-in >> text='Sign in' >> nth=-1")
        page.wait_for_function("() => document.querySelector('#model').textContent.includes('other')")
        assert page.locator("dialog[open]").count() == 0
        page.goto("about:blank")


def test_drafts_survive_a_reload(talker: Talker, served: Live, open_page: Any) -> None:
    """What is written and not sent is there after a reload, for each chat its own; what is sent is not kept."""
    talker.answers |= {"one": ["first"]}
    page = open_page()
    ask(page, "one")
    ended(page)
    page.fill("#prompt", "for this chat")
    page.click("#new")
    page.wait_for_function("() => document.querySelector('#prompt').value === ''")
    page.fill("#prompt", "for a new one")
    page.reload()
    page.wait_for_function("() => document.querySelector('#prompt').value === 'for a new one'")
    page.fill("#prompt", "")
    page.click("#list >> text=one")
    page.wait_for_function("() => document.querySelector('#prompt').value === 'for this chat'")
    talker.answers["for this chat"] = ["second"]
    page.press("#prompt", "Enter")
    ended(page, 2)
    assert not [key for key in page.evaluate("Object.keys(localStorage)") if "draft" in key]


def test_long_messages_are_folded(talker: Talker, served: Live, open_page: Any) -> None:
    """A long message of the user shows its beginning, and all of it at a click."""
    text = "\n".join(f"line {number}" for number in range(120))
    talker.answers |= {text: ["fine"], "short": ["fine"]}
    page = open_page()
    ask(page, text)
    ended(page)
    height = "document.querySelector('.bubble').clientHeight"
    assert page.evaluate(height) < 300
    page.click("text=Show more")
    assert page.evaluate(height) > 2000
    page.click("text=Show less")
    assert page.evaluate(height) < 300
    ask(page, "short")
    ended(page, 2)
    assert page.locator("[aria-expanded] >> text=Show more").count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_placeholders_can_be_read(open_page: Any, theme: str) -> None:
    """The contrast of the placeholder is at least 4.5 to 1 (WCAG AA)."""
    page = open_page(color_scheme=theme)
    colors = page.evaluate(
        """[getComputedStyle(document.querySelector("#prompt"), "::placeholder").color,
            getComputedStyle(document.querySelector("#composer")).backgroundColor]"""
    )
    bright, dark = sorted((_luminance(color) for color in colors), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= 4.5


def _luminance(color: str) -> float:
    """Return the relative luminance of ``rgb(r, g, b)`` as WCAG defines it."""
    shares = [int(share) / 255 for share in re.findall(r"\d+", color)[:3]]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


FILES = [
    {"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 \x00\xff"},
    {"name": "notes.py", "mimeType": "text/x-python", "buffer": b"print('hi')"},
    {"name": "table.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"},
    {"name": "voice.wav", "mimeType": "audio/wav", "buffer": b"RIFF\x00\xff"},
]


def test_files_are_sent(talker: Talker, served: Live, open_page: Any) -> None:
    """PDFs, text and audio go with the message, under the names of their types; what models do not take is refused."""
    talker.answers["What?"] = ["Files."]
    page = open_page()
    page.set_input_files("#file", FILES)
    page.wait_for_function("() => document.querySelectorAll('#pictures .file').length === 4")
    assert "notes.py" in page.inner_text("#pictures")
    page.set_input_files("#file", {"name": "a.zip", "mimeType": "application/zip", "buffer": b"PK\x00\xff"})
    page.wait_for_selector("#said >> text=a.zip can't be sent.")
    ask(page, "What?")
    ended(page)
    assert page.inner_text("#said") == ""  # it is over
    parts = talker.asked[0]["contents"][0]["parts"]
    types = ["application/pdf", "text/plain", "text/csv", "audio/wav"]
    assert [part["inlineData"]["mimeType"] for part in parts[:-1]] == types
    assert [base64.b64decode(part["inlineData"]["data"]) for part in parts[:-1]] == [one["buffer"] for one in FILES]
    page.reload()
    page.wait_for_selector(".bubble .step >> text=pdf")


def test_a_limited_answer_is_continued(visits: Any) -> None:
    """An answer that was cut at the output limit has a button that asks for the rest."""
    contents: list[Any] = []

    def script(request: Any) -> list[Any]:
        contents.append(request.body)
        return [says("half", "MAX_TOKENS")] if len(contents) == 1 else [says("the rest", "STOP")]

    with Live(Scripted(script)) as live:
        page = visits(live.url)[0].new_page()
        page.goto(live.url)
        ask(page, "go")
        page.click("article.model >> text=Continue")
        says_all(page, "the rest")
        ended(page, 2)
        assert page.locator("article.user").count() == 2
        assert b"half" in contents[1]
        page.goto("about:blank")


def test_versions_of_a_message_have_arrows(talker: Talker, served: Live, open_page: Any) -> None:
    """The arrows beside "2 of 2" are seen without the mouse, for messages as for answers."""
    talker.answers |= {"one": ["first"], "two": ["second"]}
    page = open_page()
    ask(page, "one")
    ended(page)
    page.click("[aria-label=Edit]")
    page.fill("article.user textarea", "two")
    page.keyboard.press("Enter")
    says_all(page, "second")
    ended(page)
    page.mouse.move(0, 0)
    opacity = "(one) => getComputedStyle(one).opacity"
    assert page.eval_on_selector("article.user [aria-label='Earlier version']", opacity) == "1"
