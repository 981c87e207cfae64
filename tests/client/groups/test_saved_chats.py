"""Chats that a headwater server keeps: loaded, gone on with and saved, in both colours, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import genai, offline
from headwater.client.groups import history
from headwater.client.groups.history import Turn, TurnState
from headwater.client.groups.saved_chats import MessageMap, turns_of
from headwater.client.request.settings import Settings
from headwater.contract.chats import SavedChat
from headwater.engines.offline import OfflineEngine
from headwater.errors import APIError, HeadwaterError, NotFoundError, UsageError, WireError
from headwater.genai import types
from tests.support.live import Held, Live, Scripted
from tests.support.live import says as chunk
from tests.support.servers import Connection, Request, Server, head

MODEL = "gemini-2.5-flash"


@pytest.fixture
def live() -> Iterator[Any]:
    with Live(OfflineEngine(offline.INSTANT)) as live:
        yield live


def begun(side: Any, client: genai.Client, *messages: str, **options: Any) -> Any:
    """A chat in which these messages were sent."""
    chat = side.chat(client, model=MODEL, **options)
    for message in messages:
        side.read(side.do(chat.send_message_stream(message)))
    return chat


def load(side: Any, client: genai.Client, id: str, **options: Any) -> Any:
    return side.call(client, "chats.load", place=id, **options)


def stored(live: Live, id: str, key: str = "test-key") -> Any:
    """A chat as the server has it."""
    return live.get(f"/v1/chats/{id}", x_goog_api_key=key).json


def texts(chat: Any, *, curated: bool = False) -> list[str]:
    return [turn.parts[0].text if turn.parts else "" for turn in chat.get_history(curated)]


# There and back


def test_a_saved_chat_is_loaded_as_it_was_and_goes_on(side: Any, live: Any) -> None:
    """Its turns, model and title come from the server, what follows is saved after them, and once."""
    client = live.client()
    chat = begun(side, client, "Tell me a story about a river.", "And then?")
    assert chat.id is None
    side.do(chat.save())
    again = load(side, client, chat.id)
    assert (again.id, again.model, again.title) == (chat.id, MODEL, "Tell me a story about a river.")
    assert again.turns == chat.turns
    side.do(again.send_message("And in the end?"))
    for _ in range(2):
        side.do(again.save())
    messages = stored(live, chat.id)["messages"]
    assert [message["role"] for message in messages] == ["user", "model"] * 3
    assert [message.get("parent") for message in messages] == [None, *(message["id"] for message in messages[:-1])]
    assert stored(live, chat.id)["leaf"] == messages[-1]["id"]
    assert texts(load(side, client, chat.id)) == texts(again)


def test_what_is_known_of_an_answer_is_saved_with_it(side: Any, live: Any) -> None:
    """Its model, finish reason and tokens; where it was streamed, how long it took."""
    chat = begun(side, live.client(), "Tell me a story about a river.")
    chat.model = "other"
    side.do(chat.send_message("And then?"))
    side.do(chat.save())
    _, streamed, _, whole = stored(live, chat.id)["messages"]
    assert (streamed["model"], whole["model"]) == (MODEL, "other")
    assert streamed["finish_reason"] == whole["finish_reason"] == "STOP"
    assert streamed["usage"]["candidatesTokenCount"] > 0 < whole["usage"]["candidatesTokenCount"]
    assert streamed["metrics"]["seconds"] >= streamed["metrics"]["first_chunk"] > 0
    assert load(side, live.client(), chat.id).model == "other"
    assert load(side, live.client(), chat.id, model=MODEL).model == MODEL


def calling(request: Any) -> list[types.GenerateContentResponse]:
    """An engine's answer that first calls a function, and then says what came of it."""
    *_, last = json.loads(request.body)["contents"]
    if "functionResponse" in last["parts"][0]:
        return [chunk(f"It says {last['parts'][0]['functionResponse']['response']['result']}.", "STOP")]
    call = types.Part(function_call=types.FunctionCall(name="gauge", args={"river": "Elbe"}))
    content = types.Content(role="model", parts=[call])
    return [types.GenerateContentResponse(candidates=[types.Candidate(content=content, finish_reason="STOP", index=0)])]


