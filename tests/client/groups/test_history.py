"""What a chat remembers: turns that were cut short, saved conversations, branches, and what the model gets back."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import genai
from headwater.client.groups import history
from headwater.client.groups.history import TurnState
from headwater.errors import HeadwaterError, UsageError
from headwater.genai import types
from tests.support.corpus_cases import shared
from tests.support.servers import Connection, Request, Script, Server, head, refuses, says, scripted, whole
from tests.support.sides import run_page

CALL = {"functionCall": {"name": "f", "args": {"x": 1}, "id": "c1"}, "thoughtSignature": "c2lnbmVk"}


def tell(side: Any, chat: Any, message: Any) -> None:
    """Send a message and read the whole stream of the answer."""
    side.read(side.do(chat.send_message_stream(message)))


def contents(request: Request) -> Any:
    """Return the turns of a request, each as its role and its parts."""
    return [(turn["role"], [part.get("text", part) for part in turn["parts"]]) for turn in request.json["contents"]]


def cut(*documents: Any) -> Script:
    """Return a script that breaks off after these events."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        for document in documents:
            connection.event(document)
        connection.close()

    return script


def call() -> dict[str, Any]:
    """Return a chunk that calls a function."""
    return {"candidates": [{"content": {"role": "model", "parts": [CALL]}}]}


@pytest.fixture(params=["broken", "stopped"])
def cut_short(request: pytest.FixtureRequest, side: Any) -> Iterator[Any]:
    """Chats with an answer that was cut short after "Hel", by the network or by the reader."""

    def stalls(connection: Connection, _: Request) -> None:
        connection.begin()
        connection.event(says("Hel"))
        connection.stall()

    def script(connection: Connection, asked: Request) -> None:
        first = cut(says("Hel")) if request.param == "broken" else stalls
        (first if len(asked.json["contents"]) == 1 and b'"hi"' in asked.body else whole)(connection, asked)

    with Server(script) as server:

        def begin(**options: Any) -> tuple[Any, Server]:
            chat = side.chat(server.client(), **options)
            stream = side.do(chat.send_message_stream("hi"))
            assert side.next(stream).text == "Hel"
            if request.param == "stopped":
                stream.cancel()
            with_error = request.param == "broken"
            if with_error:
                with pytest.raises(HeadwaterError):
                    side.read(stream)
            else:
                assert side.read(stream) == []
            return chat, server

        yield begin


def test_a_partial_answer_is_kept_and_marked(side: Any, cut_short: Any) -> None:
    """What had come of it is in the history, marked as partial, and the model is not shown the exchange."""
    chat, server = cut_short()
    assert [(turn.content.role, turn.state) for turn in chat.turns] == [("user", "partial"), ("model", "partial")]
    assert chat.get_history()[1].parts[0].text == "Hel"
    assert chat.get_history(curated=True) == []
    tell(side, chat, "again")
    assert contents(server.requests[-1]) == [("user", ["again"])]


def test_a_partial_answer_is_shown_to_the_model_where_that_is_wished(side: Any, cut_short: Any) -> None:
    """With keep_partial, the next request has the exchange as far as it came; a saved chat still knows."""
    chat, server = cut_short(keep_partial=True)
    tell(side, chat, "go on")
    assert contents(server.requests[-1]) == [("user", ["hi"]), ("model", ["Hel"]), ("user", ["go on"])]
    again = server.client().chats.from_json(chat.to_json())
    assert again.get_history(curated=True) == chat.get_history(curated=True)
    assert again.turns == chat.turns


def test_a_call_in_a_partial_answer_is_not_shown(side: Any) -> None:
    """A call that nobody has answered would be refused: the text goes back, the call does not, and both are kept."""
    with Server(scripted(cut(says("I look. "), call()), whole)) as server:
        chat = side.chat(server.client(), keep_partial=True)
        with pytest.raises(HeadwaterError):
            tell(side, chat, "hi")
        assert chat.get_history()[1].parts[1].function_call.name == "f"
        tell(side, chat, "well?")
        assert contents(server.requests[-1]) == [("user", ["hi"]), ("model", ["I look. "]), ("user", ["well?"])]


