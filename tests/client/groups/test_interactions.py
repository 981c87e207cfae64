"""``client.interactions``: what is sent, what comes back, and how it fails; sync and async."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from headwater import genai
from headwater.errors import APIError, NotFoundError, UsageError
from headwater.genai import errors
from headwater.streaming import Retry
from headwater.types.interactions import Interaction
from tests.support.servers import Connection, Request, Server
from tests.support.sides import Sync

ANSWER = {
    "id": "v1_a",
    "status": "completed",
    "steps": [
        {"type": "thought", "signature": "c2ln"},
        {"type": "model_output", "content": [{"type": "text", "text": "Hi"}]},
    ],
    "usage": {"total_tokens": 3},
    "object": "interaction",
}
EVENTS = [
    {"event_type": "interaction.created", "interaction": {"id": "v1_a", "status": "in_progress"}},
    {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
    {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Hi"}, "event_id": "e1"},
    {"event_type": "step.stop", "index": 0},
    {"event_type": "interaction.completed", "interaction": {"id": "v1_a", "status": "completed"}},
]
Script = Callable[[Connection, Request], None]


def reply(connection: Connection, request: Request) -> None:
    """Answer as the API does: whole, as a stream, with the stored interaction, or with nothing after a deletion."""
    if request.method == "DELETE":
        connection.answer(b"")
    elif request.query.get("stream") == ["true"] or (request.body and request.json.get("stream")):
        connection.stream(*EVENTS)
    else:
        connection.answer(ANSWER)


def refuse(status: str, body: Any) -> Script:
    return lambda connection, request: connection.answer(body, status)


def test_an_answer_is_an_interaction(side: Sync) -> None:
    with Server(reply) as server:
        answer = side.call(server.client(), "interactions.create", model="m", input="Hello")
    assert (type(answer), answer.id, answer.status, answer.output_text) == (Interaction, "v1_a", "completed", "Hi")
    assert answer.steps[-1].content[0].text == "Hi"
    assert (answer.usage.total_tokens, answer.continuation_ids) == (3, ["v1_a"])
    assert server.requests[0].method == "POST"
    assert server.requests[0].path.endswith("/interactions")
    assert server.requests[0].json == {"model": "m", "input": "Hello"}


def test_agents_and_the_background_list_no_hops(side: Sync) -> None:
    with Server(reply) as server:
        client = server.client()
        for arguments in ({"agent": "a"}, {"model": "m", "background": True}):
            answer = side.call(client, "interactions.create", input="Hello", **arguments)
            assert answer.continuation_ids is None


def test_a_stream_has_events(side: Sync) -> None:
    with Server(reply) as server:
        stream = side.call(server.client(), "interactions.create", model="m", input="Hello", stream=True)
        texts = [
            event.delta.text for event in side.read(stream) if hasattr(event, "delta") and hasattr(event.delta, "text")
        ]
    assert texts == ["Hi"]
    assert (stream.interaction.output_text, stream.interaction_id, stream.last_event_id) == ("Hi", "v1_a", "e1")
    assert server.requests[0].json["stream"] is True


def test_stored_interactions_are_read_cancelled_and_deleted(side: Sync) -> None:
    with Server(reply) as server:
        client = server.client()
        assert side.call(client, "interactions.get", id="v1_a").output_text == "Hi"
        stream = side.call(client, "interactions.get", id="v1_a", stream=True, last_event_id="e0")
        assert [event.event_type for event in side.read(stream)][-1] == "interaction.completed"
        assert side.call(client, "interactions.cancel", id="v1_a").status == "completed"
        side.call(client, "interactions.delete", id="v1_a")
    sent = [(request.method, request.path.rpartition("/interactions")[2]) for request in server.requests]
    assert sent == [("GET", "/v1_a"), ("GET", "/v1_a"), ("POST", "/v1_a/cancel"), ("DELETE", "/v1_a")]
    assert server.requests[1].query == {"stream": ["true"], "last_event_id": ["e0"]}


def test_functions_are_called(side: Sync) -> None:
    """Which google-genai does not do in this API."""
    asked: list[str] = []

    def weather(city: str) -> str:
        """Tell the weather."""
        asked.append(city)
        return "sunny"

    call = {"type": "function_call", "id": "c1", "name": "weather", "arguments": {"city": "Rome"}}

    def script(connection: Connection, request: Request) -> None:
        is_second = isinstance(request.json["input"], list)
        connection.answer(ANSWER if is_second else {"id": "v1_0", "status": "requires_action", "steps": [call]})

    with Server(script) as server:
        answer = side.call(server.client(), "interactions.create", model="m", input="Weather?", tools=[weather])
    assert (answer.output_text, asked) == ("Hi", ["Rome"])
    second = server.requests[1].json
    assert second["previous_interaction_id"] == "v1_0"
    assert second["input"] == [{"type": "function_result", "call_id": "c1", "name": "weather", "result": "sunny"}]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("400 Bad Request", errors.ClientError),
        ("404 Not Found", NotFoundError),
        ("429 Too Many", errors.RateLimitError),
        ("503 Unavailable", errors.ServerError),
    ],
)
def test_a_refusal_is_caught_by_both_trees_of_google_genai(side: Sync, status: str, kind: type[APIError]) -> None:
    """``errors.APIError``, and the tree that its interactions have for themselves."""
    from headwater.client.request import interaction_errors

    with Server(refuse(status, {"error": {"code": "some_code", "message": "no"}})) as server:
        for method, arguments in (("create", {"model": "m"}), ("get", {"id": "v1_a"}), ("delete", {"id": "v1_a"})):
            with pytest.raises(errors.APIError) as caught:
                side.call(server.client(), f"interactions.{method}", retry=Retry(attempts=1), **arguments)
            error = caught.value
            assert isinstance(error, kind)
            assert isinstance(error, interaction_errors.APIStatusError)
            assert isinstance(error, interaction_errors.GeminiNextGenAPIClientError)
            assert (error.status_code, error.body) == (
                int(status[:3]),
                {"error": {"code": "some_code", "message": "no"}},
            )


def test_a_refusal_in_a_good_response_is_an_error(side: Sync) -> None:
    with Server(refuse("200 OK", {"error": {"code": "not_found", "message": "gone"}})) as server:
        for method in ("get", "delete"):
            with pytest.raises(NotFoundError, match="gone"):
                side.call(server.client(), f"interactions.{method}", id="v1_a", retry=Retry(attempts=1))


def test_mistakes_are_told_before_anything_is_sent(side: Sync) -> None:
    with Server(reply) as server:
        with pytest.raises(TypeError, match="no argument 'config'"):
            side.call(server.client(), "interactions.create", model="m", input="x", config={})
        with pytest.raises(UsageError, match="'on_break' is for streams only"):
            side.call(server.client(), "interactions.create", model="m", input="x", on_break="continue")
    assert server.requests == []


def test_raw_responses_have_headers(side: Sync) -> None:
    with Server(reply) as server:
        client = server.client()
        raw = side.call(client, "interactions.with_raw_response.create", model="m", input="x")
        assert raw.headers["content-type"] == "application/json"
        assert (raw.status_code, raw.http_response.json(), raw.text[:1]) == (200, ANSWER, "{")
        assert side.do(raw.parse()).output_text == "Hi"
        for method in ("get", "cancel"):
            assert (
                side.do(side.call(client, f"interactions.with_raw_response.{method}", id="v1_a").parse()).id == "v1_a"
            )
        gone = side.call(client, "interactions.with_raw_response.delete", id="v1_a")
        assert side.do(gone.parse()) is None
        stream = side.call(client, "interactions.with_raw_response.get", id="v1_a", stream=True)
        assert len(side.read(side.do(stream.parse()))) == len(EVENTS)
        side.do(stream.close())


@pytest.mark.parametrize("is_async", [False, True])
def test_responses_can_be_held_open(is_async: bool) -> None:
    """``with_streaming_response``: context managers."""
    import asyncio

    calls: list[tuple[str, dict[str, Any]]]
    calls = [("create", {"model": "m", "stream": True}), ("get", {"id": "v1_a"})]
    calls += [("cancel", {"id": "v1_a"}), ("delete", {"id": "v1_a"})]

    async def in_async(client: genai.Client) -> list[str]:
        found = []
        for method, arguments in calls:
            async with getattr(client.aio.interactions.with_streaming_response, method)(**arguments) as response:
                found.append(type(await response.parse()).__name__)
        return found

    with Server(reply) as server:
        client = server.client()
        if is_async:
            kinds = asyncio.run(in_async(client))
        else:
            kinds = []
            for method, arguments in calls:
                with getattr(client.interactions.with_streaming_response, method)(**arguments) as response:
                    kinds.append(type(response.parse()).__name__)
    assert kinds == [
        "AsyncInteractionStream" if is_async else "InteractionStream",
        "Interaction",
        "Interaction",
        "NoneType",
    ]


def test_a_client_that_nobody_keeps_still_answers() -> None:
    """google-genai closes its connections too early."""
    with Server(reply) as server:
        stream = genai.Client(api_key="k", http_options={"base_url": server.url}).interactions.create(
            model="m", input="x", stream=True
        )
        assert len(list(stream)) == len(EVENTS)


def test_the_types_of_streams_are_public() -> None:
    from headwater import streaming

    client = genai.Client(http_options={"base_url": "offline:instant"})
    stream = client.interactions.create(model="gemini-3.8-flash", input="Tell me a story in 20 words.", stream=True)
    assert isinstance(stream, streaming.InteractionStream)
    stream.close()
    assert isinstance(client.interactions.chat(model="m"), streaming.InteractionChat)
    with pytest.raises(AttributeError, match="has no attribute 'Interactions'"):
        _ = streaming.Interactions  # type: ignore[attr-defined]


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
def test_a_chat_refuses_a_misspelled_argument_when_it_is_made(aio: bool) -> None:
    """Not with the first message, which may be elsewhere in the program."""
    client = genai.Client(http_options={"base_url": "offline:instant"})
    group: Any = client.aio.interactions if aio else client.interactions
    with pytest.raises(UsageError, match=r"no argument 'tols' \(did you mean 'tools'\?\)"):
        group.chat(model="m", tols=[])


def test_the_offline_engine_answers(side: Sync) -> None:
    """In-process; what it says it keeps, for the next turn."""
    client = genai.Client(http_options={"base_url": "offline:"})
    first = side.call(client, "interactions.create", model="gemini-3.8-flash", input="Tell me a story in 20 words.")
    assert len(first.output_text.split()) == 20
    assert first.steps[-1].content[0].text == first.output_text  # where every guide looks for it
    assert side.call(client, "interactions.get", id=first.id).output_text == first.output_text
    stream = side.call(
        client,
        "interactions.create",
        model="gemini-3.8-flash",
        input="Tell me another.",
        previous_interaction_id=first.id,
        stream=True,
    )
    side.read(stream)
    assert stream.interaction.status == "completed"


def test_importing_a_client_loads_nothing_of_interactions() -> None:
    code = (
        "import sys; from headwater import genai, streaming; genai.Client(api_key='k').aio; "
        "print([name for name in sys.modules if 'interaction' in name])"
    )
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"