def gauge(river: str) -> str:
    """Read the gauge of a river."""
    return f"3 m at {river}"


def test_an_exchange_with_functions_is_one_message_of_the_model(side: Any) -> None:
    """The calls, their results and the answer stand in it, in their order, and functions work on a loaded chat, too."""
    with Live(Scripted(calling)) as live:
        chat = begun(side, live.client(), "How high is it?", config={"tools": [gauge]})
        side.do(chat.save())
        again = load(side, live.client(), chat.id, config={"tools": [gauge]})
        assert side.do(again.send_message("And now?")).text == "It says 3 m at Elbe."
        side.do(again.save())
        messages = stored(live, chat.id)["messages"]
    assert again.turns[:4] == chat.turns
    assert [message["role"] for message in messages] == ["user", "model"] * 2
    for answer in messages[1::2]:
        assert [next(iter(content["parts"][0])) for content in answer["contents"]] == [
            "functionCall",
            "functionResponse",
            "text",
        ]


def test_what_was_cut_short_and_what_failed_stay_what_they_are(side: Any) -> None:
    """Cut short is stopped there, and the model is shown it; failed stays failed, and says why on the server."""

    def script(request: Any) -> Any:
        match json.loads(request.body)["contents"][-1]["parts"][0]["text"]:
            case "cut":
                return [chunk("Hel")]
            case "fail":
                return [chunk("No", "SAFETY")]
        return [chunk("Yes", "STOP")]

    with Live(Scripted(script)) as live:
        chat = side.chat(live.client(), keep_partial=True)
        with pytest.raises(HeadwaterError):
            side.read(side.do(chat.send_message_stream("cut")))
        side.read(side.do(chat.send_message_stream("fail")))
        side.do(chat.save())
        messages = stored(live, chat.id)["messages"]
        assert [message.get("state", "done") for message in messages] == ["done", "stopped", "done", "failed"]
        assert messages[-1]["error"]["message"].endswith("SAFETY")
        again = load(side, live.client(), chat.id)
        assert again.turns == chat.turns
        assert texts(again, curated=True) == ["cut", "Hel"]


def test_an_answer_that_still_runs_is_loaded_as_far_as_it_is(side: Any) -> None:
    """It is partial, and what is said meanwhile goes after it."""
    engine = Held(2)
    with Live(engine) as live:
        ask = {"message": {"id": "q", "parts": [{"text": "hi"}]}, "answer": {"id": "a"}, "model": "m"}
        assert live.post("/v1/chats/c/answers", ask, x_goog_api_key="test-key").status == 201
        live.until(lambda: engine.running == 1)
        chat = load(side, live.client(), "c")
        assert [turn.state for turn in chat.turns] == [TurnState.PARTIAL, TurnState.PARTIAL]
        assert "".join(part.text for part in chat.turns[1].content.parts).startswith("0 ")
        chat.record_history(types.UserContent("on"), [types.ModelContent("yes")])
        side.do(chat.save())
        assert stored(live, "c")["messages"][2]["parent"] == "a"
        live.on_loop(engine.gate.set)


def test_a_chat_without_messages_is_begun(side: Any, live: Any) -> None:
    """One that something else made, and in which nothing was said."""
    live.post("/v1/chats", {"id": "empty", "title": "Later"}, x_goog_api_key="test-key")
    chat = load(side, live.client(), "empty", model=MODEL)
    assert (chat.turns, chat.title) == ([], "Later")
    side.do(chat.save())  # nothing to do
    side.do(chat.send_message("Tell me a story."))
    side.do(chat.save())
    assert len(stored(live, "empty")["messages"]) == 2


# Nothing twice, nothing lost


class Lossy:
    """The way to a server on which answers get lost: those whose number, from 1 on, is in ``lost``."""

    def __init__(self, live: Live, *lost: int) -> None:
        self._live, self._lost, self._count = live, lost, 0

    def __call__(self, connection: Connection, request: Request) -> None:
        self._count += 1
        fields = {name: text for name, text in request.headers.items() if name not in ("host", "accept-encoding")}
        reply = self._live.request(request.method, request.target, request.body or None, **fields)
        if self._count in self._lost:
            connection.reset()
        else:
            connection.send(head(f"{reply.status} OK", {"content-length": str(len(reply.body))}) + reply.body)


