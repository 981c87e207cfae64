"""The key stays where it belongs: not in errors that quote it, not in pickles. What cannot be sent is said."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from headwater import genai
from headwater.errors import APIError, StreamInterrupted, UsageError
from tests.support.servers import Connection, Request, Server, says, sse

_KEY = "AIza-canary-0123456789"


def _client(server: Server, **options: Any) -> genai.Client:
    return genai.Client(api_key=_KEY, http_options={"base_url": server.url, "retry_options": {"attempts": 1}} | options)


def _everything(error: BaseException | None) -> str:
    """All that an error and its causes can show."""
    found = ""
    while error is not None:
        found += f"{error!r} {error} {error.args} {error.__dict__}"
        error = error.__cause__
    return found


def _refuses(connection: Connection, request: Request) -> None:
    quoted = request.headers.get("x-goog-api-key", "")
    details = [{"reason": f"key {quoted} is blocked", quoted: [quoted]}]
    body = {"error": {"code": 403, "message": f"bad key {quoted}", "status": "PERMISSION_DENIED", "details": details}}
    connection.answer(body, "403 Forbidden", x_quoted=quoted)


def _page(connection: Connection, request: Request) -> None:
    connection.answer(f"<h1>{request.headers['x-goog-api-key']}</h1>".encode(), "502 Bad Gateway")


def _no_stream(connection: Connection, request: Request) -> None:
    connection.answer(f"what is {request.headers['x-goog-api-key']}?".encode())


def _in_the_stream(connection: Connection, request: Request) -> None:
    connection.begin()
    connection.event(says("Hello"))
    connection.event({"error": {"code": 500, "message": f"failed for {request.headers['x-goog-api-key']}"}})
    connection.end()


@pytest.mark.parametrize("script", [_refuses, _page, _no_stream, _in_the_stream])
def test_an_error_does_not_show_the_key(script: Any, side: Any) -> None:
    """Neither its text, nor its details, headers, arguments or causes, nor that of the ending."""
    with Server(script) as server:
        stream = side.stream(_client(server))
        with pytest.raises(genai.errors.HeadwaterError) as caught:
            side.read(stream)
        assert _KEY not in _everything(caught.value)
        assert "***" in str(caught.value)
        assert _KEY not in _everything(stream.ending.error)


def test_what_retries_report_does_not_show_the_key(side: Any) -> None:
    """The error that a retry is for is masked as well."""
    errors: list[Any] = []
    with Server(_page) as server:
        client = _client(server, retry_options={"attempts": 2, "initial_delay": 0.01})
        with pytest.raises(APIError):
            side.read(side.stream(client, on_retry=lambda event: errors.append(event.error)))
    assert len(errors) == 1
    assert _KEY not in _everything(errors[0])


def test_a_token_in_a_header_is_masked(side: Any) -> None:
    """A bearer token of the caller's own is a secret too."""

    def script(connection: Connection, request: Request) -> None:
        connection.answer({"error": {"message": request.headers["authorization"]}}, "401 Unauthorized")

    with Server(script) as server, pytest.raises(APIError) as caught:
        side.read(side.stream(_client(server, headers={"Authorization": "Bearer ya29.secret-token"})))
    assert "ya29" not in _everything(caught.value)


def test_a_broken_connection_tells_nothing_new(side: Any) -> None:
    """Errors without a quote keep their words."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.chunk(sse(says("Hello")))
        connection.close()

    with Server(script) as server, pytest.raises(StreamInterrupted, match="connection was lost"):
        side.read(side.stream(_client(server)))


@pytest.mark.parametrize("part", ["", "aio", "models", "aio.models", "chats"])
def test_clients_are_not_pickled(part: str) -> None:
    """A pickle would hold the key; the error says what to do instead."""
    client = genai.Client(api_key=_KEY)
    one: Any = client
    for name in filter(None, part.split(".")):
        one = getattr(one, name)
    with pytest.raises(TypeError, match="cannot be pickled, since it holds the API key: make one in the process"):
        pickle.dumps(one)


def test_clients_are_copied() -> None:
    """A copy in the same process has the same settings, and works."""
    client = genai.Client(http_options={"base_url": "offline:instant"})
    for other in (copy.copy(client), copy.deepcopy(client)):
        assert other.models.generate_content(model="m", contents="Hello!").text


@pytest.mark.parametrize("model", ["\ud800", "models/a\udfff"])
def test_a_model_name_that_is_not_text_is_a_usage_error(model: str, side: Any) -> None:
    """Half of a surrogate pair cannot be sent; nothing was."""
    client = genai.Client(api_key=_KEY)
    with pytest.raises(UsageError, match=r"the name of the model contains '\\ud[8f]..', half of a surrogate pair"):
        side.ask(client, model=model)


def test_contents_that_are_not_text_are_a_usage_error(side: Any) -> None:
    """The same in the contents."""
    client = genai.Client(api_key=_KEY)
    with pytest.raises(UsageError, match=r"the request contains '\\udc00', half of a surrogate pair"):
        side.ask(client, contents="a\udc00")


def test_a_header_that_is_none_is_a_usage_error() -> None:
    """Whether it is the client's or the call's."""
    options: Any = {"headers": {"X-A": None}}
    with pytest.raises(UsageError, match="the header 'X-A' is None: pass its value as a str, or leave the header out"):
        genai.Client(api_key=_KEY, http_options=options)
    with pytest.raises(UsageError, match="the header 'X-A' is None: pass its value as a str, or leave the header out"):
        genai.Client(api_key=_KEY).models.generate_content(model="m", contents="x", config={"http_options": options})
