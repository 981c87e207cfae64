"""``kill -9`` of a server in the middle of saving: what was acknowledged is there, and what ran gets its end."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.killable import Process

pytestmark = pytest.mark.slow

MODEL = "gemini-2.5-flash"
KILLS = 4


class Served(Process):
    """A server that answers in JSON."""

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer; OSError where there is none."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, method=method), timeout=10) as reply:
            return json.load(reply)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path, pace="first=0.05,rate=200")
    served.start()
    yield served
    served.kill()


def test_what_was_acknowledged_is_there(served: Served) -> None:
    """Servers that are killed while six clients save chats and have them answered lose nothing that they acknowledged.

    Every acknowledged answer comes to its end, and a request whose answer was lost can be sent again: it is done once.
    A server retries an answer without a chunk once, alone, since the request may have killed its server. So each kill
    after the first may end one answer, the one that was being retried: it says so (503, LOST). All others are whole.
    """
    given_up: list[dict[str, Any]] = []
    rng = random.Random(7)
    known: dict[str, set[str]] = {}  # acknowledged: the chats, and the ids of their messages
    unsure: list[tuple[str, str, dict[str, Any]]] = []  # sent, and not acknowledged

    def work(name: str, stopped: threading.Event) -> None:
        number = 0
        while not stopped.is_set():
            chat, number = f"{name}-{number}", number + 1
            text = {"parts": [{"text": f"Tell me a story about river{number}. {'x' * 2000}"}]}
            asks: list[tuple[str, dict[str, Any], set[str]]] = [
                ("/v1/chats", {"id": chat, "messages": [{"id": "q0", "role": "user", "contents": [text]}]}, {"q0"}),
                (
                    f"/v1/chats/{chat}/answers",
                    {"message": {"id": "q1", "parent": "q0", **text}, "answer": {"id": "a1"}, "model": MODEL},
                    {"q1", "a1"},
                ),
            ]
            for path, body, ids in asks:
                try:
                    served.ask("POST", path, body)
                except (OSError, http.client.HTTPException):
                    unsure.append((chat, path, body))
                    return
                known.setdefault(chat, set()).update(ids)

    for round_number in range(KILLS):
        stopped = threading.Event()
        threads = [threading.Thread(target=work, args=(f"r{round_number}w{w}", stopped)) for w in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(rng.uniform(0.3, 1.2))
        served.kill()
        stopped.set()
        for thread in threads:
            thread.join()
        served.start()
        for chat, path, body in unsure:  # as a client does that got no answer
            served.ask("POST", path, body)
            served.ask("POST", path, body)
            known.setdefault(chat, set())
        unsure.clear()
    assert sum(map(len, known.values())) > 60
    running = set(known)
    until = time.monotonic() + 60
    while running and time.monotonic() < until:
        running = {chat for chat in running if served.ask("GET", f"/v1/chats/{chat}")["running"]}
    assert not running
    for name, ids in known.items():
        chat = served.ask("GET", f"/v1/chats/{name}")
        found = [message["id"] for message in chat["messages"]]
        assert ids <= set(found), name
        assert len(found) == len(set(found)) <= 3
        for message in chat["messages"]:
            if message["role"] == "model":
                if message["state"] == "failed":
                    given_up.append(message)
                    continue
                assert message["state"] == "done", message
                assert len(message["contents"]) == 1
    assert len(given_up) < KILLS
    assert all("LOST" in json.dumps(message["error"]) for message in given_up)
    listed = served.ask("GET", "/v1/chats?pageSize=1000")["chats"]
    assert {chat["id"] for chat in listed} == set(known)


def test_an_answer_of_a_killed_server_is_saved_whole(served: Served) -> None:
    """An answer whose server was killed is resumed, and saved with each word once, though nobody reads it."""
    body = {"message": {"id": "q", "parts": [{"text": "Tell me a story in 300 words."}]}, "model": MODEL}
    stream = served.ask("POST", "/v1/chats/c/answers", body)["answer"]["stream"]
    while served.ask("GET", f"/v1/streams/{stream}")["next"] < 20:
        time.sleep(0.01)
    served.kill()
    served.start()
    until = time.monotonic() + 60
    while served.ask("GET", "/v1/chats")["chats"][0]["running"]:
        assert time.monotonic() < until
        time.sleep(0.1)
    text = served.ask("GET", "/v1/chats/c")["messages"][1]["contents"][0]["parts"][0]["text"]
    asked = {"contents": [{"role": "user", "parts": body["message"]["parts"]}]}
    whole = served.ask("POST", f"/v1beta/models/{MODEL}:generateContent", asked)
    assert text == whole["candidates"][0]["content"]["parts"][0]["text"]
