"""Mistakes that are easily made get an error that says what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from headwater import genai
from headwater.errors import UsageError
from headwater.streaming import smooth
from headwater.types import GenerateContentResponse
from tests.support.servers import Connection, Request, Server, says

_OFFLINE: Any = {"base_url": "offline:instant"}


def _two(connection: Connection, request: Request) -> None:
    connection.stream(says("Hel"), says("lo", "STOP"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("apikey", "Client has no argument 'apikey': did you mean 'api_key'?"),
        ("API_KEY", "Client has no argument 'API_KEY': did you mean 'api_key'?"),
        ("vertex_ai", "Client has no argument 'vertex_ai': did you mean 'vertexai'?"),
        ("zzz", "Client has no argument 'zzz': the arguments are enterprise, vertexai, api_key, "),
    ],
)
def test_a_misspelled_argument_of_the_client(name: str, said: str) -> None:
    """The nearest argument is named, else all of them."""
    arguments: Any = {name: "x"}
    with pytest.raises(UsageError) as caught:
        genai.Client(**arguments)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("key", [123, b"key", ["key"]])
def test_a_key_that_is_no_text(key: Any) -> None:
    """Its type is named, and not its value."""
    with pytest.raises(UsageError, match=f"api_key is a str, not {type(key).__name__}"):
        genai.Client(api_key=key)


def test_a_stage_without_parentheses(side: Any) -> None:
    """``stages=[smooth]``."""
    stages: Any = [smooth]
    with pytest.raises(UsageError, match=r"did you forget the parentheses\? A stage is smooth\(\)"):
        side.stream(genai.Client(http_options=_OFFLINE), stages=stages)


@pytest.mark.parametrize("way", ["contents", "list", "chat"])
def test_messages_of_another_api(way: str, side: Any) -> None:
    """A message with ``content`` is told of ``parts``."""
    client = genai.Client(http_options=_OFFLINE)
    message: Any = {"role": "user", "content": "Hello!"}
    ways = {
        "contents": lambda: side.ask(client, contents=message),
        "list": lambda: side.ask(client, contents=[message]),
        "chat": lambda: side.chat(client, history=[message]),
    }
    with pytest.raises(UsageError, match=r"use 'parts', as in \{'role': 'user', 'parts': \[\{'text': \.\.\.\}\]\}"):
        ways[way]()


def test_a_second_loop_is_told(side: Any) -> None:
    """The chunks are gone; the text is not."""
    with Server(_two) as server:
        stream = side.stream(server.client())
        assert [chunk.text for chunk in side.read(stream)] == ["Hel", "lo"]
        for again in (stream, stream.text_stream, stream.events()):
            with pytest.raises(UsageError, match=r"was read to its end.*use stream\.text, stream\.response"):
                side.read(again)
        assert side.do(stream.collect()).text == stream.text == "Hello"
        assert side.do(stream.collect()).text == "Hello"
        assert len(server.requests) == 1


def test_the_rest_of_a_stream_is_read_by_a_loop(side: Any) -> None:
    """A loop after a few chunks reads the rest, and ``collect`` after those returns everything."""
    with Server(_two) as server:
        stream = side.stream(server.client())
        assert side.next(stream).text == "Hel"
        assert [chunk.text for chunk in side.read(stream)] == ["lo"]
        assert side.do(stream.collect()).text == "Hello"


def test_a_closed_stream_ends_its_loop(side: Any) -> None:
    """What was stopped just ends, as often as it is asked."""
    with Server(_two) as server:
        stream = side.stream(server.client())
        assert side.next(stream).text == "Hel"
        side.close(stream)
        assert side.read(stream) == side.read(stream) == []


def test_notebooks_show_the_text_of_a_response() -> None:
    """As Markdown; a response without text keeps its plain form."""
    response = GenerateContentResponse.model_validate(says("# Hello"))
    assert response._repr_markdown_() == "# Hello"
    assert GenerateContentResponse()._repr_markdown_() is None
