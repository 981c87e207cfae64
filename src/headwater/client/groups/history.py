"""The turns of a conversation: which of them the model is shown, how they are saved, where a branch begins."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import msgspec

from headwater.errors import UsageError
from headwater.json_text import JSON_ERRORS
from headwater.types import Content, FinishReason, GenerateContentResponse, Part

#: The form of a saved conversation.
VERSION = 1
#: Endings after which an answer is fit to be sent back to the model.
_GOOD_ENDINGS = frozenset({FinishReason.STOP, FinishReason.MAX_TOKENS})


class TurnState(StrEnum):
    """What became of an exchange; both of its sides have the same."""

    WHOLE = "whole"
    """The answer came to its end."""
    PARTIAL = "partial"
    """The answer was stopped or broke off; what had come is there."""
    FAILED = "failed"
    """The prompt or the answer was refused, or the answer was none."""


class Turn(msgspec.Struct, frozen=True):
    """What one side said, and what became of the exchange that it belongs to."""

    content: Content
    standing: TurnState = TurnState.WHOLE


class _Version(msgspec.Struct):
    version: int


class ChatFile(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as it is saved. Its config is not: that may hold functions, and secrets."""

    version: int = VERSION
    model: str
    keep_partial: bool = False
    turns: list[Turn] = []

    def to_json(self) -> str:
        """Return it as JSON; bytes are base64."""
        return msgspec.json.encode(self).decode()


def from_json(text: str | bytes) -> ChatFile:
    """Return a conversation that was saved.

    Raises:
        UsageError: it is none, or of a later version of this package.
    """
    try:
        version = msgspec.json.decode(text, type=_Version).version
        if version == VERSION:
            return msgspec.json.decode(text, type=ChatFile)
    except JSON_ERRORS as error:
        raise UsageError(f"this is no saved chat: {error}") from error
    raise UsageError(
        f"this chat was saved in version {version}, and this headwater reads version {VERSION}: upgrade it"
    )


class History:
    """All turns, in order. ``keep_partial`` says whether the model is shown answers that were cut short."""

    def __init__(self, turns: Iterable[Turn] = (), *, keep_partial: bool = False) -> None:
        self.turns = list(turns)
        self.keep_partial = keep_partial

    def contents(self, *, curated: bool) -> list[Content]:
        """Return all turns, or those that the model is shown."""
        if not curated:
            return [turn.content for turn in self.turns]
        following = [*self.turns[1:], None]
        shown = [self._shown(*pair) for pair in zip(self.turns, following, strict=False)]
        return [content for content in shown if content is not None]

    def add(self, contents: Iterable[Content], standing: TurnState) -> None:
        """Add an exchange: a message, the calls and results that followed, the answer."""
        self.turns += [Turn(content, standing) for content in contents]

    def branch(self, at: int | None) -> History:
        """Return a history of its own that holds the turns before number ``at``; None means all.

        Raises:
            UsageError: no exchange begins there.
        """
        end = len(self.turns) if at is None else at + len(self.turns) if at < 0 else at
        begins = end == len(self.turns) or (0 <= end < len(self.turns) and is_message(self.turns[end].content))
        if not begins:
            raise UsageError(f"a branch begins where a message of the user stands, and turn {at} is none")
        return History(self.turns[:end], keep_partial=self.keep_partial)

    def _shown(self, turn: Turn, following: Turn | None) -> Content | None:
        if turn.standing is TurnState.WHOLE:
            return turn.content
        if turn.standing is TurnState.PARTIAL and self.keep_partial:
            is_answered = following is not None and _is_result(following.content)
            # a call that nobody has answered is refused by the API, as is a turn without parts
            parts = [part for part in turn.content.parts or () if part.function_call is None or is_answered]
            return msgspec.structs.replace(turn.content, parts=parts) if parts else None
        return None


def exchange(message: Content, answer: GenerateContentResponse, *, sent: int) -> tuple[list[Content], TurnState]:
    """Return the turns that an answer makes, its message the first, and what became of them.

    ``sent`` is how many contents the request had: what stands after them in the answer's history of automatic calls
    happened in between.
    """
    candidate = answer.candidates[0] if answer.candidates else None
    said = candidate.content if candidate else None
    parts = [part for part in (said and said.parts) or () if part != Part()]  # the API refuses a part without anything
    ending = candidate.finish_reason if candidate else None
    between = (answer.automatic_function_calling_history or [])[sent:]
    standing = TurnState.FAILED
    if parts and ending in _GOOD_ENDINGS:
        standing = TurnState.WHOLE
    elif ending is None and (_goes_on(answer, between) or any(_tells(part) for part in parts)):
        standing = TurnState.PARTIAL
    return [message, *between, _said(said, parts)], standing


def is_message(content: Content) -> bool:
    """Return whether an exchange begins here: something that the user says, not the result of a function."""
    return content.role == "user" and not _is_result(content)


def turns(given: Sequence[Any] | None) -> list[Turn]:
    """Return the turns that a conversation is to begin with.

    Raises:
        UsageError: something else is among them.
    """
    contents = [item if isinstance(item, Content) else _content(item) for item in given or ()]
    for content in contents:
        if content.role not in ("user", "model"):
            raise UsageError(f"Role must be user or model in the turns of a chat, not {content.role!r}")
    return [Turn(content, _standing(exchange)) for exchange in _exchanges(contents) for content in exchange]


def save(text: str, file: str | os.PathLike[str] | IO[Any]) -> None:
    """Write to a path, which is there whole or not at all, or to a file object of text or bytes."""
    if isinstance(file, str | os.PathLike):
        new = Path(f"{os.fspath(file)}.new")
        new.write_text(text, "utf-8")
        new.replace(file)
        return
    try:
        file.write(text)
    except TypeError:  # a file of bytes
        file.write(text.encode())


def load(file: str | os.PathLike[str] | IO[Any]) -> ChatFile:
    """Return the conversation that a path or a file object holds.

    Raises:
        UsageError: it holds none.
    """
    return from_json(Path(file).read_bytes() if isinstance(file, str | os.PathLike) else file.read())


def _goes_on(answer: GenerateContentResponse, between: Sequence[Content]) -> bool:
    """Whether functions had been called when the answer broke off."""
    return bool(between) and answer.prompt_feedback is None


def _said(said: Content | None, parts: list[Part]) -> Content:
    if said is None or not parts:
        return Content(role="model", parts=[])
    return said if said.parts == parts else msgspec.structs.replace(said, parts=parts)


def _tells(part: Part) -> bool:
    """Whether a part says something that the model can go on from."""
    return part.function_call is None and part.text != "" and not part.thought


def _exchanges(contents: Iterable[Content]) -> list[list[Content]]:
    """The turns, each message of the user with what followed it."""
    found: list[list[Content]] = []
    for content in contents:
        if not found or is_message(content):
            found.append([])
        found[-1].append(content)
    return found


def _standing(exchange: Iterable[Content]) -> TurnState:
    """An exchange in which the model said nothing can not be shown to it again."""
    return TurnState.WHOLE if all(turn.parts for turn in exchange if turn.role == "model") else TurnState.FAILED


def _is_result(content: Content) -> bool:
    return any(part.function_response for part in content.parts or ())


def _content(value: Any) -> Content:
    if isinstance(value, Mapping):
        return Content(**value)
    raise UsageError(f"history is a list of types.Content or dicts, not of {type(value).__name__}")
