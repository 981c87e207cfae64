"""The chat page in a real browser: chats, what survives a break, and what it costs."""

from __future__ import annotations

import base64
import json
import random
import time
from typing import Any

import pytest
from talker import Talker, thinks
from visitor import ask, ended, says_all

from headwater.errors import api_error
from live import Live

RIVER = ["A river ", "begins ", "as **rain**", " on a", " hill.\n\n", "Then it", " runs to the sea."]
RIVER_SHOWN = "A river begins as rain on a hill.\n\nThen it runs to the sea."


def test_a_first_chat(talker: Talker, served: Live, open_page: Any) -> None:
    """A message is answered as Markdown, thoughts are folded away, the chat is in the list, tokens are not made up."""
    talker.answers["How?"] = [thinks("Let me see."), *RIVER]
    page = open_page()
    ask(page, "How?")
    ended(page)
    assert page.inner_text("article.model > .text").strip() == RIVER_SHOWN
    assert page.inner_text("article.model strong") == "rain"
    assert page.get_attribute("article.model details", "open") is None
    page.click("summary")
    assert page.inner_text("details .text").strip() == "Let me see."
    assert page.inner_text("#list a") == "How?"
    asked = talker.asked[0]
    assert asked["contents"] == [{"role": "user", "parts": [{"text": "How?"}]}]
    assert asked["generationConfig"]["thinkingConfig"] == {"includeThoughts": True}


def test_the_second_message_carries_the_first(talker: Talker, served: Live, open_page: Any) -> None:
    """The model is sent the whole conversation, without thoughts."""
    talker.answers |= {"one": [thinks("hm"), "first"], "two": ["second"]}
    page = open_page()
    ask(page, "one")
    ended(page)
    ask(page, "two")
    ended(page, 2)
    said = [(content["role"], content["parts"][0]["text"]) for content in talker.asked[1]["contents"]]
    assert said == [("user", "one"), ("model", "first"), ("user", "two")]


def test_stop(talker: Talker, served: Live, open_page: Any) -> None:
    """The button stops the engine; what came stays, and says that it was stopped."""
    talker.answers["go"] = ["some words", None, "never"]
    page = open_page()
    ask(page, "go")
    says_all(page, "some words")
    assert page.get_attribute("#send", "aria-label") == "Stop"
    page.click("#send")
    ended(page)
    assert page.inner_text(".note") == "Stopped."
    assert page.get_attribute("#send", "aria-label") == "Send"
    served.until(lambda: len(served.server.recorder) == 0)


def test_edit_and_turn_back(talker: Talker, served: Live, open_page: Any) -> None:
    """An edited message begins another branch; the first one is still there."""
    talker.answers |= {"one": ["first"], "two": ["second"]}
    page = open_page()
    ask(page, "one")
    ended(page)
    page.click("[aria-label=Edit]")
    page.fill("article.user textarea", "two")
    page.click("text=Send again")
    says_all(page, "second")
    ended(page)
    assert [len(body["contents"]) for body in talker.asked] == [1, 1]
    page.click("[aria-label='Earlier version']")
    says_all(page, "first")
    page.reload()
    says_all(page, "first")


def test_try_again(talker: Talker, served: Live, open_page: Any) -> None:
    """A failed answer says what happened and what to do, and can be tried again."""
    talker.answers["q"] = ["half", api_error(503, "model overloaded", status="UNAVAILABLE")]
    page = open_page()
    ask(page, "q")
    page.wait_for_selector("[role=alert]")
    assert page.inner_text("article.model > .text").strip() == "half"
    assert "Try again in a moment." in page.inner_text("[role=alert]")
    assert "model overloaded" in page.inner_text("[role=alert]")
    talker.answers["q"] = ["whole"]
    page.click("[role=alert] button")
    says_all(page, "whole")


def test_reload_in_the_middle(talker: Talker, served: Live, open_page: Any) -> None:
    """After a reload the answer goes on where it was: no word is lost or doubled, and the model is asked once."""
    words = [f"word{number} " for number in range(100)]
    talker.answers["go"] = [*words[:50], None, *words[50:]]
    page = open_page()
    ask(page, "go")
    says_all(page, "".join(words[:50]).strip())
    page.reload()
    says_all(page, "".join(words[:50]).strip())
    talker.resume(served.on_loop)
    ended(page)
    assert page.inner_text("article.model > .text").split() == "".join(words).split()
    assert len(talker.asked) == 1


