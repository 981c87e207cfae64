"""Cassettes: recorded exchanges in files, each with the arrival time of every piece of its body.

A cassette is a directory with two files for each exchange: ``0001.json`` has the request, the head of the response and
the times, ``0001.body`` the bytes of the response's body. Nothing in them is a secret (``scrubbing.py``).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from headwater.errors import UsageError
from headwater.json_text import JSON_ERRORS

#: Written into each file. A reader refuses versions that it does not know.
VERSION = 1
#: How the recording ended: by the body's end, by the other side's, or by the client's leaving.
RecordedEnd = Literal["whole", "cut", "left"]


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A piece of a body as it arrived: milliseconds since the head, and how many bytes."""

    after: float
    size: int


class RecordedRequest(msgspec.Struct, frozen=True):
    """A request without its secrets. ``body`` is JSON if it was, else text."""

    method: str
    path: str
    headers: dict[str, str] = {}
    body: Any = None


class RecordedResponse(msgspec.Struct, frozen=True):
    """The head of a response, when it came (milliseconds since the request), and how the body arrived and ended."""

    status: int
    headers: dict[str, str] = {}
    after: float = 0.0
    pieces: list[Piece] = []
    end: RecordedEnd = "whole"


class Exchange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request and what was answered to it."""

    request: RecordedRequest
    response: RecordedResponse
    body: bytes = b""

    def pieces(self) -> Iterator[tuple[float, bytes]]:
        """Yield the pieces of the body, each with the seconds since the head."""
        at = 0
        for piece in self.response.pieces or [Piece(0.0, len(self.body))]:
            yield piece.after / 1000, self.body[at : at + piece.size]
            at += piece.size


class _File(msgspec.Struct):
    version: int
    request: RecordedRequest
    response: RecordedResponse


class Cassette:
    """The exchanges in a directory, in their order. Reads what other recorders wrote, too: see ``load``."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.exchanges = load(self.directory)

    def add(self, exchange: Exchange) -> None:
        """Add an exchange, and write it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.exchanges.append(exchange)
        path = self.directory / f"{len(self.exchanges):04d}"
        document = _File(VERSION, exchange.request, exchange.response)
        # The body first: an exchange exists once its description does.
        path.with_suffix(".body").write_bytes(exchange.body)
        path.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")

    def clear(self) -> None:
        """Delete all exchanges."""
        for path in (*self.directory.glob("[0-9]*.json"), *self.directory.glob("[0-9]*.body")):
            path.unlink()
        self.exchanges.clear()

    def find(self, request: RecordedRequest, played: Sequence[Exchange]) -> Exchange | None:
        """Return the exchange that answers ``request``: the first that is not in ``played``, else the last.

        Method and path have to be equal, and the body has to mean the same: the order of keys does not matter.
        """
        same = [one for one in self.exchanges if _matches(one.request, request)]
        fresh = [one for one in same if not any(one is other for other in played)]
        return next(iter(fresh or same[-1:]), None)

    def explain(self, request: RecordedRequest) -> str:
        """Return why no exchange answers ``request``: how the nearest one differs."""
        if not self.exchanges:
            return f"the cassette {self.directory} is empty"
        here = _lines(request)
        nearest = max(self.exchanges, key=lambda one: difflib.SequenceMatcher(None, _lines(one.request), here).ratio())
        return (
            f"no exchange of {self.directory} is this request. The nearest differs:\n{diff(nearest.request, request)}"
        )


def load(path: Path) -> list[Exchange]:
    """Return the exchanges in a directory; none if there is no such directory.

    Besides cassettes, it reads a directory of ``*/meta.json`` as the replay engine does, and a YAML file of vcrpy.

    Raises:
        UsageError: if a file is damaged, or of another version.
    """
    if path.suffix in (".yaml", ".yml"):
        return list(_from_vcr(path))
    return [_read(file) for file in sorted(path.glob("[0-9]*.json"))] + list(_from_cases(path))


def describe(exchange: Exchange) -> str:
    """Return an exchange as one line: what was asked, what was answered, and how long it took."""
    request, response = exchange.request, exchange.response
    seconds = (response.after + (response.pieces[-1].after if response.pieces else 0.0)) / 1000
    shape = f"{len(response.pieces)} pieces, {len(exchange.body)} bytes in {seconds:.2f} s"
    return f"{request.method} {request.path} -> {response.status}, {shape}, {response.end}"


def diff(one: RecordedRequest, other: RecordedRequest) -> str:
    """Return the differences of two requests, line by line."""
    return "\n".join(difflib.unified_diff(_lines(one), _lines(other), "recorded", "now", lineterm="", n=2))


def differences(one: Cassette, other: Cassette) -> list[str]:
    """Return how two cassettes differ, line by line; an empty list if only their times do."""
    before, after = ([line for exchange in tape.exchanges for line in _text(exchange)] for tape in (one, other))
    return list(difflib.unified_diff(before, after, str(one.directory), str(other.directory), n=1, lineterm=""))


def recorded_body(data: bytes) -> Any:
    """Return the body of a request as it is written: JSON if it is, None if it is empty, else text."""
    if not data:
        return None
    try:
        return msgspec.json.decode(data)
    except JSON_ERRORS:
        return data.decode("utf-8", "replace")


def _matches(one: RecordedRequest, other: RecordedRequest) -> bool:
    return (one.method, one.path, one.body) == (other.method, other.path, other.body)


def _lines(request: RecordedRequest) -> list[str]:
    body = json.dumps(request.body, indent=1, sort_keys=True, ensure_ascii=False)
    return [f"{request.method} {request.path}", *body.splitlines()]


def _text(exchange: Exchange) -> list[str]:
    head = f"-> {exchange.response.status}, {exchange.response.end}"
    return [*_lines(exchange.request), head, *exchange.body.decode("utf-8", "replace").splitlines()]


def _read(path: Path) -> Exchange:
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
        body = path.with_suffix(".body").read_bytes()
    except (*JSON_ERRORS, OSError) as error:
        raise UsageError(f"{path} is not an exchange of a cassette: {error}") from error
    if file.version != VERSION:
        raise UsageError(f"{path} has version {file.version} of the format, and this headwater reads version {VERSION}")
    if sum(piece.size for piece in file.response.pieces) != len(body):
        raise UsageError(f"{path.with_suffix('.body')} has {len(body)} bytes, and {path} describes others")
    return Exchange(file.request, file.response, body)


def _from_cases(path: Path) -> Iterator[Exchange]:
    """Exchanges that were recorded without times: ``*/meta.json`` and the body that it names."""
    for file in sorted(path.glob("*/meta.json")):
        meta = json.loads(file.read_bytes())
        asked = file.parent / "request.json"
        body = recorded_body(asked.read_bytes()) if asked.exists() else None
        request = RecordedRequest("POST" if asked.exists() else "GET", _case_path(meta), {}, body)
        answer = (file.parent / meta["response_file"]).read_bytes()
        kind = meta.get("content_type") or "application/json"
        yield Exchange(request, _at_once(meta.get("http_status", 200), {"content-type": kind}, answer), answer)


def _case_path(meta: Mapping[str, Any]) -> str:
    """The path of a case; the query, which says that the answer comes as events, was not always recorded."""
    path = str(meta.get("url_path") or "")
    return path + "?alt=sse" if meta.get("wire") == "sse" and ":stream" in path and "alt=" not in path else path


def _from_vcr(path: Path) -> Iterator[Exchange]:
    """The interactions of a cassette of vcrpy."""
    try:
        import yaml
    except ImportError as error:
        raise UsageError(f"{path} was written by vcrpy: to read it, install PyYAML") from error
    for one in yaml.safe_load(path.read_text("utf-8")).get("interactions", ()):
        asked, answered = one["request"], one["response"]
        uri = asked["uri"]
        local = "/" + uri.partition("://")[2].partition("/")[2]
        text = asked.get("body") or b""
        body = recorded_body(text.encode() if isinstance(text, str) else text)
        data = answered["body"].get("string") or b""
        data = data.encode() if isinstance(data, str) else data
        headers = {name.lower(): values[0] for name, values in answered["headers"].items() if values}
        kept = {"content-type": headers.get("content-type", "application/json")}
        yield Exchange(
            RecordedRequest(asked["method"], local, {}, body), _at_once(answered["status"]["code"], kept, data), data
        )


def _at_once(status: int, headers: dict[str, str], body: bytes) -> RecordedResponse:
    return RecordedResponse(status, headers, 0.0, [Piece(0.0, len(body))])
