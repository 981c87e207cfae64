"""Structured output: read as what was asked for when it is whole, and as far as it has come before."""

from __future__ import annotations

import copy
import json
import pickle
import threading
import time
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import genai
from headwater.client.tools.structured import GrowingJson
from headwater.core.answer.fold import Fold
from headwater.errors import ParseError, UsageError
from headwater.types import Candidate, Content, GenerateContentResponse, Part
from tests.support.servers import PATIENCE, Connection, Request, Script, Server, says


@dataclass
class Step:
    text: str
    minutes: int


@dataclass
class Recipe:
    name: str
    steps: list[Step]


class Colour(Enum):
    RED = "red"


RECIPE = '{"name": "Pancakes", "steps": [{"text": "Mix.", "minutes": 5}, {"text": "Bake.", "minutes": 9}]}'
ASKED = {"response_mime_type": "application/json", "response_schema": Recipe}


def sends(*texts: str, finish: str | None = "STOP") -> Script:
    """A script that answers with these texts: one chunk each, or a whole answer of them all."""

    def script(connection: Connection, request: Request) -> None:
        if ":stream" in request.target:
            connection.stream(*(says(text) for text in texts), says("", finish))
        else:
            connection.answer(says("".join(texts), finish))

    return script


def pieces(text: str, size: int = 7) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize(
    ("asked", "text", "parsed"),
    [
        (Recipe, RECIPE, Recipe("Pancakes", [Step("Mix.", 5), Step("Bake.", 9)])),
        (list[Step], '[{"text": "Mix.", "minutes": 5}]', [Step("Mix.", 5)]),
        (Colour, '"red"', Colour.RED),
        ({"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}, '{"a": 1}', {"a": 1}),
    ],
)
def test_an_answer_is_read_as_what_was_asked_for(side: Any, asked: Any, text: str, parsed: Any) -> None:
    """Whole or streamed; the value is made once."""
    config = {"response_mime_type": "application/json", "response_schema": asked}
    with Server(sends(*pieces(text))) as server:
        answer = side.ask(server.client(), config=config)
        stream = side.stream(server.client(), config=config)
        side.read(stream)
        chat = side.do(side.chat(server.client(), config=config).send_message("hi"))
    assert answer.parsed == parsed
    assert answer.parsed is answer.parsed
    assert stream.response.parsed == parsed
    assert chat.parsed == parsed


def test_a_json_schema_gives_plain_values_and_nothing_asked_for_gives_none(side: Any) -> None:
    with Server(sends('{"a": [1]}')) as server:
        schema = {"response_mime_type": "application/json", "response_json_schema": {"type": "object"}}
        assert side.ask(server.client(), config=schema).parsed == {"a": [1]}
        assert side.ask(server.client()).parsed is None


@pytest.mark.parametrize(
    ("text", "finish", "message"),
    [
        ('{"name": "Pancakes", "steps": [{"text": "Mix.", "minutes": "ten"}]}', "STOP", r"steps\[0\]\.minutes"),
        ('{"name": "Panc', "MAX_TOKENS", "the answer is not JSON"),
        ("", "STOP", "the answer is empty"),
    ],
)
def test_an_answer_that_does_not_fit_is_an_error_and_not_none(side: Any, text: str, finish: str, message: str) -> None:
    """It is raised where the value is looked at; the answer itself is there."""
    with Server(sends(text, finish=finish)) as server:
        answer = side.ask(server.client(), config=ASKED)
    assert answer.text == text
    for _ in range(2):
        with pytest.raises(ParseError, match=message) as caught:
            _ = answer.parsed
    assert caught.value.text == text


def test_a_parsed_answer_can_be_copied_and_pickled(side: Any) -> None:
    with Server(sends(RECIPE)) as server:
        answer = side.ask(server.client(), config=ASKED)
    for other in (copy.copy(answer), copy.deepcopy(answer), answer.model_copy(), pickle.loads(pickle.dumps(answer))):
        assert other == answer
        assert other.parsed.name == "Pancakes"


def test_the_object_grows_while_it_comes(side: Any) -> None:
    """At any moment it is what the text says so far, and it is the same object."""
    gate = threading.Semaphore(0)

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        for text in ('{"name": "Pan', 'cakes", "steps": [', '{"text": "Mix.", "minutes": 5', "}]}"):
            assert gate.acquire(timeout=PATIENCE)
            connection.event(says(text, "STOP" if text == "}]}" else None))
        connection.end()

    def following() -> Any:
        gate.release()
        side.next(stream)
        return stream.partial

    with Server(script) as server:
        stream = side.stream(server.client(), config=ASKED)
        assert stream.partial is None
        first = following()
        assert first == {"name": "Pan"}
        assert following() == {"name": "Pancakes", "steps": []}
        assert following() == {"name": "Pancakes", "steps": [{"text": "Mix."}]}
        assert following() == {"name": "Pancakes", "steps": [{"text": "Mix.", "minutes": 5}]}
        assert stream.partial is first
        assert stream.response.parsed == Recipe("Pancakes", [Step("Mix.", 5)])


def test_text_that_is_no_json_is_an_error_of_the_partial_object(side: Any) -> None:
    """The stream itself goes on."""
    with Server(sends("I think ", "not.")) as server:
        stream = side.stream(server.client())
        side.next(stream)
        with pytest.raises(ParseError, match="expected a value"):
            _ = stream.partial
        assert "".join(chunk.text for chunk in side.read(stream)) in ("not.", "think not.")


@pytest.mark.parametrize(
    ("path", "kind", "schema", "text", "expected"),
    [
        (
            (),
            None,
            list[Step],
            '[{"text": "a", "minutes": 1}, {"text": "b", "minutes": 2}]',
            [Step("a", 1), Step("b", 2)],
        ),
        ("steps", Step, Recipe, RECIPE, [Step("Mix.", 5), Step("Bake.", 9)]),
        ("steps", None, Recipe, RECIPE, [{"text": "Mix.", "minutes": 5}, {"text": "Bake.", "minutes": 9}]),
        (("plan", "days"), None, None, '{"plan": {"days": [1, 22, 3]}}', [1, 22, 3]),
        ((), None, None, "[]", []),
    ],
)
def test_elements_come_as_they_are_whole(
    side: Any, path: Any, kind: Any, schema: Any, text: str, expected: list[Any]
) -> None:
    config = {"response_mime_type": "application/json", "response_schema": schema}
    with Server(sends(*pieces(text, 3))) as server:
        assert side.read(side.stream(server.client(), config=config).items(path, type=kind)) == expected


def test_an_element_comes_before_the_next_has_begun(side: Any) -> None:
    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says('[{"text": "a", "minutes": 1}'))
        connection.stall()

    with Server(script) as server:
        stream = side.stream(server.client())
        assert side.next(stream.items()) == {"text": "a", "minutes": 1}
        side.close(stream)


@pytest.mark.parametrize(
    ("text", "finish", "kind", "before"),
    [
        ('[1, 2, "x"]', "STOP", int, [1, 2]),
        ("[1, 2, 3", "MAX_TOKENS", None, [1, 2]),
        ("[1, 2, oh no", "STOP", None, [1, 2]),
    ],
)
def test_elements_that_are_missing_or_do_not_fit_are_an_error(
    side: Any, text: str, finish: str, kind: Any, before: list[int]
) -> None:
    """After all that were whole."""
    with Server(sends(*pieces(text, 20), finish=finish)) as server:
        items = side.stream(server.client()).items(type=kind)
        found = [side.next(items) for _ in before]
        with pytest.raises(ParseError):
            side.next(items)
    assert found == before


def test_functions_go_before_the_object(side: Any) -> None:
    """The answer after the calls is the one that is read."""

    def pick(colour: str) -> str:
        return colour

    parts = [{"functionCall": {"name": "pick", "args": {"colour": "red"}}}]
    call = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    turns = iter([[call], [says("[1, "), says("2]", "STOP")]])
    with Server(lambda connection, _: connection.stream(*next(turns))) as server:
        config = {"tools": [pick], "response_schema": list[int], "response_mime_type": "application/json"}
        stream = side.stream(server.client(), config=config)
        assert side.read(stream.items()) == [1, 2]
    assert stream.partial == [1, 2]
    assert stream.response.parsed == [1, 2]


def chunk(text: str) -> GenerateContentResponse:
    return GenerateContentResponse(candidates=[Candidate(content=Content(role="model", parts=[Part(text=text)]))])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@given(VALUES.filter(lambda value: isinstance(value, dict | list)), st.data())
def test_any_cut_gives_the_same_object(value: Any, data: st.DataObject) -> None:
    """And however often it is looked at, and whatever else is read of the answer in between."""
    text = json.dumps(value)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=6)))
    fold = Fold()
    growing = GrowingJson(lambda: fold)
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        fold.add(chunk(text[start:end]))
        if data.draw(st.booleans()):
            growing.reader()
        if data.draw(st.booleans()):
            assert fold.text == text[:end]
    assert growing.reader().finish() == value


