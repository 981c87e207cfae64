"""``EventStage``: stages, which transform chunks, for the events of the Interactions API."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from headwater.core.stages.base import Stage
from headwater.types import Candidate, Content, FunctionCall, GenerateContentResponse, Part
from headwater.types.interactions import StepDelta, TextDelta, ThoughtSummaryDelta
from headwater.types.interactions.base import plain

# Theory of operation
#
# Stages know chunks. So each event goes through them as a chunk: text and thoughts as themselves, everything else as a
# chunk without text, which stages keep in its place. Events wait in ``_events`` until their chunk comes out. A chunk
# says which event it stands for in a field that stages carry along, ``finish_message``: of chunks that are merged, the
# last one's stays; the pieces of a chunk that is cut have none, except the last.
#
# What comes out is events again. A chunk whose text is that of its event is that event; a text that was cut, merged or
# changed is a copy of the event that it belongs to. A text that was merged across a step's end is divided there, if
# its length says where that is.
#
# What a smoothed text is followed by (its step's end, the status) keeps its place in the row of words; media and the
# arguments of calls drive it out, as they do in the chunks of ``generate_content``.

#: Events of these kinds are as quiet as a chunk without parts; others drive out what is held before them.
_QUIET_DELTAS = frozenset({"thought_signature", "text_annotation_delta"})


class _Entry:
    """An event on its way. ``text`` is what its chunk says, ``given`` how much of that has come out."""

    __slots__ = ("event", "given", "is_thought", "number", "text")

    def __init__(self, number: int, event: Any) -> None:
        delta = event.delta if type(event) is StepDelta else None
        self.number = number
        self.event = event
        self.given = 0
        self.is_thought = type(delta) is ThoughtSummaryDelta
        text = getattr(delta.content, "text", None) if type(delta) is ThoughtSummaryDelta else None
        text = delta.text if type(delta) is TextDelta else text
        self.text = text if isinstance(text, str) else ""

    def chunk(self) -> GenerateContentResponse:
        """Return the chunk that stands for the event."""
        if self.text:
            parts = [Part(text=self.text, thought=self.is_thought or None)]
        else:
            parts = [] if _is_quiet(self.event) else [Part(function_call=FunctionCall())]
        candidate = Candidate(content=Content(parts=parts, role="model"), finish_message=str(self.number))
        return GenerateContentResponse(candidates=[candidate])

    def with_text(self, text: str) -> Any:
        """Return the event with another text."""
        if text == self.text:
            return self.event
        fields = plain(self.event)
        place = fields["delta"]["content"] if self.is_thought else fields["delta"]
        place["text"] = text
        return StepDelta.from_document(fields)


class EventStage:
    """The stages of one stream of events."""

    def __init__(self, stages: Stage) -> None:
        self._stages = stages
        self._events: deque[_Entry] = deque()
        self._number = 0

    def feed(self, chunk: Any, now: float) -> list[Any]:
        """Take an event; return what may be handed on at once."""
        self._number += 1
        entry = _Entry(self._number, chunk)
        self._events.append(entry)
        return self._out(self._stages.feed(entry.chunk(), now))

    def due(self) -> float | None:
        """Return when more can be handed on."""
        return self._stages.due()

    def release(self, now: float) -> list[Any]:
        """Return what is due by ``now``."""
        return self._out(self._stages.release(now))

    def finish(self, now: float) -> list[Any]:
        """Record that no events follow."""
        return self._out(self._stages.finish(now))

    def flush(self) -> list[Any]:
        """Return everything that is held."""
        given = self._out(self._stages.flush())
        # Events whose chunks a stage of the caller's has swallowed; their text it wanted to be rid of.
        rest = [entry.event for entry in self._events if not entry.text]
        self._events.clear()
        return [*given, *rest]

    def _out(self, chunks: Iterable[GenerateContentResponse]) -> list[Any]:
        return [event for chunk in chunks for event in self._events_of(chunk)]

    def _events_of(self, chunk: GenerateContentResponse) -> list[Any]:
        """Return the events that a chunk stands for."""
        message = chunk.candidates[0].finish_message if chunk.candidates else None
        texts = [part.text for part in chunk.parts if part.text]
        if message is None or not message.isdigit():
            return self._pieces("".join(texts))
        number = int(message)
        passed: list[_Entry] = []
        while self._events and self._events[0].number <= number:
            passed.append(self._events.popleft())
        spoken = [entry for entry in passed if entry.text]
        text = "".join(texts)
        is_divided = sum(len(entry.text) - entry.given for entry in spoken) == len(text)
        return list(self._passed(passed, text, is_divided=is_divided))

    def _pieces(self, text: str) -> list[Any]:
        """Return a piece of the text that is the next to come out, after the events before it."""
        found = []
        while self._events and not self._events[0].text:
            found.append(self._events.popleft().event)
        if self._events and text:
            self._events[0].given += len(text)
            found.append(self._events[0].with_text(text))
        return found

    def _passed(self, passed: list[_Entry], text: str, *, is_divided: bool) -> Iterable[Any]:
        """Yield the events of a chunk with ``text``, neighboring texts of one step as one."""
        last = next((entry for entry in reversed(passed) if entry.text), None)
        open_text: tuple[_Entry, str] | None = None
        for entry in passed:
            size = (len(entry.text) - entry.given) if is_divided else len(text) if entry is last else 0
            said, text = text[:size], text[size:]
            if open_text is not None and entry.text and _are_joined(open_text[0], entry):
                open_text = (entry, open_text[1] + said)
                continue
            yield from _spoken(open_text)
            open_text = (entry, said) if entry.text else None
            if not entry.text:
                yield entry.event
        yield from _spoken(open_text)


def _spoken(open_text: tuple[_Entry, str] | None) -> list[Any]:
    return [open_text[0].with_text(open_text[1])] if open_text is not None and open_text[1] else []


def _are_joined(one: _Entry, two: _Entry) -> bool:
    return bool(two.text) and one.is_thought == two.is_thought and one.event.index == two.event.index


def _is_quiet(event: Any) -> bool:
    if type(event) is StepDelta:
        return getattr(event.delta, "type", None) in _QUIET_DELTAS
    return True
