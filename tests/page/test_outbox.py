"""What is sent and not yet saved: it is shown as such, kept through a reload, sent again, and asked once."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.support.live import Live
from tests.support.talker import Talker
from tests.support.visitor import ask, ended, paste_picture, says_all, titles_are, use_key

UNSENT = "article.user.unsent"


def is_saved(live: Live, page: Any, text: str) -> bool:
    """Whether the server has the message in the chat that is open."""
    chat = live.get("/v1/chats/" + page.url.partition("#")[2])
    return text.encode() in chat.body


def test_network_away_when_sending(talker: Talker, served: Live, open_page: Any) -> None:
    """Without network a message is shown as not saved yet, and why; with it, it is sent by itself, once."""
    talker.answers |= {"one": ["first"], "two": ["second"]}
    page = open_page()
    ask(page, "one")
    ended(page)
    page.context.set_offline(True)
    ask(page, "two")
    page.wait_for_selector(f"{UNSENT} >> text=two")
    page.wait_for_selector("text=Not saved yet. You are offline.")
    page.wait_for_selector("#list [data-mark='not saved yet']")
    assert not is_saved(served, page, "two")
    page.context.set_offline(False)
    says_all(page, "second")
    ended(page, 2)
    assert page.locator(".unsent").count() == 0
    assert is_saved(served, page, "two")
    assert [body["contents"][-1]["parts"][0]["text"] for body in talker.asked] == ["one", "two"]


def test_reload_before_it_is_acknowledged(talker: Talker, served: Live, open_page: Any) -> None:
    """A page that is loaded again before the server has answered sends its message again: one message, one answer."""
    talker.answers |= {"one": ["first"], "two": ["second"]}
    page = open_page()
    ask(page, "one")
    ended(page)
    page.route("**/answers", lambda route: None)  # it never arrives
    ask(page, "two")
    page.wait_for_selector(f"{UNSENT} >> text=two")
    page.reload()
    says_all_first(page)
    page.wait_for_selector(f"{UNSENT} >> text=two")
    page.unroute("**/answers")
    page.reload()
    says_all(page, "second")
    ended(page, 2)
    assert page.locator("article.user").count() == 2
    assert len(talker.asked) == 2


def says_all_first(page: Any) -> None:
    """The chat itself is there, above what is not saved."""
    page.wait_for_function("() => document.querySelector('article.model > .text')?.innerText.trim() === 'first'")


def test_the_acknowledgement_is_lost(talker: Talker, served: Live, open_page: Any) -> None:
    """A message that arrived, while the server's answer did not, is sent again and is still one."""
    talker.answers["q"] = ["once"]
    page = open_page()
    lost: list[Any] = []

    def lose(route: Any) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch().status)
            route.abort("connectionreset")

    page.route("**/answers", lose)
    ask(page, "q")
    says_all(page, "once")
    ended(page)
    assert lost == [201]
    assert len(talker.asked) == 1
    assert page.locator("article.user").count() == 1
    assert len(served.get("/v1/chats").json["chats"]) == 1


def test_the_tab_is_closed(talker: Talker, served: Live, open_page: Any) -> None:
    """A new chat that was not saved when its tab went away is in the list of the next one, and is sent."""
    talker.answers["q"] = ["late"]
    page = open_page()
    page.context.set_offline(True)
    ask(page, "q")
    page.wait_for_selector(UNSENT)
    page.close()
    page.context.set_offline(False)
    page = page.context.new_page()
    page.goto(served.url)
    titles_are(page, "q")
    page.click("#list a")
    says_all(page, "late")
    ended(page)
    assert len(talker.asked) == 1


def test_deleted_before_it_was_sent(talker: Talker, served: Live, open_page: Any) -> None:
    """A chat of which the server has nothing can be deleted without network, and is not sent later."""
    page = open_page()
    page.context.set_offline(True)
    ask(page, "q")
    page.wait_for_selector(UNSENT)
    page.locator("#list a").focus()
    page.keyboard.press("Delete")
    page.click("#confirm button[value=delete]")
    page.wait_for_selector("#empty h2")
    titles_are(page)
    page.context.set_offline(False)
    page.reload()
    page.wait_for_selector("#list-note >> text=Your chats will appear here.")
    assert talker.asked == []


