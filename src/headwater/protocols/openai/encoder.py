"""``ChatCompletions``: an answer as the events of OpenAI's ``POST /chat/completions``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from headwater.errors import HeadwaterError, StreamCancelled, WireError, api_error
from headwater.protocols.base import EVENT_STREAM, StreamOutcome, event, one_line
from headwater.protocols.openai.choices import Choice, Delta, logprobs_of
from headwater.protocols.openai.failures import chat_error
from headwater.protocols.openai.finish import chat_usage, finish_reason, unfinished
from headwater.protocols.openai.signatures import KeepSignature
from headwater.protocols.usage import UsageCounter
from headwater.types import GenerateContentResponse

_DONE = b"data: [DONE]\n\n"


class Answer:
    """What streamed and unary answers share: the choices, the tokens, and the head of every document."""

    def __init__(self, *, model: str, seed: str, created: int, one_call: bool, keep: KeepSignature | None) -> None:
        self.choices: dict[int, Choice] = {}
        self.usage = UsageCounter()
        self.blocked: tuple[str, str] | None = None  # the reason why the prompt was refused, and its message
        self.id = ""
        self.created = created
        self.model = model
        self._seed = seed
        self._one_call = one_call
        self._keep = keep

    def feed(self, chunk: GenerateContentResponse) -> Iterator[tuple[Choice, Delta, dict[str, Any] | None]]:
        """Yield the deltas of a chunk, each with its choice and log probabilities."""
        self._name(chunk)
        feedback = chunk.prompt_feedback
        if feedback is not None and feedback.block_reason is not None:
            reason = str(feedback.block_reason)
            self.blocked = (reason, feedback.block_reason_message or f"the prompt was blocked ({reason})")
        for candidate in chunk.candidates or ():
            choice = self.choice(candidate.index or 0)
            logprobs = logprobs_of(candidate)
            for delta in choice.feed(chunk, candidate):
                yield choice, delta, logprobs
                logprobs = None  # with the first delta of the chunk, once
            if logprobs is not None:
                yield choice, {}, logprobs

    def choice(self, index: int) -> Choice:
        """Return the choice with this index, which may be new."""
        choice = self.choices.get(index)
        if choice is None:
            choice = Choice(index, seed=self._seed, one_call=self._one_call, keep=self._keep)
            self.choices[index] = choice
        return choice

    def check(self) -> None:
        """Check that the answer is one, and finished in a way that chat completions have a word for.

        Raises:
            HeadwaterError: if not.
        """
        if not self.choices and self.blocked is None:
            raise WireError("the model ended without an answer")
        for choice in self.choices.values():
            if finish_reason(choice.finish_reason, has_calls=choice.has_calls) is None:
                raise unfinished(choice.finish_reason or "", choice.finish_message)

    def _name(self, chunk: GenerateContentResponse) -> None:
        """Take id, time and model from the first chunk: they are the same in every document of an answer."""
        if not self.id:
            name = chunk.response_id or hashlib.sha256(self._seed.encode()).hexdigest()[:24]
            self.id = f"chatcmpl-{name.removeprefix('chatcmpl-')}"  # the openai engine's have it already
            self.model = chunk.model_version or self.model
            if chunk.create_time is not None:
                self.created = int(chunk.create_time.timestamp())


class ChatCompletions:
    """Writes one answer as chunks of chat completions, for a reader that has ``after`` of them.

    The same answer is always written in the same events, so a reader that counts them can resume. ``model``, ``seed``
    and ``created`` stand in for what the API does not send.

    Theory of operation. The role is written with the first delta and not before, so that an early error can still be an
    HTTP status. Finish reasons are held back until the end: the API may repeat them, and calls, sources and tokens may
    follow. ``[DONE]`` is never written unless every choice has a finish reason, or there was an error.
    """

    headers: ClassVar[Mapping[str, str]] = EVENT_STREAM

    def __init__(
        self,
        *,
        model: str = "",
        seed: str = "",
        created: int = 0,
        include_usage: bool = False,
        one_call: bool = False,
        after: int = 0,
        keep: KeepSignature | None = None,
    ) -> None:
        self._answer = Answer(model=model, seed=seed, created=created, one_call=one_call, keep=keep)
        self._include_usage = include_usage
        self._after = after
        self._is_finished = False
        self._begun: set[int] = set()
        # The bytes around the text of an event of the first choice: nearly every chunk is one of those.
        self._before_text = self._after_text = b""
        self._first: Choice | None = None

    def begin(self) -> bytes:
        """Return nothing: the role comes with the first content."""
        return b""

    def chunk(self, chunk: GenerateContentResponse) -> bytes:
        """Return the encoding of a chunk, which may be empty."""
        if self._is_finished:
            return b""
        if chunk.is_reset:
            return self.fail(
                api_error(502, "the answer was restarted, which this protocol cannot say", status="ABORTED")
            )
        self._answer.usage.add(chunk)
        text = _plain_text(chunk) if self._first is not None else None
        if text is None:
            return self._take([event(one) for one in self._documents(chunk)])
        assert self._first is not None
        self._first.texts.append(text)
        written = b"".join((self._before_text, one_line(msgspec.json.encode(text)), self._after_text))
        return written if not self._after else self._take([written])

    def end(self, outcome: StreamOutcome | None = None) -> bytes:
        """Return the end of an answer that finished or was cancelled."""
        if self._is_finished:
            return b""
        outcome = outcome or StreamOutcome()
        if outcome.reason == "cancelled":
            return self.fail(StreamCancelled(outcome.message or "the answer was stopped"))
        try:
            self._answer.check()
        except HeadwaterError as error:
            return self.fail(error)
        documents = [event(one) for one in self._ending(outcome)]
        self._is_finished = True
        return self._take(documents) + _DONE

    def fail(self, error: Exception | bytes) -> bytes:
        """Return the end of an answer that failed. Readers that know only ``[DONE]`` get it, after the error."""
        if self._is_finished:
            return b""
        self._is_finished = True
        return event(chat_error(error)) + _DONE

    def _take(self, events: list[bytes]) -> bytes:
        """The events that the reader does not have."""
        if self._after:
            known, self._after = self._after, max(0, self._after - len(events))
            events = events[known:]
        return b"".join(events)

    def _documents(self, chunk: GenerateContentResponse) -> Iterator[dict[str, Any]]:
        for choice, delta, logprobs in self._answer.feed(chunk):
            yield from self._delta(choice, delta, logprobs)

    def _delta(self, choice: Choice, delta: Delta, logprobs: Any = None) -> Iterator[dict[str, Any]]:
        if choice.index not in self._begun:
            self._begun.add(choice.index)
            content = None if "tool_calls" in delta else ""
            yield self._document(_choice(choice.index, {"role": "assistant", "content": content, "refusal": None}))
        yield self._document(_choice(choice.index, delta, logprobs))
        if choice.index == 0 and self._first is None:
            self._prepare(choice)

    def _prepare(self, choice: Choice) -> None:
        mark = "\0"
        template = event(self._document(_choice(0, {"content": mark})))
        self._before_text, _, self._after_text = template.rpartition(msgspec.json.encode(mark))
        self._first = choice

    def _ending(self, outcome: StreamOutcome) -> Iterator[dict[str, Any]]:
        answer = self._answer
        if answer.blocked is not None:
            reason, message = answer.blocked
            yield from self._delta(answer.choice(0), {"refusal": message})
            answer.choice(0).finish_reason = "SAFETY"
            yield self._document(_choice(0, {}, finish="content_filter", native=reason))
        else:
            for choice in answer.choices.values():
                yield from self._finish(choice)
        usage = chat_usage(outcome.usage or answer.usage.usage) if self._include_usage else None
        if usage is not None:
            yield self._document() | {"usage": usage}

    def _finish(self, choice: Choice) -> Iterator[dict[str, Any]]:
        for delta in choice.finish():
            yield from self._delta(choice, delta)
        # An answer without any content still has a beginning.
        if choice.index not in self._begun:
            yield from self._delta(choice, {})
        finish = finish_reason(choice.finish_reason, has_calls=choice.has_calls)
        yield self._document(_choice(choice.index, {}, finish=finish, native=choice.finish_reason))

    def _document(self, *choices: dict[str, Any]) -> dict[str, Any]:
        answer = self._answer
        head = {"id": answer.id, "object": "chat.completion.chunk", "created": answer.created, "model": answer.model}
        # With include_usage every chunk has the field, and the last one its value.
        return head | {"choices": choices} | ({"usage": None} if self._include_usage else {})


def _choice(
    index: int, delta: Delta, logprobs: Any = None, *, finish: str | None = None, native: str | None = None
) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
    # OpenRouter's key for the API's own word.
    return choice | ({"native_finish_reason": native} if native else {})


def _plain_text(chunk: GenerateContentResponse) -> str | None:
    """The text of a chunk that has one text and nothing else that matters here; otherwise None."""
    candidates = chunk.candidates
    if candidates is None or len(candidates) != 1 or chunk.prompt_feedback is not None:
        return None
    candidate = candidates[0]
    if candidate.index or candidate.finish_reason is not None or candidate.content is None:
        return None
    if candidate.grounding_metadata is not None or candidate.logprobs_result is not None:
        return None
    parts = candidate.content.parts
    if parts is None or len(parts) != 1:
        return None
    part = parts[0]
    # A part has text or something else; only a thought, and the history of functions, show elsewhere.
    if part.thought or "_history" in chunk.__dict__:
        return None
    return part.text or None
