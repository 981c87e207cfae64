"""What can go wrong between a model and its reader, one row each: what the server does, and the right answer to it.

The pauses and the timeouts follow ``unit`` (seconds), so that a test can be quick and a measurement unhurried.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from typing import Any

import msgspec

from headwater import errors
from tests.support.servers import (
    CHUNKED,
    ENDLESS,
    EVENT,
    LAST,
    Connection,
    Request,
    Script,
    chunk,
    head,
    refuses,
    says,
    scripted,
    sends,
    sse,
)

FRAMING, FAILING, SILENCE = "Framing and content", "Errors and disconnects", "Silence"
ONCE = {"attempts": 1}
QUICK = {"attempts": 3, "initial_delay": 0.01, "max_delay": 0.02, "jitter": 0.0}
BOTH = ("Hel", "lo")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that meets a reader who reads to the end.

    ``scripts`` are played one for each request, the last one for all that follow. ``options`` are those of
    ``HttpOptions`` and are given to both libraries; ``deadlines`` are what only headwater has. ``texts`` and ``media``
    (bytes of inline data) come in any case, ``error`` after them, with the attributes ``marks``. ``spread`` is how much
    later than the first chunk the last one must come; ``wait`` is the least time in all.
    """

    section: str
    name: str
    scripts: tuple[Script, ...]
    options: dict[str, Any] = {}
    deadlines: dict[str, float] = {}
    texts: tuple[str, ...] = BOTH
    media: int = 0
    error: type[errors.HeadwaterError] | None = None
    marks: dict[str, Any] = {}
    ending: str = "finished"
    requests: int = 1
    spread: float = 0.0
    wait: float = 0.0
    #: What is worth telling beside the answer: "requests", "seconds".
    tells: tuple[str, ...] = ()

    @property
    def script(self) -> Script:
        """The script of a server that nobody has asked yet."""
        return scripted(*self.scripts)


def cases(unit: float) -> list[Case]:
    """Return the faults that are read to the end."""
    return [*_framing(unit), *_failing(unit), *_silence(unit)]


# --- framing and content --------------------------------------------------------------------------------------------

_ONE, _TWO = json.dumps(says("Hel")).encode(), json.dumps(says("lo", "STOP")).encode()
_LINES = [json.dumps(says(text, finish), indent=1) for text, finish in (("Hel", None), ("lo", "STOP"))]
_LARGE = 10_000_000
_STRANGE = says("lo", "BRAND_NEW")
_UNKNOWN = says("lo", "STOP", brandNew={"deep": [1]})
_BREAKS = "a\u2028b\u2029c\x85d"


