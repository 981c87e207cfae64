"""A chat remembers one turn for each answer, shows the model what is fit to be shown, and forgets nothing."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest

from headwater import genai
from headwater.errors import HeadwaterError, UsageError
from headwater.genai import types
from tests.support.servers import Connection, Request, Script, Server, refuses, says, scripted, whole


def spoken(turns: Any) -> list[tuple[str, str]]:
    """Return who said what."""
    return [(turn.role, "".join(part.text or "" for part in turn.parts or ())) for turn in turns]


def sent(request: Request) -> list[tuple[str, str]]:
    """Return who said what in a request."""
    return [(turn["role"], "".join(part["text"] for part in turn["parts"])) for turn in request.json["contents"]]


def tell(side: Any, chat: Any, message: Any, **arguments: Any) -> str:
    """Send a message, read the whole stream of the answer, and return its text."""
    stream = side.do(chat.send_message_stream(message, **arguments))
    return "".join(chunk.text or "" for chunk in side.read(stream))


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "unary"])
def test_history_has_one_turn_for_each_answer(side: Any, stream: bool) -> None:
    """However many chunks an answer has, it is one turn of the history, and the next request holds it once."""
    with Server(whole) as server:
        chat = side.chat(server.client())
        for message in ("one", "two"):
            if stream:
                assert tell(side, chat, message) == "Hello world"
            else:
                assert side.do(chat.send_message(message)).text == "Hello world"
        wanted = [("user", "one"), ("model", "Hello world"), ("user", "two"), ("model", "Hello world")]
        assert spoken(chat.get_history()) == spoken(chat.get_history(curated=True)) == wanted
        assert sent(server.requests[1]) == wanted[:3]
        assert len(chat.get_history()[1].parts) == 1


def streams(*documents: Any) -> Script:
    """Return a script that sends these events."""
    return lambda connection, _: connection.stream(*documents)


def test_empty_last_event_loses_nothing(side: Any) -> None:
    """A turn whose last event has a finish reason and no content is kept."""
    endings = [
        {"candidates": [{"finishReason": "STOP"}]},
        says("", "STOP"),
        {"candidates": [{"finishReason": "STOP", "content": {"role": "model"}}]},
        {"candidates": [{"finishReason": "STOP", "content": {}}], "usageMetadata": {"totalTokenCount": 1}},
    ]
    for ending in endings:
        with Server(streams(says("Hello"), ending)) as server:
            chat = side.chat(server.client())
            tell(side, chat, "hi")
            assert spoken(chat.get_history(curated=True)) == [("user", "hi"), ("model", "Hello")]


def test_usage_after_the_end_loses_nothing(side: Any) -> None:
    """An event without candidates after the last content does not spoil the turn."""
    with Server(streams(says("Hello", "STOP"), {"usageMetadata": {"totalTokenCount": 1}})) as server:
        chat = side.chat(server.client())
        tell(side, chat, "hi")
        assert spoken(chat.get_history(curated=True)) == [("user", "hi"), ("model", "Hello")]


def broken(connection: Connection, request: Request) -> None:
    """Break in the middle of the answer."""
    connection.begin()
    connection.event(says("Hel"))
    connection.close()


@pytest.mark.parametrize(
    "failure",
    [
        broken,
        streams(says("Hel")),
        streams(says("Hel"), refuses(503, "UNAVAILABLE", "overloaded")),
        streams({"promptFeedback": {"blockReason": "SAFETY"}}),
        streams(says("Hel", "SAFETY")),
        streams({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}),
        lambda connection, _: connection.answer(refuses(400, "INVALID_ARGUMENT", "no"), "400 Bad Request"),
        lambda connection, _: connection.close(),
    ],
    ids=[
        "cut",
        "no finish reason",
        "error inside",
        "blocked prompt",
        "SAFETY",
        "malformed call",
        "refused",
        "no answer",
    ],
)
def test_failed_turn_is_not_shown_to_the_model(side: Any, failure: Script) -> None:
    """A turn that failed, was blocked or was cut short is left out of the curated history and the next request."""

    def script(connection: Connection, request: Request) -> None:
        (whole if b'"again"' in request.body else failure)(connection, request)

    with Server(script) as server:
        chat = side.chat(server.client())
        with contextlib.suppress(HeadwaterError):
            tell(side, chat, "hi")
        assert chat.get_history(curated=True) == []
        assert tell(side, chat, "again") == "Hello world"
        assert sent(server.requests[-1]) == [("user", "again")]
        assert spoken(chat.get_history(curated=True)) == [("user", "again"), ("model", "Hello world")]


def test_left_turn_is_not_shown_to_the_model(side: Any) -> None:
    """A turn that the reader left early is in the history with what had come, and not in the curated one."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("Hel"))
        connection.stall()

    with Server(script) as server:
        chat = side.chat(server.client())
        stream = side.do(chat.send_message_stream("hi"))
        assert side.next(stream).text == "Hel"
        side.close(stream)
        assert spoken(chat.get_history()) == [("user", "hi"), ("model", "Hel")]
        assert chat.get_history(curated=True) == []


def test_function_call_is_a_turn(side: Any) -> None:
    """An answer that calls a function is a turn, with its signature, and is sent back as it came."""
    part = {"functionCall": {"name": "f", "args": {"x": 1}, "id": "c1"}, "thoughtSignature": "c2lnbmVk"}
    answer = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}]}
    with Server(scripted(streams(answer), whole)) as server:
        chat = side.chat(server.client())
        tell(side, chat, "hi")
        tell(side, chat, types.Part.from_function_response(name="f", response={"y": 2}))
        assert server.requests[1].json["contents"] == [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [part]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"y": 2}}}]},
        ]


