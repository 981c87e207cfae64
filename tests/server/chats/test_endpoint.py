"""``/v1/chats`` over HTTP: answers that are saved whoever reads them, sent again, stopped, broken, deleted."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headwater import offline
from headwater.engines.offline import OfflineEngine
from headwater.errors import api_error
from headwater.log.memory import MemoryLog
from headwater.server.chats.model import ChatDraft, Message, now
from headwater.server.chats.store import open_store
from tests.support.live import Held, Live, Reply, Scripted, events, says
from tests.support.postgres import needs_postgres, postgres

MODEL = "gemini-2.5-flash"


def ask(text: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
    """A request for an answer; ``id`` and ``answer`` are the ids of the message and of the answer."""
    message = {"parent": parent, "parts": [{"text": text}]} | ({"id": more.pop("id")} if "id" in more else {})
    answer = {"answer": {"id": more.pop("answer")}} if "answer" in more else {}
    return {"message": message, "model": MODEL, **answer, **more}


def _forged(*position: Any) -> str:
    """A page token that no server has made."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def settled(server: Live, chat: str, count: int = 1) -> dict[str, Any]:
    """The chat, when nothing in it runs any more; it has so many answers."""
    server.until(lambda: len(server.server.recorder) == 0)
    found: dict[str, Any] = server.get(f"/v1/chats/{chat}").json
    assert not found["running"]
    assert [message["role"] for message in found["messages"]].count("model") == count
    return found


def text_of(message: dict[str, Any]) -> str:
    parts = [part for content in message.get("contents", ()) for part in content["parts"]]
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


@pytest.fixture
def live() -> Iterator[Live]:
    with Live() as server:
        yield server


Script = Callable[[dict[str, Any]], list[Any]]


@pytest.fixture
def scripted() -> Iterator[Callable[[Script], Live]]:
    """Serves an engine that plays what a script makes of the body of the request."""
    running: list[Live] = []

    def serve(script: Script, **options: Any) -> Live:
        engine = Scripted(lambda request: script(msgspec.json.decode(request.body)))
        running.append(Live(engine, **options).__enter__())
        return running[-1]

    yield serve
    for server in running:
        server.__exit__()


def test_an_answer_is_saved_whoever_reads(live: Live) -> None:
    """One request saves the message, begins the answer and names its stream; the end is saved without any reader."""
    reply = live.post("/v1/chats/c1/answers", ask("Tell me a story about a river.", id="q", answer="a"))
    assert reply.status == 201
    assert reply.headers["location"] == "/v1/chats/c1"
    told = reply.json
    assert (told["message"]["id"], told["answer"]["id"], told["answer"]["state"]) == ("q", "a", "running")
    assert told["chat"]["title"] == "Tell me a story about a river."
    chat = settled(live, "c1")
    question, answer = chat["messages"]
    assert (question["parent"], answer["parent"], chat["leaf"]) == (None, "q", "a")
    assert (answer["state"], answer["finish_reason"], answer["model"]) == ("done", "STOP", MODEL)
    assert answer["usage"]["candidatesTokenCount"] > 10
    assert answer["metrics"]["seconds"] >= answer["metrics"]["first_chunk"]
    stream = events(live.get(f"/v1/streams/{told['answer']['stream']}/events").body)
    chunks = [json.loads(data) for data in stream[:-1]]
    assert text_of(answer) == "".join(text_of({"contents": [c["candidates"][0]["content"]]}) for c in chunks)


