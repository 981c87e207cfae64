"""``EventFold``: the events of an interaction's stream to one ``Interaction``, readable at any moment."""

from __future__ import annotations

from typing import Any, NamedTuple

from headwater.core.answer.interaction_steps import StepFold, document_of
from headwater.types import (
    NO_USAGE,
    FinishReason,
    FunctionCall,
    GenerateContentResponsePromptFeedback,
    Part,
    SafetyRating,
    UsageMetadata,
)
from headwater.types.interactions import (
    Interaction,
    InteractionCompletedEvent,
    InteractionCreatedEvent,
    InteractionStatusUpdate,
    StepDelta,
    StepStart,
    StepStop,
    TextDelta,
    Usage,
)

# Theory of operation
#
# ``add`` is called for every event, so a text delta costs two appends and nothing is assembled before it is asked for.
# Steps are told apart by their index, in the order of their start: a start at an index that is open, or was closed,
# begins another step. (Indexes begin again with each hop of a continued answer.)
#
# Several interactions may make one answer: the API ends one with ``requires_continuation``, and the next adds to it. A
# ``created`` with another id begins such a hop. The same id, or none, is the same interaction, received in two
# parts after a break; its usage replaces what was known, while that of hops is summed.
#
# ``cursor`` is where the API can resume the stream: the last event with an ``event_id``, and how much of which step had
# arrived by then. Real streams give ids to some events only; what arrived after the last of them arrives again.

_RESULTS = {
    "completed": FinishReason.STOP,
    "requires_action": FinishReason.STOP,
    "incomplete": FinishReason.MAX_TOKENS,
    "budget_exceeded": FinishReason.MAX_TOKENS,
    "requires_continuation": FinishReason.CONTINUATION,
}
#: Statuses of interactions that still run. A last event with one of them is an end nevertheless.
_RUNNING = frozenset({None, "", "in_progress", "queued", "idle"})
_HEAD = ("id", "model", "agent", "object", "created", "updated", "service_tier")
#: UsageMetadata's names of the counts.
_COUNTS = {
    "prompt_token_count": "total_input_tokens",
    "candidates_token_count": "total_output_tokens",
    "thoughts_token_count": "total_thought_tokens",
    "cached_content_token_count": "total_cached_tokens",
    "tool_use_prompt_token_count": "total_tool_use_tokens",
    "total_token_count": "total_tokens",
}


class ResumePoint(NamedTuple):
    """A place in a stream: the ``event_id``, and how many deltas of the step ``number`` had arrived by then."""

    event_id: str
    number: int
    deltas: int