def _framing(unit: float) -> list[Case]:
    def case(name: str, *pieces: bytes, **fields: Any) -> Case:
        return Case(section=FRAMING, name=name, scripts=(_body(*pieces),), **fields)

    image = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(bytes(7_500_000)).decode()}}
    picture = {"candidates": [{"content": {"parts": [image], "role": "model"}, "finishReason": "STOP"}]}
    wrong = {"error": errors.WireError, "ending": "failed"}
    return [
        case("lines end in CRLF", EVENT, LAST),
        case("lines end in LF", EVENT.replace(b"\r", b""), LAST.replace(b"\r", b"")),
        case("lines end in CR", EVENT.replace(b"\n", b""), LAST.replace(b"\n", b"")),
        case("`data:` without a space", EVENT.replace(b"data: ", b"data:"), LAST.replace(b"data: ", b"data:")),
        case("several `data:` lines for an event", *map(_several, _LINES)),
        case("comments between the events (`: ping`)", b": ping\r\n\r\n", EVENT, b":\r\n\r\n", LAST),
        case("`event:` lines", b"event: message\r\n" + EVENT, b"event: message\r\n" + LAST),
        case("`id:` lines", b"id: 1\r\n" + EVENT, b"id: 2\r\n" + LAST),
        case("a `retry:` line", b"retry: 1000\r\n\r\n", EVENT, LAST),
        case("a byte-order mark", b"\xef\xbb\xbf" + EVENT, LAST),
        case("`data: [DONE]` at the end", EVENT, LAST, b"data: [DONE]\r\n\r\n"),
        case("blank lines to keep alive", b"\r\n\r\n", EVENT, b"\r\n\r\n\r\n", LAST),
        case("no blank line at the end", EVENT, LAST.rstrip()),
        case("an empty `data:` line", EVENT, b"data:\r\n\r\ndata: \r\n\r\n", LAST),
        case("a character split over packets", *_singly(_event("Hé🌊l") + LAST), texts=("Hé🌊l", "lo")),
        case("U+2028, U+2029 and U+0085 in a text", _event(_BREAKS), LAST, texts=(_BREAKS, "lo")),
        case("bytes that are not UTF-8", EVENT.replace(b"Hel", b"H\xffel"), LAST, texts=("H\ufffdel", "lo")),
        case("a text of 10 MB in one event", sse(says("x" * _LARGE, "STOP")), texts=("x" * _LARGE,)),
        case("an image of 7.5 MB in one event", sse(picture), texts=("",), media=7_500_000),
        _encoded("gzip, flushed at each event", "gzip", 31, unit),
        _encoded("deflate, flushed at each event", "deflate", 15, unit),
        case("an event that is not JSON", EVENT, sse(b"{broken"), LAST, texts=("Hel",), **wrong),
        case("`data: null`", EVENT, sse(b"null"), LAST),
        case("`data: {}`, an empty chunk", EVENT, sse(b"{}"), LAST, texts=("Hel", "", "lo")),
        case("an array in an event", sse(b"[" + _ONE + b"]"), sse(b"[" + _TWO + b"]")),
        case("two objects in an event", sse(_ONE + _TWO)),
        case("a JSON array instead of events", b"[" + _ONE + b",\r\n" + _TWO + b"]"),
        case("a page of HTML instead of events", b"<html><body>Hello</body></html>", texts=(), **wrong),
        Case(section=FRAMING, name="a redirect (307) on the same host", scripts=(_redirects,), requests=2),
        case("an unknown finish reason", EVENT, sse(_STRANGE), ending="failed"),
        case("an unknown field", EVENT, sse(_UNKNOWN)),
    ]


