"""A resumed interaction, whichever way the server resumes it: nothing twice, nothing lost."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from headwater.core.machine.config import MachineConfig
from headwater.core.machine.machine import Machine
from headwater.core.machine.steps import STEPS, Close, Open, Read, Stop, Wait
from headwater.core.wire.interactions import INTERACTIONS
from headwater.core.wire.request import HttpRequest
from headwater.errors import HeadwaterError, StreamInterrupted, StreamTruncated
from headwater.types.interactions.base import plain
from tests.support.interaction_cases import SOON

REQUEST = HttpRequest("POST", "http://api.test/v1/interactions?key=k", {"x-goog-api-key": "secret"}, b'{"model":"m"}')
Events = list[dict[str, Any]]
ONCE = ("interaction.status_update", "interaction.completed")


def answer(*, first: int = 0) -> Events:
    """An answer of every kind of step."""
    steps: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        (
            {"type": "thought"},
            [
                {"type": "thought_summary", "content": {"type": "text", "text": "First I "}},
                {"type": "thought_signature", "signature": ""},
                {"type": "thought_summary", "content": {"type": "text", "text": "look.\n\n"}},
                {"type": "thought_signature", "signature": "c2ln"},
            ],
        ),
        (
            {"type": "model_output"},
            [
                {"type": "text", "text": "ha "},
                {"type": "text", "text": "ha "},
                {"type": "image", "mime_type": "image/png", "data": "iVBO"},
                {"type": "text", "text": "It is "},
                {"type": "text", "text": "blue."},
                {"type": "text_annotation_delta", "annotations": [{"type": "url_citation", "url": "http://x.test"}]},
            ],
        ),
        (
            {"type": "function_call", "id": "c1", "name": "look", "arguments": {}},
            [{"type": "arguments_delta", "arguments": '{"at":'}, {"type": "arguments_delta", "arguments": '"sky"}'}],
        ),
    ]
    found: Events = []
    for index, (start, deltas) in enumerate(steps, first):
        found.append({"event_type": "step.start", "index": index, "step": start})
        found += [{"event_type": "step.delta", "index": index, "delta": delta} for delta in deltas]
        found.append({"event_type": "step.stop", "index": index})
    return found


HEAD: Events = [
    {"event_type": "interaction.created", "interaction": {"id": "v1_a", "status": "in_progress", "model": "m"}},
    {"event_type": "interaction.status_update", "interaction_id": "v1_a", "status": "in_progress"},
]
TAIL: Events = [
    {
        "event_type": "interaction.completed",
        "interaction": {"id": "v1_a", "status": "requires_action", "usage": {"total_tokens": 5}},
    }
]


def marked(events: Events, wanted: Callable[[dict[str, Any]], bool], prefix: str = "e") -> Events:
    """The events with an ``event_id`` where ``wanted``."""
    return [{**event, "event_id": f"{prefix}{place}"} if wanted(event) else event for place, event in enumerate(events)]


def is_text(event: dict[str, Any]) -> bool:
    return bool(event["event_type"] == "step.delta" and event["delta"]["type"] == "text")


def merged(events: Events) -> Events:
    """The events with neighboring texts of one step as one, as a late reader gets them."""
    found: Events = []
    for event in events:
        last = found[-1] if found else None
        if last is not None and is_text(event) and is_text(last) and last["index"] == event["index"]:
            found[-1] = {**event, "delta": {"type": "text", "text": last["delta"]["text"] + event["delta"]["text"]}}
        else:
            found.append(event)
    return found


class Exact:
    """Gives every event an id, and continues after each: headwater's own server."""

    def __init__(self) -> None:
        self.whole = marked(HEAD + answer() + TAIL, lambda event: True)

    def first(self) -> Events:
        return self.whole

    def after(self, event_id: str | None) -> Events:
        if event_id is None:
            return self.whole
        place = next(place for place, event in enumerate(self.whole) if event.get("event_id") == event_id)
        return self.whole[place + 1 :]


class TextIds(Exact):
    """Gives ids to text alone, so that what follows the last text arrives again."""

    def __init__(self) -> None:
        self.whole = marked(HEAD + answer() + TAIL, is_text)


class NoIds(Exact):
    """Gives no ids: everything arrives again."""

    def __init__(self) -> None:
        self.whole = HEAD + answer() + TAIL


class Coalesced(NoIds):
    """The same, but the texts are whole the second time."""

    def after(self, event_id: str | None) -> Events:
        return merged(self.whole)


class Repeating(TextIds):
    """Says the whole answer again under new indexes, as the one recorded resume of the real service."""

    def __init__(self) -> None:
        super().__init__()
        self.resumes = 0

    def after(self, event_id: str | None) -> Events:
        if event_id is None:
            return self.whole
        self.resumes += 1
        first = 10 * self.resumes
        open_step = {"event_type": "step.stop", "index": first - 9 if self.resumes > 1 else 1}
        return [open_step, *marked(merged(answer(first=first)), is_text, f"r{self.resumes}"), *TAIL]


class Whole(TextIds):
    """Streams nothing that has ended: the rest can be had as one document only."""

    def document(self) -> bytes:
        _, machine, _ = play(TextIds(), [])
        document = plain(machine.snapshot.response)
        user = {"type": "user_input", "content": [{"type": "text", "text": "hi"}]}
        return json.dumps({**document, "steps": [user, *document["steps"]]}, indent=1).encode()


