"""``ReplayJoiner``: joins a resumed interaction to the events before the break: nothing twice, nothing lost."""

from __future__ import annotations

from collections import deque
from typing import Any, Literal

from headwater.core.answer.interaction_fold import EventFold, index_of
from headwater.core.answer.interaction_steps import StepFold, document_of, entries_of, kind_of, text_of
from headwater.errors import StreamInterrupted
from headwater.types import Part
from headwater.types.interactions import (
    InteractionCreatedEvent,
    InteractionStatusUpdate,
    StepDelta,
    StepStart,
    StepStop,
)

# Theory of operation
#
# What a server sends after ``last_event_id`` differs, and one cannot ask which way it does it:
#
# * *Exactly the rest.* Every event has an id, and what follows the last one arrives. headwater's own server does this.
# * *The rest since the last id.* Real streams give ids to text deltas only, or to none, so that what arrived after the
#   last id arrives again: under the same indexes, from the start of each step, perhaps cut into other deltas.
# * *Everything again under new indexes.* The one recorded resume of the real service: the step that was open is
#   stopped, and then the whole answer follows as further steps.
#
# So the joiner trusts no index and no id; it compares content. Each step that is known is a row of units (texts of one
# kind merged, everything else one by one), and a step that arrives is compared with one of them:
#
# * A delta for a step that was not started again continues it. If the cursor lies in this step, what arrived after the
#   cursor is expected first.
# * A start at an index that is known repeats that step from its beginning. A difference is an error, since the two
#   cannot be put together.
# * A start at an index that is not known may begin a repetition of the whole answer: a *guess*. Its events are held
#   back as long as they equal the known steps, in order, from the first. If all of them are repeated, they are dropped.
#   With the first difference, or at the end of the answer, they were new and are handed out. No guess is made if every
#   event has an id (then the server is exact), or if steps were repeated under their own indexes.
#
# The stop of the step that was open is held back as well: if a repetition follows, that step may have more to say.
# Steps that follow a repetition are numbered as if it had not been there. ``fold.aliases`` remembers the server's
# numbers for the next break.
#
# What is dropped does not move the cursor: after another break the same request is made again, and the same comparison.
# A repetition that is shorter than what is known loses nothing and is accepted.

#: Kinds of content that may be cut anywhere, so that neighbors are merged before they are compared.
_MERGED = frozenset({"text", "thought", "arguments"})
#: Kinds of content that are always written in one way.
_EXACT = frozenset({"text", "thought", "signature"})
Unit = tuple[str, Any]
#: What a comparison finds: all of it is known, it begins with or is something new, or it contradicts what is known.
Outcome = Literal["known", "new", "different"]


class _Replay:
    """The comparison of an arriving step with a ``known`` one. ``left`` is what has yet to be repeated."""

    __slots__ = ("is_closed", "is_guess", "known", "left")

    def __init__(self, known: StepFold, left: list[Unit], *, is_guess: bool = False) -> None:
        self.known = known
        self.left = deque(left)
        self.is_guess = is_guess
        self.is_closed = known.is_stopped and not is_guess  # all of it is known

    def match(self, unit: Unit) -> tuple[Outcome, Unit]:
        """Compare a unit with what is left; return what was found, and the part of the unit that is new."""
        kind, value = unit
        if self.is_closed and kind not in _EXACT:
            # What is complete may be written in another way, JSON with other blanks for example.
            if self.left and self.left[0][0] == kind:
                self.left.popleft()
            return "known", unit
        while self.left:
            known_kind, known = self.left[0]
            is_text = kind in _MERGED
            shared = min(len(known), len(value)) if is_text and known_kind == kind else 0
            if known_kind != kind or (known[:shared] != value[:shared] if is_text else known != value):
                return "different", unit
            if is_text and shared < len(known):
                self.left[0] = (kind, known[shared:])
            else:
                self.left.popleft()
            if not is_text or shared == len(value):
                return "known", unit
            value = value[shared:]
        return "new", (kind, value)


