"""A front end's protocol is one record: what the server has of it follows from that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec
from starlette.routing import Route

from headwater.engines import EngineRequest
from headwater.errors import UsageError
from headwater.protocols import ErrorDocument, EventEncoder, Piece, StreamOutcome, TextDelta
from headwater.server import FrontEndProtocol, Limits, ProtocolRequest, app, relay_route
from headwater.server.openapi.document import document
from tests.support.live import ASK, Held, Live, Scripted, says

SHOUT = "/api/shout"


class Shouting(EventEncoder):
    """A protocol that exists here only: text in capitals, and how the stream ended."""

    def _begin(self) -> bytes:
        return b"<"

    def _piece(self, piece: Piece) -> bytes:
        return piece.text.upper().encode() if isinstance(piece, TextDelta) else b""

    def _end(self, outcome: StreamOutcome) -> bytes:
        return b"> " + outcome.reason.encode()

    def _fail(self, failure: ErrorDocument) -> bytes:
        return b"> " + failure.status.encode()


def read_shout(body: bytes) -> ProtocolRequest:
    if not body:
        raise UsageError("say something")
    contents = [{"role": "user", "parts": [{"text": body.decode()}]}]
    return ProtocolRequest(EngineRequest("m", msgspec.json.encode({"contents": contents})), Shouting())


def text_of(body: bytes) -> bytes:
    """The body without the blank lines that keep a connection alive."""
    return body.replace(b"\r\n", b"")


PROTOCOL = FrontEndProtocol(
    name="shout",
    encoder=lambda answer: Shouting(),
    routes=(relay_route(SHOUT, "shout", "Answer in capitals.", read_shout),),
)


def test_a_record_makes_a_format_a_route_and_a_description() -> None:
    """A protocol of a program's own is served like the built-in ones."""
    engine = Scripted(lambda _: [says("Once "), says("more.", "STOP")])
    with Live(engine, protocols=[PROTOCOL]) as live:
        reply = live.post(SHOUT, b"hello")
        assert (reply.status, text_of(reply.body)) == (200, b"<ONCE MORE.> finished")
        assert live.post(SHOUT, b"").status == 400
        name = live.post("/v1/streams", {"model": "m", **ASK}).json["name"]
        assert text_of(live.get(f"/v1/streams/{name}/events?format=shout").body) == b"<ONCE MORE.> finished"
        assert live.get(f"/v1/streams/{name}/events?format=shout&after=1").status == 400
        paths = live.get("/openapi.json").json["paths"]
        assert list(paths[SHOUT]) == ["post"]


class Telegram(Shouting):
    """The same as plain text, in which a blank line would be a part of the answer."""

    headers: ClassVar[Mapping[str, str]] = {"content-type": "text/plain; charset=utf-8"}


def test_only_events_are_kept_alive_with_blank_lines() -> None:
    """A silent answer in another format gets nothing that its reader would take for text."""
    record = FrontEndProtocol(
        name="telegram",
        encoder=lambda answer: Telegram(),
        routes=(relay_route("/api/telegram", "telegram", "Answer in capitals.", read_shout),),
    )
    engine = Held(first=0)
    with Live(engine, protocols=[PROTOCOL, record], limits=Limits(keep_alive=0.02)) as live:
        name = live.post("/v1/streams", {"model": "m", **ASK}).json["name"]
        connections = {form: live.connect() for form in ("shout", "telegram")}
        for form, connection in connections.items():
            path = f"/v1/streams/{name}/events?format={form}"
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        # When the events have had several blank lines, the other reader has had its time as well.
        events = b""
        while events.count(b"2\r\n\r\n\r\n") < 5:
            events += connections["shout"].recv(1000)
        live.post(f"/v1/streams/{name}/stop")
        text = b"".join(iter(lambda: connections["telegram"].recv(1000), b""))
        described = live.get("/openapi.json").json["paths"]["/api/telegram"]["post"]
    assert text.endswith(b"> cancelled\r\n0\r\n\r\n")
    assert b"2\r\n\r\n\r\n" not in text
    assert list(described["responses"]["200"]["content"]) == ["text/plain"]


def test_other_servers_do_not_have_it() -> None:
    """What one application is given is its own."""
    assert SHOUT not in document(needs_key=False)["paths"]
    assert not [route for route in app().routes if isinstance(route, Route) and route.path == SHOUT]