def test_network_off_and_on(talker: Talker, served: Live, open_page: Any) -> None:
    """While the network is away the page says so; when it is back the answer goes on."""
    words = [f"word{number} " for number in range(60)]
    talker.answers["go"] = [*words[:20], None, *words[20:]]
    page = open_page()
    ask(page, "go")
    says_all(page, "".join(words[:20]).strip())
    page.context.set_offline(True)
    page.wait_for_selector(".trouble")
    talker.resume(served.on_loop)
    served.until(lambda: len(served.server.recorder) == 0)
    page.context.set_offline(False)
    ended(page)
    assert page.inner_text("article.model > .text").split() == "".join(words).split()
    assert page.query_selector(".trouble") is None


def test_two_tabs(talker: Talker, served: Live, open_page: Any) -> None:
    """A second tab shows the same answer while it grows; both have it whole, and the model is asked once."""
    words = [f"word{number} " for number in range(60)]
    talker.answers |= {"go": [*words[:20], None, *words[20:]], "more": ["and more"]}
    page = open_page()
    other = page.context.new_page()
    ask(page, "go")
    says_all(page, "".join(words[:20]).strip())
    other.goto(page.url)
    says_all(other, "".join(words[:20]).strip())
    talker.resume(served.on_loop)
    for tab in (page, other):
        ended(tab)
        assert tab.inner_text("article.model > .text").split() == "".join(words).split()
    ask(other, "more")
    ended(other, 2)
    ended(page, 2)
    assert page.inner_text("article.model:last-child > .text").strip() == "and more"
    assert len(talker.asked) == 2


def test_a_picture_is_pasted(talker: Talker, served: Live, open_page: Any) -> None:
    """A picture from the clipboard is shown, sent with the message, and kept."""
    talker.answers["What?"] = ["A dot."]
    page = open_page()
    page.evaluate(
        """async () => {
            const canvas = Object.assign(document.createElement("canvas"), { width: 3000, height: 20 });
            canvas.getContext("2d").fillRect(0, 0, 9, 9);
            const blob = await new Promise((resolve) => canvas.toBlob(resolve));
            const data = new DataTransfer();
            data.items.add(new File([blob], "dot.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }"""
    )
    page.wait_for_selector("#pictures img")
    ask(page, "What?")
    ended(page)
    picture, text = talker.asked[0]["contents"][0]["parts"]
    assert picture["inlineData"]["mimeType"] == "image/webp"  # it was too large, and made smaller
    assert base64.b64decode(picture["inlineData"]["data"])[8:12] == b"WEBP"
    assert text == {"text": "What?"}
    assert page.eval_on_selector(".bubble img", "image => image.decode().then(() => image.naturalWidth)") == 1536
    page.reload()
    assert page.wait_for_selector(".bubble img")