def test_sent_again_is_done_once(live: Live) -> None:
    """The same request again, one after the other or all at once, is one message, one answer and one stream."""
    replies: list[Reply] = []
    body = ask("Tell me a story.", id="q", answer="a")
    threads = [
        threading.Thread(target=lambda: replies.append(live.post("/v1/chats/c1/answers", body))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chat = settled(live, "c1")
    replies.append(live.post("/v1/chats/c1/answers", body))
    assert {reply.status for reply in replies} <= {200, 201}
    assert replies[-1].status == 200
    assert {reply.json["answer"]["stream"] for reply in replies} == {chat["messages"][1]["stream"]}
    assert settled(live, "c1") == chat
    assert len(chat["messages"]) == 2


def test_the_model_is_shown_the_branch(scripted: Callable[..., Live]) -> None:
    """The request is the messages up to here, without thoughts, and every other field as it was given."""
    asked: list[dict[str, Any]] = []

    def script(body: dict[str, Any]) -> list[Any]:
        asked.append(body)
        thought = {"text": "hm", "thought": True, "thoughtSignature": "c2ln"}
        return [says_parts(thought), says(f"answer {len(asked)}", "STOP")]

    live = scripted(script)
    live.post("/v1/chats/c/answers", ask("one", id="q1", answer="a1"))
    settled(live, "c")
    config = {"temperature": 0.5}
    live.post("/v1/chats/c/answers", ask("two", "a1", id="q2", answer="a2", generationConfig=config, tools=[]))
    settled(live, "c", 2)
    live.post("/v1/chats/c/answers", {"parent": "q1", "model": MODEL, "answer": {"id": "b1"}})
    chat = settled(live, "c", 3)
    said = [[(content["role"], content["parts"][0]["text"]) for content in body["contents"]] for body in asked]
    first = ("user", "one")
    assert said == [[first], [first, ("model", "answer 1"), ("user", "two")], [first]]
    assert {name: asked[1][name] for name in asked[1] if name != "contents"} == {
        "generationConfig": config,
        "tools": [],
    }
    assert (chat["leaf"], chat["messages"][-1]["parent"]) == ("b1", "q1")
    assert live.request("PATCH", "/v1/chats/c", {"leaf": "a2"}).json["leaf"] == "a2"


def says_parts(*parts: dict[str, Any]) -> Any:
    chunk = says("")
    return type(chunk)(candidates=[{"content": {"role": "model", "parts": list(parts)}}])


def test_what_runs_can_be_read_on() -> None:
    """A running answer comes as far as it is, with the number after which its stream goes on."""
    engine = Held(first=3)
    with Live(engine) as server:
        name = server.post("/v1/chats/c/answers", ask("go", answer="a")).json["answer"]["stream"]
        server.until(lambda: engine.running == 1)
        chat = server.get("/v1/chats/c").json
        answer = chat["messages"][1]
        assert chat["running"]
        assert server.get("/v1/chats").json["chats"][0]["running"]
        assert (answer["state"], text_of(answer), answer["next"]) == ("running", "0 1 2 ", 3)
        server.on_loop(lambda: engine.gate and engine.gate.set())
        rest = events(server.get(f"/v1/streams/{name}/events?after=3").body)
        assert json.loads(rest[0])["candidates"][0]["content"]["parts"] == [{"text": "end"}]
        assert text_of(settled(server, "c")["messages"][1]) == "0 1 2 end"


def test_stop() -> None:
    """A stop ends what runs in the chat; what had come stays."""
    engine = Held(first=2)
    with Live(engine) as server:
        server.post("/v1/chats/c/answers", ask("go"))
        server.until(lambda: engine.running == 1)
        chat = server.post("/v1/chats/c/stop", {}).json
        assert (chat["running"], chat["messages"][1]["state"], text_of(chat["messages"][1])) == (
            False,
            "stopped",
            "0 1 ",
        )
        assert engine.cancelled == 1
        assert server.post("/v1/chats/c/stop", {}).json == chat


def test_failures_are_kept(scripted: Callable[..., Live]) -> None:
    """An answer that breaks keeps what had come, and the error; the next one is asked without the broken call."""
    asked: list[dict[str, Any]] = []

    def script(body: dict[str, Any]) -> list[Any]:
        asked.append(body)
        call = {"functionCall": {"name": "f", "args": {}}}
        return [says("half"), says_parts(call), api_error(503, "overloaded", status="UNAVAILABLE")]

    live = scripted(script)
    live.post("/v1/chats/c/answers", ask("go", id="q", answer="a"))
    answer = settled(live, "c")["messages"][1]
    assert (answer["state"], text_of(answer), answer["error"]["code"]) == ("failed", "half", 503)
    live.post("/v1/chats/c/answers", ask("more", "a"))
    settled(live, "c", 2)
    assert [content["parts"] for content in asked[1]["contents"]] == [
        [{"text": "go"}],
        [{"text": "half"}],
        [{"text": "more"}],
    ]


def test_deleted_is_deleted() -> None:
    """With a chat its running answers end, and the streams of all its answers are forgotten; twice is once."""
    engine = Held(first=1)
    with Live(engine) as server:
        name = server.post("/v1/chats/c/answers", ask("secret river")).json["answer"]["stream"]
        server.until(lambda: engine.running == 1)
        assert server.request("DELETE", "/v1/chats/c").status == 204
        server.until(lambda: engine.cancelled == 1)
        assert server.get("/v1/chats/c").status == 404
        assert server.get("/v1/chats?q=secret").json == {"chats": []}
        server.until(lambda: len(server.server.recorder) == 0)
        assert [server.get(f"/v1/streams/{name}").status, server.request("DELETE", "/v1/chats/c").status] == [404, 204]


def test_a_copy_is_the_same_chat(live: Live) -> None:
    """An exported chat can be handed in again under another id; it has the same messages, and can go on."""
    live.post("/v1/chats/c/answers", ask("Tell me a story about a river.", id="q", answer="a"))
    chat = settled(live, "c")
    exported = live.get("/v1/chats/c/export?format=json")
    assert exported.headers["content-disposition"] == 'attachment; filename="tell-me-a-story-about-a-river.json"'
    draft = exported.json | {"id": "copy", "title": "A copy"}
    assert live.post("/v1/chats", draft).status == 201
    assert live.post("/v1/chats", draft).status == 200
    copy = settled(live, "copy")
    without_stream = [{k: v for k, v in message.items() if k not in ("stream", "next")} for message in chat["messages"]]
    assert copy["messages"] == without_stream
    assert (copy["title"], copy["leaf"]) == ("A copy", "a")
    assert live.post("/v1/chats/copy/answers", ask("And then?", "a")).status == 201


def test_a_chat_without_id_gets_one(live: Live) -> None:
    """Who hands in a chat without an id is told the one that it has."""
    reply = live.post("/v1/chats", {"messages": []})
    assert reply.status == 201
    assert reply.headers["location"] == f"/v1/chats/{reply.json['id']}"
    assert len(reply.json["id"]) == 32
    assert reply.json["title"] == "A picture"


def test_a_message_cannot_name_the_stream_of_another_key() -> None:
    """A message that a client hands in loses its stream, so it shows nothing of another key's."""
    engine = Held(first=1)
    with Live(engine, api_keys=["alice", "mallory"]) as server:
        name = server.post("/v1/chats/c/answers", ask("secret"), x_goog_api_key="alice").json["answer"]["stream"]
        server.until(lambda: engine.running == 1)
        stolen = {"id": "a", "role": "model", "state": "running", "stream": name, "next": 0}
        server.post("/v1/chats", {"id": "m", "messages": [stolen]}, x_goog_api_key="mallory")
        chat = server.get("/v1/chats/m", x_goog_api_key="mallory").json
        assert chat["messages"][0]["state"] == "stopped"
        assert "stream" not in chat["messages"][0]
        assert server.post("/v1/chats/m/stop", {}, x_goog_api_key="mallory").status == 200
        server.request("DELETE", "/v1/chats/m", x_goog_api_key="mallory")
        assert (engine.running, engine.cancelled) == (1, 0)


def test_another_key_sees_nothing() -> None:
    """With another key every verb on a chat is answered as on one that never was; without a key nothing is."""
    with Live(OfflineEngine(offline.INSTANT), api_keys=["alice", "mallory"]) as server:
        server.post("/v1/chats/c/answers", ask("secret", id="q"), x_goog_api_key="alice")
        verbs: list[tuple[str, str, Any]] = [
            ("GET", "/v1/chats/{}", None),
            ("PATCH", "/v1/chats/{}", {"title": "x"}),
            ("DELETE", "/v1/chats/{}", None),
            ("GET", "/v1/chats/{}/export?format=markdown", None),
            ("POST", "/v1/chats/{}/answers", {"parent": "q", "model": MODEL}),
            ("POST", "/v1/chats/{}/stop", {}),
        ]
        for verb, path, body in verbs:
            there, never = (
                server.request(verb, path.format(name), body, x_goog_api_key="mallory") for name in ("c", "never")
            )
            assert (there.status, there.body) == (never.status, never.body), path
            assert server.request(verb, path.format("c"), body).status == 401
        assert server.get("/v1/chats", x_goog_api_key="mallory").json == {"chats": []}
        assert server.get("/v1/chats/c", x_goog_api_key="alice").json["title"] == "secret"


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", "/v1/chats/c/answers", {"message": {"parts": [{"text": "x"}]}}, "missing required field `model`"),
        ("POST", "/v1/chats/c/answers", {"model": "m"}, "name one as parent, or send a message"),
        ("POST", "/v1/chats/c/answers", {"model": "m", "parent": "nobody"}, "no message 'nobody'"),
        ("POST", "/v1/chats/c/answers", ask("x", "nobody"), "no message 'nobody'"),
        ("POST", "/v1/chats/c/answers", ask("x", contents=[]), "send the new one as message"),
        ("POST", "/v1/chats/c/answers", ask("x", on_break="sing"), 'on_break is "fail" or "continue"'),
        ("POST", "/v1/chats/c/answers", ask("x") | {"model": "../x"}, "not the name of a model"),
        ("POST", "/v1/chats/c/answers", ask("x", id="a b"), "letters, digits, _ and -"),
        ("POST", "/v1/chats/c%20d/answers", ask("x"), "letters, digits, _ and -"),
        ("POST", "/v1/chats/c/answers", b"{", "the body is an ask"),
        ("POST", "/v1/chats", {"messages": [{"id": "m", "role": "king"}]}, "the body is a chat"),
        ("POST", "/v1/chats", {"messages": [{"id": "m", "role": "user", "contents": [{}]}]}, "a content is"),
        ("POST", "/v1/chats", {"leaf": "m"}, "the leaf has to be one"),
        ("PATCH", "/v1/chats/c", {"titel": "x"}, "the body is"),
        ("GET", "/v1/chats?pageSize=many", None, "pageSize must be a number"),
        ("GET", "/v1/chats?pageToken=x", None, "nextPageToken of the previous page"),
        ("GET", f"/v1/chats?pageToken={_forged(1, 99999999999999999999)}", None, "nextPageToken of the previous page"),
        ("GET", f"/v1/chats?pageToken={_forged(1, 2**63)}", None, "nextPageToken of the previous page"),
        ("GET", f"/v1/chats?pageToken={_forged(1, -1)}", None, "nextPageToken of the previous page"),
        ("GET", "/v1/chats/c/export?format=pdf", None, "format is"),
    ],
)
def test_what_is_wrong_is_said(live: Live, method: str, path: str, body: Any, words: str) -> None:
    """A request that is wrong is a 400 whose message says what to do, and saves nothing."""
    reply = live.request(method, path, body)
    assert reply.status == 400
    assert words in reply.json["error"]["message"]
    assert live.get("/v1/chats").json == {"chats": []}