@pytest.mark.parametrize(
    "answer",
    [
        cut(call()),
        cut({"candidates": [{"content": {"role": "model", "parts": [{"text": "hm", "thought": True}]}}]}),
        lambda connection, _: connection.stream(says("", "STOP")),
        lambda connection, _: connection.stream({"promptFeedback": {"blockReason": "SAFETY"}}),
        lambda connection, _: connection.stream(says("Hel", "SAFETY")),
    ],
    ids=["a call alone", "a thought alone", "nothing", "blocked prompt", "blocked answer"],
)
def test_what_failed_is_never_shown(side: Any, answer: Script) -> None:
    """Answers that were refused, or of which nothing came that can be told, are not partial: they failed."""
    with Server(scripted(answer, whole)) as server:
        chat = side.chat(server.client(), keep_partial=True)
        with contextlib.suppress(HeadwaterError):
            tell(side, chat, "hi")
        assert {turn.state for turn in chat.turns} == {TurnState.FAILED}
        tell(side, chat, "again")
        assert contents(server.requests[-1]) == [("user", ["again"])]


def test_a_refused_request_leaves_no_trace(side: Any) -> None:
    """Where nothing at all came, the history is as before."""
    refused = refuses(400, "INVALID_ARGUMENT", "no")
    with Server(lambda connection, _: connection.answer(refused, "400 Bad Request")) as server:
        chat = side.chat(server.client())
        for send in (lambda: side.do(chat.send_message("hi")), lambda: tell(side, chat, "hi")):
            with pytest.raises(HeadwaterError):
                send()
        assert chat.turns == []


def rich() -> list[types.Content]:
    """Turns with everything that is hard to write down."""
    model = [
        {"text": "let me think", "thought": True},
        {"functionCall": {"name": "f", "args": {"é": [1, None, {"a": 1.5}]}}, "thoughtSignature": b"\x00\xff\xfe"},
    ]
    answer = [{"function_response": {"name": "f", "response": {"ok": True}}}]
    code = [
        {"executable_code": {"code": "1\u2028", "language": "A_NEW_LANGUAGE"}},
        {"text": "", "thoughtSignature": b"s"},
    ]
    return [
        types.UserContent(parts=["hi", types.Part.from_bytes(data=bytes(range(256)), mime_type="image/png")]),
        types.Content(role="model", parts=model),
        types.Content(role="user", parts=answer),
        types.Content(role="model", parts=code),
    ]


@pytest.mark.parametrize("kind", ["path", "text path", "text file", "byte file", "json"])
def test_a_conversation_survives_being_saved(side: Any, tmp_path: Path, kind: str) -> None:
    """Saved and loaded, by any way, a chat has the same turns, standings and model, and sends the same request."""
    with Server(whole) as server:
        client = server.client()
        chats = client.chats if side.name == "sync" else client.aio.chats
        chat = side.chat(client, model="m1", history=rich(), config={"temperature": 0.5})
        chat.record_history(types.UserContent("q"), [types.ModelContent("bad")], is_valid=False)
        if kind == "json":
            again = chats.from_json(chat.to_json(), config={"temperature": 0.5})
        else:
            path = tmp_path / "chat.json"
            target: Any = {"path": path, "text path": str(path), "text file": io.StringIO(), "byte file": io.BytesIO()}[
                kind
            ]
            side.do(chat.save(target))
            if "file" in kind:
                target.seek(0)
            again = side.do(chats.load(target, config={"temperature": 0.5}))
            assert not list(tmp_path.glob("*.new"))
        assert again.to_json() == chat.to_json()
        assert [turn.state for turn in again.turns] == ["whole"] * 4 + ["failed"] * 2
        tell(side, chat, "go on")
        tell(side, again, "go on")
        one, other = server.requests
        assert (one.target, one.json) == (other.target, other.json)
        assert "/m1:" in one.target
        assert "temperature" not in chat.to_json(), "a config may hold functions and secrets"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a saved chat"),
        ("[]", "not a saved chat"),
        ("{}", "not a saved chat"),
        ('{"version": 1}', "not a saved chat"),
        ('{"version": 1, "model": "m", "turns": [{"content": 5}]}', "not a saved chat"),
        (b"\xff", "not a saved chat"),
        ('{"version": 2, "model": "m", "turns": {}}', "version 2"),
    ],
)
def test_what_is_no_saved_chat_is_refused(text: Any, reason: str) -> None:
    """Anything else, and what a later version wrote, is a UsageError that says so."""
    with pytest.raises(UsageError, match=reason):
        genai.Client(api_key="k").chats.from_json(text)