class ReplayJoiner:
    """Leaves out of a resumed stream what has arrived before, whichever way the server repeats it."""

    def __init__(self, fold: EventFold) -> None:
        self._fold = fold
        self._known = fold.steps[fold.hop_start :]
        self._replays: dict[int, _Replay] = {}  # by the server's index
        self._new: dict[int, int] = {}  # the indexes of new steps by those of the server
        self._held: list[Any] = []  # what may be a repetition
        self._stop: StepStop | None = None  # the stop of the step that was open
        self._place = 0  # where a repetition is
        self._may_repeat = bool(self._known) and not fold.is_marked

    def feed(self, event: Any) -> list[Any]:
        """Return what is new in ``event``, with what was held back before it.

        Raises:
            StreamInterrupted: if it differs from what arrived before.
        """
        match event:
            case StepDelta():
                return self._take_delta(event)
            case StepStart():
                return self._take_start(event)
            case StepStop():
                return self._take_stop(event)
            case InteractionCreatedEvent() if document_of(event.interaction).get("id") in (None, *self._fold.ids):
                return []
            case InteractionStatusUpdate() if self._is_known(event):
                return []
        return [*self._release(), event]

    def _is_known(self, event: InteractionStatusUpdate) -> bool:
        is_told = str(event.status) in self._fold.updates and event.continuation_token is None
        return is_told and not self._fold.is_marked

    def flush(self) -> list[Any]:
        """Return what was held back at the end of the answer."""
        return self._release()

    @property
    def pending(self) -> list[Part]:
        """Nothing: an interaction has no checkpoints inside a repetition."""
        return []

    def _take_start(self, event: StepStart) -> list[Any]:
        index = index_of(event)
        known = self._step_at(index)
        if known is not None and index not in self._replays:
            self._may_repeat = False  # the server keeps its indexes
            if kind_of(document_of(event.step)) != known.type:
                raise _diverged()
            self._replays[index] = _Replay(known, units(known))
        elif self._begins_repetition(event):
            self._replays[index] = _Replay(self._known[self._place], units(self._known[self._place]), is_guess=True)
            self._held.append(_bare(event))
        else:
            return [*self._release(), self._renumbered(event)]
        # The content of the start is compared like that of deltas, which it may be cut into the next time.
        return [new for delta in _deltas(event) for new in self._take_delta(delta)]

    def _begins_repetition(self, event: StepStart) -> bool:
        if not self._may_repeat or self._place >= len(self._known):
            return False
        known, step = self._known[self._place].document, document_of(event.step)
        return all(step.get(name) == known.get(name) for name in ("type", "name"))

    def _take_delta(self, event: StepDelta) -> list[Any]:
        index = index_of(event)
        replay = self._replays.get(index) or self._continued(index)
        if replay is None:
            return [*self._release(), self._renumbered(event)]
        unit = unit_of(event.delta)
        found: Outcome = "known" if replay.left else "new"  # an empty signature, say
        if unit is not None:
            found, unit = replay.match(unit)
        if replay.is_guess:
            return self._guessed(event, replay, found, unit)
        if found == "different":
            raise _diverged()
        return [self._renumbered(_with_unit(event, unit))] if found == "new" else []

    def _guessed(self, event: StepDelta, replay: _Replay, found: Outcome, unit: Unit | None) -> list[Any]:
        """Act upon a delta of what may be a repetition."""
        if found == "new" and unit is None:
            found = "known"
        if found == "new" and self._is_last(replay) and (not replay.known.is_stopped or self._stop is not None):
            self._confirm()
            return [self._renumbered(_with_unit(event, unit))]
        self._held.append(event)
        return [] if found == "known" else self._release()

    def _continued(self, index: int) -> _Replay | None:
        """The comparison for a step that is known and was not started again; None for any other."""
        known, cursor = self._step_at(index), self._fold.cursor
        if known is None:
            return None
        place = -1 if cursor is None else cursor.number
        if cursor is not None and place >= 0 and self._fold.steps[place] is known:
            left = units(known, after=cursor.deltas)
        else:
            # After the cursor, or without one, it arrives from its beginning again; before it, only what is new does.
            left = units(known) if self._fold.steps.index(known) > place else []
        self._replays[index] = replay = _Replay(known, left)
        return replay

    def _take_stop(self, event: StepStop) -> list[Any]:
        index = index_of(event)
        replay = self._replays.get(index) or self._continued(index)
        if replay is None:
            return [*self._release(), self._renumbered(event)]
        if replay.is_guess:
            return self._guess_stopped(event, replay)
        if replay.known.is_stopped:
            return []
        if self._may_repeat and self._is_last(replay):
            self._stop = self._renumbered(event)
            return []
        return [self._renumbered(event)]

    def _guess_stopped(self, event: StepStop, replay: _Replay) -> list[Any]:
        self._held.append(event)
        if replay.left:
            return self._release()
        self._place += 1
        if not self._is_last(replay):
            return []
        self._confirm()
        return [] if replay.known.is_stopped else [self._renumbered(event)]

    def _confirm(self) -> None:
        """Record that a guess was right: all that is known has been repeated."""
        for index, replay in self._replays.items():
            if replay.is_guess:
                self._fold.aliases[index], replay.is_guess = replay.known.index, False
        self._held, self._stop, self._may_repeat = [], None, False

    def _release(self) -> list[Any]:
        """Return what was held back: it is new."""
        held = [*([self._stop] if self._stop is not None else []), *self._held]
        self._held, self._stop, self._may_repeat = [], None, self._may_repeat and not held
        self._replays = {index: replay for index, replay in self._replays.items() if not replay.is_guess}
        return [self._renumbered(event) for event in held]

    def _is_last(self, replay: _Replay) -> bool:
        return replay.known is self._known[-1]

    def _step_at(self, index: int) -> StepFold | None:
        """The known step at an index of the server, None if it is of none or of a new one."""
        if index in self._new:
            return None
        step = self._fold.open.get(self._fold.aliases.get(index, index))
        return step if any(step is known for known in self._known) else None

    def _renumbered(self, event: Any) -> Any:
        """Return ``event`` with the index that its step has here. A step that is new gets the next one."""
        index = index_of(event)
        if index not in self._new and self._step_at(index) is None:
            taken = (*self._fold.open, *self._new.values())
            self._new[index] = self._fold.aliases[index] = max(taken, default=-1) + 1
        own = self._fold.aliases.get(index, index)
        return event if own == index else type(event).from_document({**event.__dict__, "index": own})