class EventFold:
    """The answer so far. ``count`` is the number of events taken, ``steps`` are its steps in order."""

    is_single = True
    prompt_feedback: GenerateContentResponsePromptFeedback | None = None
    safety_ratings: list[SafetyRating] | None = None
    finish_message: str | None = None

    def __init__(self) -> None:
        self.count = 0
        self.grown = 0
        self.steps: list[StepFold] = []
        self.open: dict[int, StepFold] = {}
        """The steps of the current hop by their index, the last one at each."""
        self.aliases: dict[int, int] = {}
        """The indexes under which a resumed stream continues steps that have others here."""
        self.cursor: ResumePoint | None = None
        self.is_marked = True
        """Whether every event so far had an ``event_id``, so that the stream can be resumed after each of them."""
        self.status: str | None = None
        self.updates: set[str] = set()
        """The statuses that the current interaction was updated to."""
        self.ids: list[str] = []
        """The ids of the interactions that make the answer; one unless it was continued."""
        self.hop_start = 0
        """The number of steps before the current interaction."""
        self._head: dict[str, Any] = {}
        self._token: str | None = None
        self.checkpoint = (0, 0)
        """The number of steps, and of deltas of the last one, when the token came."""
        self._usage: Usage | None = None
        self._spent: dict[str, Any] | None = None  # the usage of the hops before this one
        self._text: list[str] = []
        self._thoughts: list[str] = []
        self._counted = self._length = 0  # the pieces of the text that were counted, and their characters
        self._is_completed = False
        self._is_resuming = False  # whether another request was made, and nothing of its answer has arrived

    def add(self, event: Any, /) -> None:
        """Take the next event, or a whole interaction."""
        self.count += 1
        kind = type(event)
        if kind is StepDelta:
            self._add_delta(event)
        elif kind is StepStart:
            self._begin(index_of(event), document_of(event.step))
        elif kind is StepStop:
            self._stop(event)
        else:
            self._add_head(event, kind)
        if type(event_id := getattr(event, "event_id", None)) is str and event_id:
            number = len(self.steps) - 1
            self.cursor = ResumePoint(event_id, number, len(self.steps[number].deltas) if number >= 0 else 0)
        else:
            self.is_marked = False

    @property
    def text(self) -> str:
        """The text of the model's output so far."""
        text = _joined(self._text)
        self._counted, self._length = len(self._text), len(text)
        return text

    def text_after(self, start: int) -> str:
        """Return the text from character ``start`` on, at a cost that depends on that part alone."""
        for piece in self._text[self._counted :]:
            self._length += len(piece)
        self._counted = len(self._text)
        pieces: list[str] = []
        left = self._length - start
        for piece in reversed(self._text):
            if left <= 0:
                break
            pieces.append(piece[-left:] if left < len(piece) else piece)
            left -= len(piece)
        return "".join(reversed(pieces))

    @property
    def thought_text(self) -> str:
        """The summaries of the thoughts so far."""
        return _joined(self._thoughts)

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the answer ended, in the words of ``generateContent``; None before it has."""
        if not self._is_completed:
            return None
        if self.status in _RUNNING:
            return FinishReason.STOP
        return _RESULTS.get(str(self.status)) or FinishReason.of(str(self.status).upper())

    @property
    def continuation_token(self) -> bytes | None:
        """The token with which the API continues."""
        return None if self._token is None else self._token.encode()

    @property
    def is_at_checkpoint(self) -> bool:
        """Whether nothing has arrived since the token."""
        here = (len(self.steps), len(self.steps[-1].deltas) if self.steps else 0)
        return self._token is not None and self.checkpoint == here

    @property
    def since_checkpoint(self) -> list[Part]:
        """Nothing: an interaction has steps, not parts."""
        return []

    @property
    def stored_name(self) -> str | None:
        """The id of the interaction, once it is known."""
        return self.ids[-1] if self.ids else None

    @property
    def is_ended(self) -> bool:
        """Whether the last event has arrived."""
        return self._is_completed

    @property
    def is_text(self) -> bool:
        """Whether the answer is text and thoughts alone."""
        return all(step.type in ("thought", "model_output") for step in self.steps)

    @property
    def is_continued(self) -> bool:
        """Whether the answer took several interactions."""
        return self._spent is not None

    @property
    def usage(self) -> Usage | None:
        """The tokens so far, as the API counts them; those of hops are summed."""
        if self._spent is None:
            return self._usage
        return Usage.from_document(sum_usage(self._spent, document_of(self._usage)))

    @property
    def usage_metadata(self) -> UsageMetadata:
        """The tokens so far, in the words of ``generateContent``."""
        return NO_USAGE if self.usage is None else usage_metadata(document_of(self.usage))

    @property
    def function_calls(self) -> list[FunctionCall] | None:
        """The calls that wait for the caller's results, None if there are none."""
        answered = {step.document.get("call_id") for step in self.steps if step.type == "function_result"}
        calls = [step.call() for step in self.steps if step.type == "function_call"]
        return [call for call in calls if call.id not in answered] or None

    @property
    def response(self) -> Interaction:
        """The answer so far as one interaction."""
        steps = [step.build() for step in self.steps]
        fields: dict[str, Any] = {**self._head, "status": self.status or "in_progress", "steps": steps}
        if (usage := self.usage) is not None:
            fields["usage"] = usage
        if self._token is not None:
            fields["continuation_token"] = self._token
        if len(self.ids) > 1:
            fields["continuation_ids"] = list(self.ids)
        return Interaction.from_document(fields)

    def begin_continuation(self) -> None:
        """Record that another request continues the answer."""
        self._is_resuming = True
        self._is_completed = False

    def abandon(self) -> None:
        """Record that nothing more arrives: arguments that are incomplete stay what they are."""

    def _add_delta(self, event: StepDelta) -> None:
        delta, index = event.delta, index_of(event)
        step = self.open.get(index)
        if step is None:
            step = self._begin(index, {})
        step.deltas.append(delta)
        if type(delta) is TextDelta and step.is_output:
            if delta.text and type(delta.text) is str:
                self._text.append(delta.text)
                self.grown += 1
        else:
            self._take_content(step.content_of(delta))
        if event.metadata is not None:
            metadata = document_of(event.metadata)
            self._take_usage(metadata.get("total_usage") or metadata.get("usage"))

    def _begin(self, index: int, document: dict[str, Any]) -> StepFold:
        step = StepFold(index, document)
        self.steps.append(step)
        self.open[index] = step
        self._take_content(step.first_content())
        return step

    def _take_content(self, content: tuple[str, str, bool]) -> None:
        text, thought, is_grown = content
        if text:
            self._text.append(text)
        if thought:
            self._thoughts.append(thought)
        self.grown += is_grown

    def _stop(self, event: StepStop) -> None:
        step = self.open.get(index_of(event))
        if step is not None:
            step.is_stopped = True
        self._take_usage(event.usage)

    def _add_head(self, event: Any, kind: type) -> None:
        if kind is InteractionStatusUpdate:
            self._take_status(event.status)
            self.updates.add(str(event.status))
            self._take_usage(event.usage)
            self._take_token(event.continuation_token)
        elif kind is InteractionCreatedEvent:
            self._take_interaction(event.interaction)
        elif kind is InteractionCompletedEvent or kind is Interaction:
            self._take_interaction(event.interaction if kind is InteractionCompletedEvent else event)
            self._is_completed = True

    def _take_interaction(self, interaction: Any) -> None:
        """Take what an event says of the interaction as a whole; its steps only if they did not arrive one by one."""
        fields = document_of(interaction)
        self._take_id(fields.get("id"))
        known = fields if isinstance(interaction, Interaction) else {name: fields.get(name) for name in _HEAD}
        self._head.update({name: value for name, value in known.items() if value is not None and name != "steps"})
        self._take_status(fields.get("status"))
        self._take_usage(fields.get("usage"))
        self._take_token(fields.get("continuation_token"))
        steps = fields.get("steps")
        if isinstance(steps, list) and (not self.open or isinstance(interaction, Interaction)):
            for index, step in enumerate(steps):
                self._begin(index, document_of(step)).is_stopped = True

    def _take_id(self, own: Any) -> None:
        if isinstance(own, str) and own and own not in self.ids:
            if self.ids:
                self._begin_hop()
            self.ids.append(own)

    def _begin_hop(self) -> None:
        self._spent = document_of(self.usage)
        self._usage, self.cursor, self._token, self.status = None, None, None, None
        self.open, self.aliases, self.hop_start, self.updates = {}, {}, len(self.steps), set()

    def _take_status(self, status: Any) -> None:
        if isinstance(status, str) and status:
            self.status = status

    def _take_usage(self, usage: Any) -> None:
        if isinstance(usage, dict):
            usage = Usage.from_document(usage)
        if isinstance(usage, Usage):
            self._usage = usage

    def _take_token(self, token: Any) -> None:
        if isinstance(token, str) and token:
            self._token = token
            self.checkpoint = (len(self.steps), len(self.steps[-1].deltas) if self.steps else 0)