def test_titles_are_lines(live: Live) -> None:
    """A title is one line with something in it."""
    live.post("/v1/chats/c/answers", ask("x"))
    assert live.request("PATCH", "/v1/chats/c", {"title": " a\n b\0 "}).json["title"] == "a b"
    assert live.request("PATCH", "/v1/chats/c", {"title": " \n"}).status == 400


def test_a_full_disk_begins_nothing(tmp_path: Path) -> None:
    """If the message cannot be saved nothing runs, and the error says so; what was saved before is still there."""
    store = open_store(f"sqlite:{tmp_path / 'chats.db'}")
    engine = Held(first=1)
    with Live(engine, chats=store) as server:
        server.post("/v1/chats/c/answers", ask("first", answer="a"))
        server.until(lambda: engine.running == 1)
        with store._engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        for connection in [store._engine.raw_connection() for _ in range(4)]:  # type: ignore[assignment]
            connection.cursor().execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]
            connection.close()
        reply = server.post("/v1/chats/c/answers", ask("x" * 100_000, "a"))
        assert reply.status == 503
        assert "database or disk is full" in reply.json["error"]["message"]
        server.until(lambda: engine.running == 1)
        assert [text_of(message) for message in server.get("/v1/chats/c").json["messages"]] == ["first", "0 "]