def test_a_save_whose_answer_was_lost_is_repeated_and_nothing_doubles(side: Any, live: Any) -> None:
    """The chat keeps the id that it was given at first, and so do the messages; what came meanwhile goes with them."""
    with Server(Lossy(live, 1, 2)) as way:
        client = way.client()
        chat = side.chat(client)
        for number in range(3):
            chat.record_history(types.UserContent(f"q{number}"), [types.ModelContent(f"a{number}")])
            if number < 2:
                with pytest.raises(HeadwaterError):
                    side.do(chat.save())
                assert chat.id is None
        side.do(chat.save())
        (listed,) = side.read(side.call(client, "chats.list"))
    assert listed.id == chat.id
    assert [message["contents"][0]["parts"][0]["text"] for message in stored(live, chat.id)["messages"]] == texts(chat)


def test_a_save_is_tried_again_by_itself(side: Any, live: Any) -> None:
    """As every call is, where the client does not say otherwise."""
    with Server(Lossy(live, 1)) as way:
        chat = side.chat(way.client(retry_options={"attempts": 2, "initial_delay": 0.01}), history=said("q", "a"))
        side.do(chat.save())
    assert len(way.requests) == 2
    assert len(stored(live, chat.id)["messages"]) == 2


def said(*words: str) -> list[types.Content]:
    """Turns that say these words, the user's first."""
    kinds = (types.UserContent, types.ModelContent)
    return [kinds[number % 2](word) for number, word in enumerate(words)]


def test_what_somebody_else_said_meanwhile_stays_in_a_branch(side: Any, live: Any) -> None:
    """Both answers follow the same message, and the one that was saved last is shown."""
    chat = side.chat(live.client(), history=said("q", "a"))
    side.do(chat.save())
    other = load(side, live.client(), chat.id)
    for one, word in ((other, "theirs"), (chat, "ours")):
        one.record_history(types.UserContent(word), [types.ModelContent(f"to {word}")])
        side.do(one.save())
    messages = stored(live, chat.id)["messages"]
    assert len(messages) == 6
    assert messages[2]["parent"] == messages[4]["parent"] == messages[1]["id"]
    assert texts(load(side, live.client(), chat.id)) == ["q", "a", "ours", "to ours"]


def test_a_branch_of_a_kept_chat_is_a_branch_there(side: Any, live: Any) -> None:
    """What both have is the same messages, also where it was not saved when they parted."""
    chat = side.chat(live.client(), history=said("q", "a"))
    side.do(chat.save())
    chat.record_history(*split("more", "yes"))
    chat.record_history(*split("even more", "no"))
    other = chat.branch(at=4)
    other.record_history(*split("less", "well"))
    side.do(other.save())
    side.do(chat.save())
    assert other.id == chat.id
    assert len(stored(live, chat.id)["messages"]) == 8
    assert texts(load(side, live.client(), chat.id)) == texts(chat)
    side.do(other.save())  # nothing new, and yet: it is the one that is shown now
    side.do(other.branch(at=2).save())
    assert texts(load(side, live.client(), chat.id)) == ["q", "a"]
    anew = side.chat(live.client(), history=said("q", "a")).branch()
    side.do(anew.save())
    assert anew.id != chat.id


def split(question: str, answer: str) -> tuple[types.Content, list[types.Content]]:
    return types.UserContent(question), [types.ModelContent(answer)]


def test_nothing_new_is_no_request(side: Any, live: Any) -> None:
    """And a chat in which nothing was said is refused before one."""
    with Server(Lossy(live)) as way:
        with pytest.raises(UsageError, match="nothing to save yet"):
            side.do(side.chat(way.client()).save())
        chat = side.chat(way.client(), history=said("q", "a"))
        for _ in range(3):
            side.do(chat.save())
    assert len(way.requests) == 1


def test_saves_from_many_threads_save_once(live: Any) -> None:
    """All of them make the same chat of the same messages."""
    chat = live.client().chats.create(model=MODEL, history=said("q", "a") * 20)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: chat.save(), range(16)))
    (known,) = live.client().chats.list()
    assert [message["id"] for message in stored(live, known.id)["messages"]][-1] == known.leaf
    assert len(stored(live, known.id)["messages"]) == 40


