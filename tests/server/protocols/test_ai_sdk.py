"""``/api/chat`` as ``useChat`` speaks to it: what is saved, what the model is shown, who may read it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.support.live import Held, Live, Scripted, read_all, read_until, says

CALL = {"functionCall": {"name": "look", "args": {"where": "here"}}}


def user(id: str, text: str) -> dict[str, Any]:
    return {"id": id, "role": "user", "parts": [{"type": "text", "text": text}]}


def post(live: Live, chat: str, *messages: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """Send messages; returns the chunks of the answer."""
    reply = live.post("/api/chat", {"id": chat, "messages": list(messages), "trigger": "submit-message"} | more)
    assert reply.status == 200, reply.body
    return chunks(reply.body)


def chunks(body: bytes) -> list[dict[str, Any]]:
    lines = [line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith(b"data: ")]
    assert lines[-1] == b"[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def saved(live: Live, chat: str) -> list[tuple[str, str | None, str]]:
    """The messages of a chat: their roles, parents and texts."""
    live.until(lambda: len(live.server.recorder) == 0)
    found = live.get(f"/v1/chats/{chat}").json
    assert not found["running"]
    return [(message["role"], message["parent"], text_of(message)) for message in found["messages"]]


def text_of(message: dict[str, Any]) -> str:
    return "".join(part.get("text", "*") for content in message["contents"] for part in content["parts"])


class Recording(Scripted):
    """Answers ``answer N``, or calls a function when it is asked to look."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

        def script(request: Any) -> list[Any]:
            self.asked.append(msgspec.json.decode(request.body))
            last = self.asked[-1]["contents"][-1]["parts"][-1]
            if last.get("text") == "look":
                chunk = says("", "STOP")
                content = {"role": "model", "parts": [{"text": "I look."}, CALL]}
                return [type(chunk)(candidates=[{"content": content, "finish_reason": "STOP"}])]
            return [says(f"answer {len(self.asked)}", "STOP")]

        super().__init__(script)

    @property
    def shown(self) -> list[str]:
        """The texts of the last request."""
        return [text_of({"contents": [content]}) for content in self.asked[-1]["contents"]]


@pytest.fixture
def engine() -> Recording:
    return Recording()


@pytest.fixture
def live(engine: Recording) -> Iterator[Live]:
    with Live(engine) as live:
        yield live


def test_a_chat_is_saved(live: Live, engine: Recording) -> None:
    """Messages and answers are a saved chat, under the ids that the page has for them."""
    start = post(live, "c", user("q1", "one"))[0]
    assert start["type"] == "start"
    answer = {"id": start["messageId"], "role": "assistant", "parts": [{"type": "text", "text": "answer 1"}]}
    post(live, "c", user("q1", "one"), answer, user("q2", "two"), model="other", generationConfig={"temperature": 0})
    assert engine.shown == ["one", "answer 1", "two"]
    assert engine.asked[-1]["generationConfig"] == {"temperature": 0}
    assert saved(live, "c") == [
        ("user", None, "one"),
        ("model", "q1", "answer 1"),
        ("user", start["messageId"], "two"),
        ("model", "q2", "answer 2"),
    ]
    assert live.get("/v1/chats/c").json["model"] == "other"


def test_the_last_message_is_enough(live: Live, engine: Recording) -> None:
    """A page that sends its last message alone, in a list or by itself, has the rest of the chat before it."""
    post(live, "c", user("q1", "one"))
    post(live, "c", user("q2", "two"))
    assert engine.shown == ["one", "answer 1", "two"]
    reply = live.post("/api/chat", {"id": "c", "message": user("q3", "three")})
    assert reply.status == 200
    assert engine.shown == ["one", "answer 1", "two", "answer 2", "three"]
    assert [text for _, _, text in saved(live, "c")] == ["one", "answer 1", "two", "answer 2", "three", "answer 3"]


def test_regenerate_is_another_branch(live: Live, engine: Recording) -> None:
    """A regenerated answer is a sibling of the first one, whether or not the request has the messages."""
    first = post(live, "c", user("q1", "one"))[0]["messageId"]
    post(live, "c", user("q1", "one"), trigger="regenerate-message", messageId=first)
    live.post("/api/chat", {"id": "c", "trigger": "regenerate-message", "messageId": first})
    assert engine.shown == ["one"]
    assert saved(live, "c") == [("user", None, "one"), *(("model", "q1", f"answer {n}") for n in (1, 2, 3))]
    exported = live.get("/v1/chats/c/export?format=ai-sdk").json
    assert [message["parts"][-1]["text"] for message in exported["messages"]] == ["one", "answer 3"]


@pytest.mark.parametrize("is_alone", [False, True])
def test_what_a_function_said_goes_on_with_the_message(live: Live, engine: Recording, is_alone: bool) -> None:
    """After the output of a tool the same message goes on: call, result and answer are one message of the chat."""
    start, *_ = post(live, "c", user("q1", "look"))
    exported = live.get("/v1/chats/c/export?format=ai-sdk").json["messages"]
    answer = exported[-1]
    tool = next(part for part in answer["parts"] if part["type"] == "tool-look")
    tool |= {"state": "output-available", "output": {"seen": 1}}
    again = post(live, "c", *([] if is_alone else [user("q1", "look")]), answer)
    assert again[0]["messageId"] == start["messageId"] == answer["id"]
    assert [content["role"] for content in engine.asked[-1]["contents"]] == ["user", "model", "user"]
    assert engine.asked[-1]["contents"][2]["parts"][0]["functionResponse"]["response"] == {"seen": 1}
    assert saved(live, "c") == [("user", None, "look"), ("model", "q1", "I look.**answer 2")]


