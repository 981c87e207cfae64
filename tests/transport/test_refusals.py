"""An API that says no, before the stream or in the middle of it, is a typed error with all it said."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import (
    APIError,
    AuthenticationError,
    ClientError,
    NotFoundError,
    RateLimitError,
    ServerError,
    WireError,
)
from tests.support.servers import (
    Connection,
    Request,
    Server,
    refuses,
    says,
    scripted,
    sse,
    whole,
)

RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}


# --- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "unary"])
@pytest.mark.parametrize(
    ("status", "body", "kind", "name", "message"),
    [
        ("400 Bad Request", refuses(400, "INVALID_ARGUMENT", "wrong"), ClientError, "INVALID_ARGUMENT", "wrong"),
        (
            "400 Bad Request",
            [refuses(400, "FAILED_PRECONDITION", "wrong")],
            ClientError,
            "FAILED_PRECONDITION",
            "wrong",
        ),
        ("401 Unauthorized", refuses(401, "UNAUTHENTICATED", "key"), AuthenticationError, "UNAUTHENTICATED", "key"),
        ("403 Forbidden", refuses(403, "PERMISSION_DENIED", "key"), AuthenticationError, "PERMISSION_DENIED", "key"),
        ("404 Not Found", refuses(404, "NOT_FOUND", "no model"), NotFoundError, "NOT_FOUND", "no model"),
        (
            "429 Too Many Requests",
            refuses(429, "RESOURCE_EXHAUSTED", "slow", RETRY_INFO),
            RateLimitError,
            "RESOURCE_EXHAUSTED",
            "slow",
        ),
        ("500 Internal Server Error", refuses(500, "INTERNAL", "oops"), ServerError, "INTERNAL", "oops"),
        ("503 Service Unavailable", b"", ServerError, "UNAVAILABLE", "an empty body"),
        ("502 Bad Gateway", b"<html><body>Bad gateway</body></html>", ServerError, None, "Bad gateway"),
        ("503 Service Unavailable", b'"try later"', ServerError, "UNAVAILABLE", "try later"),
        ("500 Internal Server Error", b"\xff\xfe not text \x00", ServerError, "INTERNAL", "not text"),
        ("400 Bad Request", b"null", ClientError, "INVALID_ARGUMENT", "null"),
        ("400 Bad Request", b"[]", ClientError, "INVALID_ARGUMENT", "[]"),
        ("400 Bad Request", b'{"error": "no"}', ClientError, "INVALID_ARGUMENT", "no"),
        ("400 Bad Request", b'{"error": {"code": "x", "message": 3}}', ClientError, "INVALID_ARGUMENT", "code"),
        ("418 Teapot", b"short", ClientError, None, "short"),
    ],
)
@pytest.mark.parametrize("label", ["application/json", "text/event-stream"])
def test_refusal_is_a_typed_error(
    side: Any,
    stream: bool,
    status: str,
    body: Any,
    kind: type[APIError],
    name: str | None,
    message: str,
    label: str,
) -> None:
    """A bad status is the error class of its code with Google's fields, whatever the body and its label are."""
    with Server(lambda connection, _: connection.answer(body, status, content_type=label)) as server:
        _, error = side.failure(server.client(), stream=stream)
        assert type(error) is kind
        assert isinstance(error, APIError)
        assert (error.code, error.status) == (int(status[:3]), name)
        assert message in error.message
        assert message in str(error)
        assert len(server.requests) == 1


def test_rate_limit_says_how_long_to_wait(side: Any) -> None:
    """A 429 carries the delay of RetryInfo, or of Retry-After."""
    with Server(
        scripted(
            lambda connection, _: connection.answer(refuses(429, "RESOURCE_EXHAUSTED", "slow", RETRY_INFO), "429 Slow"),
            lambda connection, _: connection.answer(b"slow", "429 Slow", retry_after="7"),
            lambda connection, _: connection.answer(b"slow", "429 Slow"),
        )
    ) as server:
        client = server.client()
        assert [side.failure(client)[1].retry_after for _ in range(3)] == [1.5, 7.0, None]


