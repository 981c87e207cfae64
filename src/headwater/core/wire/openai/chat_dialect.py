"""``ChatDialect``: chat completions as a dialect of the step machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headwater.core.wire.dialect import BrokenStream, Continuation, Dialect
from headwater.core.wire.framing import Framing, SingleDocument
from headwater.core.wire.gemini import mend
from headwater.core.wire.openai.chat_answer import SERVER_DONE, ChatAnswer, ChatOptions, ChatProgress, TranslatedChunk
from headwater.core.wire.openai.chat_errors import chat_error, refused
from headwater.core.wire.openai.chat_events import EVENTS, ChatEvent
from headwater.core.wire.openai.chat_framing import DONE, END_OF_BODY, ChatFraming
from headwater.core.wire.request import HttpRequest
from headwater.errors import APIError, HeadwaterError, StreamTruncated, WireError
from headwater.json_text import JSON_ERRORS
from headwater.types import Content

ChatResult = TranslatedChunk | ChatProgress
_Results = tuple[ChatResult | HeadwaterError, ...]


class ChatDialect:
    """The dialect for one call: unlike others it has a memory, the answer so far, which begins with each body."""

    api_name = "a chat completions server"

    def __init__(self, options: ChatOptions | None = None) -> None:
        self._options = options or ChatOptions()
        self._answer = ChatAnswer(self._options)

    def stream_framing(self) -> Framing:
        """Return what cuts the body of a stream into events, and forget the body before it."""
        self._answer = ChatAnswer(self._options)
        return ChatFraming()

    def single_framing(self) -> Framing:
        """Return the same: a whole answer is one event, and servers may send either."""
        return self.stream_framing()

    def decode(self, data: bytes, headers: Mapping[str, str]) -> _Results:
        """Return what one event holds: a chunk, an error, or the end."""
        try:
            event = EVENTS.decode(data)
        except JSON_ERRORS:
            return self._other(data, headers)
        if event.error or event.object == "error":
            return self._failure(event, data, headers)
        results: _Results = tuple(self._answer.feed(event))
        if event.choices is None and not results and not event.usage:
            return self._foreign(data, headers)
        for choice in event.choices or ():
            if choice.finish_reason == "error":
                return (*results, chat_error({"message": "the server ended the answer with an error"}, headers=headers))
        return results

    def is_final(self, result: object) -> bool:
        """Return whether the answer may end after ``result``: each of its choices has a finish reason."""
        return type(result) is TranslatedChunk and result.is_end

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
        """Return the error that a response with an error status means, whatever its body is."""
        return refused(status, headers, body)

    def stream_name(self, headers: Mapping[str, str]) -> str | None:
        """Return None: no chat server stores streams."""
        return None

    def keep(self, request: HttpRequest) -> HttpRequest:
        """Return ``request``: there is nothing to ask for."""
        return request

    def position(self, request: HttpRequest, stream: str, after: int) -> str:
        """Never called, since no stream has a name."""
        raise NotImplementedError

    def resume(self, broken: BrokenStream) -> Continuation | None:
        """Return None: who knows the request in Gemini's form resumes it (``engines/resuming.py``)."""
        return None

    def contents(self, request: HttpRequest) -> list[Content]:
        """Return nothing: functions are called by the client of the server, in Gemini's form."""
        return []

    def add_turns(self, request: HttpRequest, turns: list[Content]) -> HttpRequest:
        """Return ``request``: see ``contents``."""
        return request

    def _other(self, data: bytes, headers: Mapping[str, str]) -> _Results:
        """What a document means that is not one event."""
        text = data.strip()
        if text == DONE:
            return (*self._answer.settle(), SERVER_DONE if self._answer.is_ended else _cut())
        if data == END_OF_BODY:
            return tuple(self._answer.flush())
        if not text or text.startswith(b":"):  # a comment that a proxy made an event of
            return ()
        if b"\n" in text:  # events without the blank lines between them
            return tuple(result for line in text.split(b"\n") for result in self.decode(line, headers))
        mended = mend(data)
        return self.decode(mended, headers) if mended != data else self._foreign(text, headers)

    def _failure(self, event: ChatEvent, data: bytes, headers: Mapping[str, str]) -> _Results:
        """An error in the stream, after what the same event has of the answer (OpenRouter)."""
        event.error = event.object = None
        return (*self._answer.feed(event), chat_error(_plain(data), headers=headers))

    def _foreign(self, data: bytes, headers: Mapping[str, str]) -> _Results:
        """An event without choices: nothing (progress, filters), an error in FastAPI's form, or no event at all."""
        document = _plain(data)
        if isinstance(document, list) and document and isinstance(document[0], dict) and document[0].get("error"):
            return (chat_error(document, headers=headers),)
        if not isinstance(document, dict) or document.get("choices"):  # or choices that are none
            start = data[:120].decode("utf-8", "replace")
            return (WireError(f"the server sent an event that is not a chat completion: {start!r}"),)
        return (chat_error(document, headers=headers),) if document.get("detail") else ()


class JsonDialect(ChatDialect):
    """The dialect for what such servers have besides: one JSON document, as it is."""

    def single_framing(self) -> Framing:
        """Return what makes a document of a whole body."""
        return SingleDocument()

    def decode(self, data: bytes, headers: Mapping[str, str]) -> tuple[Any, ...]:
        """Return the document."""
        document = _plain(data)
        if not isinstance(document, dict | list):
            return (
                WireError(f"the server sent something that is not JSON: {data[:120].decode('utf-8', 'replace')!r}"),
            )
        return (document,)


def _plain(data: bytes) -> object:
    try:
        found: object = msgspec.json.decode(data)
    except JSON_ERRORS:
        return None
    return found


def _cut() -> StreamTruncated:
    return StreamTruncated("the server ended the answer without a finish reason, so its end may be missing")


CHAT: Dialect[ChatResult] = ChatDialect()  # mypy checks here that nothing is missing