def test_refused(talker: Talker, served: Live, open_page: Any) -> None:
    """What the server refuses is said to be not saved, with the reason; it can be taken back, with its picture."""
    page = open_page()
    talker.answers["q"] = ["fine"]
    refuse(page, 413, "The request is larger than 100 bytes.")
    paste_picture(page)
    ask(page, "q")
    said = page.wait_for_selector("[role=alert]").inner_text()
    assert "Not saved." in said
    assert "Send fewer or smaller files." in said
    page.click("text=Discard")
    page.wait_for_selector("#empty h2")
    assert page.input_value("#prompt") == "q"
    assert page.locator("#pictures img").count() == 1
    titles_are(page)
    page.unroute("**/answers")
    page.press("#prompt", "Enter")
    says_all(page, "fine")
    assert len(talker.asked) == 1


def test_refused_and_tried_again(talker: Talker, served: Live, open_page: Any) -> None:
    """What the server has refused is sent when one tries again, as the same message."""
    page = open_page()
    talker.answers["q"] = ["fine"]
    refuse(page, 429, "too many streams")
    ask(page, "q")
    page.wait_for_selector("[role=alert] >> text=too many streams")
    page.unroute("**/answers")
    page.click("[role=alert] >> text=Try again")
    says_all(page, "fine")
    assert page.locator("article.user").count() == 1


