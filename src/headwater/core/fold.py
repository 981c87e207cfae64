"""Chunks to one answer: ``Fold`` takes them one at a time, in linear time, and can say at any moment what there is."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.core.arguments import Arguments
from headwater.types import (
    NO_USAGE,
    Candidate,
    Content,
    FinishReason,
    GenerateContentResponse,
    GroundingMetadata,
    Part,
    UsageMetadata,
)

_LAST_WINS = (
    "finish_message",
    "safety_ratings",
    "token_count",
    "avg_logprobs",
    "url_context_metadata",
    "continuation_token",
)
_NO_GROUNDING = GroundingMetadata()


class Fold:
    """The answer so far. ``count`` is the number of chunks taken."""

    def __init__(self) -> None:
        self.count = 0
        self._first = _CandidateFold(0)
        self._others: dict[int, _CandidateFold] = {}
        self._usage: UsageMetadata = NO_USAGE
        self._last: GenerateContentResponse | None = None
        self._head: dict[str, Any] = {}
        self._is_headed = False  # a response id has come, and all that comes with it

    def add(self, chunk: GenerateContentResponse) -> None:
        """Take the next chunk."""
        self.count += 1
        self._last = chunk
        usage = chunk.usage_metadata
        if usage is not NO_USAGE:
            self._usage = usage if usage.total_token_count is not None else _newer(self._usage, usage)
        for candidate in chunk.candidates or ():
            index = candidate.index
            (self._first if not index else self._other(index)).add(candidate)
        if not self._is_headed or chunk.prompt_feedback is not None:
            self._remember(chunk)

    @property
    def text(self) -> str:
        """The text of the first candidate so far, without thoughts."""
        return self._first.text

    @property
    def thought_text(self) -> str:
        """The thoughts of the first candidate so far."""
        return self._first.thought_text

    @property
    def finish_reason(self) -> FinishReason | None:
        """The last finish reason of the first candidate."""
        return self._first.finish_reason

    @property
    def usage_metadata(self) -> UsageMetadata:
        """The tokens so far, as the API counted them."""
        return self._usage

    @property
    def response(self) -> GenerateContentResponse:
        """The answer so far as one response: text merged, streamed function calls assembled."""
        folds = [self._first, *(self._others[index] for index in sorted(self._others))]
        candidates = [fold.candidate for fold in folds if fold.seen]
        response = GenerateContentResponse(candidates=candidates or None, usage_metadata=self._usage, **self._head)
        if self._last is not None:
            response.__dict__["_headers"] = self._last.__dict__.get("_headers")
        return response

    def _other(self, index: int) -> _CandidateFold:
        fold = self._others.get(index)
        if fold is None:
            fold = self._others[index] = _CandidateFold(index)
        return fold

    def _remember(self, chunk: GenerateContentResponse) -> None:
        for name in ("model_version", "response_id", "prompt_feedback", "create_time", "model_status"):
            value = getattr(chunk, name)
            if value is not None:
                self._head[name] = value
        self._is_headed = "response_id" in self._head


class _CandidateFold:
    """One candidate so far."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.seen = False
        self.finish_reason: FinishReason | None = None
        self._role = "model"
        self._parts: list[Part] = []  # closed parts, in order
        self._pieces: list[str] = []  # the text part that is still growing
        self._thinking = False  # whether that part is a thought
        self._text: list[str] = []
        self._thoughts: list[str] = []
        self._arguments = Arguments()
        self._rest: dict[str, Any] = {}
        self._lists: dict[str, tuple[Any, dict[str, list[Any]]]] = {}  # what comes a piece at a time

    @property
    def text(self) -> str:
        return _joined(self._text)

    @property
    def thought_text(self) -> str:
        return _joined(self._thoughts)

    @property
    def candidate(self) -> Candidate:
        self._arguments.settle()
        parts = [*self._parts, *self._open_part()]
        return Candidate(
            content=Content(parts=parts, role=self._role),
            index=self.index,
            finish_reason=self.finish_reason,
            **self._rest,
            **{name: _with_lists(*entry) for name, entry in self._lists.items()},
        )

    def add(self, candidate: Candidate) -> None:
        self.seen = True
        if candidate.finish_reason is not None:
            self.finish_reason = candidate.finish_reason
            self._remember(candidate)
        elif (  # spelled out, since this is asked of every chunk
            candidate.safety_ratings is not None
            or candidate.grounding_metadata is not None
            or candidate.citation_metadata is not None
            or candidate.logprobs_result is not None
            or candidate.url_context_metadata is not None
            or candidate.continuation_token is not None
            or candidate.token_count is not None
            or candidate.avg_logprobs is not None
            or candidate.finish_message is not None
        ):
            self._remember(candidate)
        content = candidate.content
        if content is not None:
            for part in content.parts or ():
                self._add_part(part)

    def _add_part(self, part: Part) -> None:
        text = part.text
        if text is None:
            self._close()
            self._add_data(part)
            return
        if bool(part.thought) is not self._thinking:
            self._close()
            self._thinking = bool(part.thought)
        if text:
            (self._thoughts if self._thinking else self._text).append(text)
        if part.thought_signature is not None or part.part_metadata is not None or part.speech_metadata is not None:
            # what is signed or annotated goes back as it came, unmerged
            self._close()
            self._parts.append(part)
        elif text:
            self._pieces.append(text)

    def _add_data(self, part: Part) -> None:
        call = part.function_call
        if call is None:
            self._parts.append(part)
            return
        assembled = self._arguments.add(call)
        if assembled is call:
            self._parts.append(part)
        elif assembled is not None:
            self._parts.append(Part(function_call=assembled, thought_signature=part.thought_signature))

    def _close(self) -> None:
        self._parts += self._open_part()
        self._pieces = []

    def _open_part(self) -> list[Part]:
        if not self._pieces:
            return []
        return [Part(text=_joined(self._pieces), thought=True if self._thinking else None)]

    def _remember(self, candidate: Candidate) -> None:
        for name in _LAST_WINS:
            value = getattr(candidate, name)
            if value is not None:
                self._rest[name] = value
        if candidate.grounding_metadata not in (None, _NO_GROUNDING):  # streams send {} until the last chunk
            self._rest["grounding_metadata"] = candidate.grounding_metadata
        if candidate.citation_metadata is not None:
            citations = self._growing("citation_metadata", candidate.citation_metadata, "citations")["citations"]
            citations += [one for one in candidate.citation_metadata.citations or () if one not in citations]
        result = candidate.logprobs_result
        if result is not None:
            lists = self._growing("logprobs_result", result, "chosen_candidates", "top_candidates")
            lists["chosen_candidates"] += result.chosen_candidates or ()
            lists["top_candidates"] += result.top_candidates or ()

    def _growing(self, name: str, value: Any, *inner: str) -> dict[str, list[Any]]:
        """The lists inside a field that come a piece at a time; the field's other values are the latest."""
        lists = self._lists[name][1] if name in self._lists else {key: [] for key in inner}
        self._lists[name] = (value, lists)
        return lists


def _with_lists(value: Any, lists: dict[str, list[Any]]) -> Any:
    return msgspec.structs.replace(value, **{name: items[:] or None for name, items in lists.items()})


def _joined(pieces: list[str]) -> str:
    """Join, and keep the result as the only piece, so that asking again costs nothing."""
    if len(pieces) > 1:
        pieces[:] = ["".join(pieces)]
    return pieces[0] if pieces else ""


def _newer(old: UsageMetadata, new: UsageMetadata) -> UsageMetadata:
    """What ``new`` says, and ``old`` where it is silent."""
    said = {name: value for name in new.__struct_fields__ if (value := getattr(new, name)) is not None}
    return msgspec.structs.replace(old, **said)