def test_a_chat_that_was_deleted_is_not_saved_by_halves(side: Any, live: Any) -> None:
    """The error says what happened and what can be done, which works."""
    client = live.client()
    chat = side.chat(client, history=said("q", "a"))
    side.do(chat.save())
    side.call(client, "chats.delete", id=chat.id)
    chat.record_history(*split("more", "yes"))
    with pytest.raises(APIError, match="Was it deleted"):
        side.do(chat.save())
    assert side.read(side.call(client, "chats.list")) == []
    chats = client.chats if side.name == "sync" else client.aio.chats
    saved = chats.from_json(chat.to_json())
    side.do(saved.save())
    assert texts(load(side, client, saved.id)) == texts(chat)


_WORDS = st.text(min_size=1, max_size=3)
_ANSWERS = st.lists(st.tuples(st.booleans(), _WORDS), max_size=2)
_EXCHANGES = st.lists(st.tuples(_WORDS, _ANSWERS, st.none() | _WORDS, st.sampled_from(TurnState)), max_size=6)


def turns_from(exchanges: Any) -> list[Turn]:
    """Turns as a chat has them: messages, calls with their results, answers or none."""
    turns: list[Turn] = []
    for question, calls, answer, standing in exchanges:
        contents = [types.UserContent(question)]
        for is_failed, name in calls:
            response = {"error" if is_failed else "result": name}
            contents.append(types.ModelContent([types.Part.from_function_call(name=name, args={})]))
            contents.append(types.UserContent([types.Part.from_function_response(name=name, response=response)]))
        if answer is None:
            standing = TurnState.FAILED
        contents.append(types.Content(role="model", parts=[types.Part(text=answer)] if answer else []))
        turns += [Turn(content, standing) for content in contents]
    return turns


@given(_EXCHANGES, st.data())
def test_whatever_was_said_comes_back(exchanges: Any, data: Any) -> None:
    """However many saves it takes, the messages hold the same contents in the same order with the same standing."""
    turns = turns_from(exchanges)
    message_map = MessageMap()
    settings = Settings(api_key="k", http_options={"base_url": "http://127.0.0.1:1"})
    messages: list[Any] = []
    ends = [number for number, turn in enumerate(turns) if history.is_message(turn.content)][1:]
    cuts = data.draw(st.lists(st.sampled_from(ends), unique=True)) if ends else []
    for end in [*sorted(cuts), len(turns)] if turns else ():
        writing = message_map.write(settings, "m", turns[:end])
        assert writing is not None
        body = msgspec.json.decode(writing.request.body)
        messages += body["messages"]
        chat = SavedChat.model_validate({**body, "messages": messages})
        message_map.confirm(writing, chat)
    if turns:
        loaded, _ = turns_of(chat)
        told = [(turn.content, turn.state) for turn in loaded if turn.content.parts]
        assert told == [(turn.content, turn.state) for turn in turns if turn.content.parts]
        assert [message["role"] for message in messages] == ["user", "model"] * len(exchanges)


# The list


def test_the_list_comes_in_pages_and_finds_words(side: Any, live: Any) -> None:
    """The last changed first; all of them by iterating, those with the words of a query."""
    client = live.client()
    for number in range(5):
        side.do(side.chat(client, history=said(f"river {number}", "a")).save())
    pager = side.call(client, "chats.list", page_size=2)
    assert (len(pager), pager.page_size) == (2, 2)
    assert [chat.title for chat in side.read(pager)] == [f"river {number}" for number in (4, 3, 2, 1, 0)]
    (found,) = side.read(side.call(client, "chats.list", query="riv 3"))
    assert (found.title, found.running, found.created <= found.updated) == ("river 3", False, True)
    assert found.model_dump()["title"] == "river 3"


