"""Converts between the messages of ``useChat`` (npm ``ai``, 5 to 7) and those of a saved chat. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from headwater.contract.defaults import DEFAULT_MODEL
from headwater.errors import UsageError
from headwater.protocols.ai_sdk.messages import read_messages
from headwater.protocols.ai_sdk.saved import ui_parts
from headwater.protocols.parsing import convert_json, parse_json
from headwater.server.chats.model import ChatTree, Message, branch, checked_id, contents_for_model, new_id, now
from headwater.types import Content
from headwater.types.base import salvage

#: Fields of the Gemini API that the body may contain besides the messages.
_FIELDS = ("generationConfig", "systemInstruction", "tools", "toolConfig", "safetySettings", "cachedContent")
_NO_MESSAGE = "send the messages of useChat, or the last one as message"


class UiRequest(msgspec.Struct):
    """The body of a ``useChat`` request: all ``messages``, or only the last as ``message``.

    ``message_id`` names the one to be answered again. Unknown fields are the application's, and ignored.
    """

    id: str
    messages: list[dict[str, Any]] = []
    message: dict[str, Any] | None = None
    trigger: Literal["submit-message", "regenerate-message"] = "submit-message"
    message_id: str | None = msgspec.field(name="messageId", default=None)
    model: str = DEFAULT_MODEL
    engine: str = ""


class UiConversation(msgspec.Struct):
    """What a ``useChat`` request asks of a chat: messages to add, and which one to answer (``parent``).

    ``contents`` are sent to the model. ``continued`` is an answer that continues because its functions were run.
    """

    new: list[Message]
    parent: str | None
    contents: list[dict[str, Any]]
    continued: Message | None = None


def read_request(body: bytes) -> tuple[UiRequest, dict[str, Any]]:
    """Return a request, and the fields of the Gemini API in its body.

    Raises:
        UsageError: if the body is invalid.
    """
    what = "that of useChat of the AI SDK 5 or later"
    document = parse_json(body, what)
    ui_request = convert_json(document, UiRequest, what)
    checked_id(ui_request.id, "chat")
    fields = {name: document[name] for name in _FIELDS if document.get(name) is not None}
    return ui_request, fields


def read_conversation(ui_request: UiRequest, chat: ChatTree | None, fields: dict[str, Any]) -> UiConversation:
    """Return what a request asks of a chat, which may not exist yet. A system message goes into ``fields``.

    Raises:
        UsageError: if there is nothing to answer, or a message is invalid.
    """
    known = {message.id: message for message in chat.messages} if chat is not None else {}
    sent = ui_request.messages or ([] if ui_request.message is None else [ui_request.message])
    if not sent:
        return _regenerate(ui_request, known)
    conversation = read_messages(sent)
    if conversation.system_instruction is not None:
        fields["systemInstruction"] = msgspec.to_builtins(conversation.system_instruction)
    sent = [message for message in sent if message.get("role") != "system"]
    messages = _chain(sent, known, None if chat is None else chat.leaf)
    # A page may send only its last messages: those of the branch before them come from the database.
    first, last = messages[0], messages[-1]
    before = contents_for_model(branch(known, first.parent))
    contents = [*before, *msgspec.to_builtins(conversation.contents)]
    if last.role == "model":  # useChat sends an answer back when the page has run the functions it calls
        answer = msgspec.to_builtins(read_messages(sent[-1:]).contents)
        return UiConversation(messages, last.parent, contents, msgspec.structs.replace(last, contents=answer))
    return UiConversation(messages, last.id, contents)


def missed_answer(chat: ChatTree, after: str) -> Message | None:
    """Return the last answer of a chat for a page whose last message is ``after``, or None if it is that answer."""
    last = next((message for message in chat.messages if message.id == chat.leaf), None)
    return last if last is not None and last.role == "model" and last.id != after else None


def ui_chat(chat: ChatTree) -> list[dict[str, Any]]:
    """Return the branch that is shown as messages of ``useChat``.

    A running answer is left out, since the resumed stream brings it; so are empty messages.
    """
    shown = branch({message.id: message for message in chat.messages}, chat.leaf)
    messages = [_ui_message(message) for message in shown if message.state != "running"]
    return [message for message in messages if message["parts"]]


def _regenerate(ui_request: UiRequest, known: Mapping[str, Message]) -> UiConversation:
    """Another answer to a message that the chat has."""
    message = known.get(ui_request.message_id or "")
    if ui_request.trigger != "regenerate-message" or message is None:
        raise UsageError(_NO_MESSAGE)
    # The page may name the answer that it wants again, or the question.
    parent = message.parent if message.role == "model" else message.id
    return UiConversation([], parent, contents_for_model(branch(known, parent)))


def _chain(sent: Sequence[dict[str, Any]], known: Mapping[str, Message], leaf: str | None) -> list[Message]:
    """The messages sent, each with the one before as its parent. A single new message is added to the leaf."""
    # The first of several is the beginning of the page's chat. A known message keeps its parent in any case.
    parent = leaf if len(sent) == 1 else None
    chained: list[Message] = []
    for ui_message in sent:
        message = _message(ui_message, known, parent)
        chained.append(message)
        parent = message.id
    if not chained:
        raise UsageError(_NO_MESSAGE)
    return chained


def _message(ui_message: Mapping[str, Any], known: Mapping[str, Message], parent: str | None) -> Message:
    """A message of the chat, or a new one. One that the user edited is new, and a sibling of the original."""
    message_id = _id(ui_message)
    role: Literal["user", "model"] = "model" if ui_message.get("role") == "assistant" else "user"
    existing = known.get(message_id)
    if existing is not None and role == "model":
        return existing  # the server's own version is complete; the page's has passed through its protocol
    contents = msgspec.to_builtins(_contents([dict(ui_message)]))
    if existing is not None and existing.contents != contents:
        message_id, parent = _edited_id(message_id, contents), existing.parent
        existing = known.get(message_id)
    return existing or Message(id=message_id, role=role, parent=parent, created=now(), contents=contents)


def _edited_id(id: str, contents: Any) -> str:
    """The id of an edited message, for which the page keeps the old id: the same for the same content."""
    return f"{id[:100]}-{hashlib.sha256(msgspec.json.encode(contents)).hexdigest()[:12]}"


def _contents(messages: Sequence[dict[str, Any]]) -> list[Content]:
    """The contents of messages, which may be empty."""
    try:
        return read_messages(messages).contents
    except UsageError:
        return []


def _id(message: Mapping[str, Any]) -> str:
    message_id = message.get("id")
    return checked_id(message_id, "message") if isinstance(message_id, str) and message_id else new_id()


def _ui_message(message: Message) -> dict[str, Any]:
    contents = [salvage(content, Content) for content in message.contents]
    role = "user" if message.role == "user" else "assistant"
    ui_message: dict[str, Any] = {"id": message.id, "role": role, "parts": ui_parts(contents, seed=message.id)}
    return ui_message | ({"metadata": {"model": message.model}} if message.model else {})
