"""The HTTP/1.1 parser, against the cases of Http11Probe."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import pytest
import uvicorn

from headwater.server import Limits, ServerConfig, app, listen
from headwater.server.http.uvicorn_protocol import protocol_for
from tests.support.corpus_cases import table

TABLES = ("conformance/http11probe_cases.json", "conformance/http11probe_more.json")
#: A case that may be met with silence is given this long; any other waits for its response, however busy the machine.
SILENCE, PATIENCE = 0.5, 30.0

LENIENT = "the value is unambiguous, and read as every common server reads it"
UNUSED = "what the probe fears needs a server that gives it a meaning; this one gives it none"
APPLICATION = "the application decides, and the probe's echo accepts everything"
BODY = "a body is allowed, is read by its length, and does not become the next request"
TRAILER = "trailers are dropped, so they cannot replace a header"
#: Every case in which the server does what the probe does not praise, and why that is right. None is a "must" that
#: the probe scores, except the handshake, which the WebSocket server of ``headwater serve`` refuses.
DEVIATIONS = {
    "COMP-ACCEPT-NONSENSE": APPLICATION,
    "COMP-DUPLICATE-CT": APPLICATION,
    "COMP-EXPECT-UNKNOWN": "RFC 9110, 10.1.1: a server may answer 417, and may ignore it",
    "COMP-GET-WITH-CL-BODY": BODY,
    "COMP-HTTP10-NO-HOST": "HTTP/1.0 has no Host header, and health checks of old load balancers speak it",
    "COMP-HTTP12-VERSION": "httptools knows 1.0 and 1.1; a 400 that closes is as final as silence",
    "COMP-LEADING-CRLF": "RFC 9112, 2.2: a server should ignore an empty line before a request",
    "COMP-METHOD-TRACE": APPLICATION,
    "COMP-TRACE-WITH-BODY": APPLICATION,
    "COMP-UPGRADE-INVALID-VER": "no WebSocket is served in this test; headwater serve answers 400",
    "MAL-CHUNK-EXT-64K": "extensions are not kept, and the time for a body that does not progress is limited",
    "MAL-CL-TAB-BEFORE-VALUE": LENIENT,
    "MAL-RANGE-OVERLAPPING": UNUSED,
    "MAL-URL-BACKSLASH": APPLICATION,
    "MAL-URL-PERCENT-CRLF": APPLICATION,
    "MAL-URL-PERCENT-NULL": APPLICATION,
    "RFC9112-3-MULTI-SP-REQUEST-LINE": LENIENT,
    "RFC9112-3.2-FRAGMENT-IN-TARGET": LENIENT,
    "SMUG-ABSOLUTE-URI-HOST-MISMATCH": "RFC 9112, 3.2.2: the target wins; the Host header is still checked",
    "SMUG-CL-DOUBLE-ZERO": LENIENT,
    "SMUG-CL-EXTRA-LEADING-SP": LENIENT,
    "SMUG-CL-LEADING-ZEROS": "RFC 9110, 8.6: digits, of which leading zeros are some; never read as octal",
    "SMUG-CL-LEADING-ZEROS-OCTAL": "RFC 9110, 8.6: digits, of which leading zeros are some; never read as octal",
    "SMUG-CL-TRAILING-SPACE": LENIENT,
    "SMUG-EXPECT-100-CL": "the body is read, and the final status is sent: RFC 9110, 10.1.1",
    "SMUG-HEAD-CL-BODY": BODY,
    "SMUG-OPTIONS-CL-BODY": BODY,
    "SMUG-TRAILER-AUTH": TRAILER,
    "SMUG-TRAILER-CONTENT-TYPE": TRAILER,
    "SMUG-TRAILER-HOST": TRAILER,
    "SMUG-TRANSFER_ENCODING": UNUSED,
}


class Response(NamedTuple):
    """What a server sent: a final status or how it stayed silent, and the rest of the response."""

    outcome: str
    headers: dict[str, str]
    body: bytes


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200 with the body, to every path and method, as the probe wants its servers; /echo with the headers."""
    body = b""
    while scope["type"] == "http":
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    if scope["path"] == "/echo":
        body = b"".join(b"%b: %b\n" % header for header in scope["headers"]) + b"\n" + body
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def serving(application: Any) -> Iterator[int]:
    """Serve an application with the protocol under test; gives the port."""
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(application, http=protocol_for(Limits()), ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(echo) as number:
        yield number


def ask(port: int, case: dict[str, Any]) -> Response:
    """Send the bytes of a case, and read one response."""
    data = base64.b64decode(case["payload_b64"])
    data = data.replace(b"\x01HOST\x01", b"127.0.0.1:%d" % port).replace(b"\x01PORT\x01", b"%d" % port)
    may_be_silent = (case["verdicts"] or {}).get("no response, open") == "Pass"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(SILENCE if may_be_silent else PATIENCE)
        with contextlib.suppress(ConnectionError):  # refused before all of it was sent
            connection.sendall(data)
        return _read(connection, data.startswith(b"HEAD"))


def _read(connection: socket.socket, is_head: bool) -> Response:
    answer = b""
    while True:
        head, end, body = answer.partition(b"\r\n\r\n")
        if end and head.startswith(b"HTTP/1.1 100"):  # a final response follows (RFC 9110, 15.2)
            answer = body
            continue
        lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
        headers = {name.decode().lower(): value.strip().decode() for name, _, value in lines}
        if end and (is_head or len(body) >= int(headers.get("content-length", 0))):
            return Response(head[9:12].decode(), headers, body)
        try:
            piece = connection.recv(65536)
        except TimeoutError:
            return Response("no response, open", {}, answer)
        except ConnectionError:
            piece = b""
        if not piece:
            return Response(head[9:12].decode() if end else "no response, closed", headers, body)
        answer += piece


def cases(*, judged: bool) -> Iterator[dict[str, Any]]:
    """The cases of both tables that a status alone decides, or those that need more of the response."""
    for path in TABLES:
        yield from (case for case in table(path)["cases"] if bool(case["verdicts"]) is judged)


@pytest.mark.slow
def test_every_deviation_from_the_probe_is_a_known_one(port: int) -> None:
    """Each case gets the probe's "pass" or stands in the table with a reason, and the table has no other."""
    outcomes = {case["id"]: (ask(port, case).outcome, case["verdicts"]) for case in cases(judged=True)}
    found = {name: outcome for name, (outcome, verdicts) in outcomes.items() if verdicts.get(outcome) != "Pass"}
    assert len(outcomes) > 145
    assert set(found) == set(DEVIATIONS), {name: found.get(name) for name in set(found) ^ set(DEVIATIONS)}


def _has_body(wanted: bytes) -> Callable[[Response], bool]:
    return lambda response: (response.outcome, response.body) == ("200", wanted)


def _has_headers(*wanted: bytes) -> Callable[[Response], bool]:
    return lambda response: response.outcome == "200" and set(wanted) <= set(response.body.split(b"\n"))


def _is_refused(response: Response) -> bool:
    return response.outcome == "400"


#: What the rest of the response must be in the cases that a status does not decide.
WANTED: dict[str, Callable[[Response], bool]] = {
    "COMP-POST-CL-BODY": _has_body(b"hello"),
    "COMP-CHUNKED-BODY": _has_body(b"hello"),
    "COMP-CHUNKED-MULTI": _has_body(b"hello world"),
    "COMP-CHUNKED-HEX-UPPERCASE": _has_body(b"helloworld"),
    "COMP-CHUNKED-EXTENSION": _has_body(b"hello"),
    "COMP-CHUNKED-TRAILER-VALID": _has_body(b"hello"),
    "NORM-UNDERSCORE-CL": _has_headers(b"content-length: 11", b"content_length: 99", b"hello world"),
    "NORM-UNDERSCORE-TE": _has_headers(b"content-length: 11", b"transfer_encoding: chunked", b"hello world"),
    "NORM-SP-BEFORE-COLON-CL": _is_refused,
    "NORM-TAB-IN-NAME": _is_refused,
    "NORM-CASE-TE": _is_refused,
    "COOK-ECHO": _has_headers(b"cookie: foo=bar"),
    "COOK-EMPTY": _has_headers(b"cookie: "),
    "COOK-NUL": _is_refused,
    "COOK-CONTROL-CHARS": _is_refused,
    "COOK-MANY-PAIRS": lambda response: b"k999=v999" in response.body,
    "COOK-MALFORMED": _has_headers(b"cookie: ===;;;"),
    "COOK-MULTI-HEADER": _has_headers(b"cookie: a=1", b"cookie: b=2"),
}
#: The same, where it is the application's part: asked of headwater's own.
WANTED_OF_THE_APPLICATION: dict[str, Callable[[Response], bool]] = {
    "COMP-HEAD-NO-BODY": lambda response: (response.outcome, response.body) == ("200", b""),
    "COMP-405-ALLOW": lambda response: response.outcome == "405" and "GET" in response.headers["allow"],
    "COMP-OPTIONS-ALLOW": lambda response: "GET" in response.headers["allow"],
    "COMP-NO-CL-IN-204": lambda response: response.outcome != "204" or "content-length" not in response.headers,
    "COMP-DATE-HEADER": lambda response: "date" in response.headers,
    "COMP-DATE-FORMAT": lambda response: parsedate_to_datetime(response.headers["date"]).tzinfo is not None,
    "COMP-CONTENT-TYPE": lambda response: response.headers["content-type"].startswith("application/json"),
    "COMP-TRACE-SENSITIVE": lambda response: response.outcome == "405" and b"secret" not in response.body,
}
#: headwater reads no cookies.
LEFT_OUT = {"COOK-PARSED-BASIC", "COOK-PARSED-MULTI"}


def test_cases_that_need_the_whole_response(port: int) -> None:
    known = {case["id"]: case for case in cases(judged=False)}
    assert set(known) == {*WANTED, *WANTED_OF_THE_APPLICATION, *LEFT_OUT}
    responses = {name: ask(port, known[name]) for name in WANTED}
    assert {name: response for name, response in responses.items() if not WANTED[name](response)} == {}


def test_cases_that_are_the_application_s_part() -> None:
    known = {case["id"]: case for case in cases(judged=False)}
    with serving(app(config=ServerConfig())) as number:
        responses = {name: ask(number, known[name]) for name in WANTED_OF_THE_APPLICATION}
    assert {n: response for n, response in responses.items() if not WANTED_OF_THE_APPLICATION[n](response)} == {}


@pytest.mark.parametrize("host", ["", "a b", "user@a", "a/b", "a?b", "a#b", "a, b", "a:x", "[::1", "::1", "\u00e9"])
def test_a_host_header_that_is_not_a_host_is_refused(port: int, host: str) -> None:
    """RFC 9112, 3.2: a proxy on the way could take another host out of it than this server does."""
    assert ask(port, _with_host(host)).outcome == "400"


@pytest.mark.parametrize(
    "host", ["a", "a.b-c_d.example:80", "127.0.0.1:8080", "[::1]", "[::1]:8080", "a:", "xn--e1a%2F"]
)
def test_a_host_header_that_is_one_is_accepted(port: int, host: str) -> None:
    assert ask(port, _with_host(host)).outcome == "200"


def _with_host(host: str) -> dict[str, Any]:
    payload = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    return {"payload_b64": base64.b64encode(payload).decode(), "verdicts": None}
