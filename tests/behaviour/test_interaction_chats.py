"""Conversations over ``previous_interaction_id``, on both sides."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import ServerError, StreamTruncated, UsageError
from tests.support.interaction_cases import ONCE, answer, created, says, starts
from tests.support.servers import ENDLESS, Connection, Request, Server, scripted, sends
from tests.support.sides import Async, Sync


def chat_of(side: Sync, client: Any, **options: Any) -> Any:
    group = client.aio.interactions if isinstance(side, Async) else client.interactions
    return group.chat(**({"model": "m"} | options))


def test_a_message_follows_the_answer_before_it(side: Sync) -> None:
    tool = {"type": "google_search"}
    first, second = sends(ENDLESS + answer("One.", id="v1_a")), sends(ENDLESS + answer("Two.", id="v1_b"))
    output = {"type": "model_output", "content": [{"type": "text", "text": "Three."}]}
    whole = {"id": "v1_c", "status": "completed", "steps": [output]}

    def third(connection: Connection, request: Request) -> None:
        connection.answer(whole)

    with Server(scripted(first, second, third)) as server:
        chat = chat_of(side, server.client(), tools=[tool], system_instruction="Count.")
        texts = [side.do(side.do(chat.send_message_stream(text)).collect()).output_text for text in ("a", "b")]
        texts.append(side.do(chat.send_message("c", service_tier="flex")).output_text)
    assert texts == ["One.", "Two.", "Three."]
    sent = [request.json for request in server.requests]
    assert [body.get("previous_interaction_id") for body in sent] == [None, "v1_a", "v1_b"]
    assert [body["input"] for body in sent] == ["a", "b", "c"]
    assert all(body["tools"] == [tool] and body["system_instruction"] == "Count." for body in sent)
    assert [body.get("service_tier") for body in sent] == [None, None, "flex"]
    assert chat.previous_interaction_id == "v1_c"
    assert [step["type"] for step in chat.steps] == ["user_input", "model_output"] * 3


def test_a_chat_that_is_not_stored_sends_all_steps_again(side: Sync) -> None:
    replies = [sends(ENDLESS + answer(text, id="")) for text in ("One.", "Two.")]
    with Server(scripted(*replies)) as server:
        chat = chat_of(side, server.client(), store=False)
        for text in ("a", "b"):
            side.do(side.do(chat.send_message_stream(text)).collect())
    second = server.requests[1].json
    assert "previous_interaction_id" not in second
    assert [(step["type"], step["content"][0]["text"]) for step in second["input"]] == [
        ("user_input", "a"),
        ("model_output", "One."),
        ("user_input", "b"),
    ]


def test_a_message_that_fails_can_be_sent_again(side: Sync) -> None:
    def refused(connection: Connection, request: Request) -> None:
        connection.answer({"error": {"code": "api_error", "message": "no"}}, "500 Internal Server Error")

    broken = sends(ENDLESS + created("v1_b") + starts(0) + says(0, "Tw"))
    with Server(scripted(sends(ENDLESS + answer("One.")), broken, refused, sends(ENDLESS + answer("Two.")))) as server:
        chat = chat_of(side, server.client(), retry=ONCE)
        side.do(side.do(chat.send_message_stream("a")).collect())
        with pytest.raises(StreamTruncated):
            side.do(side.do(chat.send_message_stream("b")).collect())
        with pytest.raises(ServerError):
            side.do(chat.send_message("b"))
        side.do(side.do(chat.send_message_stream("b")).collect())
    assert [request.json.get("previous_interaction_id") for request in server.requests] == [
        None,
        "v1_a",
        "v1_a",
        "v1_a",
    ]
    assert len(chat.steps) == 4


def test_a_branch_continues_on_its_own(side: Sync) -> None:
    with Server(scripted(sends(ENDLESS + answer("One.")), sends(ENDLESS + answer("Two.", id="v1_b")))) as server:
        chat = chat_of(side, server.client())
        side.do(side.do(chat.send_message_stream("a")).collect())
        branch = chat.branch()
        side.do(side.do(branch.send_message_stream("b")).collect())
    assert (chat.previous_interaction_id, branch.previous_interaction_id) == ("v1_a", "v1_b")
    assert (len(chat.steps), len(branch.steps)) == (2, 4)


def test_arguments_of_a_message_are_refused_for_a_chat(side: Sync) -> None:
    def look() -> str:
        """Look."""
        return "blue"

    with Server(sends(ENDLESS)) as server:
        client = server.client()
        with pytest.raises(UsageError, match="send_message"):
            chat_of(side, client, input="a")
        with pytest.raises(UsageError, match="store=False"):
            chat_of(side, client, store=False, tools=[look])
    assert not server.requests
