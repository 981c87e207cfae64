"""Instrumentation written for google-genai wraps a few methods: what it wraps is called, and gets what it looks at."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from headwater import genai
from headwater.client.groups.api_client import BaseApiClient
from headwater.client.groups.models import AsyncModels, Models
from tests.support.call_cases import DONE, answers
from tests.support.servers import Server


def wrap(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, seen: list[Any]) -> None:
    """Wrap a method as instrumentation does: what it was called with is noted, and it is called."""
    wrapped: Callable[..., Any] = vars(owner)[name]

    @functools.wraps(wrapped)
    def wrapper(self: Any, *arguments: Any, **named: Any) -> Any:
        seen.append((name, arguments, named))
        return wrapped(self, *arguments, **named)

    monkeypatch.setattr(owner, name, wrapper)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_wrapped_request_is_shown_what_is_sent(side: Any, stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the call's own context, before the first chunk. The request itself is sent once."""
    seen: list[Any] = []
    for name in ("request", "request_streamed"):
        wrap(monkeypatch, BaseApiClient, name, seen)
    with Server(answers(DONE)) as server:
        client = server.client()
        if stream:
            assert [chunk.text for chunk in side.read(side.stream(client, config={"seed": 1}))] == ["done"]
        else:
            assert side.ask(client, config={"seed": 1}).text == "done"
        (request,) = server.requests
    ((name, arguments, named),) = seen
    assert (name, named) == ("request_streamed" if stream else "request", {})
    method = "streamGenerateContent" if stream else "generateContent"
    assert arguments == ("post", f"models/m:{method}", request.json)


def test_what_is_not_wrapped_is_not_called(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BaseApiClient, "__init__", lambda *_: pytest.fail("an announcement was made"))
    with Server(answers(DONE)) as server:
        assert side.ask(server.client()).text == "done"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_chats_call_the_wrapped_methods_of_models(side: Any, stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their turns are recorded before the caller's own hook, which may be a default of the client."""
    seen: list[Any] = []
    name = "generate_content_stream" if stream else "generate_content"
    wrap(monkeypatch, Models if side.name == "sync" else AsyncModels, name, seen)
    ended: list[int] = []
    with Server(answers(DONE)) as server:
        options: Any = {"on_end": lambda _: ended.append(len(chat.turns))}
        chat: Any = side.chat(genai.Client(api_key="any", http_options={"base_url": server.url}, options=options))
        if stream:
            side.read(side.do(chat.send_message_stream("hi")))
        else:
            assert side.do(chat.send_message("hi")).text == "done"
    ((called, _, named),) = seen
    assert (called, named["model"], named["contents"][-1].parts[0].text) == (name, "m", "hi")
    assert ended == [2] * stream
    assert len(chat.turns) == 2


STAND_IN = """
from headwater import import_shim
import_shim.install()
import inspect, types
from google import genai
from google.genai.models import t
from google.genai._gaos.google_genai import AsyncGeminiNextGenInteractions, GeminiNextGenInteractions
from google.genai._gaos.interactions import Interactions, Stream
from google.genai._gaos.types.interactions import InteractionsInput, Usage
client = genai.Client(api_key="any")
stream = client.models.generate_content_stream(model="m", contents="hi")
assert isinstance(stream, types.GeneratorType) and not inspect.isawaitable(stream)
assert isinstance(stream, type(stream)) and isinstance(client.interactions, GeminiNextGenInteractions)
assert client.interactions._api_client._http_options.base_url == client.models._api_client._http_options.base_url
assert isinstance(client.aio.interactions, AsyncGeminiNextGenInteractions) and Interactions is GeminiNextGenInteractions
assert t.t_contents("hi")[0].parts[0].text == "hi"
async def main():
    return await client.aio.models.generate_content_stream(model="m", contents="hi")
import asyncio
assert isinstance(asyncio.run(main()), types.AsyncGeneratorType)
"""


def test_under_google_genais_name_streams_are_generators() -> None:
    """Instrumentation tells streams from responses by that; without the stand-in they are what they are."""
    subprocess.run([sys.executable, "-c", STAND_IN], check=True, timeout=60)
    assert subprocess.run(
        [sys.executable, "-c", STAND_IN.replace("import_shim.install()", "")], capture_output=True, check=False
    ).returncode