def test_details_are_the_parsed_answer(side: Any) -> None:
    """details is the JSON of the answer as it arrived, and headers are those of the answer."""
    body = refuses(429, "RESOURCE_EXHAUSTED", "slow", RETRY_INFO)
    with Server(lambda connection, _: connection.answer(body, "429 Slow", x_here="yes")) as server:
        _, error = side.failure(server.client())
        assert isinstance(error, APIError)
        assert error.details == body
        assert error.headers["x-here"] == "yes"


# --- errors in the middle -------------------------------------------------------------------------------------------

LATE = refuses(503, "UNAVAILABLE", "overloaded")


@pytest.mark.parametrize(
    "form",
    [
        sse(LATE),
        sse([LATE]),
        b"event: error\r\n" + sse(LATE),
        sse({"candidates": [], **LATE}),
        b'{\n  "error": {\n    "code": 503,\n    "message": "overloaded",\n    "status": "UNAVAILABLE"\n  }\n}\n',
        b'[{\n  "error": {\n    "code": 503,\n    "message": "overloaded",\n    "status": "UNAVAILABLE"\n  }\n}]\n',
        sse({"error": {"message": "overloaded", "status": "UNAVAILABLE"}}),
        sse({"error": {"message": "overloaded", "code": "503"}}),
    ],
    ids=["event", "array event", "event: error", "key not first", "bare", "bare array", "no code", "code as text"],
)
def test_error_in_the_middle_is_raised(side: Any, form: bytes) -> None:
    """An error in the middle of a stream is raised after the chunks before it, and the partial answer stays."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        connection.event(says("Hel"))
        connection.chunk(form)
        connection.end()

    with Server(script) as server:
        stream = side.stream(server.client())
        assert side.next(stream).text == "Hel"
        with pytest.raises(ServerError) as caught:
            side.read(stream)
        error = caught.value
        assert (error.code, error.status, error.message) == (503, "UNAVAILABLE", "overloaded")
        assert (error.partial.text, stream.text, stream.response.text) == ("Hel", "Hel", "Hel")
        assert (stream.is_over, stream.finish_reason, error.phase, error.attempts) == (True, None, "body", 1)
        assert side.read(stream) == []


# --- redirects ------------------------------------------------------------------------------------------------------


def test_redirect_on_the_same_host_is_followed(side: Any) -> None:
    """307 to another path of the same host is followed, with the body and the key."""

    def script(connection: Connection, request: Request) -> None:
        if request.path.startswith("/new"):
            whole(connection, request)
        else:
            connection.answer(b"", "307 Temporary Redirect", location="/new" + request.target)

    with Server(script) as server:
        assert "".join(chunk.text for chunk in side.read(side.stream(server.client()))) == "Hello world"
        first, second = server.requests
        assert second.target == "/new" + first.target
        assert (second.method, second.body, second.headers["x-goog-api-key"]) == ("POST", first.body, "test-key")


def test_redirect_to_another_host_is_refused(side: Any) -> None:
    """A redirect to another host is an error that names it, and the key is not sent there."""
    with Server(whole) as other:

        def script(connection: Connection, request: Request) -> None:
            connection.answer(b"", "307 Temporary Redirect", location=other.url + request.target)

        with Server(script) as server:
            _, error = side.failure(server.client())
            assert isinstance(error, WireError)
            assert str(other.port) in str(error)
            assert (other.accepted, len(server.requests)) == (0, 1)


@pytest.mark.parametrize(
    "location", ["http://[", "//", "javascript:alert(1)", "http://\u00ff/", "", "ftp://x/", "http://a:b/"]
)
def test_redirect_to_nowhere_is_an_error(side: Any, location: str) -> None:
    """A redirect to what is no address is a HeadwaterError."""
    with Server(lambda connection, _: connection.answer(b"", "307 Temporary Redirect", location=location)) as server:
        side.failure(server.client(timeout=2000))


def test_redirect_in_a_circle_ends(side: Any) -> None:
    """Redirects without an end are an error."""

    def script(connection: Connection, request: Request) -> None:
        connection.answer(b"", "307 Temporary Redirect", location=request.target)

    with Server(script) as server:
        _, error = side.failure(server.client())
        assert isinstance(error, WireError)
        assert len(server.requests) < 10