def test_settings_reach_the_model(talker: Talker, served: Live, open_page: Any) -> None:
    """Model and settings are those of the next request, and are still there after a reload."""
    talker.answers["q"] = ["a"]
    page = open_page()
    page.select_option("#model", "other")
    page.click("#settings")
    page.fill("[name=system]", "Be brief.")
    page.fill("[name=temperature]", "0.3")
    page.uncheck("[name=thoughts]")
    page.keyboard.press("Escape")
    page.reload()
    ask(page, "q")
    ended(page)
    assert talker.asked[0]["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert talker.asked[0]["generationConfig"] == {"temperature": 0.3}
    assert page.inner_text(".figures").startswith("other")


def test_a_key_is_asked_for(talker: Talker, visits: Any) -> None:
    """Where the server needs a key, the page asks for it, and works with it."""
    talker.answers["q"] = ["open"]
    with Live(talker, api_keys=["sesame"]) as live:
        page = visits(live.url)[0].new_page()
        page.goto(live.url)
        page.wait_for_selector("#options[open]")
        page.fill("[name=apiKey]", "sesame")
        page.keyboard.press("Escape")
        ask(page, "q")
        says_all(page, "open")
        page.goto("about:blank")


def test_300_chats(talker: Talker, served: Live, open_page: Any) -> None:
    """With 300 chats in the list it is drawn, found in and opened without delay."""
    page = open_page()
    page.evaluate(
        """() => { for (let n = 0; n < 300; n++) {
            const id = `chat${n}`;
            const times = { created: n, updated: n };
            const parts = [{ text: `words ${n}` }];
            const message = { id: `m${n}`, chat: id, parent: null, role: "user", ...times, parts };
            const chat = { id, title: `Chat number ${n}`, ...times, leaf: `m${n}` };
            localStorage.setItem(`headwater:chat:${id}`, JSON.stringify(chat));
            localStorage.setItem(`headwater:message:${id}:m${n}`, JSON.stringify(message));
        } }"""
    )
    page.reload()
    assert page.locator("#list li").count() == 300
    page.fill("#filter", "number 123")
    assert page.locator("#list li").count() == 1
    page.click("#list a")
    page.wait_for_selector("text=words 123")


def test_ten_thousand_chunks_cost_little(talker: Talker, served: Live, open_page: Any) -> None:
    """An answer of 10,000 chunks takes less than two seconds of the page's main thread, and is whole."""
    rng = random.Random(4)
    blocks = [paragraph(rng, number) for number in range(200)]
    text = "".join(blocks)
    size = -(-len(text) // 10_000)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    pieces += [" ."] * (10_000 - len(pieces))
    talker.answers["go"] = pieces
    page = open_page()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    before = task_seconds(session)
    ask(page, "go")
    page.wait_for_selector("article.model:not(.running) .figures", timeout=60_000)
    spent = task_seconds(session) - before
    print(f"10,000 chunks, {len(text)} characters: {spent:.2f} s of the main thread")
    assert spent < 2
    assert page.locator("article.model pre").count() == 40


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


def paragraph(rng: random.Random, number: int) -> str:
    """A piece of an answer: prose, a list, a table or code."""
    words = " ".join(rng.choice(["river", "**stone**", "`sea`", "hill", "*rain*", "valley"]) for _ in range(40))
    match number % 5:
        case 0:
            return f"## Part {number}\n\n{words}.\n\n"
        case 1:
            return "".join(f"- {word}\n" for word in words.split()[:12]) + "\n"
        case 2:
            return "| a | b |\n|---|---|\n" + "".join(f"| {word} | 1 |\n" for word in words.split()[:10]) + "\n"
        case 3:
            return "```python\n" + "".join(f"x{line} = {line}\n" for line in range(25)) + "```\n\n"
    return f"{words}.\n\n"


def task_seconds(session: Any) -> float:
    """The time that the main thread has worked."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(entry["value"] for entry in metrics if entry["name"] == "TaskDuration"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_axe_finds_nothing_serious(
    talker: Talker, served: Live, open_page: Any, width: int, theme: str, request: pytest.FixtureRequest
) -> None:
    """axe-core finds no serious fault, with a conversation, an error and a dialog on the page, in both themes."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    talker.answers["q"] = [
        thinks("hm"),
        paragraph(random.Random(1), 2),
        paragraph(random.Random(1), 3),
        "$x^2$ [a](https://a.test) end",
    ]
    talker.answers["bad"] = [api_error(429, "too many", status="RESOURCE_EXHAUSTED")]
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=theme, reduced_motion="reduce")
    found = serious(axe, page)
    ask(page, "q")
    ended(page)
    ask(page, "bad")
    page.wait_for_selector("[role=alert]")
    page.wait_for_selector("math")
    found += serious(axe, page)
    page.click("#settings")
    found += serious(axe, page)
    assert found == []


def serious(axe: Any, page: Any) -> list[str]:
    """What axe finds that is serious or worse."""
    faults = axe.run(page).response["violations"]
    return [
        json.dumps([fault["id"], [node["html"][:200] for node in fault["nodes"]]])
        for fault in faults
        if fault["impact"] in ("serious", "critical")
    ]
