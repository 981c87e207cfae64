"""``AnswerEvents``: the chunks of an answer as events of the Interactions API.

# Theory of operation

A log has chunks as an engine produced them. Whoever reads an interaction (the client that created it, one that resumes
it, one that asks for all of it years later) gets events that are made from those chunks while they are read. Nothing
of an event is stored. So all of it has to follow from the log:

- ``event_id`` is ``"<record>.<place>"``: the number of the chunk, and the place of the event among those that this
  chunk produced. Record 0 is the beginning of the interaction, the record after the last chunk its end. Ids are unique
  and ordered, and the same for every reader on every server; a reader that has one gets exactly the events after it.
- Ids of calls that came without one are derived from the stream (``ChunkSplitter``), indexes are counted, times come
  from the header and the end of the log.
- Events of two records are never merged, however small they are: a reader may resume between them.

Steps do not interleave. At most one is open; an event for another kind of step closes it first. Text and thoughts keep
their step open, all others are closed at once. A thought signature stands in a thought step *before* what it signs,
since clients send steps back in their order, and ``steps.py`` puts each signature onto what follows it. Where text was
already sent when its signature arrives (Gemini 3 sends it in the last chunk), the thought step follows the text.

A change of these rules changes ids that clients hold. It needs a new form of ``event_id``, so that old ones are refused
instead of misread.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec

from headwater.protocols.base import StreamOutcome
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
    TextDelta,
    TurnStart,
)
from headwater.protocols.interactions.error_codes import Failure, failure_of
from headwater.protocols.interactions.outcomes import (
    CANCELLED,
    IN_PROGRESS,
    REQUIRES_CONTINUATION,
    UNSAID,
    Verdict,
    judge_block,
    judge_finish,
    usage_document,
)
from headwater.protocols.interactions.sources import SourceTracker, TextSpan
from headwater.protocols.splitter import ChunkSplitter
from headwater.protocols.tool_names import CODE
from headwater.protocols.usage import UsageCounter
from headwater.types import GenerateContentResponse, Part

Event = dict[str, Any]
_MEDIA = ("image", "audio", "video")
#: Steps that grow; all others are closed as soon as they are written.
_TEXT, _THOUGHT, _CALL = "model_output", "thought", "function_call"
#: What a field that a delta fills can be before.
_EMPTY = (str, list, dict)
#: The steps of tools that run at Google. Those without a pair here are left out.
_TOOLS = {
    "GOOGLE_SEARCH_WEB": "google_search",
    "GOOGLE_SEARCH_IMAGE": "google_search",
    "URL_CONTEXT": "url_context",
    "GOOGLE_MAPS": "google_maps",
    "FILE_SEARCH": "file_search",
}


class InteractionInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of an interaction before its answer. ``created`` is a Unix time."""

    id: str
    model: str
    created: float = 0.0
    previous: str = ""
    labels: dict[str, str] = {}
    service_tier: str = ""

    def document(self, status: str) -> dict[str, Any]:
        """Return the interaction as JSON, without steps."""
        document = {"id": self.id, "status": status, "object": "interaction", "model": self.model}
        return document | ({"service_tier": self.service_tier} if self.service_tier else {})

    def times(self, updated: float) -> dict[str, str]:
        """Return when it was created and changed last; nothing if that is not known."""
        return {"created": timestamp(self.created), "updated": timestamp(updated)} if self.created else {}


