"""Joiners: how a continued answer is joined to what has arrived before, nothing twice and nothing lost."""

# Theory of operation
#
# Who continues an answer may repeat some of it, in one of two ways.
#
# A server that continues from a checkpoint replays what followed the checkpoint (``SkipReplayed``). It is the same
# text, but it may be cut into other chunks, and calls may have other ids. So neighbouring texts are merged before they
# are compared, and calls are compared by name and arguments. The comparison is exact and immediate: nothing is held
# back, and the first difference ends the stream, because after it there is no telling what belongs together.
#
# A model that is shown its own text may begin by repeating the end of it (``TrimOverlap``). This is a guess: the
# longest piece of new text that equals the end of the old one is taken for a repetition. A short one can be meant ("ha
# ha"), so it stays. Chunks are held back only while more text could still make an overlap longer, that is, while all
# the new text occurs inside the old one; at most ``_LONGEST_OVERLAP`` characters, so the wait is bounded.
#
# Invariants:
#
# * What joiners return, added to the fold of what was there, is the fold of one unbroken answer.
# * A chunk is never dropped, even if none of its content is new: its usage, finish reason and checkpoint still count.
#   It passes without its parts. The one exception is a checkpoint inside repeated text: it lies before the end of what
#   is known, so resuming from it would repeat text that nothing would remove.
# * A chunk that changes is a copy without ``raw``, because the bytes that arrived would contradict it.
# * A thought never equals a text, even of the same characters.
#
# A second break during a replay is the hard case. If a checkpoint arrived in the replay, the next request continues
# from it, and what follows it is first the rest of the old replay. ``pending`` is that rest; the intake puts it before
# what the fold has since the checkpoint.

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from headwater.errors import StreamInterrupted
from headwater.types import Content, GenerateContentResponse, Part

#: An overlap is looked for this far back (characters).
_LONGEST_OVERLAP = 2000
#: A shorter repetition may be intended: "ha ha", "very very".
_SHORTEST_OVERLAP = 12


class Joiner(Protocol):
    """The join between two parts of an answer. Does its work from the second request to the first new content."""

    def feed(self, chunk: Any) -> list[Any]:
        """Return what is new in ``chunk``, which may be nothing yet.

        Raises:
            StreamInterrupted: if it differs from what arrived before, so that it cannot be joined.
        """

    def flush(self) -> list[Any]:
        """Return what was held back at the end of the answer.

        Raises:
            StreamInterrupted: if it ended before everything known was replayed.
        """

    @property
    def pending(self) -> list[Part]:
        """What is known and has yet to be replayed."""


class SkipReplayed:
    """Leaves out what is replayed word for word."""

    def __init__(self, said: list[Part]) -> None:
        self._said = _merged(said)

    def feed(self, chunk: GenerateContentResponse) -> list[GenerateContentResponse]:
        """Return what is new in ``chunk``."""
        if not self._said:
            return [chunk]
        return [_with_parts(chunk, [part for old in _parts(chunk) for part in self._new(old)])]

    def flush(self) -> list[GenerateContentResponse]:
        """Return nothing: nothing is held back."""
        if self._said:
            raise _diverged()
        return []

    @property
    def pending(self) -> list[Part]:
        """What has yet to be replayed."""
        return list(self._said)

    def _new(self, part: Part) -> list[Part]:
        if part.text == "" and self._said:
            return []
        while self._said:
            known = self._said.pop(0)
            if known.text is None or part.text is None:
                if not _is_same_data(known, part):
                    raise _diverged()
                return []
            old, new = known.text, part.text
            shared = min(len(old), len(new))
            if bool(known.thought) is not bool(part.thought) or old[:shared] != new[:shared]:
                raise _diverged()
            if shared < len(old):
                self._said.insert(0, Part(text=old[shared:], thought=known.thought))
            if shared == len(new):
                return []
            part = msgspec.structs.replace(part, text=new[shared:])
        return [part]