@needs_postgres
def test_a_database_that_goes_away_and_comes_back() -> None:
    """Without its database nothing is begun, and the error says why; an answer that ran meanwhile is saved later."""
    engine = Held(first=1)
    with postgres() as database, Live(engine, chats=open_store(database.url)) as server:
        server.post("/v1/chats/c/answers", ask("first", answer="a"))
        server.until(lambda: engine.running == 1)
        database.stop()
        reply = server.post("/v1/chats/c/answers", ask("second", "a"))
        assert reply.status == 503
        assert "the saved chats cannot be read or written" in reply.json["error"]["message"]
        server.on_loop(lambda: engine.gate and engine.gate.set())
        server.until(lambda: engine.running == 0)
        database.start()
        assert [text_of(message) for message in settled(server, "c")["messages"]] == ["first", "0 end"]


def test_the_end_is_saved_at_shutdown(tmp_path: Path) -> None:
    """What ends with the server is saved with the error that ended it."""
    engine, path = Held(first=1), f"sqlite:{tmp_path / 'chats.db'}"
    with Live(engine, chats=open_store(path), log=MemoryLog()) as server:
        server.post("/v1/chats/c/answers", ask("go"))
        server.until(lambda: engine.running == 1)
    with closing(open_store(path)) as store:
        chat = store.get("", "c")
    assert chat is not None
    answer = chat.messages[1]
    assert (answer.state, answer.text, (answer.error or {})["code"]) == ("failed", "0 ", 503)