def _body(*pieces: bytes) -> Script:
    """Return a script that sends each piece by itself, and ends as it should."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        for piece in pieces:
            connection.chunk(piece)
        connection.end()

    return script


def _event(text: str) -> bytes:
    return sse(json.dumps(says(text), ensure_ascii=False).encode())


def _several(document: str) -> bytes:
    return "".join(f"data: {line}\r\n" for line in document.split("\n")).encode() + b"\r\n"


def _singly(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def _encoded(name: str, encoding: str, window: int, unit: float) -> Case:
    def script(connection: Connection, request: Request) -> None:
        squeeze = zlib.compressobj(wbits=window)
        connection.begin(content_encoding=encoding)
        connection.chunk(squeeze.compress(EVENT) + squeeze.flush(zlib.Z_SYNC_FLUSH))
        time.sleep(unit)
        connection.chunk(squeeze.compress(LAST) + squeeze.flush())
        connection.end()

    return Case(section=FRAMING, name=name, scripts=(script,), spread=unit / 4)


def _redirects(connection: Connection, request: Request) -> None:
    if "moved" in request.target:
        _body(EVENT, LAST)(connection, request)
    else:
        connection.answer(b"", "307 Temporary Redirect", location="/moved" + request.target)


# --- errors and disconnects -----------------------------------------------------------------------------------------

_LATE = refuses(503, "UNAVAILABLE", "overloaded")
_BARE = b'{\n  "error": {\n    "code": 503,\n    "message": "overloaded",\n    "status": "UNAVAILABLE"\n  }\n}\n'
_NO_CODE = {"error": {"message": "overloaded", "status": "UNAVAILABLE"}}
_WRONG = refuses(400, "INVALID_ARGUMENT", "wrong")
_SAID_503 = {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}
_SAID_400 = {"code": 400, "status": "INVALID_ARGUMENT", "message": "wrong"}


def _failing(unit: float) -> list[Case]:
    return [*_refused(), *_refused_late(), *_cut(), *_tried_again(unit)]


def _refused() -> list[Case]:
    """The head of the answer says no."""

    def case(
        name: str, status: str, body: Any, kind: Any, marks: dict[str, Any], label: str = "application/json"
    ) -> Case:
        return Case(
            section=FAILING,
            name=name,
            scripts=(lambda connection, _: connection.answer(body, status, content_type=label),),
            texts=(),
            error=kind,
            marks={"phase": "head", "attempts": 1} | marks,
            ending="failed",
        )

    client, server, sent = errors.ClientError, errors.ServerError, "text/event-stream"
    oops, none = {"code": 500, "status": "INTERNAL", "message": "oops"}, {"code": 503, "status": "UNAVAILABLE"}
    return [
        case("400, a JSON object", "400 Bad Request", _WRONG, client, _SAID_400),
        case("400, a JSON array of one", "400 Bad Request", [_WRONG], client, _SAID_400),
        case("400, labelled `text/event-stream`", "400 Bad Request", _WRONG, client, _SAID_400, sent),
        case("500, a body that is not the JSON it is labelled", "500 Internal Server Error", b"oops", server, oops),
        case("503, an empty body", "503 Service Unavailable", b"", server, none),
    ]


def _refused_late() -> list[Case]:
    """The head says yes, and then comes an error."""

    def case(name: str, piece: bytes) -> Case:
        return Case(
            section=FAILING,
            name=name,
            scripts=(_body(EVENT, piece),),
            texts=("Hel",),
            error=errors.ServerError,
            marks={"phase": "body", "attempts": 1} | _SAID_503,
            ending="failed",
        )

    return [
        case("an error as an event", sse(_LATE)),
        case("an error as bare JSON lines", _BARE),
        case("an error without `code`", sse(_NO_CODE)),
        case("an error in an array in an event", sse([_LATE])),
        case("an error as a bare JSON array", b"[" + _BARE.rstrip() + b"]\n"),
        case("an error as a bare JSON array, its brackets on lines of their own", b"[\n" + _BARE + b"]\n"),
        case("an error whose key is not the first", sse({"candidates": [], **_LATE})),
        case("an error with `event: error`", b"event: error\r\n" + sse(_LATE)),
    ]


def _cut() -> list[Case]:
    """The connection goes."""

    def case(name: str, script: Script, kind: Any, ending: str, phase: str = "body", **fields: Any) -> Case:
        fields |= {"scripts": (script,), "error": kind, "ending": ending, "marks": {"phase": phase, "attempts": 1}}
        return Case(section=FAILING, name=name, texts=("Hel",) if phase == "body" else (), **fields)

    one, cut, short = CHUNKED + chunk(EVENT), errors.StreamInterrupted, errors.StreamTruncated
    empty = head("200 OK", {"content-type": "text/event-stream", "content-length": "0"})
    lost = sends(b"", reset=True)
    return [
        case("FIN inside a chunked body", sends(one), cut, "interrupted"),
        case("RST", sends(one, reset=True), cut, "interrupted"),
        case("a clean end without a finish reason", sends(one + b"0\r\n\r\n"), short, "truncated"),
        case("the end by close, inside an event", sends(ENDLESS + EVENT + LAST[:30]), short, "truncated"),
        case("an empty body", sends(empty), short, "truncated", "head"),
        case("RST before the head", lost, errors.ConnectError, "failed", "connect", tells=("requests", "seconds")),
    ]


def _tried_again(unit: float) -> list[Case]:
    """What is worth another try, and gets it: ``retry_options`` are given."""

    def case(name: str, *scripts: Script, **fields: Any) -> Case:
        answer = _body(EVENT, LAST)
        fields = {"options": {"retry_options": QUICK}, "tells": ("requests",)} | fields
        return Case(section=FAILING, name=name, scripts=(*scripts, answer), requests=len(scripts) + 1, **fields)

    hint = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{unit:g}s"}
    slow = refuses(429, "RESOURCE_EXHAUSTED", "slow", hint)
    return [
        case("RST before the head, 3 attempts allowed", sends(b"", reset=True)),
        case(
            "RST before the head, no `retry_options` given",
            sends(b"", reset=True),
            options={"retry_options": None},
            tells=("requests", "seconds"),
        ),
        case("FIN before the first event, 3 attempts allowed", sends(CHUNKED)),
        case("an error as the first event, 3 attempts allowed", _body(sse(_LATE))),
        case(
            f"429 with a `RetryInfo` of {unit:g} s, 3 attempts allowed",
            lambda connection, _: connection.answer(slow, "429 Too Many Requests"),
            wait=unit,
            tells=("requests", "seconds"),
        ),
    ]


# --- silence --------------------------------------------------------------------------------------------------------


def _silence(unit: float) -> list[Case]:
    def case(name: str, *scripts: Script, **fields: Any) -> Case:
        options = {"timeout": round(unit * 1000)} | fields.pop("options", {})
        return Case(section=SILENCE, name=name, scripts=scripts, options=options, **({"tells": ("seconds",)} | fields))

    def stalls(deadline: str, texts: tuple[str, ...], phase: str) -> dict[str, Any]:
        marks = {"phase": phase, "deadline": deadline, "limit": unit}
        kind = errors.DeadlineExceeded if deadline == "total" else errors.StreamStalled
        return {"error": kind, "ending": "stalled", "texts": texts, "marks": marks, "wait": unit}

    every, blank = unit / 4, b"\r\n\r\n"
    steady = ("a",) * 11 + ("lo",)
    again = {"retry_options": QUICK}
    shown = f"{unit:g} s"
    return [
        case("silence after the first event", _falls_silent, **stalls("byte_gap", ("Hel",), "body")),
        case("no head", _stays_silent, **stalls("byte_gap", (), "connect")),
        case(f"a healthy answer, an event every {every:g} s", _steady(every), texts=steady, spread=2 * unit),
        case(
            "no head at first, 3 attempts allowed",
            _stays_silent,
            _body(EVENT, LAST),
            options=again,
            tells=("requests", "seconds"),
            requests=2,
            wait=unit,
        ),
        case(
            f"only blank lines; headwater has `first_content={unit:g}`",
            _keeps_alive(b"", blank, every),
            deadlines={"first_content": unit},
            **stalls("first_content", (), "head"),
        ),
        case(
            f"only blank lines after an event; headwater has `content_gap={unit:g}`",
            _keeps_alive(EVENT, blank, every),
            deadlines={"content_gap": unit},
            **stalls("content_gap", ("Hel",), "body"),
        ),
        case(
            f"an answer that may take {shown} in all, and takes longer; headwater has `total={unit:g}`",
            _keeps_alive(EVENT, blank, every),
            deadlines={"total": unit},
            **stalls("total", ("Hel",), "body"),
        ),
    ]


def _falls_silent(connection: Connection, request: Request) -> None:
    connection.begin()
    connection.chunk(EVENT)
    connection.stall()


def _stays_silent(connection: Connection, request: Request) -> None:
    connection.stall()


def _steady(every: float) -> Script:
    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        for _ in range(11):
            time.sleep(every)
            connection.event(says("a"))
        time.sleep(every)
        connection.chunk(LAST)
        connection.end()

    return script


def _keeps_alive(first: bytes, blank: bytes, every: float) -> Script:
    """Return a script that sends signs of life for twelve beats, and then cuts the connection."""

    def script(connection: Connection, request: Request) -> None:
        connection.begin()
        for piece in [first] * bool(first) + [blank] * 12:
            connection.chunk(piece)
            time.sleep(every)
        connection.close()

    return script
