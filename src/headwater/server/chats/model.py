"""What a saved chat is: its messages, a tree; and what can be read off them without asking anybody. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from headwater.contract.chats import ID, UNKNOWN_MESSAGE, MessageState, Role
from headwater.contract.limits import MAX_ID_LENGTH
from headwater.errors import APIError, UsageError
from headwater.server.http.errors import server_error

_TITLE_LENGTH = 60
_LONGEST_TITLE = 300
_UNTITLED = "A picture"


class Message(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One message. ``contents`` are the Gemini API's, as they came; ``parent`` is the message before it, or None.

    ``stream`` names the stream of an answer; while it runs, ``next`` events of it are in ``contents`` already.
    ``usage`` is a ``UsageMetadata``, ``error`` one as Google writes it.
    """

    id: str
    role: Role
    parent: str | None = msgspec.field(default_factory=lambda: None)  # functions, so that they are always written
    state: MessageState = msgspec.field(default_factory=lambda: "done")
    created: datetime | None = None
    contents: list[dict[str, Any]] = msgspec.field(default_factory=lambda: list[dict[str, Any]]())
    model: str | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    stream: str | None = None
    next: int | None = None

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The parts of all its contents."""
        return [part for content in self.contents for part in content.get("parts") or ()]

    @property
    def text(self) -> str:
        """What it says, without thoughts."""
        return "".join(str(part.get("text") or "") for part in self.parts if not part.get("thought"))


class ChatRecord(msgspec.Struct, kw_only=True):
    """A chat without its messages. ``leaf`` is the last message of the branch that is shown."""

    id: str
    title: str
    model: str | None
    created: datetime
    updated: datetime
    leaf: str | None
    running: bool = False


class ChatTree(ChatRecord, kw_only=True):
    """A chat with its messages, in the order in which they came."""

    messages: list[Message]


class Draft(msgspec.Struct, kw_only=True):
    """A chat as somebody hands it in; what is left out is made up."""

    id: str = ""
    title: str = ""
    model: str | None = None
    created: datetime | None = None
    leaf: str | None = None
    messages: list[Message] = []


def new_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_hex(16)


def checked_id(text: str, what: str) -> str:
    """Return an id that a client has chosen.

    Raises:
        UsageError: it can be none.
    """
    if not ID.fullmatch(text):
        raise UsageError(f"the id of a {what} has 1 to {MAX_ID_LENGTH} letters, digits, _ and -, not {text[:140]!r}")
    return text


def now() -> datetime:
    """Return this moment, to the millisecond, as chats have it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def title_of(messages: Iterable[Message]) -> str:
    """Return the title of a chat that has none: its first words."""
    first = next((message for message in messages if message.role == "user"), None)
    return cut_title(first.text) if first is not None and first.text.strip() else _UNTITLED


def cut_title(text: str, length: int = _TITLE_LENGTH) -> str:
    """Return ``text`` as one line of at most so many characters."""
    line = " ".join(text[: length * 8].replace("\0", " ").split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def checked_title(text: str) -> str:
    """Return a title that somebody has chosen, as one line.

    Raises:
        UsageError: there is nothing in it.
    """
    title = cut_title(text, _LONGEST_TITLE)
    if not title:
        raise UsageError("a title has at least one letter")
    return title


def unknown_message(id: str | None, why: str) -> APIError:
    """Return the error of a message that is not in its chat."""
    message = f"there is no message {id!r} in this chat: {why}"
    return server_error(400, "INVALID_ARGUMENT", UNKNOWN_MESSAGE, message)


def branch(messages: Mapping[str, Message], leaf: str | None) -> list[Message]:
    """Return the messages from the first one to ``leaf``."""
    found: dict[str, Message] = {}
    message = messages.get(leaf or "")
    while message is not None and message.id not in found:
        found[message.id] = message
        message = messages.get(message.parent or "")
    return list(reversed(found.values()))


def contents_for_model(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return the contents that a model is shown: no thoughts, and no calls that nobody has answered.

    A signature that the API wants back stays where it was, on a part that is shown.
    """
    contents = [content for message in messages for content in message.contents]
    following = [*contents[1:], None]
    shown = [_shown(content, _has_results(after)) for content, after in zip(contents, following, strict=False)]
    return [content for content in shown if content["parts"]]


def _shown(content: dict[str, Any], is_answered: bool) -> dict[str, Any]:
    parts = [
        part
        for part in content.get("parts") or ()
        if not part.get("thought") and (is_answered or "functionCall" not in part)
    ]
    return {**content, "parts": parts}


def _has_results(content: Mapping[str, Any] | None) -> bool:
    return content is not None and any("functionResponse" in part for part in content.get("parts") or ())


def without_messages(chat: ChatTree) -> ChatRecord:
    """Return a chat as lists show it."""
    return ChatRecord(**{name: getattr(chat, name) for name in ChatRecord.__struct_fields__})


def check_messages(messages: Sequence[Message]) -> None:
    """Refuse messages that are none.

    Raises:
        UsageError: it says which, and what is wrong with it.
    """
    for message in messages:
        checked_id(message.id, "message")
        if message.parent is not None:
            checked_id(message.parent, "message")
        for content in message.contents:
            parts = content.get("parts")
            if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
                raise UsageError(f'message {message.id}: a content is {{"role": …, "parts": […]}}')