def test_a_chat_branches(side: Any) -> None:
    """A branch goes on from an earlier turn on its own, and the chat goes on as if it were not there."""
    with Server(whole) as server:
        chat = side.chat(server.client())
        for message in ("one", "two", "three"):
            tell(side, chat, message)
        branch, copy = chat.branch(at=2), chat.branch()
        tell(side, branch, "other")
        assert [text for _, [text] in contents(server.requests[-1])] == ["one", "Hello world", "other"]
        assert [len(one.get_history()) for one in (chat, branch, copy)] == [6, 4, 6]
        tell(side, chat, "four")
        assert len(contents(server.requests[-1])) == 7
        assert chat.branch(at=-2).get_history() == chat.get_history()[:-2]
        assert chat.branch(at=0).get_history() == []


@pytest.mark.parametrize("at", [1, 2, 3, 5, -1, -9, 100])
def test_a_branch_begins_with_a_message(at: int) -> None:
    """A branch inside an exchange, between a call and its result too, is a UsageError."""
    chat = genai.Client(api_key="k").chats.create(model="m", history=rich())
    with pytest.raises(UsageError, match=f"turn {at} "):
        chat.branch(at=at)


def test_automatic_calls_are_turns() -> None:
    """What happened between a message and its answer stands between them."""
    sent = [types.UserContent("before"), types.ModelContent("yes"), types.UserContent("hi")]
    between = [
        types.ModelContent(parts=[CALL]),
        types.UserContent(parts=[types.Part.from_function_response(name="f", response={})]),
    ]

    answer = types.GenerateContentResponse(candidates=[says("done", "STOP")["candidates"][0]])
    answer.automatic_function_calling_history = [*sent, *between]
    turns, standing = history.exchange(sent[-1], answer, sent=len(sent))
    assert turns == [sent[-1], *between, types.Content(role="model", parts=["done"])]
    assert standing is TurnState.WHOLE


def recorded(name: str) -> tuple[list[Any], list[bytes]]:
    """Return the contents of the requests of a recorded conversation, and the bodies of its answers."""
    root = shared("corpus")
    if root is None:
        pytest.skip("no shared/corpus beside the checkout, and HEADWATER_SHARED does not name one")
    steps = sorted(root.glob(f"{name}-[0-9]"))
    assert len(steps) > 1, name
    requests = [json.loads((step / "request.json").read_text("utf-8"))["contents"] for step in steps]
    return requests, [(step / "response.sse").read_bytes() for step in steps]


def meaning(turns: Any) -> Any:
    """Return turns as the API understands them: an empty text beside a signature says nothing."""
    return [
        (
            turn["role"],
            [{key: value for key, value in part.items() if (key, value) != ("text", "")} for part in turn["parts"]],
        )
        for turn in turns
    ]


@pytest.mark.parametrize(
    "name",
    [
        "adk-go/s-llminternal-TestParallelFunctionCalls_test_parallel_function_calls_gemini-3.1-pro-preview",
        "mirascope/s-tools-streams-tool-calls-and-resumes-with-results",
        "fantasy/s-TestGoogleCommon-vertex-gemini-2-5-flash-multi_tool_streaming",
        "fantasy/s-TestGoogleCommon-vertex-gemini-2-5-pro-tool_streaming",
    ],
)
def test_a_recorded_conversation_goes_back_as_the_api_needs_it(side: Any, name: str, tmp_path: Path) -> None:
    """With tools and thought signatures: given the recorded answers, a chat sends the recorded requests, turn by turn,
    also where it was saved and loaded between them."""
    requests, answers = recorded(name)
    bodies = iter(answers)

    def script(connection: Connection, request: Request) -> None:
        body = next(bodies)
        connection.send(head("200 OK", {"content-type": "text/event-stream", "content-length": str(len(body))}) + body)

    with Server(script) as server:
        client = server.client()
        chats = client.chats if side.name == "sync" else client.aio.chats
        chat = side.chat(client)
        for turns in requests:
            tell(side, chat, types.Content(**turns[-1]))
            side.do(chat.save(tmp_path / "chat.json"))
            chat = side.do(chats.load(tmp_path / "chat.json"))
        sent = [request.json["contents"] for request in server.requests]
        assert [meaning(one) for one in sent] == [meaning(one) for one in requests]
        assert sum(json.dumps(one).count("thoughtSignature") for one in sent) > 0


def test_the_page_about_chats_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Python of the page runs from top to bottom, offline."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "offline:instant")
    run_page("chats.md")
    assert "model whole" in capsys.readouterr().out
    assert (tmp_path / "chat.json").exists()
