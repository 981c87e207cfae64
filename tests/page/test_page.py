"""The chat page in a real browser: chats, what survives a break, and what it costs."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from headwater.errors import api_error
from tests.support.live import Live
from tests.support.talker import Talker, paragraph, thinks
from tests.support.visitor import ask, ended, paste_picture, says_all, titles_are, use_key

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


def test_another_browser(talker: Talker, served: Live, open_page: Any) -> None:
    """Another browser has the same chats and shows the answer that runs; what is said in one comes into the other."""
    talker.answers |= {"go": ["some words", None, " and more"], "then": ["the rest"]}
    page, other = open_page(), open_page()
    ask(page, "go")
    says_all(page, "some words")
    other.evaluate("window.dispatchEvent(new Event('focus'))")
    other.click("#list >> text=go")
    says_all(other, "some words")
    talker.resume(served.on_loop)
    for one in (page, other):
        says_all(one, "some words and more")
        ended(one)
    ask(other, "then")
    ended(other, 2)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    says_all(page, "the rest")
    assert len(talker.asked) == 2


def test_a_running_answer_is_left_and_come_back_to(talker: Talker, served: Live, open_page: Any) -> None:
    """An answer goes on while another chat is open; the list says so, and it is there with the back button."""
    talker.answers |= {"go": ["some words", None, " and more"], "then": ["another"]}
    page = open_page()
    ask(page, "go")
    says_all(page, "some words")
    page.click("#new")
    ask(page, "then")
    says_all(page, "another")
    page.wait_for_selector("#list [data-mark=answering] >> text=go")
    page.go_back()
    page.go_back()
    says_all(page, "some words")
    talker.resume(served.on_loop)
    says_all(page, "some words and more")
    ended(page)
    page.go_forward()
    page.go_forward()
    says_all(page, "another")
    assert page.locator("[data-mark=answering]").count() == 0


def test_nothing_of_a_chat_is_left_in_the_browser(talker: Talker, served: Live, open_page: Any) -> None:
    """What is saved on the server is not kept in the browser too."""
    talker.answers["a secret"] = ["kept well"]
    page = open_page()
    ask(page, "a secret")
    ended(page)
    page.select_option("#model", "other")
    assert page.evaluate("Object.keys(localStorage)") == ["headwater:settings"]


def test_a_picture_is_pasted(talker: Talker, served: Live, open_page: Any) -> None:
    """A picture from the clipboard is shown, sent with the message, and kept."""
    talker.answers["What?"] = ["A dot."]
    page = open_page()
    paste_picture(page)
    ask(page, "What?")
    ended(page)
    picture, text = talker.asked[0]["contents"][0]["parts"]
    assert picture["inlineData"]["mimeType"] == "image/webp"  # it was too large, and made smaller
    assert base64.b64decode(picture["inlineData"]["data"])[8:12] == b"WEBP"
    assert text == {"text": "What?"}
    assert page.eval_on_selector(".bubble img", "image => image.decode().then(() => image.naturalWidth)") == 1536
    page.reload()
    assert page.wait_for_selector(".bubble img")


def test_what_happened_on_the_way(served: Live, open_page: Any) -> None:
    """Calls, their results, code and its output, pictures and files of a chat from Python are shown where they came."""
    assert served.post("/v1/chats", json.loads(TOOLS)).status == 201
    page = open_page()
    page.click("#list a")
    page.wait_for_selector(".step")
    kinds = "all => all.map((one) => `${one.className} ${one.innerText.trim().split('\\n')[0]}`)"
    assert page.eval_on_selector_all("article.model > :not(.note, .tools)", kinds) == [
        "thoughts Thoughts",
        "step Called get_forecast",
        "text 14 mm.",
        "step Ran Python",
        "pictures ",
        "step A file",
        "text The fourth day.",
    ]
    page.click("text=Called get_forecast")
    assert "Bergen" in page.inner_text("details.step[open]")
    assert '"rain_mm": 14' in page.inner_text("details.step[open]")
    page.click("text=Ran Python")
    assert page.locator("details.step[open] .hljs-built_in").first.inner_text() == "print"
    assert "Output\n" in page.inner_text("details.step >> nth=1")


TOOLS = """{"id": "tools", "title": "Weather", "messages": [
  {"id": "q", "role": "user", "contents": [{"role": "user", "parts": [{"text": "Rain?"}]}]},
  {"id": "a", "parent": "q", "role": "model", "contents": [
    {"role": "model", "parts": [
      {"text": "I look.", "thought": true},
      {"functionCall": {"id": "1", "name": "get_forecast", "args": {"city": "Bergen"}}}]},
    {"role": "user", "parts": [{"functionResponse": {"id": "1", "name": "get_forecast", "response": {"rain_mm": 14}}}]},
    {"role": "model", "parts": [
      {"text": "14 mm."},
      {"executableCode": {"language": "PYTHON", "code": "print(2 + 2)"}},
      {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "4"}},
      {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
      {"fileData": {"mimeType": "application/pdf", "fileUri": "files/abc"}},
      {"text": "The fourth day."}]}]}]}"""


def test_50_kb_of_markdown(talker: Talker, served: Live, open_page: Any) -> None:
    """50 kB of Markdown are sent, answered with as much, and are the same after a reload."""
    rng = random.Random(9)
    text = "".join(paragraph(rng, number) for number in range(160))[:50_000]
    talker.answers[text.strip()] = [text[at : at + 400] for at in range(0, len(text), 400)]
    page = open_page()
    ask(page, text)
    ended(page)
    shown = page.inner_text("article.model > .text")
    assert len(shown) > 20_000
    page.reload()
    ended(page)
    assert page.inner_text("article.model > .text") == shown
    assert page.inner_text(".bubble").strip() == text.strip()


def test_on_a_phone(talker: Talker, served: Live, open_page: Any) -> None:
    """On a phone the list is a drawer: it opens, a chat closes it, and so do Escape and a touch beside it."""
    talker.answers |= {"one": ["first"], "two": ["second"]}
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    for words in ("one", "two"):
        ask(page, words)
        ended(page)
        page.tap("#menu")
        page.tap("#new")
    page.tap("#menu")
    page.tap("#list >> text=one")
    says_all(page, "first")
    page.wait_for_selector("#list", state="hidden")
    for leave in (lambda: page.keyboard.press("Escape"), lambda: page.touchscreen.tap(350, 400)):
        page.tap("#menu")
        page.wait_for_selector("#list", state="visible")
        leave()  # type: ignore[no-untyped-call]
        page.wait_for_selector("#list", state="hidden")
    page.tap("#menu")
    page.tap("[aria-label='More for two']")
    page.tap("#chat-menu >> text=Rename")
    page.fill("#list input", "new name")
    page.keyboard.press("Enter")
    titles_are(page, "new name", "one")
    assert page.evaluate("document.documentElement.scrollWidth") == 360


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
        use_key(page, "sesame")
        ask(page, "q")
        says_all(page, "open")
        page.goto("about:blank")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_axe_finds_nothing_serious(
    talker: Talker, served: Live, open_page: Any, width: int, theme: str, request: pytest.FixtureRequest
) -> None:
    """axe-core finds no serious fault, with conversations, errors, the list, its menu and dialogs, in both themes."""
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
    page.keyboard.press("Escape")
    served.post("/v1/chats", json.loads(TOOLS))
    page.goto(f"{served.url}/#tools")
    page.wait_for_selector(".step")
    page.eval_on_selector_all("details", "all => all.forEach((one) => one.open = true)")
    if width < 800:
        page.click("#menu")
    page.click("[aria-label='More for Weather']")
    found += serious(axe, page)
    page.click("#chat-menu >> text=Rename")
    found += serious(axe, page)
    page.keyboard.press("Escape")
    page.locator("#list a").first.focus()
    page.keyboard.press("Delete")
    found += serious(axe, page)
    page.keyboard.press("Escape")
    page.fill("#filter", "nothing")
    page.wait_for_selector("#list-note >> text=No chat")
    if width < 800:
        page.mouse.click(350, 400)
    page.context.set_offline(True)
    ask(page, "never")
    page.wait_for_selector(".unsent .trouble")
    found += serious(axe, page)
    page.context.set_offline(False)
    page.goto(f"{served.url}/#gone")
    page.wait_for_selector("#stand p")
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


def test_below_a_path(talker: Talker, visits: Any) -> None:
    """Mounted into another application, below a path, the page and ``headwater.js`` find their own server."""
    talker.answers["How?"] = RIVER
    with Live(talker, mount="/gemini") as live:
        page = visits(live.url)[0].new_page()
        page.goto(f"{live.url}/gemini")
        ask(page, "How?")
        ended(page)
        assert page.text_content("article.model > .text").strip().startswith("A river begins as rain")
        page.reload()
        page.wait_for_selector("article.model strong")
        told = page.evaluate(
            """async () => {
                const { start, textOf } = await import("/gemini/headwater.js");
                const request = { model: "m", contents: [{ parts: [{ text: "How?" }] }] };
                let text = "";
                for await (const { type, data } of await start(request)) if (type === "chunk") text += textOf(data);
                return text;
            }"""
        )
        assert told == "".join(RIVER)


def test_the_offline_engine_says_what_it_is(visits: Any) -> None:
    """Without a model, the picker, the empty page and the line below each answer say so, after a reload too."""
    with Live() as live:
        page = visits(live.url)[0].new_page()
        page.goto(live.url)
        page.wait_for_selector("#engine >> text=Offline engine: no model answers. Set GEMINI_API_KEY and restart")
        assert page.eval_on_selector("#model", "(one) => one.selectedOptions[0].text").endswith("(offline)")
        ask(page, "Write a haiku about rain.")
        ended(page)
        page.wait_for_selector(".figures >> text=(offline)")
        page.reload()
        page.wait_for_selector(".figures >> text=(offline)")
        assert "(offline)" not in page.input_value("#model")
        page.goto("about:blank")
