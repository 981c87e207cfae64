"""``ResponseEvents``: an answer as the events of OpenAI's ``POST /responses``; and as one response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from headwater.errors import HeadwaterError, StreamCancelled, api_error
from headwater.protocols.base import EVENT_STREAM, StreamOutcome, named_event, one_line
from headwater.protocols.openai.completion import blocked_prompt
from headwater.protocols.openai.encoder import Answer
from headwater.protocols.openai.failures import chat_error
from headwater.protocols.openai.finish import chat_usage, finish_reason
from headwater.protocols.openai.signatures import KeepSignature
from headwater.protocols.responses.items import ItemEvent, OutputItems
from headwater.types import GenerateContentResponse

#: Why a response is incomplete, by the finish reason of a chat.
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponseEvents:
    """Writes one answer as the events of a response. ``echo`` has the fields of the request that it repeats.

    ``seed`` makes the ids, ``created`` and ``model`` stand in for what the API does not send.
    """

    headers: ClassVar[Mapping[str, str]] = EVENT_STREAM

    def __init__(
        self,
        echo: Mapping[str, Any],
        *,
        model: str = "",
        seed: str = "",
        created: int = 0,
        one_call: bool = False,
        keep: KeepSignature | None = None,
    ) -> None:
        self._answer = Answer(model=model, seed=seed, created=created, one_call=one_call, keep=keep)
        self._echo = dict(echo)
        self._id = f"resp_{seed}"
        self._output = OutputItems(seed)
        self._number = 0
        self._has_begun = self._is_finished = False

    def begin(self) -> bytes:
        """Return nothing: the beginning comes with the first chunk, which names the model."""
        return b""

    def chunk(self, chunk: GenerateContentResponse) -> bytes:
        """Return the encoding of a chunk."""
        if self._is_finished:
            return b""
        if chunk.is_reset:
            return self.fail(api_error(502, "the answer was restarted, which this API cannot say", status="ABORTED"))
        events = self._feed(chunk)  # first, since it names the model
        return self._write(self._begin() + events)

    def end(self, outcome: StreamOutcome | None = None) -> bytes:
        """Return the end of an answer that finished or was cancelled."""
        if self._is_finished:
            return b""
        if outcome is not None and outcome.reason == "cancelled":
            return self.fail(StreamCancelled(outcome.message or "the answer was stopped"))
        try:
            events, response = self._finish()
        except HeadwaterError as error:
            return self.fail(error)
        self._is_finished = True
        events = [*self._begin(), *events, (f"response.{response['status']}", {"response": response})]
        return self._write(events)

    def fail(self, error: Exception | bytes) -> bytes:
        """Return the end of an answer that failed: a response that says so."""
        if self._is_finished:
            return b""
        self._is_finished = True
        told = chat_error(error)["error"]
        failure = {"code": told["code"] or told["type"], "message": told["message"]}
        response = self._response("failed", error=failure)
        return self._write([*self._begin(), ("response.failed", {"response": response})])

    def whole(self, response: GenerateContentResponse) -> bytes:
        """Return a whole answer as one response.

        Raises:
            HeadwaterError: if it is not an answer, or did not finish.
        """
        self._feed(response)
        return msgspec.json.encode(self._finish()[1])

    def _begin(self) -> list[ItemEvent]:
        if self._has_begun:
            return []
        self._has_begun = True
        response = self._response("in_progress")
        return [(f"response.{kind}", {"response": response}) for kind in ("created", "in_progress")]

    def _feed(self, chunk: GenerateContentResponse) -> list[ItemEvent]:
        self._answer.usage.add(chunk)
        deltas = [delta for choice, delta, _ in self._answer.feed(chunk) if choice.index == 0]
        return [event for delta in deltas for event in self._output.feed(delta)]

    def _finish(self) -> tuple[list[ItemEvent], dict[str, Any]]:
        """The last events of the items, and the response.

        Raises:
            HeadwaterError: if the answer did not finish.
        """
        answer = self._answer
        if answer.blocked is not None:
            raise blocked_prompt(answer.blocked[1])
        answer.check()
        choice = answer.choice(0)
        events = [event for delta in choice.finish() for event in self._output.feed(delta)]
        finish = finish_reason(choice.finish_reason, has_calls=choice.has_calls)
        reason = _INCOMPLETE.get(finish or "")
        status = "completed" if reason is None else "incomplete"
        events += self._output.finish(status)
        return events, self._response(status, reason=reason)

    def _response(
        self, status: str, *, reason: str | None = None, error: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        answer = self._answer
        return {
            "id": self._id,
            "object": "response",
            "created_at": answer.created,
            # The time of the end is not in the log; OpenAI's own clients do not use it.
            "completed_at": answer.created if status == "completed" else None,
            "status": status,
            "incomplete_details": None if reason is None else {"reason": reason},
            "error": error,
            "model": answer.model,
            "output": [] if status == "in_progress" else self._output.items,
            "usage": None if status == "in_progress" else _usage(answer),
            **self._echo,
            "previous_response_id": None,
            "truncation": "disabled",
            "max_tool_calls": None,
            "store": False,
            "background": False,
            "service_tier": "default",
        }

    def _write(self, events: list[ItemEvent]) -> bytes:
        written = []
        for kind, fields in events:
            document = {"type": kind, "sequence_number": self._number, **fields}
            written.append(named_event(one_line(msgspec.json.encode(document)), type=kind))
            self._number += 1
        return b"".join(written)


def _usage(answer: Answer) -> dict[str, Any] | None:
    usage = chat_usage(answer.usage.usage)
    if usage is None:
        return None
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": usage["prompt_tokens_details"],
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": usage["completion_tokens_details"],
        "total_tokens": usage["total_tokens"],
    }