def refuse(page: Any, status: int, message: str) -> None:
    """Have what is asked refused."""
    body = {"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}
    page.route("**/answers", lambda route: route.fulfill(status=status, json=body))


def test_a_save_that_fails(talker: Talker, served: Live, open_page: Any) -> None:
    """While the server can not save, the page says so and goes on trying, until it can."""
    page = open_page()
    talker.answers["q"] = ["fine"]
    refuse(page, 503, "disk full")
    ask(page, "q")
    page.wait_for_selector("text=Not saved yet. The server could not save it (disk full)")
    page.unroute("**/answers")
    page.click("text=Try now")
    says_all(page, "fine")
    assert page.locator(".unsent").count() == 0


def test_stop_while_it_is_sent(talker: Talker, served: Live, open_page: Any) -> None:
    """Stop before the server has answered holds: the answer is stopped as soon as it has begun."""
    talker.answers["q"] = ["words", None, "never"]
    page = open_page()
    held: list[Any] = []
    page.route("**/answers", lambda route: held.append(route))
    ask(page, "q")
    page.wait_for_selector(UNSENT)
    page.click("#send")
    held[0].continue_()
    page.wait_for_selector(".note >> text=Stopped")
    served.until(lambda: len(served.server.recorder) == 0)


def test_no_room_in_the_browser(talker: Talker, served: Live, open_page: Any) -> None:
    """A browser whose storage is full sends and shows as ever."""
    talker.answers["q"] = ["fine"]
    page = open_page()
    page.evaluate(
        """() => {
            for (let size = 1 << 22; size >= 1; size >>= 1) {
                try { for (let n = 0; ; n++) localStorage.setItem(`fill${size}-${n}`, "x".repeat(size)); } catch {}
            }
        }"""
    )
    ask(page, "q")
    says_all(page, "fine")
    ended(page)
    assert is_saved(served, page, "fine")


def test_the_server_has_lost_the_chat(talker: Talker, served: Live, open_page: Any) -> None:
    """A chat that the server has no more is said to be gone, kept on the page, and saved with the next message."""
    talker.answers |= {"one": ["first"], "two": ["second"], "three": ["third"]}
    page = open_page()
    ask(page, "one")
    ended(page)
    chat = "/v1/chats/" + page.url.partition("#")[2]
    served.request("DELETE", chat)
    ask(page, "two")  # nobody has told the page
    page.wait_for_selector("#stand >> text=The server no longer has this chat")
    page.wait_for_selector("text=Not saved.")
    page.click("#stand >> text=Save again")
    says_all(page, "second")
    ended(page, 2)
    served.request("DELETE", chat)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.wait_for_selector("#stand >> text=The server no longer has this chat")
    ask(page, "three")
    says_all(page, "third")
    ended(page, 3)
    said = [part["text"] for content in talker.asked[-1]["contents"] for part in content["parts"]]
    assert said == ["one", "first", "two", "second", "three"]
    assert len(served.get(chat).json["messages"]) == 6


@pytest.mark.parametrize("what", ["chat", "list"])
def test_what_was_read_before_comes_after(talker: Talker, served: Live, open_page: Any, what: str) -> None:
    """A chat or a list that was read before a message was saved, and comes after that, is read again."""
    talker.answers |= {"one": ["first"], "two": ["second"]}
    page = open_page()
    ask(page, "one")
    ended(page)
    chat = page.url.partition("#")[2]
    ending = f"/v1/chats/{chat}" if what == "chat" else "/v1/chats?pageSize=50"
    held: list[Any] = []

    def hold(route: Any) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    page.route(lambda url: url.endswith(ending), hold)
    with page.expect_request(lambda request: request.url.endswith(ending)):
        page.evaluate("(chat) => new BroadcastChannel('headwater').postMessage({ chat })", chat)
    ask(page, "two")
    says_all(page, "second")
    ended(page, 2)
    with page.expect_request(lambda request: request.url.endswith(ending)):
        held[0][0].fulfill(response=held[0][1])
    says_all(page, "second")
    assert page.locator("article").count() == 4


def test_the_key_is_asked_for_when_it_is_needed(talker: Talker, visits: Any) -> None:
    """What was sent without a key is not saved, and says so; it is sent when there is one."""
    talker.answers["q"] = ["open"]
    with Live(talker, api_keys=["sesame"]) as live:
        page = visits(live.url)[0].new_page()
        page.goto(live.url)
        page.wait_for_selector("#sign-in[open]")
        page.keyboard.press("Escape")
        ask(page, "q")
        page.wait_for_selector("[role=alert] >> text=Not saved. This server needs an API key.")
        use_key(page, "sesame")
        says_all(page, "open")
        assert len(talker.asked) == 1
        page.goto("about:blank")


def test_tried_again_in_a_lost_chat(talker: Talker, served: Live, open_page: Any) -> None:
    """An answer in a chat that the server has lost can be tried again: the chat is saved first."""
    talker.answers["q"] = ["first"]
    page = open_page()
    ask(page, "q")
    ended(page)
    chat = "/v1/chats/" + page.url.partition("#")[2]
    served.request("DELETE", chat)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.wait_for_selector("#stand >> text=The server no longer has this chat")
    talker.answers["q"] = ["second"]
    page.click("[aria-label='Try again']")
    says_all(page, "second")
    assert page.inner_text(".tools >> text=2 of 2") == "2 of 2"
    assert len(served.get(chat).json["messages"]) == 3


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens(talker: Talker, served: Live, open_page: Any, seed: int) -> None:
    """However often the network goes, the page is loaded again or its tab closed: each message is there once, whole."""
    rng = random.Random(seed)
    said = {f"question {number}": "".join(f"a{number}w{word} " for word in range(40)).strip() for number in range(8)}
    talker.answers = {text: [word + " " for word in answer.split()] for text, answer in said.items()}
    talker.pace = 0.004
    page = open_page()
    network = page.context.set_offline
    for count, text in enumerate(said, 1):
        network(rng.random() < 0.3)
        ask(page, text)
        page.wait_for_selector(f".bubble >> text={text}")
        for happening in rng.choices(["away", "back", "load", "look", "tab"], k=rng.randint(0, 4)):
            network(happening == "away")
            if happening == "load":
                page.reload()
            elif happening == "look":
                page.evaluate("window.dispatchEvent(new Event('focus'))")
            elif happening == "tab":
                address, _ = page.url, page.close()
                page = page.context.new_page()
                page.goto(address)
        network(False)
        page.wait_for_function("() => !document.querySelector('.unsent')")
        ended(page, count)
    shown = [" ".join(text.split()) for text in page.locator("article.model > .text").all_text_contents()]
    assert shown == list(said.values())
    messages = served.get("/v1/chats/" + page.url.partition("#")[2]).json["messages"]
    texts = ["".join(part["text"] for part in message["contents"][0]["parts"]).strip() for message in messages]
    assert texts == [text for pair in said.items() for text in pair]
    assert len(talker.asked) == len(said)
