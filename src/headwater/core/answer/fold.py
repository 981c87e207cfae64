"""``Fold``: chunks to one answer, in linear time, readable at any moment."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.core.answer.arguments import Arguments
from headwater.types import (
    NO_USAGE,
    Candidate,
    Content,
    FinishReason,
    FunctionCall,
    GenerateContentResponse,
    GenerateContentResponsePromptFeedback,
    GroundingMetadata,
    Part,
    SafetyRating,
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

    # ``add`` is called for every chunk of every stream, so it does no work that only some readers need. Text is kept as
    # the pieces that arrived and joined when it is asked for; the joined text then takes the place of its pieces, so
    # asking after every chunk stays linear. What every chunk repeats (id, version) is looked at until it is known.

    def __init__(self) -> None:
        self.count = 0
        self._first = _CandidateFold(0)
        self._others: dict[int, _CandidateFold] = {}
        self._usage: UsageMetadata = NO_USAGE
        self._last: GenerateContentResponse | None = None
        self._head: dict[str, Any] = {}
        self._is_headed = False  # a response id has arrived, and all that comes with it
        self._spent: UsageMetadata | None = None  # the usage of the requests before this one

    def add(self, chunk: GenerateContentResponse) -> None:
        """Take the next chunk."""
        self.count += 1
        self._last = chunk
        usage = chunk.usage_metadata
        if usage is not NO_USAGE:
            self._usage = usage if usage.total_token_count is not None else merge_message(self._usage, usage)
        for candidate in chunk.candidates or ():
            index = candidate.index
            (self._first if not index else self._other(index)).add(candidate)
        if not self._is_headed or chunk.prompt_feedback is not None:
            self._remember(chunk)

    @property
    def text(self) -> str:
        """The text of the first candidate so far, without thoughts."""
        return self._first.text

    def text_after(self, start: int) -> str:
        """Return the text from character ``start`` on, at a cost that depends on that part alone."""
        return self._first.text_after(start)

    @property
    def thought_text(self) -> str:
        """The thoughts of the first candidate so far."""
        return self._first.thought_text

    @property
    def finish_reason(self) -> FinishReason | None:
        """The last finish reason of the first candidate."""
        return self._first.finish_reason

    @property
    def finish_message(self) -> str | None:
        """What the API says about the end of the first candidate."""
        message: str | None = self._first.rest("finish_message")
        return message

    @property
    def safety_ratings(self) -> list[SafetyRating] | None:
        """The last ratings of the first candidate."""
        ratings: list[SafetyRating] | None = self._first.rest("safety_ratings")
        return ratings

    @property
    def continuation_token(self) -> bytes | None:
        """The checkpoint of the first candidate from which the API can continue."""
        token: bytes | None = self._first.rest("continuation_token")
        return token

    @property
    def since_checkpoint(self) -> list[Part]:
        """The content of the first candidate since that checkpoint; all of it if there is no checkpoint."""
        return self._first.since_checkpoint

    @property
    def is_at_checkpoint(self) -> bool:
        """False: checkpoints are in the middle of chunks, so that only the caller can want to continue from one."""
        return False

    @property
    def stored_name(self) -> str | None:
        """None: a stored stream is named by the response's headers, not by its chunks."""
        return None

    @property
    def function_calls(self) -> list[FunctionCall] | None:
        """The function calls of the first candidate so far, None if there are none."""
        return self.response.function_calls

    @property
    def is_single(self) -> bool:
        """Whether there is only one candidate."""
        return not self._others

    @property
    def is_ended(self) -> bool:
        """Whether every candidate has a finish reason, given that the last one to arrive has one."""
        folds = (self._first, *self._others.values())
        return not self._others or all(fold.finish_reason for fold in folds if fold.seen)

    @property
    def prompt_feedback(self) -> GenerateContentResponsePromptFeedback | None:
        """The API's verdict on the prompt, if it gave one."""
        return self._head.get("prompt_feedback")

    @property
    def grown(self) -> int:
        """How many pieces of content have arrived: text, thoughts, calls, media; empty parts do not count."""
        if not self._others:
            return self._first.grown
        return self._first.grown + sum(fold.grown for fold in self._others.values())

    @property
    def is_text(self) -> bool:
        """Whether the first candidate is text and thoughts alone, so that a model can be shown it as it is."""
        return not self._others and self._first.is_text

    @property
    def usage_metadata(self) -> UsageMetadata:
        """The tokens so far, as counted by the API, of all requests that the answer took."""
        return self._usage if self._spent is None else add_usage(self._spent, self._usage)

    @property
    def is_continued(self) -> bool:
        """Whether the answer took several requests so far."""
        return self._spent is not None

    def begin_continuation(self) -> None:
        """Record that another request continues the answer: its usage adds to the old one, its end replaces it."""
        self._spent, self._usage = self.usage_metadata, NO_USAGE
        self._first.finish_reason = None
        self._first.forget("finish_message")

    def abandon(self) -> None:
        """Record that nothing more arrives: a function call that is incomplete is dropped."""
        for fold in (self._first, *self._others.values()):
            fold.abandon()

    @property
    def response(self) -> GenerateContentResponse:
        """The answer so far as one response: text merged, streamed function calls assembled."""
        folds = [self._first, *(self._others[index] for index in sorted(self._others))]
        candidates = [fold.candidate for fold in folds if fold.seen]
        response = GenerateContentResponse(
            candidates=candidates or None, usage_metadata=self.usage_metadata, **self._head
        )
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
        self.grown = 0
        self.finish_reason: FinishReason | None = None
        self._role = "model"
        self._parts: list[Part] = []  # closed parts, in order
        self._pieces: list[str] = []  # the text part that is still growing
        self._thinking = False  # whether that part is a thought
        self._text: list[str] = []
        self._counted = self._length = 0  # the pieces of the text that were counted, and their characters
        self._thoughts: list[str] = []
        self._arguments = Arguments()
        self._checkpoint = (0, 0)  # closed parts, and characters of the growing one, at the last token
        self._rest: dict[str, Any] = {}
        self._lists: dict[str, tuple[Any, dict[str, list[Any]]]] = {}  # fields whose lists arrive piece by piece

    @property
    def text(self) -> str:
        text = _joined(self._text)
        self._counted, self._length = len(self._text), len(text)
        return text

    def text_after(self, start: int) -> str:
        for number in range(self._counted, len(self._text)):
            self._length += len(self._text[number])
        self._counted = len(self._text)
        pieces: list[str] = []
        left = self._length - start
        for piece in reversed(self._text):
            if left <= 0:
                break
            pieces.append(piece if len(piece) <= left else piece[-left:])
            left -= len(piece)
        return "".join(reversed(pieces))

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

    @property
    def is_text(self) -> bool:
        return all(part.text is not None for part in self._parts)

    @property
    def since_checkpoint(self) -> list[Part]:
        count, size = self._checkpoint
        parts = [*self._parts, *self._open_part()][count:]
        if size and parts:
            parts[0] = msgspec.structs.replace(parts[0], text=(parts[0].text or "")[size:])
        return parts

    def rest(self, name: str) -> Any:
        return self._rest.get(name)

    def forget(self, *names: str) -> None:
        for name in names:
            self._rest.pop(name, None)

    def abandon(self) -> None:
        half = self._arguments.abandon()
        if half is not None:
            self._parts = [part for part in self._parts if part.function_call is not half]

    def add(self, candidate: Candidate) -> None:
        self.seen = True
        content = candidate.content
        if content is not None:
            for part in content.parts or ():
                self._add_part(part)
        if candidate.finish_reason is not None:
            self.finish_reason = candidate.finish_reason
            self._remember(candidate)
        elif (  # spelled out: a loop over the names would cost more, for every chunk
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

    def _add_part(self, part: Part) -> None:
        text = part.text
        if text is None:
            self._close()
            self._add_data(part)
            self.grown += 1
            return
        if bool(part.thought) is not self._thinking:
            self._close()
            self._thinking = bool(part.thought)
        if text:
            self.grown += 1
            (self._thoughts if self._thinking else self._text).append(text)
        if part.thought_signature is not None or part.part_metadata is not None or part.speech_metadata is not None:
            # A signed or annotated part goes back to the API as it arrived, so it is never merged with its neighbours.
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
        if candidate.continuation_token is not None:  # a token covers the content of its own chunk too
            self._checkpoint = (len(self._parts), sum(map(len, self._pieces)))
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
        """The lists inside a field that arrive piece by piece; the other values of the field are the latest."""
        lists = self._lists[name][1] if name in self._lists else {key: [] for key in inner}
        self._lists[name] = (value, lists)
        return lists


def _with_lists(value: Any, lists: dict[str, list[Any]]) -> Any:
    return msgspec.structs.replace(value, **{name: items[:] or None for name, items in lists.items()})


def _joined(pieces: list[str]) -> str:
    """Join, and keep the result as the only piece, so that the next call costs nothing."""
    if len(pieces) > 1:
        pieces[:] = ["".join(pieces)]
    return pieces[0] if pieces else ""


def add_usage(one: UsageMetadata, two: UsageMetadata) -> UsageMetadata:
    """Return the tokens of two requests together: counts are summed, details by modality are those of the last."""
    sums = {}
    for name in two.__struct_fields__:
        values = [value for value in (getattr(one, name), getattr(two, name)) if value is not None]
        if values:
            sums[name] = sum(values) if all(type(value) is int for value in values) else values[-1]
    return UsageMetadata(**sums)


def merge_message(old: UsageMetadata, new: UsageMetadata) -> UsageMetadata:
    """Return ``new``, with the values of ``old`` for fields that it lacks."""
    said = {name: value for name in new.__struct_fields__ if (value := getattr(new, name)) is not None}
    return msgspec.structs.replace(old, **said)
