"""Splits the chunks of an answer into events (``events.py``) that every protocol can write."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from headwater.core.answer.arguments import Arguments
from headwater.protocols.argument_text import ArgumentText
from headwater.protocols.events import (
    AnswerReset,
    CallDelta,
    CallEnd,
    CallResult,
    CallStart,
    FilePart,
    Piece,
    ServerToolCall,
    ServerToolResult,
    SourceCitation,
    TextDelta,
    TurnStart,
)
from headwater.protocols.tool_names import CODE, MADE, result_of, server_tool
from headwater.types import (
    CodeExecutionResult,
    ExecutableCode,
    FunctionCall,
    FunctionResponse,
    GenerateContentResponse,
    GroundingMetadata,
    Part,
)


class ChunkSplitter:
    """Splits the chunks of one candidate of an answer; most protocols show the first one only.

    A call without an id gets one that is the same whenever this answer is read, and different in other answers. It is
    derived from the API's response id or, without one, from ``seed``.
    """

    def __init__(self, seed: str = "", *, index: int = 0) -> None:
        self._seed = seed
        self._index = index
        self._answer_id: str | None = None
        self._arguments = Arguments()
        self._open: _PartialCall | None = None
        self._count = 0
        self._pending: dict[str, str] = {}  # calls without a result yet: id to name
        self._running_tools: list[tuple[str, str]] = []  # tools at Google without a result yet
        self._cited: set[str] = set()
        self._known_turns = 0

    @property
    def pending_calls(self) -> list[str]:
        """The ids of the calls without a result."""
        return list(self._pending)

    @property
    def has_calls(self) -> bool:
        """Whether there is a call without a result, or an incomplete one."""
        return bool(self._pending) or self._open is not None

    def split(self, chunk: GenerateContentResponse) -> Iterator[Piece]:
        """Yield the events of a chunk, in order."""
        if chunk.is_reset:
            yield AnswerReset()  # first, while encoders can still ask what has to be closed
            self._reset()
            return
        self._answer_id = self._answer_id or chunk.response_id
        yield from self._turns(chunk)
        for candidate in chunk.candidates or ():
            if (candidate.index or 0) != self._index:
                continue
            for part in (candidate.content.parts if candidate.content else None) or ():
                yield from self._part(part)
            if candidate.grounding_metadata is not None:
                yield from self._sources(candidate.grounding_metadata)

    def finish(self) -> Iterator[Piece]:
        """Yield the call that is still open as a whole one: the end of a finished answer is its end, too."""
        yield from self._complete()

    def take_partial_call(self) -> CallEnd | None:
        """Return an incomplete call as far as it has arrived, or None."""
        partial, self._open = self._open, None
        if partial is None:
            return None
        self._arguments.settle()
        return partial.call_end()

    def _reset(self) -> None:
        self._arguments, self._open = Arguments(), None
        self._pending.clear()
        self._running_tools.clear()
        self._cited.clear()

    def _turns(self, chunk: GenerateContentResponse) -> Iterator[Piece]:
        """The results of functions that the client called automatically: later chunks carry the history with them."""
        # Every chunk after the calls has the whole history; it is new only when it has grown.
        history = chunk.automatic_function_calling_history or []
        if len(history) <= self._known_turns:
            return
        self._known_turns = len(history)
        yield from self._complete()
        answers = [part.function_response for part in history[-1].parts or () if part.function_response is not None]
        for answer in answers:
            yield from self._answer(answer)
        self._pending.clear()
        yield TurnStart()

    def _part(self, part: Part) -> Iterator[Piece]:
        call = part.function_call
        if call is not None:
            yield from self._call(part, call)
        elif part.text is not None:
            if part.text or part.thought_signature:
                yield TextDelta(part.text, bool(part.thought), part.thought_signature)
        elif part.function_response is not None:
            yield from self._answer(part.function_response)
        elif part.executable_code is not None:
            yield self._server_call(part, part.executable_code.id, CODE, _code(part.executable_code))
        elif part.code_execution_result is not None:
            result = part.code_execution_result
            yield from self._server_result(part, result.id, CODE, _outcome(result))
        elif part.tool_call is not None:
            kind = str(part.tool_call.tool_type or "TOOL")
            yield self._server_call(part, part.tool_call.id, server_tool(kind), part.tool_call.args or {}, kind)
        elif part.tool_response is not None:
            kind = str(part.tool_response.tool_type or "TOOL")
            output = part.tool_response.response or {}
            yield from self._server_result(part, part.tool_response.id, server_tool(kind), output, kind)
        elif part.inline_data is not None or part.file_data is not None:
            yield FilePart(part)
        # A signature without content still has to reach the client, which sends it back.
        elif part.thought_signature is not None:
            yield TextDelta("", bool(part.thought), part.thought_signature)

    # Calls

    def _call(self, part: Part, call: FunctionCall) -> Iterator[Piece]:
        begun = self._arguments.add(call)
        # Complete in one part, as all calls are unless their arguments are streamed.
        if begun is call:
            yield from self._complete()
            whole = _PartialCall(self._id(call), call, part.thought_signature)
            yield self._track(whole.call_end())
            return
        if begun is not None:
            yield from self._complete()
            self._open = _PartialCall(self._id(begun), begun, part.thought_signature)
            yield CallStart(self._open.id, begun.name or "", part.thought_signature)
        if self._open is None:
            return
        text = self._open.feed(call)
        if text:
            yield CallDelta(self._open.id, text)
        if not call.will_continue:
            yield from self._complete()

    def _complete(self) -> Iterator[Piece]:
        if self._open is not None:
            self._arguments.settle()
            whole, self._open = self._open, None
            yield self._track(whole.call_end())

    def _track(self, call: CallEnd) -> CallEnd:
        self._pending[call.id] = call.name
        return call

    def _answer(self, answer: FunctionResponse) -> Iterator[Piece]:
        name = answer.name or ""
        same_name = (call for call, called in self._pending.items() if called == name)
        call = answer.id if answer.id in self._pending else next(same_name, None)
        # A result without a call: protocols require the call first, so an empty one is made up.
        if call is None:
            call = answer.id or self._derived_id(name)
            yield CallEnd(call, name, {}, "{}")
        self._pending.pop(call, None)
        yield CallResult(call, name, *result_of(answer.response))

    def _server_call(
        self, part: Part, call_id: str | None, name: str, args: Any, kind: str | None = None
    ) -> ServerToolCall:
        run = call_id or self._derived_id(name)
        self._running_tools.append((run, name))
        return ServerToolCall(run, name, args, part.thought_signature, kind)

    def _server_result(
        self, part: Part, id: str | None, name: str, output: Any, kind: str | None = None
    ) -> Iterator[Piece]:
        call = next((one for one in self._running_tools if one == (id, name)), None)
        call = call or next((one for one in self._running_tools if one[1] == name), None)
        if call is None:
            begun = self._server_call(Part(), id, name, {}, kind)
            yield begun
            call = (begun.id, name)
        self._running_tools.remove(call)
        yield ServerToolResult(call[0], name, output, part.thought_signature, kind)

    def _id(self, call: FunctionCall) -> str:
        return call.id or self._derived_id(call.name or "")

    def _derived_id(self, name: str) -> str:
        """An id that is the same whenever this answer is read: resumed readers match results to calls by it."""
        self._count += 1
        answer = self._answer_id or self._seed
        # The first candidate's ids stay what they were before there were others.
        answer += f" {self._index}" if self._index else ""
        return f"{MADE}{_digest(f'{answer} {self._count} {name}')}"

    # Sources

    def _sources(self, grounding: GroundingMetadata) -> Iterator[SourceCitation]:
        for chunk in grounding.grounding_chunks or ():
            web, document = chunk.web or chunk.maps, chunk.retrieved_context
            if web is not None:
                url, title = web.uri, web.title
            elif chunk.image is not None:
                url, title = chunk.image.source_uri, chunk.image.title
            elif document is not None:
                url, title = document.uri or document.document_name, document.title
            else:
                continue
            # Later chunks repeat the sources of earlier ones.
            if url and url not in self._cited:
                self._cited.add(url)
                is_page = url.startswith(("http://", "https://"))
                yield SourceCitation(_digest(url), url if is_page else None, title or (None if is_page else url))


class _PartialCall:
    """A call whose arguments are still arriving."""

    def __init__(self, id: str, call: FunctionCall, signature: bytes | None) -> None:
        self.id = id
        self._call = call
        self._signature = signature
        self._text: ArgumentText | None = None

    def feed(self, call: FunctionCall) -> str:
        """Return the text that the next piece of the call adds."""
        if self._text is None:
            self._text = ArgumentText(dict(call.args or {}))
        return self._text.feed(call.partial_args or [])

    def call_end(self) -> CallEnd:
        """Return the call as it is now."""
        args = self._call.args or {}
        rest = msgspec.json.encode(args).decode() if self._text is None else self._text.finish(args)
        return CallEnd(self.id, self._call.name or "", args, rest, self._signature, self._text is not None)


def _code(code: ExecutableCode) -> dict[str, Any]:
    return {"language": str(code.language or "PYTHON"), "code": code.code or ""}


def _outcome(result: CodeExecutionResult) -> dict[str, Any]:
    return {"outcome": str(result.outcome or "OUTCOME_OK"), "output": result.output or ""}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