def test_a_chat_is_renamed_exported_and_deleted(side: Any, live: Any) -> None:
    """The title is another one everywhere; Markdown is what is shown, JSON all of it; deleted is gone, and again."""
    client = live.client()
    chat = side.chat(client, history=said("q", "a"))
    side.do(chat.save())
    assert side.call(client, "chats.rename", id=chat.id, title="Rivers").title == "Rivers"
    assert side.call(client, "chats.export", id=chat.id).startswith("# Rivers\n")
    assert json.loads(side.call(client, "chats.export", id=chat.id, format="json")) == stored(live, chat.id)
    chat.record_history(*split("more", "yes"))
    side.do(chat.save())
    assert chat.title == "Rivers"
    for _ in range(2):
        side.call(client, "chats.delete", id=chat.id)
    with pytest.raises(NotFoundError):
        side.call(client, "chats.rename", id=chat.id, title="Gone")


def test_another_key_has_other_chats(side: Any) -> None:
    """It does not find them, can not go on with them, and begins one of its own where it takes their id."""
    with Live(OfflineEngine(offline.INSTANT), api_keys=["key-of-anna", "key-of-bert"]) as live:
        anna, bert = live.client("key-of-anna"), live.client("key-of-bert")
        chat = side.chat(anna, history=said("q", "a"))
        side.do(chat.save())
        assert side.read(side.call(bert, "chats.list")) == []
        for method, more in (("load", {}), ("export", {}), ("rename", {"title": "mine"})):
            with pytest.raises(NotFoundError, match="there is no such chat"):
                side.call(bert, f"chats.{method}", **({"place" if method == "load" else "id": chat.id} | more))
        side.call(bert, "chats.delete", id=chat.id)
        assert len(stored(live, chat.id, "key-of-anna")["messages"]) == 2


# A file or an id


def test_a_name_is_a_file_where_there_is_one(
    side: Any, live: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it could be an id; what has a separator or an ending can be a file only."""
    monkeypatch.chdir(tmp_path)
    side.do(side.chat(live.client(), history=said("of the file", "a")).save("abc"))
    assert texts(load(side, live.client(), "abc")) == ["of the file", "a"]
    assert load(side, live.client(), "abc").id is None
    for missing in ("abc.json", "./chat", tmp_path / "chat", "two words"):
        with pytest.raises(FileNotFoundError):
            load(side, live.client(), missing)
    with pytest.raises(NotFoundError, match=r"no such chat, and no file of that name: client\.chats\.list"):
        load(side, live.client(), "chat")


@pytest.mark.parametrize("url", ["offline:", "https://generativelanguage.googleapis.com/"])
def test_without_a_server_there_are_no_saved_chats(side: Any, url: Any) -> None:
    """The offline engine and the Gemini API keep none; the error says who does, before anything is sent."""
    client = genai.Client(api_key="k", http_options={"base_url": url})
    with pytest.raises(UsageError, match=r"there is no file 'abc', and saved chats .*headwater serve"):
        load(side, client, "abc")
    with pytest.raises(UsageError, match="headwater serve"):
        side.call(client, "chats.list")
    with pytest.raises(UsageError, match="headwater serve"):
        side.do(side.chat(client, history=said("q", "a")).save())


@pytest.mark.parametrize("page", [b"<html>not here</html>", b'{"detail": "Not Found"}'])
def test_an_address_of_something_else_is_said_to_be_one(side: Any, page: Any) -> None:
    """Whatever its 404 looks like."""
    with Server(lambda connection, _: connection.answer(page, status="404 Not Found")) as server:
        for method in ("load", "list"):
            with pytest.raises(NotFoundError, match="must be a headwater server"):
                side.call(server.client(), f"chats.{method}", **({"place": "abc"} if method == "load" else {}))


def test_what_answers_everything_has_saved_nothing(side: Any) -> None:
    """A good status alone is no yes."""
    with Server(lambda connection, _: connection.answer({})) as server:
        chat = side.chat(server.client(), history=said("q", "a"))
        with pytest.raises(WireError, match="not from a headwater server"):
            side.do(chat.save())
    assert chat.id is None


@pytest.mark.parametrize("id", ["", "a/b", "a b", "x" * 129, None, "?"])
def test_what_can_be_no_id_is_refused(side: Any, id: Any) -> None:
    """Without a request."""
    with Server(lambda connection, request: None) as server:
        for method, more in (("rename", {"title": "t"}), ("delete", {}), ("export", {})):
            with pytest.raises(UsageError, match="is not the id of a chat"):
                side.call(server.client(), f"chats.{method}", id=id, **more)
    assert not server.requests