class AnswerEvents:
    """The events of one interaction, record by record. Each method returns those of the next record."""

    def __init__(self, info: InteractionInfo) -> None:
        self.info = info
        #: The number of the record whose events were made last.
        self.record = 0
        #: The error that the interaction ended with.
        self.failure: Failure | None = None
        #: Annotations of steps that were closed before the sources were known: ``get`` shows them, a stream cannot.
        self.late_annotations: dict[int, list[dict[str, Any]]] = {}
        self.is_finished = False
        self._events: list[Event] = []
        self._splitter = ChunkSplitter(info.id)
        self._usage = UsageCounter()
        self._sources = SourceTracker()
        self._index = -1
        self._open = ""
        self._has_begun = self._has_text = False
        self._bytes = 0  # of text so far
        self._spans: list[TextSpan] = []
        self._reason: str | None = None
        self._message: str | None = None
        self._blocked: Verdict | None = None
        self._token: bytes | None = None

    def begin(self) -> list[Event]:
        """Return the events of record 0; nothing the second time."""
        if self._has_begun:
            return []
        self._has_begun = True
        self._emit("interaction.created", interaction=self.info.document(IN_PROGRESS))
        self._emit("interaction.status_update", interaction_id=self.info.id, status=IN_PROGRESS)
        return self._take()

    def chunk(self, chunk: GenerateContentResponse) -> list[Event]:
        """Return the events of a chunk, which may be none."""
        if self.is_finished:
            return []
        self.record += 1
        for piece in self._splitter.split(chunk):
            if isinstance(piece, TurnStart):
                self._usage.start_turn()
            self._piece(piece)
        self._usage.add(chunk)
        self._note_end(chunk)
        return self._take()

    def end(self, outcome: StreamOutcome | None = None) -> list[Event]:
        """Return the events of the end of an answer that finished or was cancelled."""
        if self.is_finished:
            return []
        outcome = outcome or StreamOutcome()
        self.record += 1
        if outcome.reason == "cancelled":
            verdict = Verdict(CANCELLED)
        else:
            for piece in self._splitter.finish():
                self._piece(piece)
            verdict = self._verdict()
        if verdict.failure is not None:
            return self._fail(verdict.failure)
        self._emit_sources()
        # The arguments of a call that was cut are not JSON yet: such a step never stops.
        if self._open != _CALL:
            self._close()
        self._complete(verdict.status, outcome)
        return self._take()

    def fail(self, error: Exception | bytes) -> list[Event]:
        """Return the events of the end of an answer that failed: by an exception, or an error in Google's shape."""
        if self.is_finished:
            return []
        self.record += 1
        return self._fail(failure_of(error, is_about_model=self._index < 0))

    # The end

    def _verdict(self) -> Verdict:
        if self._blocked is not None and self._reason in UNSAID:
            return self._blocked
        return judge_finish(self._reason, self._message, has_calls=self._splitter.has_calls)

    def _fail(self, failure: Failure) -> list[Event]:
        self.is_finished, self.failure = True, failure
        self._emit("error", error={"message": failure.message, "code": failure.code})
        return self._take()

    def _complete(self, status: str, outcome: StreamOutcome) -> None:
        self.is_finished = True
        token = {}
        if status == REQUIRES_CONTINUATION and self._token is not None:
            token = {"continuation_token": base64.b64encode(self._token).decode()}
            self._emit("interaction.status_update", interaction_id=self.info.id, status=status, **token)
        usage = usage_document(outcome.usage or self._usage.usage)
        interaction = self.info.document(status) | ({"usage": usage} if usage else {}) | token
        interaction |= self.info.times(self.info.created + (outcome.seconds or 0))
        self._emit("interaction.completed", interaction=interaction)

    def _note_end(self, chunk: GenerateContentResponse) -> None:
        """Note what a chunk says about the end of the answer, and about its sources."""
        feedback = chunk.prompt_feedback
        if feedback is not None and feedback.block_reason is not None:
            self._blocked = judge_block(str(feedback.block_reason), feedback.block_reason_message)
        for candidate in chunk.candidates or ():
            if candidate.index:
                continue
            if candidate.finish_reason is not None and str(candidate.finish_reason) not in UNSAID:
                self._reason, self._message = str(candidate.finish_reason), candidate.finish_message
            self._token = candidate.continuation_token or self._token
            self._sources.add(candidate)

    # Content

    def _piece(self, piece: Piece) -> None:
        match piece:
            case TextDelta():
                self._text(piece)
            case CallStart():
                self._start_call(piece.id, piece.name, piece.signature)
            case CallDelta():
                self._delta("arguments_delta", arguments=piece.text)
            case CallEnd():
                if not piece.is_begun:
                    self._start_call(piece.id, piece.name, piece.signature)
                if piece.rest:
                    self._delta("arguments_delta", arguments=piece.rest)
                self._close()
            case FilePart(part):
                self._file(part)
            case CallResult():
                result = piece.output if piece.error is None else piece.error
                shell = {"type": "function_result", "call_id": piece.id, "name": piece.name}
                self._whole(shell, {"type": "function_result", "result": result, "is_error": piece.error is not None})
            case ServerToolCall() | ServerToolResult():
                self._tool(piece)
            case AnswerReset():
                self._fail_later("aborted", "the answer was restarted: read it again", 409)

    def _text(self, piece: TextDelta) -> None:
        if piece.is_thought:
            if piece.text:
                self._step(_THOUGHT)
                self._delta("thought_summary", content={"type": "text", "text": piece.text})
            self._sign(piece.signature)
            return
        # The first text is signed before it, like a call; a later signature follows what was already said.
        is_first = bool(piece.text) and not self._has_text
        if is_first:
            self._sign(piece.signature)
        if piece.text:
            self._has_text = True
            self._step(_TEXT)
            self._bytes += len(piece.text.encode("utf-8", "surrogatepass"))
            self._delta("text", text=piece.text)
        if not is_first:
            self._sign(piece.signature)

    def _file(self, part: Part) -> None:
        if part.thought:
            self._step(_THOUGHT)
            self._delta("thought_summary", content=media_content(part))
            self._sign(part.thought_signature)
            return
        self._sign(part.thought_signature)
        self._step(_TEXT)
        self._emit("step.delta", index=self._index, delta=media_content(part))

    def _start_call(self, id: str, name: str, signature: bytes | None) -> None:
        self._sign(signature)
        self._start({"id": id, "type": _CALL, "name": name, "arguments": {}})

    def _tool(self, piece: ServerToolCall | ServerToolResult) -> None:
        self._sign(piece.signature)
        kind = "code_execution" if piece.name == CODE else _TOOLS.get(piece.tool_type or "")
        if kind is None:
            return
        if isinstance(piece, ServerToolCall):
            arguments = piece.input
            if piece.name == CODE:
                arguments = {"language": str(arguments["language"]).lower(), "code": arguments["code"]}
            name = f"{kind}_call"
            self._whole({"type": name, "id": piece.id}, {"type": name, "arguments": arguments})
        else:
            name = f"{kind}_result"
            self._whole({"type": name, "call_id": piece.id}, {"type": name, **_tool_result(piece)})

    def _sign(self, signature: bytes | None) -> None:
        # Directly after a summary it belongs to that thought; otherwise it gets a thought step of its own.
        if signature:
            self._step(_THOUGHT)
            self._delta("thought_signature", signature=base64.b64encode(signature).decode())

    def _emit_sources(self) -> None:
        """Annotate the text that is still open, and write the steps of Google's tools, which follow it."""
        if self._open == _TEXT:
            self._end_span()
        for span in self._spans:
            annotations = self._sources.annotations(span)
            if annotations and self._open == _TEXT and span.step == self._index:
                self._delta("text_annotation_delta", annotations=annotations)
            elif annotations:
                self.late_annotations[span.step] = annotations
        for shell, delta in self._sources.steps(lambda kind: f"{kind}-{self._index + 1}"):
            self._whole(shell, delta)

    # Steps

    def _step(self, kind: str) -> None:
        """Make sure that a step of this kind is open."""
        if self._open != kind:
            self._start({"type": kind})

    def _start(self, step: dict[str, Any]) -> None:
        self._close()
        self._index += 1
        self._open = step["type"]
        if self._open == _TEXT:
            self._spans.append(TextSpan(self._index, self._bytes, self._bytes))
        self._emit("step.start", index=self._index, step=step)

    def _whole(self, step: dict[str, Any], delta: dict[str, Any]) -> None:
        # The delta has the content, as with text. The official types require the field in both.
        empty = {name: type(delta[name])() for name in ("arguments", "result") if isinstance(delta.get(name), _EMPTY)}
        self._start({**step, **empty})
        self._emit("step.delta", index=self._index, delta=delta)
        self._close()

    def _delta(self, kind: str, **fields: Any) -> None:
        self._emit("step.delta", index=self._index, delta={"type": kind, **fields})

    def _close(self) -> None:
        if self._open:
            if self._open == _TEXT:
                self._end_span()
            self._open = ""
            self._emit("step.stop", index=self._index)

    def _end_span(self) -> None:
        self._spans[-1] = self._spans[-1]._replace(end=self._bytes)

    def _fail_later(self, code: str, message: str, http: int) -> None:
        self._blocked, self._reason = Verdict("failed", Failure(code, message, http)), None

    def _emit(self, kind: str, **fields: Any) -> None:
        self._events.append({**fields, "event_id": f"{self.record}.{len(self._events)}", "event_type": kind})

    def _take(self) -> list[Event]:
        events, self._events = self._events, []
        return events


def timestamp(seconds: float) -> str:
    """Return a Unix time as this API writes it: in whole seconds of UTC."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def media_content(part: Part) -> dict[str, Any]:
    """Return a file, inline or by its URI, as content."""
    blob, file = part.inline_data, part.file_data
    kind = (blob.mime_type if blob is not None else file.mime_type if file is not None else None) or ""
    name = next((media for media in _MEDIA if kind.startswith(f"{media}/")), "document")
    content = {"type": name, "mime_type": kind} if kind else {"type": name}
    if blob is not None:
        return content | {"data": base64.b64encode(blob.data or b"").decode()}
    return content | {"uri": (file.file_uri if file is not None else None) or ""}


def _tool_result(piece: ServerToolResult) -> dict[str, Any]:
    if piece.name == CODE:
        return {"result": piece.output["output"], "is_error": piece.output["outcome"] != "OUTCOME_OK"}
    result = piece.output
    # Where this API has a list of results, the Gemini API has one object with whatever the tool returned.
    return {"result": result if isinstance(result, list) else [result] if result else []}