class CheckpointJoiner:
    """Leaves out of the interaction that continues another what the other said after its checkpoint.

    Its steps are steps of their own. What is left out of them is remembered in them, should this interaction break too.
    """

    def __init__(self, fold: EventFold) -> None:
        number, deltas = fold.checkpoint
        said = units(fold.steps[number - 1], after=deltas) if number and deltas else []
        self._fold = fold
        self._replay = _Replay(StepFold(0, {}), said + [unit for step in fold.steps[number:] for unit in units(step)])

    def feed(self, event: Any) -> list[Any]:
        """Return what is new in ``event``.

        Raises:
            StreamInterrupted: if it differs from what arrived before.
        """
        if not self._replay.left:
            return [event]
        if isinstance(event, StepStart) and (deltas := _deltas(event)):
            return [_bare(event), *(new for delta in deltas for new in self.feed(delta))]
        unit = unit_of(event.delta) if isinstance(event, StepDelta) else None
        if unit is None:
            return [event]
        found, new = self._replay.match(unit)
        if found == "different":
            raise _diverged()
        step = self._fold.open.get(index_of(event))
        if step is not None:
            step.repeated.append(unit if found == "known" else (unit[0], _without_end(unit[1], new[1])))
        return [_with_unit(event, new)] if found == "new" else []

    def flush(self) -> list[Any]:
        """Return nothing: nothing is held back."""
        if self._replay.left:
            raise _diverged()
        return []

    @property
    def pending(self) -> list[Part]:
        """Nothing: what has yet to be repeated is asked for by another token."""
        return []


def _without_end(text: str, end: str) -> str:
    return text[: len(text) - len(end)]


def units(step: StepFold, *, after: int = 0) -> list[Unit]:
    """Return the content of a step from its delta ``after`` on, texts of one kind merged."""
    start = StepStart.from_document({"index": 0, "step": step.document})
    first = [] if after else [*(unit_of(delta.delta) for delta in _deltas(start)), *step.repeated]
    found: list[Unit] = []
    for unit in [*first, *map(unit_of, step.deltas[after:])]:
        if unit is None:
            continue
        if found and found[-1][0] == unit[0] in _MERGED:
            unit = (unit[0], found.pop()[1] + unit[1])
        found.append(unit)
    return found


def unit_of(delta: Any) -> Unit | None:
    """Return the content of a delta for a comparison, None if it has none."""
    fields = document_of(delta)
    match kind_of(fields, "text"):
        case "text":
            return ("text", text) if (text := text_of(fields)) else None
        case "arguments_delta":
            return ("arguments", text) if (text := text_of(fields, "arguments")) else None
        case "thought_signature":
            return ("signature", text) if (text := text_of(fields, "signature")) else None
        case "thought_summary":
            content = document_of(fields.get("content"))
            return ("thought", text) if (text := text_of(content)) else ("data", content)
    return ("data", fields)


def _with_unit(event: StepDelta, unit: Unit | None) -> StepDelta:
    """Return ``event`` with the part of its text that is new."""
    fields = document_of(event.delta)
    if unit is None or unit == unit_of(fields):
        return event
    kind, text = unit
    match kind:
        case "text":
            changed = {**fields, "text": text}
        case "arguments":
            changed = {**fields, "arguments": text}
        case _:
            changed = {**fields, "content": {**document_of(fields["content"]), "text": text}}
    return StepDelta.from_document({**event.__dict__, "delta": changed})


def _bare(event: StepStart) -> StepStart:
    """Return a start without the content that it carries."""
    step = {name: value for name, value in document_of(event.step).items() if name not in ("content", "summary")}
    return StepStart.from_document({**event.__dict__, "step": step})


def _deltas(event: StepStart) -> list[StepDelta]:
    """Return the content that a start carries as deltas."""
    step = document_of(event.step)
    found = [{"type": "text", **document_of(content)} for content in entries_of(step.get("content"))]
    found += [{"type": "thought_summary", "content": document_of(one)} for one in entries_of(step.get("summary"))]
    return [StepDelta.from_document({"index": event.index, "delta": delta}) for delta in found]


def _diverged() -> StreamInterrupted:
    return StreamInterrupted("the API continues with something else than before, so the answer cannot be continued")