def usage_metadata(usage: dict[str, Any]) -> UsageMetadata:
    """Return the tokens of an interaction in the words of ``generateContent``."""
    counts: dict[str, Any] = {name: usage.get(key) for name, key in _COUNTS.items()}
    known: dict[str, Any] = {name: count for name, count in counts.items() if type(count) is int}
    return UsageMetadata(**known)


def usage_of(event: Any) -> dict[str, Any]:
    """Return the tokens that an event tells; empty if it tells none."""
    metadata = document_of(getattr(event, "metadata", None))
    interaction = document_of(getattr(event, "interaction", None))
    found = (
        metadata.get("total_usage"),
        metadata.get("usage"),
        interaction.get("usage"),
        getattr(event, "usage", None),
    )
    return next((document for one in found if (document := document_of(one))), {})


def sum_usage(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """Return the tokens of two interactions together: counts are summed, everything else is that of the second."""
    first = one.get("initial_input_tokens", one.get("total_input_tokens"))
    total = {**one, **{name: value for name, value in two.items() if value is not None}}
    for name, value in two.items():
        if type(value) is int and type(one.get(name)) is int:
            total[name] = one[name] + value
    return total if first is None else {**total, "initial_input_tokens": first}


def index_of(event: Any) -> int:
    """Return the index of a step; what cannot be one counts as the first."""
    index = event.index
    return index if type(index) is int else 0


def _joined(pieces: list[str]) -> str:
    """Join, and keep the result as the only piece, so that the next call costs nothing."""
    if len(pieces) > 1:
        pieces[:] = ["".join(pieces)]
    return pieces[0] if pieces else ""
