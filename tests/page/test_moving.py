"""Chats that an earlier version of the page left in the browser: moved to the server, once, and nothing is lost."""

from __future__ import annotations

from typing import Any

from tests.support.live import Live
from tests.support.talker import Talker
from tests.support.visitor import ask, ended, says_all, titles_are, use_key

LEFT = """(chats) => { for (const { messages, ...chat } of chats) {
    localStorage.setItem(`headwater:chat:${chat.id}`, JSON.stringify(chat));
    for (const one of messages) localStorage.setItem(`headwater:message:${chat.id}:${one.id}`, JSON.stringify(one));
} }"""
KEPT = "() => Object.keys(localStorage).filter((key) => /^headwater:(chat|message):/.test(key)).length"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def chat(name: str, created: int, **answer: Any) -> dict[str, Any]:
    """A chat as the earlier version kept it."""
    question = {"id": f"{name}-q", "chat": name, "parent": None, "role": "user", "created": created}
    picture = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
    said = {"id": f"{name}-a", "chat": name, "parent": f"{name}-q", "role": "model", "created": created + 1}
    said |= {"state": "done", "settings": {"model": "gemini-2.5-pro"}, "text": f"answer of {name}", "thoughts": "hm"}
    said |= {"usage": {"candidatesTokenCount": 7}, "times": {"first": 0.5, "seconds": 1.5}} | answer
    return {
        "id": name,
        "title": f"Title of {name}",
        "created": created,
        "updated": created + 2,
        "leaf": f"{name}-a",
        "messages": [question | {"parts": [picture, {"text": f"words of {name}"}]}, said],
    }


def test_moved_once(served: Live, open_page: Any) -> None:
    """All of a chat is on the server afterwards, under its old id, and nothing of it in the browser."""
    page = open_page()
    page.evaluate(LEFT, [chat("one", 1_700_000_000_000), chat("two", 1_760_000_000_000)])
    page.goto(f"{served.url}/#one")
    page.reload()
    page.wait_for_selector("text=2 chats from this browser moved to the server.")
    titles_are(page, "Title of two", "Title of one")
    says_all(page, "answer of one")
    assert page.inner_text(".figures") == "gemini-2.5-pro · 7 tokens · 7 tokens/s · first token 0.5 s"
    assert page.locator(".bubble img").count() == 1
    assert page.evaluate(KEPT) == 0
    kept = served.get("/v1/chats/one").json
    assert kept["created"].startswith("2023-11-14T22:13:20")
    assert [part["text"] for part in kept["messages"][1]["contents"][0]["parts"]] == ["hm", "answer of one"]
    page.reload()
    says_all(page, "answer of one")
    assert page.locator("#said p").count() == 0


def test_kept_until_the_server_has_it(served: Live, open_page: Any) -> None:
    """What the server can not take stays in the browser, which says so, and is moved the next time."""
    page = open_page()
    page.evaluate(LEFT, [chat("one", 1_700_000_000_000), chat("two", 1_760_000_000_000)])
    error = {"error": {"code": 503, "message": "disk full", "status": "UNAVAILABLE"}}

    def full(route: Any) -> None:
        is_two = route.request.method == "POST" and '"id":"two"' in route.request.post_data
        route.fulfill(status=503, json=error) if is_two else route.continue_()

    page.route("**/v1/chats", full)
    page.reload()
    page.wait_for_selector("#said >> text=1 chat from an earlier version could not be moved")
    titles_are(page, "Title of one")
    assert page.evaluate(KEPT) == 3
    page.unroute("**/v1/chats")
    page.reload()
    titles_are(page, "Title of two", "Title of one")
    assert page.evaluate(KEPT) == 0


def test_an_answer_in_the_middle(talker: Talker, served: Live, open_page: Any) -> None:
    """An answer that the earlier version was reading is read to its end before it is moved."""
    talker.answers["words of one"] = ["one ", "two ", "three"]
    page = open_page()
    body = {"model": "m", "contents": [{"parts": [{"text": "words of one"}]}]}
    stream = served.post("/v1/streams", body).json["name"]
    old = chat("one", 1_700_000_000_000, state="running", text="one ", stream=stream, after=1)
    page.evaluate(LEFT, [old])
    page.goto(f"{served.url}/#one")
    page.reload()
    says_all(page, "one two three")
    assert served.get("/v1/chats/one").json["messages"][1]["state"] == "done"


def test_moved_with_a_key(talker: Talker, visits: Any) -> None:
    """Where a key is needed, the chats wait for it, and are that key's."""
    talker.answers["q"] = ["open"]
    with Live(talker, api_keys=["sesame"]) as live:
        page = visits(live.url)[0].new_page()
        page.goto(live.url)
        page.evaluate(LEFT, [chat("one", 1_700_000_000_000)])
        page.reload()
        page.wait_for_selector("#sign-in[open]")
        assert page.evaluate(KEPT) == 3
        use_key(page, "sesame")
        titles_are(page, "Title of one")
        assert page.evaluate(KEPT) == 0
        ask(page, "q")
        ended(page)
        page.goto("about:blank")