def test_an_edited_message_is_a_branch(live: Live, engine: Recording) -> None:
    """What the user has changed, under the same id, stands beside what was there, with an answer of its own."""
    first = post(live, "c", user("q1", "one"))[0]["messageId"]
    second = post(live, "c", user("q1", "better"), messageId="q1")[0]["messageId"]
    answer = {"id": second, "role": "assistant", "parts": [{"type": "text", "text": "answer 2"}]}
    post(live, "c", user("q1", "better"), answer, user("q2", "two"))
    assert engine.shown == ["better", "answer 2", "two"]
    messages = live.get("/v1/chats/c").json["messages"]
    live.until(lambda: len(live.server.recorder) == 0)
    edited = messages[2]["id"]
    assert first != second
    assert edited.startswith("q1-")
    assert saved(live, "c") == [
        ("user", None, "one"),
        ("model", "q1", "answer 1"),
        ("user", None, "better"),
        ("model", edited, "answer 2"),
        ("user", second, "two"),
        ("model", "q2", "answer 3"),
    ]


def test_an_answer_that_ends_while_its_page_loads(live: Live, engine: Recording) -> None:
    """A page that says which message it has last is told the answer that has ended meanwhile, whole, and once."""
    start = post(live, "c", user("q1", "one"))[0]
    saved(live, "c")
    assert live.get("/api/chat/c/stream").status == 204
    assert live.get(f"/api/chat/c/stream?after={start['messageId']}").status == 204
    told = live.get("/api/v7/chat/c/stream?after=q1")
    assert told.headers["x-vercel-ai-ui-message-stream"] == "v1"
    found = chunks(told.body)
    assert found[0]["messageId"] == start["messageId"]
    assert [one["delta"] for one in found if one["type"] == "text-delta"] == ["answer 1"]
    assert found[-1] == {"type": "finish", "finishReason": "stop"}


def test_messages_that_the_server_does_not_have(live: Live, engine: Recording) -> None:
    """A page whose chat began elsewhere has all of it saved."""
    answer = {"id": "a1", "role": "assistant", "parts": [{"type": "text", "text": "long ago"}]}
    system = {"id": "s", "role": "system", "parts": [{"type": "text", "text": "Be brief."}]}
    post(live, "c", system, user("q1", "one"), answer, user("q2", "two"))
    assert engine.asked[-1]["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert engine.shown == ["one", "long ago", "two"]
    assert saved(live, "c")[:2] == [("user", None, "one"), ("model", "q1", "long ago")]


def test_coming_back(live: Live) -> None:
    """A running answer is read again from its beginning; it continues without readers until it is stopped."""
    engine = Held(first=2)
    with Live(engine) as held:
        connection = held.connect()
        body = json.dumps({"id": "c", "messages": [user("q", "go")]}).encode()
        head = f"POST /api/v7/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body)
        held.until(lambda: engine.running == 1)
        connection.close()
        assert held.get("/v1/chats/c/export?format=ai-sdk").json["messages"] == [user("q", "go")]
        assert held.post("/api/chat/c/stop", {}).status == 204
        held.until(lambda: engine.running == 0)
        assert saved(held, "c")[-1] == ("model", "q", "0 1 ")
        assert held.get("/api/chat/c/stream").status == 204
        held.post("/v1/chats/c/answers", {"parent": "q", "model": "m", "answer": {"id": "a"}})
        held.until(lambda: engine.running == 1)
        connection = held.connect()
        connection.sendall(b"GET /api/v6/chat/c/stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        begun = read_until(connection, b'"delta":"1 "')
        held.on_loop(lambda: engine.gate and engine.gate.set())
        whole = begun + read_all(connection)
        assert b"x-vercel-ai-ui-message-stream: v1" in begun
        assert re.findall(rb'"delta":"([^"]*)"', whole) == [b"0 ", b"1 ", b"end"]
        assert b'"messageId":"a"' in whole
        assert saved(held, "c")[-1] == ("model", "q", "0 1 end")


def test_refusals_are_words(live: Live) -> None:
    """What useChat shows its user is a sentence, not JSON."""
    for body, words in [
        (b"{", "the body is that of useChat"),
        ({"id": "c", "messages": []}, "send the messages of useChat"),
        ({"id": "c", "messages": [user("q", "")]}, "the messages are empty"),
        ({"id": "a b", "messages": [user("q", "x")]}, "letters, digits, _ and -"),
        ({"id": "c", "messages": [user("q", "x")], "model": "../x"}, "not the name of a model"),
        ({"id": "c", "trigger": "regenerate-message", "messageId": "nobody"}, "send the messages of useChat"),
    ]:
        reply = live.post("/api/chat", body)
        assert (reply.status, reply.headers["content-type"]) == (400, "text/plain; charset=utf-8")
        assert words in reply.body.decode()
    assert live.get("/v1/chats").json == {"chats": []}


def test_another_key_has_another_chat() -> None:
    """Two keys that use the same id have two chats; neither can read or stop the other's answer; without a key, 401."""
    engine = Held(first=1)
    with Live(engine, api_keys=["alice", "mallory"]) as live:
        live.post("/v1/chats/c/answers", {"message": {"parts": [{"text": "s"}]}, "model": "m"}, x_goog_api_key="alice")
        live.until(lambda: engine.running == 1)
        assert live.get("/api/chat/c/stream", x_goog_api_key="mallory").status == 204
        assert live.post("/api/chat/c/stop", {}, x_goog_api_key="mallory").status == 404
        assert live.post("/api/chat", {"id": "c", "messages": [user("q", "x")]}).status == 401
        assert engine.cancelled == 0
