"""The chunks of an answer as deltas of chat completions: one ``Choice`` for each candidate.

Streamed and unary answers are both made of these deltas, so they cannot differ.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from headwater.protocols.data_urls import file_of
from headwater.protocols.events import (
    CallDelta,
    CallEnd,
    CallStart,
    FilePart,
    Piece,
    ServerToolCall,
    ServerToolResult,
    TextDelta,
    TurnStart,
)
from headwater.protocols.openai.citations import url_citations
from headwater.protocols.openai.signatures import KeepSignature
from headwater.protocols.splitter import ChunkSplitter
from headwater.protocols.tool_names import CODE
from headwater.types import (
    Candidate,
    GenerateContentResponse,
    GroundingMetadata,
    LogprobsResult,
    LogprobsResultCandidate,
    Part,
)

Delta = dict[str, Any]


class Choice:
    """One answer of possibly several (``n``).

    With ``one_call`` only the first function call of a turn is given out: none has run yet, so the model simply makes
    the others again in its next turn.
    """

    def __init__(self, index: int, *, seed: str, one_call: bool = False, keep: KeepSignature | None = None) -> None:
        self.index = index
        self.finish_reason: str | None = None
        self.finish_message: str | None = None
        self.has_calls = False
        #: The text so far, for citations, whose places count its bytes.
        self.texts: list[str] = []
        self._splitter = ChunkSplitter(seed, index=index)
        self._one_call = one_call
        self._keep = keep
        self._count = 0  # calls of the whole answer: their indices never repeat
        self._is_hidden = False  # whether the call whose pieces arrive is not given out
        self._grounding: GroundingMetadata | None = None

    def feed(self, chunk: GenerateContentResponse, candidate: Candidate) -> Iterator[Delta]:
        """Yield the deltas of a chunk, of which ``candidate`` is this choice's."""
        if candidate.finish_reason is not None:
            self.finish_reason = str(candidate.finish_reason)
            self.finish_message = candidate.finish_message
        if candidate.grounding_metadata is not None and candidate.grounding_metadata != _NO_GROUNDING:
            self._grounding = candidate.grounding_metadata
        for piece in self._splitter.split(chunk):
            yield from self._deltas(piece)

    def finish(self) -> Iterator[Delta]:
        """Yield what is left at the end: a call that is complete by now, and the sources."""
        # A call that was cut by a limit is not a call.
        if self.finish_reason in (None, "STOP"):
            for piece in self._splitter.finish():
                yield from self._deltas(piece)
        if self._grounding is not None and (annotations := url_citations(self._grounding, "".join(self.texts))):
            yield {"annotations": annotations}

    def _deltas(self, piece: Piece) -> Iterator[Delta]:
        match piece:
            case TextDelta(text, is_thought) if text:
                if not is_thought:
                    self.texts.append(text)
                yield {"reasoning_content" if is_thought else "content": text}
            case CallStart() | CallDelta() | CallEnd():
                yield from self._call(piece)
            case ServerToolCall(name=name, input=code) if name == CODE:
                yield self._fenced(str(code.get("language") or "").lower(), str(code.get("code") or ""))
            case ServerToolResult(name=name, output=result) if name == CODE:
                yield self._fenced("", str(result.get("output") or ""))
            case FilePart(part) if not part.thought:
                yield from _file(part)
            # The client of the model has called the functions by itself: its reader has nothing to call.
            case TurnStart():
                self.has_calls = False

    def _fenced(self, language: str, code: str) -> Delta:
        text = f"\n```{language}\n{code.rstrip()}\n```\n"
        self.texts.append(text)
        return {"content": text}

    def _call(self, piece: CallStart | CallDelta | CallEnd) -> Iterator[Delta]:
        if isinstance(piece, CallStart) or (isinstance(piece, CallEnd) and not piece.is_begun):
            self._is_hidden = self._one_call and self.has_calls
            if not self._is_hidden:
                yield self._head(piece)
        elif not self._is_hidden:
            text = piece.text if isinstance(piece, CallDelta) else piece.rest
            if text:
                yield {"tool_calls": [{"index": self._count - 1, "function": {"arguments": text}}]}

    def _head(self, piece: CallStart | CallEnd) -> Delta:
        arguments = piece.rest if isinstance(piece, CallEnd) else ""
        function = {"name": piece.name, "arguments": arguments}
        call = {"index": self._count, "id": piece.id, "type": "function", "function": function}
        if piece.signature is not None:
            # Where Google's own OpenAI endpoint has it, for the clients that send it back.
            call["extra_content"] = {"google": {"thought_signature": _base64(piece.signature)}}
            if self._keep is not None:
                self._keep(piece.id, piece.signature)
        self.has_calls = True
        self._count += 1
        return {"tool_calls": [call]}


def logprobs_of(candidate: Candidate) -> dict[str, Any] | None:
    """Return the log probabilities of a chunk's tokens, or None."""
    result = candidate.logprobs_result
    if result is None or not result.chosen_candidates:
        return None
    return {"content": list(_tokens(result)), "refusal": None}


def _tokens(result: LogprobsResult) -> Iterator[dict[str, Any]]:
    tops = result.top_candidates or []
    for place, chosen in enumerate(result.chosen_candidates or []):
        others = tops[place].candidates or [] if place < len(tops) else []
        yield _token(chosen) | {"top_logprobs": [_token(other) for other in others]}


def _token(candidate: LogprobsResultCandidate) -> dict[str, Any]:
    token = candidate.token or ""
    data = list(token.encode("utf-8", "surrogatepass"))
    return {"token": token, "logprob": candidate.log_probability or 0.0, "bytes": data}


def _file(part: Part) -> Iterator[Delta]:
    """An image in OpenRouter's form, which LiteLLM and Open WebUI read; audio in OpenAI's."""
    blob, file = part.inline_data, file_of(part)
    if file is not None and file[1].startswith("image/"):
        yield {"images": [{"type": "image_url", "image_url": {"url": file[0]}}]}
    elif blob is not None and blob.data and (blob.mime_type or "").startswith("audio/"):
        yield {"audio": {"data": _base64(blob.data)}}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_NO_GROUNDING = GroundingMetadata()