def test_config_of_a_message_is_laid_over_the_chats(side: Any) -> None:
    """What a message sets goes before the chat's config, for that message; the rest of the chat's stays."""
    config = types.GenerateContentConfig(system_instruction="be brief", temperature=0.5, top_k=3)
    before = repr(config)
    with Server(whole) as server:
        chat = side.chat(server.client(), config=config)
        tell(side, chat, "one")
        tell(side, chat, "two", config={"temperature": 1.0})
        side.do(chat.send_message("three", config=types.GenerateContentConfig(top_k=4)))
        tell(side, chat, "four", config={"systemInstruction": None, "top_k": None})
        bodies = [request.json for request in server.requests]
        assert [body["generationConfig"]["temperature"] for body in bodies] == [0.5, 1.0, 0.5, 0.5]
        assert [body["generationConfig"].get("topK") for body in bodies] == [3, 3, 4, None]
        assert [("systemInstruction" in body) for body in bodies] == [True, True, True, False]
        assert repr(config) == before


def test_http_options_of_a_message_are_laid_over_the_chats(side: Any) -> None:
    """Headers of both go out, the message's before the chat's."""
    with Server(whole) as server:
        chat = side.chat(
            server.client(), config={"http_options": {"headers": {"x-a": "1", "x-b": "1"}, "timeout": 9000}}
        )
        tell(side, chat, "one", config={"http_options": {"headers": {"x-b": "2"}}})
        side.do(chat.send_message("two", config={"http_options": {"api_version": "v9"}}))
        first, second = server.requests
        assert (first.headers["x-a"], first.headers["x-b"]) == ("1", "2")
        assert (second.headers["x-b"], second.headers["x-server-timeout"]) == ("1", "9")
        assert second.path.startswith("/v9/")


def test_history_can_be_given(side: Any) -> None:
    """A chat may begin with turns, as Content or as dicts; roles other than user and model are refused."""
    history = [types.UserContent(parts=["a"]), {"role": "model", "parts": [{"text": "b"}]}]
    with Server(whole) as server:
        chat = side.chat(server.client(), history=history)
        tell(side, chat, "c")
        assert sent(server.requests[0]) == [("user", "a"), ("model", "b"), ("user", "c")]
        assert len(history) == 2
        for wrong in ([{"role": "system", "parts": []}], ["text"], [{"parts": [{"text": "a"}]}]):
            with pytest.raises(UsageError):
                side.chat(server.client(), history=wrong)


def test_message_has_many_forms(side: Any) -> None:
    """A message may be a text, a part or a list of them; nothing at all is refused."""
    with Server(whole) as server:
        chat = side.chat(server.client())
        for message in ("a", types.Part(text="a"), ["a", types.Part(text="b")], {"text": "a"}):
            tell(side, chat, message)
        wrong: Any
        for wrong in (None, [], 5, b"raw"):
            with pytest.raises(UsageError):
                side.do(chat.send_message(wrong))
        assert len(chat.get_history()) == 8


def test_two_answers_at_once(side: Any) -> None:
    """Two answers of one chat may be read in turns; each is remembered with its message, in the order of their ends."""
    go_on = threading.Event()

    def script(connection: Connection, request: Request) -> None:
        name = sent(request)[-1][1]
        connection.begin()
        connection.event(says(f"{name} begins, "))
        if name == "slow":
            assert go_on.wait(10)
        connection.event(says(f"{name} ends", "STOP"))
        connection.end()

    with Server(script) as server:
        chat = side.chat(server.client())
        slow = side.do(chat.send_message_stream("slow"))
        quick = side.do(chat.send_message_stream("quick"))
        side.next(slow)
        side.read(quick)
        go_on.set()
        side.read(slow)
        assert spoken(chat.get_history(curated=True)) == [
            ("user", "quick"),
            ("model", "quick begins, quick ends"),
            ("user", "slow"),
            ("model", "slow begins, slow ends"),
        ]


def test_chat_outlives_its_client(side: Any) -> None:
    """A chat of a client that was dropped goes on."""
    with Server(whole) as server:
        chat = side.chat(server.client())
        assert tell(side, chat, "hi") == "Hello world"
        assert tell(side, chat, "hi") == "Hello world"


def test_history_can_be_recorded_by_hand(side: Any) -> None:
    """record_history adds an exchange."""
    with Server(whole) as server:
        chat = side.chat(server.client())
        chat.record_history(types.UserContent(parts=["a"]), [types.ModelContent(parts=["b"])])
        chat.record_history(types.UserContent(parts=["c"]), [types.ModelContent(parts=["d"])], is_valid=False)
        tell(side, chat, "e")
        assert sent(server.requests[0]) == [("user", "a"), ("model", "b"), ("user", "e")]
        assert len(chat.get_history()) == 6


def test_chat_works_offline(side: Any) -> None:
    """A chat with the offline engine remembers its turns."""
    chat = side.chat(genai.Client(http_options={"base_url": "offline:instant"}), model="gemini-2.5-flash")
    assert tell(side, chat, "Tell me a story.")
    assert len(chat.get_history(curated=True)) == 2


def test_the_modules_of_google_genai_have_their_names() -> None:
    """What annotations name is where google-genai has it."""
    client = genai.Client(api_key="k")
    assert isinstance(client.chats.create(model="m"), genai.chats.Chat)
    assert isinstance(client.aio.chats.create(model="m"), genai.chats.AsyncChat)
    assert isinstance(client.files, genai.files.Files)
    assert genai.pagers.Pager  # type: ignore[truthy-function]