SERVERS: list[type[Exact]] = [Exact, TextIds, NoIds, Coalesced, Repeating, Whole]


def sse(events: Events) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["event_type"].encode(), json.dumps(e).encode()) for e in events)


def play(server: Exact, cuts: list[int], **options: Any) -> tuple[list[Any], Machine[Any], HeadwaterError | None]:
    """Read an answer from a server that ends its first responses after so many events."""
    config = MachineConfig(retry=SOON, **{"on_break": "continue", **options})
    machine: Machine[Any] = Machine(INTERACTIONS, REQUEST, config)
    events: list[Any] = []
    sizes = iter(cuts)
    body: Iterator[bytes] = iter(())
    while True:
        step = machine.next_step(0.0)
        match step:
            case Open(request):
                if request.method == "GET" and isinstance(server, Whole):
                    is_refused = "stream=true" in request.url
                    body = iter([b'{"error": {"code": "failed_precondition"}}' if is_refused else server.document()])
                    machine.opened(400 if is_refused else 200, {}, 0.0)
                    continue
                found = server.first() if request.method == "POST" else server.after(_asked(request.url))
                size = next(sizes, len(found))
                body = iter([sse([event]) for event in found[:size]])
                machine.opened(200, {}, 0.0)
            case Read():
                machine.received(next(body, b""), 0.0)
            case Stop(error):
                return events, machine, error
            case Close() | Wait():
                pass
            case _:
                assert type(step) not in STEPS
                events.append(step)


def _asked(url: str) -> str | None:
    address = urlsplit(url)
    query = parse_qs(address.query)
    assert address.path == "/v1/interactions/v1_a"
    assert query["stream"] == ["true"]
    assert query["key"] == ["k"]
    return query.get("last_event_id", [None])[0]


def refolded(events: list[Any]) -> dict[str, Any]:
    """What a program gets that folds the events by their index."""
    fold = INTERACTIONS.answers.new_fold()
    for event in events:
        fold.add(event)
    found: dict[str, Any] = plain(fold.response)
    return found


def whole(server: type[Exact]) -> dict[str, Any]:
    _, machine, error = play(server(), [])
    assert error is None
    found: dict[str, Any] = plain(machine.snapshot.response)
    return found


@pytest.mark.parametrize("server", SERVERS)
def test_an_answer_cut_after_any_event_is_whole_and_said_once(server: type[Exact]) -> None:
    expected = whole(server)
    for size in range(len(server().first())):
        events, machine, error = play(server(), [size])
        assert error is None, (size, error)
        assert plain(machine.snapshot.response) == expected, size
        assert refolded(events) == expected, size
        assert machine.snapshot.attempts == (3 if size and server is Whole else 2)
        kinds = [event.event_type for event in events]
        updates = 0 if size == 1 and server is Whole else 1
        assert [kinds.count(kind) for kind in ("interaction.created", *ONCE)] == [1, updates, 1]


@pytest.mark.parametrize("server", SERVERS)
def test_an_answer_cut_twice_is_whole_and_said_once(server: type[Exact]) -> None:
    expected = whole(server)
    size = len(server().first())
    for first, second in itertools.product(range(1, size, 2), range(0, size, 3)):
        events, machine, error = play(server(), [first, second])
        assert error is None, (first, second, error)
        assert refolded(events) == expected, (first, second)
        assert plain(machine.snapshot.response) == expected


def test_a_server_that_marks_every_event_is_believed() -> None:
    """Where the server is exact, a step that equals the first is another step."""

    class Twice(Exact):
        def __init__(self) -> None:
            self.whole = marked(HEAD + answer() + answer(first=3) + TAIL, lambda event: True)

    expected = whole(Twice)
    assert len(expected["steps"]) == 6
    for size in range(len(Twice().first())):
        events, _, error = play(Twice(), [size])
        assert error is None
        assert refolded(events) == expected


def test_steps_that_only_begin_like_a_repetition_are_new() -> None:
    class Alike(TextIds):
        def __init__(self) -> None:
            more = answer(first=3)[: len(answer()) - 4]  # without the call
            self.whole = marked(HEAD + answer()[:-4] + more + TAIL, is_text)

    expected = whole(Alike)
    size = len(HEAD) + 1 + 5  # in the second step: what follows repeats less than is known, or all of it
    for cut in range(size, size + 9):
        events, _, error = play(Alike(), [cut])
        assert error is None
        assert refolded(events)["steps"][:2] == expected["steps"][:2]


def test_another_text_than_before_is_an_error() -> None:
    class Changing(NoIds):
        def after(self, event_id: str | None) -> Events:
            return json.loads(json.dumps(self.whole).replace("It is ", "It was "))  # type: ignore[no-any-return]

    _, machine, error = play(Changing(), [13])
    assert isinstance(error, StreamInterrupted)
    assert "something else" in str(error)
    assert machine.snapshot.fold.text == "ha ha It is "
    assert error.partial is not None


def test_an_answer_that_is_not_stored_ends_with_what_arrived() -> None:
    server = NoIds()
    _, machine, error = play(server, [13], on_break="fail")
    assert isinstance(error, StreamTruncated)
    assert machine.snapshot.attempts == 1
    assert error.partial.output_text == "It is "