class TrimOverlap:
    """Leaves out the beginning of the new text if it repeats the end of the old one, and thoughts if muted."""

    def __init__(self, text: str, *, mute_thoughts: bool) -> None:
        self._old = text[-_LONGEST_OVERLAP:]
        self._mute = mute_thoughts
        self._new = ""
        self._held: list[GenerateContentResponse] = []
        self._is_joined = not text

    def feed(self, chunk: GenerateContentResponse) -> list[GenerateContentResponse]:
        """Return what is new in ``chunk``; nothing while its text may be a repetition."""
        if self._mute and any(part.thought for part in _parts(chunk)):
            chunk = _with_parts(chunk, [part for part in _parts(chunk) if not part.thought])
        if self._is_joined:
            return [chunk]
        self._held.append(chunk)
        self._new += _text(chunk)
        if _is_over(chunk) or not self._may_grow():
            return self.flush()
        return []

    def flush(self) -> list[GenerateContentResponse]:
        """Return what was held back, without the repetition."""
        held, self._held, self._is_joined = self._held, [], True
        cut = overlap(self._old, self._new)
        found = []
        for chunk in held:
            size = len(_text(chunk))
            found.append(_without(chunk, min(cut, size), drop_token=cut > size) if cut else chunk)
            cut = max(0, cut - size)
        return found

    @property
    def pending(self) -> list[Part]:
        """Nothing: what a model will repeat is not known."""
        return []

    def _may_grow(self) -> bool:
        """Whether more text could make an overlap, or a longer one."""
        return self._new in self._old[:-1]


def overlap(old: str, new: str) -> int:
    """Return how many characters of ``new`` repeat the end of ``old``; 0 if so few that it may be chance."""
    for size in range(min(len(old), len(new)), _SHORTEST_OVERLAP - 1, -1):
        if old.endswith(new[:size]):
            return size
    return 0


def has_token(chunk: GenerateContentResponse) -> bool:
    """Return whether a chunk carries a checkpoint."""
    return any(candidate.continuation_token is not None for candidate in getattr(chunk, "candidates", None) or ())


def clear_finish_reason(chunk: GenerateContentResponse) -> None:
    """Remove the finish reason of a chunk after which the answer continues."""
    for candidate in getattr(chunk, "candidates", None) or ():
        candidate.finish_reason = None


def _is_same_data(one: Part, other: Part) -> bool:
    """Whether two parts that are not both text are equal. A replayed call has a new id and signature."""
    old, new = one.function_call, other.function_call
    if old is None or new is None:
        return one == other
    is_whole = new.partial_args is None and not new.will_continue
    return is_whole and (old.name, old.args or {}) == (new.name, new.args or {})


def _parts(chunk: GenerateContentResponse) -> list[Part]:
    content = chunk.candidates[0].content if chunk.candidates else None
    return (content.parts or []) if content is not None else []


def _text(chunk: GenerateContentResponse) -> str:
    return "".join(part.text for part in _parts(chunk) if part.text and not part.thought)


def _is_over(chunk: GenerateContentResponse) -> bool:
    return any(candidate.finish_reason is not None for candidate in chunk.candidates or ())


def _without(chunk: GenerateContentResponse, count: int, *, drop_token: bool) -> GenerateContentResponse:
    """``chunk`` without the first ``count`` characters of its text and, with ``drop_token``, without its checkpoint."""
    parts = []
    for part in _parts(chunk):
        if part.text and not part.thought and count:
            gone = min(count, len(part.text))
            count -= gone
            if gone == len(part.text) and part.thought_signature is None:
                continue
            part = msgspec.structs.replace(part, text=part.text[gone:])
        parts.append(part)
    return _with_parts(chunk, parts, **({"continuation_token": None} if drop_token else {}))


def _with_parts(chunk: GenerateContentResponse, parts: list[Part], **fields: Any) -> GenerateContentResponse:
    """A copy of ``chunk`` whose first candidate has these parts and fields."""
    if not chunk.candidates or (parts == _parts(chunk) and not fields):
        return chunk
    first = chunk.candidates[0]
    content = Content(parts=parts, role=first.content.role if first.content else "model")
    changed = msgspec.structs.replace(first, content=content, **fields)
    copy = msgspec.structs.replace(chunk, candidates=[changed, *chunk.candidates[1:]])
    copy.__dict__["_headers"] = chunk.__dict__.get("_headers")
    return copy


def _merged(parts: list[Part]) -> list[Part]:
    """``parts`` with neighbouring texts merged, because a replay may cut them differently."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if (
            part.text is not None
            and last is not None
            and last.text is not None
            and bool(last.thought) is bool(part.thought)
        ):
            found[-1] = msgspec.structs.replace(last, text=last.text + part.text)
        elif part.text != "":
            found.append(part)
    return found


def _diverged() -> StreamInterrupted:
    return StreamInterrupted("the API continues with a different text than before, so the answer cannot be continued")
