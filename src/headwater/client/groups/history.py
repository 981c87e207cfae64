"""The turns of a conversation: which of them the model gets, how they are saved, where a branch begins."""

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
from headwater.types.dump import adopt

#: The version of the file format.
VERSION = 1
#: Finish reasons after which an answer can be sent back to the model.
_GOOD_ENDINGS = frozenset({FinishReason.STOP, FinishReason.MAX_TOKENS})


class TurnState(StrEnum):
    """The state of an exchange; the question and its answer have the same."""

    WHOLE = "whole"
    """The answer is complete."""
    PARTIAL = "partial"
    """The answer was stopped or broke off; the received part is there."""
    FAILED = "failed"
    """The prompt or the answer was blocked, or the answer is empty."""


class Turn(msgspec.Struct, frozen=True):
    """A turn, and the state of the exchange that it belongs to."""

    content: Content
    state: TurnState = msgspec.field(default=TurnState.WHOLE, name="standing")  # the name in saved files


class _Version(msgspec.Struct):
    version: int


class ChatFile(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as a file. The config is left out: it can hold functions and secrets."""

    version: int = VERSION
    model: str
    keep_partial: bool = False
    turns: list[Turn] = []

    def to_json(self) -> str:
        """Return the file's JSON; bytes are base64."""
        return msgspec.json.encode(self).decode()


def from_json(text: str | bytes) -> ChatFile:
    """Return the conversation in a JSON text.

    Raises:
        UsageError: if it is not a saved conversation, or is from a later version of this package.
    """
    # The version first: a later format may not fit ChatFile, and the message should say why.
    try:
        version = msgspec.json.decode(text, type=_Version).version
        if version == VERSION:
            return msgspec.json.decode(text, type=ChatFile)
    except JSON_ERRORS as error:
        raise UsageError(f"not a saved chat: {error}") from error
    raise UsageError(
        f"this chat was saved in version {version} of the format, and this headwater reads version {VERSION}: upgrade"
    )


class History:
    """All turns, in order. ``keep_partial`` says whether the model gets answers that were cut short."""

    def __init__(self, turns: Iterable[Turn] = (), *, keep_partial: bool = False) -> None:
        self.turns = list(turns)
        self.keep_partial = keep_partial

    def contents(self, *, curated: bool) -> list[Content]:
        """Return all turns or, ``curated``, those that the model gets."""
        if not curated:
            return [turn.content for turn in self.turns]
        # Each turn is judged with its successor: a call may be sent only if its response follows.
        following = [*self.turns[1:], None]
        shown = [self._content_for_model(*pair) for pair in zip(self.turns, following, strict=False)]
        return [content for content in shown if content is not None]

    def add(self, contents: Iterable[Content], state: TurnState) -> None:
        """Add an exchange: the message, the calls and results that followed, and the answer."""
        self.turns += [Turn(content, state) for content in contents]

    def branch(self, at: int | None) -> History:
        """Return an independent history of the turns before number ``at``; None means all.

        Raises:
            UsageError: if no exchange begins there.
        """
        # Negative numbers count from the end, as in slices; branching at the end is a copy.
        end = len(self.turns) if at is None else at + len(self.turns) if at < 0 else at
        begins = end == len(self.turns) or (0 <= end < len(self.turns) and is_message(self.turns[end].content))
        if not begins:
            raise UsageError(f"a branch begins at a message of the user, and turn {at} is not one")
        return History(self.turns[:end], keep_partial=self.keep_partial)

    def _content_for_model(self, turn: Turn, following: Turn | None) -> Content | None:
        if turn.state is TurnState.WHOLE:
            return turn.content
        if turn.state is TurnState.PARTIAL and self.keep_partial:
            is_answered = following is not None and _is_result(following.content)
            # The API refuses a function call without a response after it, and a turn without parts.
            parts = [part for part in turn.content.parts or () if part.function_call is None or is_answered]
            return msgspec.structs.replace(turn.content, parts=parts) if parts else None
        return None


def exchange(message: Content, answer: GenerateContentResponse, *, sent: int) -> tuple[list[Content], TurnState]:
    """Return the turns of an exchange, its message first, and their state.

    ``sent`` is the number of contents in the request. The answer's ``automatic_function_calling_history`` begins with
    these; the turns after them are calls and results, which belong between the message and the answer.
    """
    candidate = answer.candidates[0] if answer.candidates else None
    content = candidate.content if candidate else None
    parts = [part for part in (content and content.parts) or () if part != Part()]  # the API refuses an empty part
    ending = candidate.finish_reason if candidate else None
    between = (answer.automatic_function_calling_history or [])[sent:]
    # No finish reason means that the stream was stopped or broke; one that is not in _GOOD_ENDINGS is a refusal.
    state = TurnState.FAILED
    if parts and ending in _GOOD_ENDINGS:
        state = TurnState.WHOLE
    elif ending is None and (_broke_off_after_calls(answer, between) or any(_is_visible(part) for part in parts)):
        state = TurnState.PARTIAL
    return [message, *between, _answer_turn(content, parts)], state


def is_message(content: Content) -> bool:
    """Return whether an exchange begins here: a turn of the user that is not the result of a function."""
    return content.role == "user" and not _is_result(content)


def turns(values: Sequence[Any] | None) -> list[Turn]:
    """Return the turns for the ``history`` of a new chat.

    Raises:
        UsageError: if an item is not a content, or has another role than user and model.
    """
    # google-genai takes dicts here, too.
    contents = [item if isinstance(item, Content) else _content(item) for item in values or ()]
    for content in contents:
        if content.role not in ("user", "model"):
            raise UsageError(f"Role must be user or model in the turns of a chat, not {content.role!r}")
    return [Turn(content, _state(exchange)) for exchange in _exchanges(contents) for content in exchange]


def save(text: str, file: str | os.PathLike[str] | IO[Any]) -> None:
    """Write to a path, atomically, or to a file object for text or bytes."""
    if isinstance(file, str | os.PathLike):
        # Written to another name, then renamed: a crash leaves the old file or the new one, never half of one.
        new = Path(f"{os.fspath(file)}.new")
        new.write_text(text, "utf-8")
        new.replace(file)
        return
    try:
        file.write(text)
    except TypeError:  # opened for bytes
        file.write(text.encode())


def load(file: str | os.PathLike[str] | IO[Any]) -> ChatFile:
    """Return the conversation in a path or file object.

    Raises:
        UsageError: if it is not a saved conversation.
    """
    return from_json(Path(file).read_bytes() if isinstance(file, str | os.PathLike) else file.read())


def _broke_off_after_calls(answer: GenerateContentResponse, between: Sequence[Content]) -> bool:
    """Return whether functions had been called when the answer broke off."""
    return bool(between) and answer.prompt_feedback is None


def _answer_turn(content: Content | None, parts: list[Part]) -> Content:
    if content is None or not parts:
        return Content(role="model", parts=[])
    return content if content.parts == parts else msgspec.structs.replace(content, parts=parts)


def _is_visible(part: Part) -> bool:
    """Return whether the model can continue from a part: text or media, not a thought or an unanswered call."""
    return part.function_call is None and part.text != "" and not part.thought


def _exchanges(contents: Iterable[Content]) -> list[list[Content]]:
    """Group the turns: each message of the user with everything that followed it."""
    found: list[list[Content]] = []
    for content in contents:
        if not found or is_message(content):
            found.append([])
        found[-1].append(content)
    return found


def _state(exchange: Iterable[Content]) -> TurnState:
    """Return the state of an exchange; with an empty turn of the model it failed, since the API refuses those."""
    return TurnState.WHOLE if all(turn.parts for turn in exchange if turn.role == "model") else TurnState.FAILED


def _is_result(content: Content) -> bool:
    return any(part.function_response for part in content.parts or ())


def _content(value: Any) -> Content:
    value = adopt(value)
    if isinstance(value, Mapping):
        return Content(**value)
    raise UsageError(f"history is a list of types.Content or dicts, not of {type(value).__name__}")