def test_a_forgotten_answer_has_failed(tmp_path: Path) -> None:
    """An answer whose stream is gone, since its log was in memory and its server was killed, says so."""
    store = open_store(f"sqlite:{tmp_path / 'chats.db'}")
    question = Message(id="q", role="user", created=now(), contents=[{"role": "user", "parts": [{"text": "go"}]}])
    answer = Message(id="a", role="model", parent="q", state="running", created=now(), stream="x" * 32, next=0)
    store.write("", ChatDraft(id="c", messages=[question, answer]), now(), max_chats=10)
    with Live(Held(), chats=store) as server:
        found = settled(server, "c")["messages"][1]
        assert (found["state"], found["error"]["code"]) == ("failed", 404)
        assert found["error"]["details"][0]["reason"] == "FORGOTTEN"


def test_markdown(live: Live) -> None:
    """The branch that is shown, as Markdown: who said what, code in fences that hold, thoughts left out."""
    parts = [
        {"text": "hm", "thought": True},
        {"text": "Let me "},
        {"text": "see.\n"},
        {"functionCall": {"name": "look", "args": {"x": "```"}}},
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
    ]
    messages = [
        {"id": "q", "role": "user", "contents": [{"role": "user", "parts": [{"text": "Look!"}]}]},
        {"id": "b", "role": "model", "parent": "q", "contents": [{"role": "model", "parts": [{"text": "no"}]}]},
        {
            "id": "a",
            "role": "model",
            "parent": "q",
            "model": MODEL,
            "state": "stopped",
            "contents": [{"role": "model", "parts": parts}],
        },
    ]
    live.post("/v1/chats", {"id": "c", "title": "Über *x*", "messages": messages})
    reply = live.get("/v1/chats/c/export?format=markdown")
    assert reply.headers["content-disposition"] == 'attachment; filename="uber-x.md"'
    assert reply.body.decode() == (
        "# Über \\*x\\*\n\n## You\n\nLook!\n\n## gemini-2.5-flash\n\nLet me see.\n\n"
        'Call of `look`:\n\n````json\n{\n  "x": "```"\n}\n````\n\n'
        "```python\nprint(1)\n```\n\n```\n1\n```\n\n*(image/png)*\n\n*(stopped here)*\n"
    )
