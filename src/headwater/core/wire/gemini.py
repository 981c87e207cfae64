"""The Gemini dialect: documents of the Developer API and Vertex AI to responses and errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

import msgspec

from headwater.contract.defaults import KEEP_SECONDS
from headwater.contract.headers import KEEP, STREAM
from headwater.core.wire.dialect import BrokenStream, Continuation
from headwater.core.wire.framing import DocumentStream, Framing, SingleDocument
from headwater.core.wire.gemini_resume import position, resume
from headwater.core.wire.json_stream import Splitter
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, HeadwaterError, WireError, api_error
from headwater.json_text import JSON_ERRORS
from headwater.types import Content, GenerateContentResponse
from headwater.types.base import ApiModel, salvage

R = TypeVar("R", bound=ApiModel)

#: HTTP status -> Google's name for it, for errors without one.
STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

_CODE = re.compile("[0-9]{3,5}")
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
#: What stands for no finish reason; the last two come from gateways that fill in every field.
_NO_END = (None, "", "FINISH_REASON_UNSPECIFIED")
_KEYS = frozenset(GenerateContentResponse.__struct_encode_fields__) | {"turnToken"}


class Gemini(Generic[R]):
    """The dialect for answers of one type. Stateless, so one object per type is enough."""

    api_name = "the Gemini API"

    def __init__(self, kind: type[R]) -> None:
        self._kind = kind
        self._decoder = msgspec.json.Decoder(kind)

    def stream_framing(self) -> Framing:
        """Return what cuts the body of a stream into documents."""
        return DocumentStream()

    def single_framing(self) -> Framing:
        """Return what makes a document of a whole body."""
        return SingleDocument()

    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[R | HeadwaterError, ...]:
        """Return what one document holds: usually one response, with ``data`` as its ``raw``."""
        # One search over the bytes, so that the common case is one decode. A text that mentions "error" takes the long
        # way and comes to the same result.
        if b'"error"' in data:
            return self._read(data, headers)
        try:
            result = self._decoder.decode(data)
        except JSON_ERRORS:
            return self._read(data, headers)
        # Usage alone, a blocked prompt, or something else altogether: worth a closer look.
        if getattr(result, "candidates", True) is None:
            return self._read(data, headers)
        extra = result.__dict__
        extra["_raw"] = data
        extra["_headers"] = headers
        return (result,)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """Return the error that a response with an error status means, whatever its body is."""
        try:
            document = msgspec.json.decode(body)
        except JSON_ERRORS:
            document = None
        if isinstance(document, list) and document:
            document = document[0]
        return _error(document, body, status, headers)

    def is_final(self, result: object) -> bool:
        """Return whether an answer may end after ``result``: it has a finish reason, or the prompt was blocked."""
        answer = cast("Any", result)
        candidates = getattr(answer, "candidates", ())
        if candidates == ():  # a type without candidates: each result is a complete answer
            return True
        for candidate in candidates or ():
            if candidate.finish_reason not in _NO_END:
                return True
        return answer.prompt_feedback is not None and answer.prompt_feedback.block_reason is not None

    def stream_name(self, headers: Mapping[str, str]) -> str | None:
        """Return the name under which the server stores the stream, None if it does not."""
        return headers.get(STREAM.lower())

    def keep(self, request: HttpRequest) -> HttpRequest:
        """Return ``request``, asking the server to store the stream so that it can be resumed."""
        headers = {**request.headers, KEEP: str(KEEP_SECONDS)}
        return HttpRequest(request.method, request.url, headers, request.body)

    def position(self, request: HttpRequest, stream: str, after: int) -> str:
        """Return a place in a stored stream as text for another process. It holds no key."""
        return position(request, stream, after)

    def resume(self, broken: BrokenStream) -> Continuation | None:
        """Return how the rest of a broken answer is asked for, None if that is impossible."""
        return resume(broken)

    def contents(self, request: HttpRequest) -> list[Content]:
        """Return the turns of the conversation that a request holds."""
        return msgspec.convert(_body(request).get("contents") or [], list[Content])

    def add_turns(self, request: HttpRequest, turns: list[Content]) -> HttpRequest:
        """Return ``request`` with ``turns`` appended. A model that was forced to call may now answer."""
        body = _body(request)
        body["contents"] = [*body.get("contents", ()), *msgspec.to_builtins(turns)]
        body.pop("continuationToken", None)  # it belongs to the previous answer
        tools = body.get("toolConfig") or {}
        calling = tools.get("functionCallingConfig") or {}
        if calling.get("mode") == "ANY":  # or the model would have to call forever
            freed = {**calling, "mode": "AUTO"}
            freed.pop("allowedFunctionNames", None)  # only valid with ANY
            body["toolConfig"] = {**tools, "functionCallingConfig": freed}
        return msgspec.structs.replace(request, body=msgspec.json.encode(body))

    def _read(self, data: bytes, headers: Mapping[str, str]) -> tuple[R | HeadwaterError, ...]:
        """Decode a document that is not simply one response."""
        text = mend(data)
        try:
            document = msgspec.json.decode(text)
        except JSON_ERRORS:
            pieces = _pieces(text)
            if pieces is None:
                return (WireError(f"the API sent an event that is not JSON: {excerpt(data)}"),)
            return tuple(result for piece in pieces for result in self.decode(piece, headers))
        try:
            return self._sort(document, text, headers)
        except RecursionError:  # arrays nested hundreds deep
            return (WireError(f"the API sent an event that is not an answer: {excerpt(data)}"),)

    def _sort(self, document: Any, data: bytes, headers: Mapping[str, str]) -> tuple[R | HeadwaterError, ...]:
        match document:
            case {"error": error} if error:
                return (_error(document, data, 200, headers),)
            case dict() if not document or self._kind is not GenerateContentResponse or _KEYS.intersection(document):
                result = self._fit(document, data)
                result.__dict__.update(_raw=data, _headers=headers)
                return (result,)
            case list():
                entries = ((entry, msgspec.json.encode(entry)) for entry in document)
                return tuple(result for entry, raw in entries for result in self._sort(entry, raw, headers))
            case None:
                return ()
        return (WireError(f"the API sent an event that is not an answer: {excerpt(data)}"),)

    def _fit(self, document: dict[str, Any], data: bytes) -> R:
        try:
            return self._decoder.decode(data)
        except JSON_ERRORS:
            return salvage(document, self._kind)


def _body(request: HttpRequest) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(request.body or b"{}")
    return body


def _error(document: Any, body: bytes, status: int, headers: Mapping[str, str]) -> APIError:
    error = document.get("error", document) if isinstance(document, dict) else document
    fields = error if isinstance(error, dict) else {}
    name = fields.get("status") if isinstance(fields.get("status"), str) else None
    code = _code(fields.get("code"), name, status)
    message = fields.get("message")
    if not isinstance(message, str) or not message:
        message = error if isinstance(error, str) and error else excerpt(body)
    return api_error(code, message, status=name or STATUS_NAMES.get(code), details=document, headers=headers)


def _code(code: Any, name: str | None, status: int) -> int:
    """The error's own code, else the HTTP status, else (in a 200 response) the code that its name stands for."""
    if isinstance(code, str) and _CODE.fullmatch(code):
        code = int(code)
    if isinstance(code, int) and not isinstance(code, bool) and code >= 400:
        return code
    if status != 200:
        return status
    return next((number for number, known in STATUS_NAMES.items() if known == name), 500)


def _pieces(text: bytes) -> list[bytes] | None:
    """The objects that ``text`` consists of, one after another; None if it holds anything else."""
    splitter = Splitter(limit=len(text))
    pieces = splitter.feed(text)
    whole = not splitter.is_open and not splitter.stray
    return pieces if whole and pieces and pieces != [text] else None  # the text itself would be read forever


def mend(data: bytes) -> bytes:
    """Replace what is not Unicode, as SSE readers do: invalid UTF-8, halves of surrogate pairs."""
    text = data.decode("utf-8", "replace").encode()
    return _ESCAPE.sub(lambda match: b"\\ufffd" if match[1] else match[0], text) if _HALF.search(text) else text


def excerpt(data: bytes) -> str:
    """Return the beginning of ``data``, for a message."""
    text = " ".join(data[:400].decode("utf-8", "replace").split())
    return (text if len(text) <= 200 else text[:197] + "...") or "an empty body"
