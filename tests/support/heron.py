"""The Heron API, which does not exist, and its dialect: nothing in it is as Gemini's.

A request is ``POST /v9/talk`` with ``{"talk": [[who, text], ...], "skip": 0}``. The body of the answer is a row of
netstrings (``15:["say","Hello "],``). A document is a JSON array, whose first entry says what it is:

    ["say", text]  ["muse", thought]  ["do", name, arguments]  ["done", why, tokens]  ["oops", code, message]

What is wrong with a request is said in a line of text: ``busy: come back later``. An answer that broke is asked for
again with ``"skip"``, the number of characters of text that arrived, and the ticket that the head of the first named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from headwater.core.wire.dialect import BrokenStream, Continuation, Dialect, StreamEnd
from headwater.core.wire.framing import Framing, SingleDocument
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, HeadwaterError, WireError, api_error
from headwater.types import Candidate, Content, FinishReason, GenerateContentResponse, Part, UsageMetadata

_REASONS = {"bored": "STOP", "breathless": "MAX_TOKENS"}
_CODES = {"busy": 503, "shy": 403, "lost": 404}


class Netstrings:
    """Cuts a body into netstrings."""

    ends_with_body = False

    def __init__(self) -> None:
        self._rest = b""
        self._strange = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the documents that ``piece`` completes."""
        self._rest += piece
        found: list[bytes] = []
        while b":" in self._rest:
            size, _, rest = self._rest.partition(b":")
            if not size.isdigit():
                raise WireError(f"{size!r} is not the length of a netstring")
            if len(rest) <= int(size):
                break
            found.append(rest[: int(size)])
            self._rest = rest[int(size) + 1 :]
        return found

    def flush(self) -> list[bytes]:
        """Return nothing: a netstring that was cut is none."""
        if self._rest and b":" not in self._rest:
            self._strange = self._rest
        return []

    @property
    def leftover(self) -> bytes:
        """What was no netstring at all."""
        return self._strange[:200]


class Heron:
    """The dialect of the Heron API."""

    api_name = "the Heron API"

    def stream_framing(self) -> Framing:
        return Netstrings()

    def single_framing(self) -> Framing:
        return SingleDocument()

    def decode(
        self, data: bytes, headers: Mapping[str, str]
    ) -> tuple[GenerateContentResponse | HeadwaterError | StreamEnd, ...]:
        match json.loads(data):
            case ["say", text]:
                return (_chunk([Part(text=text)]),)
            case ["muse", text]:
                return (_chunk([Part(text=text, thought=True)]),)
            case ["do", name, arguments]:
                return (_chunk([Part.from_function_call(name=name, args=arguments)]),)
            case ["done", why, tokens]:
                return (_chunk([], finish_reason=_REASONS[why], tokens=tokens),)
            case ["oops", code, message]:
                return (api_error(code, message, headers=headers),)
            case ["fin"]:
                return (StreamEnd(),)
        return (WireError("a heron does not talk like that"),)

    def is_final(self, result: object) -> bool:
        assert isinstance(result, GenerateContentResponse)
        return result.finish_reason is not None

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        mood, _, message = body.decode().partition(": ")
        return api_error(_CODES.get(mood, status), message or mood, status=mood.upper(), headers=headers)

    def stream_name(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("heron-ticket")

    def keep(self, request: HttpRequest) -> HttpRequest:
        return msgspec.structs.replace(request, headers={**request.headers, "heron-keep": "yes"})

    def position(self, request: HttpRequest, stream: str, after: int) -> str:
        return f"heron/{quote(stream)}/{after}"

    def resume(self, broken: BrokenStream) -> Continuation | None:
        if broken.stream is None or not broken.fold.is_text:
            return None
        body = json.dumps({**_body(broken.request), "skip": len(broken.fold.text)}).encode()
        headers = {**broken.request.headers, "heron-ticket": broken.stream}
        return Continuation(request=msgspec.structs.replace(broken.request, headers=headers, body=body))

    def contents(self, request: HttpRequest) -> list[Content]:
        return [Content(role=who, parts=[Part(text=text)]) for who, text in _body(request)["talk"]]

    def add_turns(self, request: HttpRequest, turns: list[Content]) -> HttpRequest:
        body = _body(request)
        body["talk"] += [[turn.role, _told(part)] for turn in turns for part in turn.parts or ()]
        return msgspec.structs.replace(request, body=json.dumps(body).encode())


#: Checked by mypy: it is a dialect.
HERON: Dialect[GenerateContentResponse] = Heron()


def talk(url: str = "http://heron.test") -> HttpRequest:
    """Return a request."""
    return HttpRequest("POST", f"{url}/v9/talk", {"heron-key": "k"}, b'{"talk": [["user", "hi"]], "skip": 0}')


def netstring(*document: Any) -> bytes:
    """Return a document as it stands in a body."""
    data = json.dumps(document).encode()
    return b"%d:%b," % (len(data), data)


def _body(request: HttpRequest) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.body or b"{}")
    return body


def _chunk(
    parts: list[Part], *, finish_reason: str | None = None, tokens: int | None = None
) -> GenerateContentResponse:
    reason = None if finish_reason is None else FinishReason(finish_reason)
    candidate = Candidate(content=Content(role="model", parts=parts), finish_reason=reason)
    if tokens is None:
        return GenerateContentResponse(candidates=[candidate])
    return GenerateContentResponse(candidates=[candidate], usage_metadata=UsageMetadata(candidates_token_count=tokens))


def _told(part: Part) -> str:
    if part.function_call is not None:
        return f"do {part.function_call.name}"
    if part.function_response is not None:
        return f"done {json.dumps(part.function_response.response)}"
    return part.text or ""
