"""A saved chat as a tree of messages, and what follows from it without I/O. Pure."""

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
_MAX_TITLE_LENGTH = 300
#: The title of a chat that starts with media only.
_UNTITLED = "A picture"


class Message(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One message. ``contents`` are the Gemini API's, unparsed; ``parent`` is the message before it, or None.

    ``stream`` names the stream of an answer; while it is running, ``contents`` has its first ``next`` events. ``usage``
    is a ``UsageMetadata``, ``error`` an error in Google's format.
    """

    id: str
    role: Role
    parent: str | None = msgspec.field(default_factory=lambda: None)  # factories, so that they are always written
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
        """The text, without thoughts."""
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
    """A chat with its messages, in the order in which they were added."""

    messages: list[Message]


class ChatDraft(msgspec.Struct, kw_only=True):
    """A chat as a client sends it. Fields that are left out get defaults."""

    id: str = ""
    title: str = ""
    model: str | None = None
    created: datetime | None = None
    leaf: str | None = None
    messages: list[Message] = []


def new_id() -> str:
    """Return an id that cannot be guessed."""
    return secrets.token_hex(16)


def checked_id(text: str, what: str) -> str:
    """Return an id that a client chose.

    Raises:
        UsageError: if ``text`` is not a valid id.
    """
    if not ID.fullmatch(text):
        raise UsageError(f"the id of a {what} has 1 to {MAX_ID_LENGTH} letters, digits, _ and -, not {text[:140]!r}")
    return text


def now() -> datetime:
    """Return the current time in milliseconds, the precision of chats."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def title_of(messages: Iterable[Message]) -> str:
    """Return a title for a chat that has none: its first words."""
    first = next((message for message in messages if message.role == "user"), None)
    return cut_title(first.text) if first is not None and first.text.strip() else _UNTITLED


def cut_title(text: str, length: int = _TITLE_LENGTH) -> str:
    """Return ``text`` as one line of at most ``length`` characters."""
    line = " ".join(text[: length * 8].replace("\0", " ").split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def checked_title(text: str) -> str:
    """Return a title that a client chose, as one line.

    Raises:
        UsageError: if it is blank.
    """
    title = cut_title(text, _MAX_TITLE_LENGTH)
    if not title:
        raise UsageError("a title has at least one letter")
    return title


def unknown_message(id: str | None, why: str) -> APIError:
    """Return the error for a message that is not in the chat."""
    message = f"there is no message {id!r} in this chat: {why}"
    return server_error(400, "INVALID_ARGUMENT", UNKNOWN_MESSAGE, message)


def branch(messages: Mapping[str, Message], leaf: str | None) -> list[Message]:
    """Return the messages from the first one to ``leaf``."""
    path: dict[str, Message] = {}  # a chat that was handed in may contain a circle
    message = messages.get(leaf or "")
    while message is not None and message.id not in path:
        path[message.id] = message
        message = messages.get(message.parent or "")
    return list(reversed(path.values()))


def contents_for_model(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return the contents to send to a model, without thoughts and without function calls that have no result.

    The API refuses a call without a result. A thought signature stays on the part that it came with.
    """
    contents = [content for message in messages for content in message.contents]
    # Whether a content's calls are answered is seen from the content after it.
    following = [*contents[1:], None]
    sendable = [_sendable(content, _has_results(after)) for content, after in zip(contents, following, strict=False)]
    return [content for content in sendable if content["parts"]]


def _sendable(content: dict[str, Any], is_answered: bool) -> dict[str, Any]:
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
    """Check messages that a client sends.

    Raises:
        UsageError: if one is invalid; the error says which and why.
    """
    for message in messages:
        checked_id(message.id, "message")
        if message.parent is not None:
            checked_id(message.parent, "message")
        for content in message.contents:
            parts = content.get("parts")
            if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
                raise UsageError(f'message {message.id}: a content is {{"role": …, "parts": […]}}')