def test_a_megabyte_in_ten_thousand_chunks_costs_the_same_to_the_end() -> None:
    """The object is looked at after every chunk of a stream; the last ones cost no more than the first."""
    count = 10_000
    body = json.dumps([{"text": "x" * 60, "minutes": number} for number in range(count)])
    texts = pieces(body, len(body) // count + 1)
    assert len(body) > 900_000

    def script(connection: Connection, request: Request) -> None:
        connection.stream(*map(says, texts), says("", "STOP"))

    spent: list[float] = []
    with Server(script) as server:
        stream = server.client().models.generate_content_stream(model="m", contents="hi")
        begun = time.thread_time()
        for number, _ in enumerate(stream):
            assert type(stream.partial) is list
            if number % (len(texts) // 10) == 0:
                spent.append(time.thread_time() - begun)
                begun = time.thread_time()
        assert stream.partial == json.loads(body)
    tenths = sorted(spent[1:10])
    assert spent[9] < 4 * tenths[len(tenths) // 2] + 0.02


@pytest.mark.parametrize("name", ["response_schema", "response_json_schema"])
def test_a_text_is_no_schema(name: str) -> None:
    """The name of a class for the class, or "json"."""
    client = genai.Client(api_key="k", http_options={"base_url": "offline:instant"})
    with pytest.raises(UsageError, match=r"a schema is a class .*, or a dict, not the text 'Step'"):
        client.models.generate_content(model="m", contents="A recipe.", config={name: "Step"})


def test_the_offline_engine_gives_what_is_asked_for(side: Any) -> None:
    client = genai.Client(api_key="k", http_options={"base_url": "offline:instant"})
    stream = side.stream(client, contents="A recipe for pancakes.", config=ASKED)
    steps = side.read(stream.items("steps", type=Step))
    assert steps
    assert stream.response.parsed.steps == steps
